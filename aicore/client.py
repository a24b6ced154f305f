"""A client of the public wire: what a game service would write, on NATS and `protocol` alone."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import nats
from nats.aio.client import Client as Nats
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from aicore.clock import new_id
from protocol.envelope import Envelope, decode_envelope
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
from protocol.subjects import command_subject, query_subject

CONNECT_TIMEOUT_S = 3.0
REQUEST_TIMEOUT_S = 40.0
"""Above the longest time that inference may take by default."""

EVENTS_PENDING_MAX = 65_536


class Refused(Exception):
    """The system refused a request; ``error`` says why and what to do."""

    def __init__(self, error: ErrorReply) -> None:
        where = f" ({error.field})" if error.field else ""
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
        answer = await self.request(command_subject(self.realm, name), encode_command(message))
        if isinstance(answer, ErrorReply):
            raise Refused(answer)
        if not isinstance(answer, Reply):
            raise Unanswered(f"{name} was answered by something that is no command service")
        return answer

    async def query(self, view: str, query: Mapping[str, Any] | None = None) -> Answer:
        """Ask a read model; raises as `command` does."""
        answer = await self.request(query_subject(self.realm, view), encode_query(query or {}))
        if isinstance(answer, ErrorReply):
            raise Refused(answer)
        if not isinstance(answer, Answer):
            raise Unanswered(f"{view} was answered by something that is no query service")
        return answer

    async def request(self, subject: str, data: bytes) -> Reply | ErrorReply | Answer:
        """Send any bytes to any subject and return the decoded reply."""
        try:
            message = await self._nc.request(subject, data, timeout=REQUEST_TIMEOUT_S)
        except NoRespondersError:
            raise Unanswered(f"no service answers on {subject}; is its component running?") from None
        except (TimeoutError, NatsError) as error:
            raise Unanswered(f"no answer on {subject} within {REQUEST_TIMEOUT_S:g} s: {error}") from error
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


@asynccontextmanager
async def connect(url: str, realm: str, *, actor: str) -> AsyncIterator[Client]:
    """Yield a client of ``realm``; ``actor`` (``kind:id``) is recorded with what it causes.

    Raises:
        Unanswered: no NATS server at ``url``.
    """

    async def silent(_: Exception) -> None:
        """Leave it to the caller: whatever fails, fails a request."""

    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            nc = await nats.connect(
                url,
                name=actor,
                error_cb=silent,
                connect_timeout=int(CONNECT_TIMEOUT_S),
                allow_reconnect=False,
                pending_size=4 * 1024 * 1024,
            )
    except (OSError, NatsError) as error:
        raise Unanswered("no NATS server answers there; `aicore doctor` says what to do") from error
    try:
        yield Client(nc, realm, actor)
    finally:
        await nc.close()
