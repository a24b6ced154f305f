"""A client of the public wire: what a game service would write, on NATS and `protocol` alone."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError, NoRespondersError, UnexpectedEOF

from aicore.clock import new_id
from bus.nats.address import parse_address
from bus.nats.api import request as nats_request
from bus.nats.connection import identity_of
from bus.nats.tls import FileUnusable, SecuredClient, fault_of, identity_of_address, tls_options
from protocol.envelope import Envelope, decode_envelope
from protocol.errors import WireError
from protocol.identity import UNNAMED, Identity
from protocol.messages import (
    Answer,
    CommandMessage,
    ErrorReply,
    Expected,
    Reply,
    decode_reply,
    encode_command,
    encode_query,
)
from protocol.subjects import cancel_subject, command_subject, query_subject
from protocol.tokens import TokenMessage, decode_tokens, encode_cancel

CONNECT_TIMEOUT_S = 3.0
CHECK_S = 1.0
"""How soon a lost connection is noticed while an answer is waited for."""

REQUEST_TIMEOUT_S = 40.0
"""Above the longest time that inference may take by default."""

BEYOND_DEADLINE_S = 10.0
EVENTS_PENDING_MAX = 65_536
VIOLATION = re.compile(r'permissions violation for publish to "([^"]*)"')
NO_RESPONDERS = "503"
"""NATS's own answer where no service listens."""


class Refused(Exception):
    """The system refused a request; ``error`` says why and what to do."""

    def __init__(self, error: ErrorReply) -> None:
        said_already = error.message.startswith(f"{error.field}: ")
        where = f" ({error.field})" if error.field and not said_already else ""
        super().__init__(f"{error.code}{where}: {error.message}")
        self.error = error


class Unanswered(ConnectionError):
    """No NATS server, or no service behind a subject."""


class Client:
    """One connection to one realm. Make it with `connect`."""

    def __init__(self, nc: Nats, realm: str, refusals: "Refusals | None" = None) -> None:
        self._nc = nc
        self.realm = realm
        self.identity = identity_of(nc)
        self._refusals = refusals or Refusals()

    async def command(
        self, name: str, payload: Mapping[str, Any], *, id: UUID | None = None, expected: Expected = "any"
    ) -> Reply:
        """Send a command and return its reply. Sent again with the same ``id`` it gives the first result.

        Raises:
            Refused: the system said no.
            Unanswered: nobody serves that command now.
        """
        message = CommandMessage(id or new_id(), name, payload, expected)
        subject = command_subject(self.realm, name, self.identity)
        answer = await self.request(subject, encode_command(message), timeout_s=_patience_s(payload))
        if isinstance(answer, ErrorReply):
            raise Refused(answer)
        if not isinstance(answer, Reply):
            raise Unanswered(f"{name} was answered by something that is no command service")
        return answer

    async def stream(
        self, payload: Mapping[str, Any], *, id: UUID | None = None
    ) -> AsyncGenerator[str | Reply, None]:
        """Ask for a line and yield its pieces as they come, and last the reply; raises as `command` does.

        Close it (``aclosing``) when done: an answer that is not complete then is cancelled.
        """
        name = "inference.generate"
        inbox = self._nc.new_inbox()
        payload = {**payload, "stream_to": inbox}
        message = CommandMessage(id or new_id(), name, payload)
        # A callback and a queue: nats-py's next_msg makes two tasks for every message.
        answers = asyncio.Queue[Msg | None]()
        subscription = await self._nc.subscribe(inbox, cb=answers.put)
        subject = command_subject(self.realm, name, self.identity)
        refused = self._refusals.heard(subject, lambda: answers.put_nowait(None))
        complete = False
        try:
            await self._nc.publish(subject, encode_command(message), reply=inbox)
            while not complete:
                found = await self._next(answers, name, _patience_s(payload))
                complete = not isinstance(found, TokenMessage)
                if isinstance(found, ErrorReply):
                    raise Refused(found)
                if isinstance(found, Answer):
                    raise Unanswered(f"{name} was answered by something that is no command service")
                yield found.text if isinstance(found, TokenMessage) else found
        finally:
            refused()
            with suppress(NatsError):  # a connection that is gone has nothing to cancel
                if not complete:
                    await self.cancel(message.id)
                await subscription.unsubscribe()

    async def _next(
        self, answers: asyncio.Queue[Msg | None], name: str, timeout_s: float
    ) -> TokenMessage | Reply | ErrorReply | Answer:
        clock = asyncio.get_running_loop().time
        until = clock() + timeout_s
        message: Msg | None = None
        while message is None:
            try:
                async with asyncio.timeout(CHECK_S):
                    message = await answers.get()
                if message is None:
                    return self._forbidden(name)
            except TimeoutError:
                if self._nc.is_closed:
                    raise Unanswered(f"the connection was lost during {name}") from None
                if clock() > until:
                    raise Unanswered(f"no answer to {name} within {timeout_s:g} s") from None
        if not message.data and (message.headers or {}).get("Status") == NO_RESPONDERS:
            raise Unanswered(f"no service answers {name}; is its component running?")
        try:
            return decode_tokens(message.data)
        except WireError:
            return decode_reply(message.data)

    async def cancel(self, command_id: UUID) -> None:
        """Say that the answer to a command is no longer wanted."""
        await self._nc.publish(cancel_subject(self.realm, self.identity), encode_cancel(command_id.bytes))
        await self._nc.flush()

    async def hear(self, subject: str, take: Callable[[Msg], Awaitable[None]]) -> None:
        """Take what is published on a subject from now on, until the connection ends."""
        await self._nc.subscribe(subject, cb=take)
        await self._nc.flush()

    async def query(self, view: str, query: Mapping[str, Any] | None = None) -> Answer:
        """Ask a read model; raises as `command` does."""
        answer = await self.request(query_subject(self.realm, view, self.identity), encode_query(query or {}))
        if isinstance(answer, ErrorReply):
            raise Refused(answer)
        if not isinstance(answer, Answer):
            raise Unanswered(f"{view} was answered by something that is no query service")
        return answer

    async def request(
        self, subject: str, data: bytes, *, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> Reply | ErrorReply | Answer:
        """Send any bytes to any subject and return the decoded reply; raises `Unanswered`.

        What the server does not let us publish is the error ``forbidden``, as if a service had said it.
        """
        task, forbidden = asyncio.current_task(), False

        def end() -> None:
            nonlocal forbidden
            forbidden = task is not None and task.cancel()

        refused = self._refusals.heard(subject, end)
        try:
            message = await nats_request(self._nc, subject, data, timeout_s=timeout_s)
        except asyncio.CancelledError:
            if not forbidden or task is None or task.uncancel():
                raise
            return self._forbidden(subject)
        except NoRespondersError:
            raise Unanswered(f"no service answers on {subject}; is its component running?") from None
        except MaxPayloadError:
            limit = self._nc.max_payload
            return ErrorReply("too_large", f"{len(data)} bytes are more than the server takes ({limit})")
        except (TimeoutError, NatsError) as error:
            raise Unanswered(f"no answer on {subject} within {timeout_s:g} s: {error}") from error
        finally:
            refused()
        return decode_reply(message.data)

    def _forbidden(self, what: str) -> ErrorReply:
        return ErrorReply(
            "forbidden",
            f"{self.identity} may not send {what}",
            remedy="`aicore nats matrix` shows who may what; `aicore events list`, what there is",
        )

    async def events(self) -> AsyncGenerator[Envelope, None]:
        """Yield the realm's events from now on, as they are published. Close it (``aclosing``) when done."""
        subscription = await self._nc.subscribe(f"{self.realm}.evt.>", pending_msgs_limit=EVENTS_PENDING_MAX)
        await self._nc.flush()
        try:
            async for message in subscription.messages:
                yield decode_envelope(message.data)
        finally:
            await subscription.unsubscribe()


class Refusals:
    """Hears what the server did not let a connection publish: it says so beside the requests, if at all."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Callable[[], None]]] = {}

    def heard(self, subject: str, do: Callable[[], None]) -> Callable[[], None]:
        """Have ``do`` done when the subject is refused; return what ends that."""
        waiting = self._waiting.setdefault(subject, [])
        waiting.append(do)

        def end() -> None:
            waiting.remove(do)
            if not waiting and self._waiting.get(subject) is waiting:
                del self._waiting[subject]

        return end

    async def on_error(self, error: Exception) -> None:
        """Take an error of the connection; nats-py writes all of it in small letters, as our subjects are."""
        if found := VIOLATION.search(str(error)):
            for do in [*self._waiting.get(found[1], ())]:
                do()


def _patience_s(payload: Mapping[str, Any]) -> float:
    """Return how long to wait for a command's reply: beyond the deadline that it sets itself, if it does."""
    deadline_ms = payload.get("deadline_ms")
    own_s = deadline_ms / 1e3 + BEYOND_DEADLINE_S if isinstance(deadline_ms, int) else 0.0
    return max(REQUEST_TIMEOUT_S, own_s)


@asynccontextmanager
async def connect(url: str, realm: str, *, identity: Identity = UNNAMED) -> AsyncIterator[Client]:
    """Yield a client of ``realm``; ``identity``: who we are, where the URL's user does not say it.

    Raises:
        Unanswered: no NATS server at ``url``.
    """
    address, nc, refusals = parse_address(url), SecuredClient(), Refusals()
    nc.secured = address.secured
    try:
        tls = tls_options(address)
    except FileUnusable as error:
        raise Unanswered(str(error)) from error
    identity = identity_of_address(address) or identity
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await nc.connect(
                **address.options(),
                **tls,
                name=str(identity),
                inbox_prefix=identity.inbox,
                error_cb=refusals.on_error,  # all else is left to the caller: whatever fails, fails a request
                connect_timeout=int(CONNECT_TIMEOUT_S),
                allow_reconnect=False,
                pending_size=4 * 1024 * 1024,
            )
        if not nc.is_connected:  # nats-py takes the end of a connection for an answer to its greeting
            raise UnexpectedEOF
    except (OSError, NatsError) as error:
        await nc.close()
        why = f" ({told})" if (told := fault_of(nc, error)) else ""
        raise Unanswered(f"no NATS server answers at {address.masked}{why}") from error
    try:
        yield Client(nc, realm, refusals)
    finally:
        await nc.close()
