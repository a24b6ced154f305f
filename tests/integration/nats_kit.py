"""Realms with a log, a relay and consumers on real servers, and conditions to wait for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID, uuid5

import msgpack
from nats.aio.client import Client

from aicore import clock
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from bus.nats.api import JetStreamUnavailable, Missing
from bus.nats.connection import connect
from bus.nats.consumer import ConsumeOptions, Delivery, RetryPolicy, consume
from bus.nats.topology import CacheLimits, StreamState, describe, events_stream
from bus.ports import EventLog, NewEvent, StreamWrite
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from bus.relay.relay import Relay, RelayOptions
from protocol.envelope import Envelope

NOW_US = clock.now_us()
"""The time that stands still in these tests: JetStream judges an event's age by its own clock."""
WAIT_S = 20.0
LIMITS = CacheLimits(bytes_max=16 * 1024**2)
SPACE = UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")

_numbers = count(1)


def now_us() -> int:
    return NOW_US


def event(number: int, type_: str = "test.happened") -> NewEvent:
    payload = msgpack.packb({"number": number})
    return NewEvent(uuid5(SPACE, f"{next(_numbers)}"), type_, 1, payload)


async def until(condition: Callable[[], Awaitable[bool]], what: str, *, timeout_s: float = WAIT_S) -> None:
    """Wait until the condition holds, looking every 20 ms."""
    try:
        async with asyncio.timeout(timeout_s):
            while not await condition():  # noqa: ASYNC110 - the condition is another process's state
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {timeout_s:g} s: {what}") from None


@dataclass
class Bus:
    """One realm on running servers."""

    realm: str
    dsn: str
    nc: Client
    log: EventLog
    group: asyncio.TaskGroup
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def relay(self, **options: object) -> Relay:
        """Start a relay."""
        settings: dict[str, object] = {
            "now_us": now_us,
            "verify_every_s": 0.3,
            "floors_every_s": 0.1,
            "limits": LIMITS,
        }
        settings |= options
        relay = Relay(self.dsn, self.nc, self.realm, RelayOptions(**settings))  # type: ignore[arg-type] # test options
        self.tasks.append(self.group.create_task(relay.run()))
        return relay

    def consume(
        self, name: str, handler: Callable[[Delivery[Envelope]], Awaitable[None]], **options: object
    ) -> asyncio.Task[None]:
        """Start a consumer with short retries."""
        settings: dict[str, object] = {
            "random": lambda: 0.5,
            "now_us": now_us,
            "retry": RetryPolicy(attempts_max=3, base_s=0.01),
            **options,
        }
        settled = ConsumeOptions(**settings)  # type: ignore[arg-type] # test options
        task = self.group.create_task(consume(self.nc, self.realm, name, handler, settled))
        self.tasks.append(task)
        return task

    async def append(self, number: int, *, streams: int = 4, type_: str = "test.happened") -> int:
        """Append events over some streams; return the log's new head."""
        writes = [
            StreamWrite(f"test-{s}", [event(n, type_) for n in range(number) if n % streams == s])
            for s in range(min(streams, number))
        ]
        result = await self.log.append(*writes)
        return max(result.positions)

    async def state(self) -> StreamState | None:
        """Return the event stream's state; None while there is none."""
        try:
            return await describe(self.nc, events_stream(self.realm))
        except (Missing, JetStreamUnavailable):
            return None

    async def relayed(self, head: int) -> None:
        """Wait until the stream ends at the log's head."""

        async def there() -> bool:
            state = await self.state()
            return state is not None and state.last == head

        await until(there, f"stream at {head}")

    async def stop(self, *tasks: asyncio.Task[None]) -> None:
        """Cancel tasks and wait for their end."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def open_bus(postgres: EmbeddedPostgres, server: EmbeddedNats, realm: str) -> AsyncIterator[Bus]:
    """Migrate a realm and yield its bus; everything started on it ends with it."""
    await migrate(postgres.dsn, realm)
    async with (
        connect(server.url, name=f"test {realm}") as nc,
        open_log(postgres.dsn, realm, now_us=now_us, skew_us_max=None) as log,
        asyncio.TaskGroup() as group,
    ):
        bus = Bus(realm, postgres.dsn, nc, log, group)
        try:
            yield bus
        finally:
            await bus.stop(*bus.tasks)


class Seen:
    """A handler that records positions and versions per stream."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.versions: dict[str, list[int]] = {}

    async def __call__(self, delivery: Delivery[Envelope]) -> None:
        envelope = delivery.message
        self.positions.append(envelope.position)
        self.versions.setdefault(envelope.stream, []).append(envelope.version)

    async def reach(self, number: int) -> None:
        """Wait until so many deliveries were seen."""

        async def there() -> bool:
            return len(self.positions) >= number

        await until(there, f"{number} deliveries, have {len(self.positions)}")
