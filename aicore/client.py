"""A client of the public wire: what a game service would write, on NATS and `protocol` alone."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError, NoRespondersError

from aicore.clock import new_id
from bus.nats.address import parse_address
from bus.nats.api import request as nats_request
from protocol.envelope import Envelope, decode_envelope
from protocol.errors import WireError
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
from protocol.meta import Meta
from protocol.subjects import cancel_subject, command_subject, query_subject
from protocol.tokens import TokenMessage, decode_tokens, encode_cancel

CONNECT_TIMEOUT_S = 3.0
CHECK_S = 1.0
"""How soon a lost connection is noticed while an answer is waited for."""

REQUEST_TIMEOUT_S = 40.0
"""Above the longest time that inference may take by default."""

BEYOND_DEADLINE_S = 10.0
EVENTS_PENDING_MAX = 65_536
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

    def __init__(self, nc: Nats, realm: str, actor: str) -> None:
        self._nc = nc
        self.realm = realm
        self._meta = Meta(actor=actor)

    async def command(
        self, name: str, payload: Mapping[str, Any], *, id: UUID | None = None, expected: Expected = "any"
    ) -> Reply:
        """Send a command and return its reply. Sent again with the same ``id`` it gives the first result.

        Raises:
            Refused: the system said no.
            Unanswered: nobody serves that command now.
        """
        message = CommandMessage(id or new_id(), name, payload, expected, self._meta)
        subject = command_subject(self.realm, name)
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
        message = CommandMessage(id or new_id(), name, payload, "any", self._meta)
        # A callback and a queue: nats-py's next_msg makes two tasks for every message.
        answers = asyncio.Queue[Msg]()
        subscription = await self._nc.subscribe(inbox, cb=answers.put)
        complete = False
        try:
            await self._nc.publish(command_subject(self.realm, name), encode_command(message), reply=inbox)
            while not complete:
                found = await self._next(answers, name, _patience_s(payload))
                complete = not isinstance(found, TokenMessage)
                if isinstance(found, ErrorReply):
                    raise Refused(found)
                if isinstance(found, Answer):
                    raise Unanswered(f"{name} was answered by something that is no command service")
                yield found.text if isinstance(found, TokenMessage) else found
        finally:
            with suppress(NatsError):  # a connection that is gone has nothing to cancel
                if not complete:
                    await self.cancel(message.id)
                await subscription.unsubscribe()

    async def _next(
        self, answers: asyncio.Queue[Msg], name: str, timeout_s: float
    ) -> TokenMessage | Reply | ErrorReply | Answer:
        clock = asyncio.get_running_loop().time
        until = clock() + timeout_s
        message: Msg | None = None
        while message is None:
            try:
                async with asyncio.timeout(CHECK_S):
                    message = await answers.get()
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
        await self._nc.publish(cancel_subject(self.realm), encode_cancel(command_id.bytes))
        await self._nc.flush()

    async def query(self, view: str, query: Mapping[str, Any] | None = None) -> Answer:
        """Ask a read model; raises as `command` does."""
        answer = await self.request(query_subject(self.realm, view), encode_query(query or {}))
        if isinstance(answer, ErrorReply):
            raise Refused(answer)
        if not isinstance(answer, Answer):
            raise Unanswered(f"{view} was answered by something that is no query service")
        return answer

    async def request(
        self, subject: str, data: bytes, *, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> Reply | ErrorReply | Answer:
        """Send any bytes to any subject and return the decoded reply; raises `Unanswered`."""
        try:
            message = await nats_request(self._nc, subject, data, timeout_s=timeout_s)
        except NoRespondersError:
            raise Unanswered(f"no service answers on {subject}; is its component running?") from None
        except MaxPayloadError:
            limit = self._nc.max_payload
            return ErrorReply("too_large", f"{len(data)} bytes are more than the server takes ({limit})")
        except (TimeoutError, NatsError) as error:
            raise Unanswered(f"no answer on {subject} within {timeout_s:g} s: {error}") from error
        return decode_reply(message.data)

    async def events(self) -> AsyncGenerator[Envelope, None]:
        """Yield the realm's events from now on, as they are published. Close it (``aclosing``) when done."""
        subscription = await self._nc.subscribe(f"{self.realm}.evt.>", pending_msgs_limit=EVENTS_PENDING_MAX)
        await self._nc.flush()
        try:
            async for message in subscription.messages:
                yield decode_envelope(message.data)
        finally:
            await subscription.unsubscribe()


def _patience_s(payload: Mapping[str, Any]) -> float:
    """Return how long to wait for a command's reply: beyond the deadline that it sets itself, if it does."""
    deadline_ms = payload.get("deadline_ms")
    own_s = deadline_ms / 1e3 + BEYOND_DEADLINE_S if isinstance(deadline_ms, int) else 0.0
    return max(REQUEST_TIMEOUT_S, own_s)


@asynccontextmanager
async def connect(url: str, realm: str, *, actor: str) -> AsyncIterator[Client]:
    """Yield a client of ``realm``; ``actor`` (``kind:id``) is recorded with what it causes.

    Raises:
        Unanswered: no NATS server at ``url``.
    """

    async def silent(_: Exception) -> None:
        """Leave it to the caller: whatever fails, fails a request."""

    address, nc = parse_address(url), Nats()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await nc.connect(
                **address.options(),
                name=actor,
                error_cb=silent,
                connect_timeout=int(CONNECT_TIMEOUT_S),
                allow_reconnect=False,
                pending_size=4 * 1024 * 1024,
            )
    except (OSError, NatsError) as error:
        await nc.close()
        raise Unanswered(f"no NATS server answers at {address.masked}") from error
    try:
        yield Client(nc, realm, actor)
    finally:
        await nc.close()
