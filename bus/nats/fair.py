"""A NATS connection that holds each sender to his share before his message costs anything.

A flood in a subscription's queue is in front of everybody who comes later. So a request is judged as it is
read from the socket: what goes over its sender's share never gets into a queue. Its refusal is made once for
each advice and sent as bytes.
"""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from bus.nats.tls import SecuredClient
from bus.shares import Shares
from protocol.identity import ANYBODYS
from protocol.messages import ErrorReply, encode_reply

HELD = (b"service-", b"operator-")
"""Beginnings of the identities that have shares; our own components are not held to any."""

ANSWERED = tuple(beginning.encode() for beginning in ANYBODYS)
ADVICE_MS = 50
"""Advice is a multiple of it: so few different refusals are made."""


class FairClient(SecuredClient):
    """nats-py's client; see `hold`."""

    def __init__(self) -> None:
        super().__init__()
        self._shares: Shares | None = None
        self._held_to: tuple[bytes, ...] = ()

    def hold(self, shares: Shares, subjects: Sequence[str]) -> None:
        """Hold senders of requests to their shares; ``subjects``: what those begin with."""
        self._shares, self._held_to = shares, tuple(subject.encode() for subject in subjects)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: Any) -> None:
        """Take a message as nats-py does (2.16), unless its sender has had his share."""
        shares = self._shares
        if shares is not None and subject.startswith(self._held_to):
            sender = bytes(subject[subject.rfind(b".") + 1 :])
            if sender.startswith(HELD):
                name = sender.decode("ascii", "replace")
                wait_s = shares.take(name, len(data), asyncio.get_running_loop().time())
                if wait_s:
                    if reply.startswith(ANSWERED) and shares.may_tell(name):
                        await self.publish(reply.decode(), refusal(_advice(wait_s)))
                    return
        await super()._process_msg(sid, subject, reply, data, headers)


def _advice(wait_s: float) -> int:
    """Return when to come back, ms."""
    return (int(wait_s * 1_000) // ADVICE_MS + 1) * ADVICE_MS


@lru_cache(maxsize=256)
def refusal(wait_ms: int) -> bytes:
    """Return the reply to a request beyond its sender's share."""
    return encode_reply(
        ErrorReply(
            "over_quota",
            "you have had your share of requests, bytes or requests under way",
            remedy="send it again with the same id, not sooner than that, and fewer at once",
            retry="later",
            retry_after_ms=wait_ms,
        )
    )
