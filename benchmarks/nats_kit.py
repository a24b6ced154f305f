"""What the bus benchmarks share: events of the usual size, a migrated realm, and waiting for a state."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from uuid import UUID

import msgpack
import structlog

from aicore.clock import now_us
from benchmarks.harness import servers
from bus.ports import EventLog, NewEvent, StreamWrite
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate

REALM = "bench"
PAYLOAD_BYTES = 300
STREAMS = 64
BATCH = 5_000
WAIT_S = 300.0

_ids = count(1)


@dataclass
class Bench:
    """Running servers with one migrated realm and its log."""

    dsn: str
    url: str
    log: EventLog

    async def fill(self, number: int) -> int:
        """Append events over `STREAMS` streams; return the log's head."""
        head = 0
        for start in range(0, number, BATCH):
            size = min(BATCH, number - start)
            writes = [
                StreamWrite(f"bench-{s}", [new_event() for _ in range(s, size, STREAMS)])
                for s in range(min(STREAMS, size))
            ]
            head = max((await self.log.append(*writes)).positions)
        return head


def new_event() -> NewEvent:
    """Return an event of the size measured in the design: about 520 bytes with everything."""
    number = next(_ids)
    payload = msgpack.packb({"number": number, "text": "x" * PAYLOAD_BYTES})
    return NewEvent(UUID(int=(0x7 << 76) | (0x2 << 62) | number), "bench.happened", 1, payload)


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """Yield fresh servers, fsync on, with one realm. Logs go to stderr: stdout is for the report."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with servers(nats=True) as (postgres, nats):
        await migrate(postgres.dsn, REALM)
        async with open_log(postgres.dsn, REALM, now_us=now_us) as log:
            yield Bench(postgres.dsn, nats.url, log)


async def until(condition: Callable[[], Awaitable[bool]], *, every_s: float = 0.005) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(WAIT_S):
        while not await condition():  # noqa: ASYNC110 - the condition is the server's state
            await asyncio.sleep(every_s)
