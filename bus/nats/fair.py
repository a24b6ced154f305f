"""A NATS connection that holds each sender to his share before his message costs anything.

A flood in a subscription's queue is in front of everybody who comes later. So a request is judged by its
head, as it is read from the socket: what goes over its sender's share is passed over (`bus.nats.parser`). Its
refusal is made once for each advice and sent as bytes.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

from bus.nats.parser import JudgingParser
from bus.nats.tls import SecuredClient
from bus.shares import Shares
from protocol.identity import ANYBODYS
from protocol.messages import ErrorReply, encode_reply

HELD = (b"service-", b"operator-")
"""Beginnings of the identities that have shares; our own components are not held to any."""

ANSWERED = tuple(beginning.encode() for beginning in ANYBODYS)
ADVICE_MS = 50
"""Advice is a multiple of it: so few different refusals are made."""

LET_IN_MAX = 16
"""Requests that are let in before they begin: those under way are counted when they do."""

SUBJECTS_MAX = 4_096
"""Subjects of which the sender is remembered."""


class FairClient(SecuredClient):
    """nats-py's client; see `hold`."""

    def __init__(self) -> None:
        super().__init__()
        self._door = _Door()
        self._ps = JudgingParser(self, self._door)

    def hold(
        self,
        shares: Shares,
        subjects: Sequence[str],
        *,
        came: Callable[[bytes, int], None],
        flooded: Callable[[str, int], None],
    ) -> None:
        """Hold senders of requests to their shares.

        ``subjects``: what requests begin with. ``came`` hears of each message by which subscription it came,
        and its bytes; ``flooded`` hears subject and bytes of one that is too many.
        """
        begins = tuple(subject.encode() for subject in subjects)
        self._door.hold(shares, begins, asyncio.get_running_loop().time, came, flooded)


class _Door:
    """Judges requests by their senders' shares; before `hold`, everybody is let in."""

    def __init__(self) -> None:
        self._shares: Shares | None = None
        self._senders: dict[bytes, str] = {}
        self._replies: list[bytes] = []
        self._tells = True
        self._let_in = Counter[str]()
        """Requests that were let in since the last time that `gives_way` was asked, by sender."""
        self.came: Callable[[bytes, int], None] = lambda _subscription, _size: None

    def hold(
        self,
        shares: Shares,
        begins: tuple[bytes, ...],
        clock: Callable[[], float],
        came: Callable[[bytes, int], None],
        flooded: Callable[[str, int], None],
    ) -> None:
        self._shares, self._begins, self._clock, self._flooded = shares, begins, clock, flooded
        self.came = came

    def refuses(self, subject: bytes, reply: bytes, size: int) -> bool:
        """Say whether a message's sender has had his share; some are told so."""
        if self._shares is None or not (sender := self._sender_of(subject)):
            return False
        if not (wait_s := self._shares.take(sender, size, self._clock(), self._let_in[sender])):
            self._let_in[sender] += 1
            return False
        if self._shares.is_over(sender):
            self._flooded(subject.decode("ascii", "replace"), size)
        self._tells = reply.startswith(ANSWERED) and self._shares.may_tell(sender)
        if self._tells:
            body = refusal(_advice(wait_s))
            self._replies.append(b"PUB %b %d\r\n%b\r\n" % (reply, len(body), body))
        return True

    def is_shut(self, subject: bytes) -> bool:
        """Say that whoever was not told of a refusal will not be told of the next one either."""
        return not self._tells

    def passed_over(self, subject: bytes, number: int) -> None:
        """Count what was refused unheard."""
        assert self._shares is not None, "it refused"
        self._shares.shut_out(self._sender_of(subject), number)

    def gives_way(self) -> bool:
        """Say whether so many were let in that they are to count as under way before more are read."""
        gives_way = self._let_in.total() >= LET_IN_MAX
        self._let_in.clear()
        return gives_way

    def replies(self) -> bytes:
        """Return the refusals since the last time."""
        said = b"".join(self._replies)
        self._replies.clear()
        return said

    def _sender_of(self, subject: bytes) -> str:
        """Return who sent a request, "" if that one is held to nothing."""
        known = self._senders.get(subject)
        if known is not None:
            return known
        sender = subject[subject.rfind(b".") + 1 :]
        held = subject.startswith(self._begins) and sender.startswith(HELD)
        if len(self._senders) >= SUBJECTS_MAX:
            self._senders.clear()
        self._senders[subject] = found = sender.decode("ascii", "replace") if held else ""
        return found


def _advice(wait_s: float) -> int:
    """Return when to come back, ms."""
    return (int(wait_s * 1_000) // ADVICE_MS + 1) * ADVICE_MS


@lru_cache(maxsize=256)
def refusal(wait_ms: int) -> bytes:
    """Return `over_quota` as it is sent."""
    return encode_reply(over_quota(wait_ms))


def over_quota(wait_ms: int) -> ErrorReply:
    """Return the reply to a request beyond its sender's share."""
    return ErrorReply(
        "over_quota",
        "you have had your share of requests, bytes or requests under way",
        remedy="send it again with the same id, not sooner than that, and fewer at once",
        retry="later",
        retry_after_ms=wait_ms,
    )
