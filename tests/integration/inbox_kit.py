"""An inbox on real servers: what is put in, who takes it, and what came of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from nats.aio.client import Client

from aicore.clock import new_id, now_us
from bus.nats.api import Missing, js_publish, js_request
from bus.nats.consumer import Consumer
from bus.nats.dead_letters import DeadLetter, list_letters
from bus.nats.inbox import InboxOptions, inbox_consumer
from bus.nats.topology import InboxLimits, ensure_inbox, inbox_stream
from protocol.identity import UNNAMED
from protocol.messages import CommandMessage, Reply, encode_command
from protocol.subjects import inbox_subject
from tests.integration.nats_kit import until

LIMITS = InboxLimits(bytes_max=4 * 1024**2)
ACK_WAIT_S = 0.5
OPTIONS = InboxOptions(random=lambda: 0.5, now_us=now_us, limits=LIMITS, ack_wait_s=ACK_WAIT_S)

Handler = Callable[[CommandMessage], Awaitable[Reply]]


def by_subject(message: CommandMessage) -> str:
    """Return a lane: what the command is about."""
    return str(message.payload.get("about", message.id))


@dataclass
class Inbox:
    """The inbox of one realm, from both ends."""

    nc: Client
    realm: str

    async def open(self, limits: InboxLimits = LIMITS) -> None:
        """Make the stream, so that there is something to put into."""
        await ensure_inbox(self.nc, self.realm, limits)

    async def put(
        self,
        command: str,
        payload: dict[str, Any],
        *,
        id_: UUID | None = None,
        expected: Any = "any",
        unique: bool = True,
    ) -> UUID:
        """Publish a command and wait until JetStream has it, as SPEC.md says; return its id."""
        message = CommandMessage(id_ or new_id(), command, payload, expected)
        headers = {"Nats-Msg-Id": message.id.hex} if unique else {}
        await js_publish(
            self.nc, inbox_subject(self.realm, command, UNNAMED), encode_command(message), headers
        )
        return message.id

    async def put_bytes(self, subject: str, body: bytes) -> None:
        """Publish whatever it is."""
        await js_publish(self.nc, subject, body, {})

    def consumer(
        self, commands: dict[str, Handler], lane: Callable[[CommandMessage], str] = by_subject, **changes: Any
    ) -> Consumer[CommandMessage]:
        """Return a consumer with a short patience."""
        return inbox_consumer(self.nc, self.realm, commands, lane, replace(OPTIONS, **changes))

    @asynccontextmanager
    async def taken(
        self, commands: dict[str, Handler], lane: Callable[[CommandMessage], str] = by_subject, **changes: Any
    ) -> AsyncIterator[asyncio.Task[None]]:
        """Have commands taken while the context is open."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.consumer(commands, lane, **changes).run())
            yield task
            task.cancel()

    async def there(self) -> None:
        """Wait until somebody has made the stream."""

        async def made() -> bool:
            try:
                return await self.left() >= 0
            except Missing:
                return False

        await until(made, "an inbox")

    async def left(self) -> int:
        """Return how many commands are not over."""
        info = await js_request(self.nc, f"STREAM.INFO.{inbox_stream(self.realm)}")
        return int(info["state"]["messages"])

    async def empty(self) -> None:
        """Wait until every command is over."""

        async def done() -> bool:
            try:
                return await self.left() == 0
            except Missing:
                return False

        await until(done, "the inbox empty")

    async def letters(self, number: int = 1) -> list[DeadLetter]:
        """Wait for dead letters and return them."""

        async def there() -> bool:
            return len(await list_letters(self.nc, self.realm)) >= number

        await until(there, f"{number} dead letters")
        return await list_letters(self.nc, self.realm)
