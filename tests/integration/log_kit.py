"""What the tests of the log on Postgres share: events, an opened log, and a reader that checks each step."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from itertools import count
from uuid import UUID

import asyncpg

from aicore.clock import now_us
from bus.ports import EventLog, NewEvent, StreamWrite
from bus.postgres.connect import schema_of
from bus.postgres.log import PostgresLog, open_log
from bus.postgres.migrate import migrate

WAIT_S = 20.0

_ids = count(1)


def event(payload: bytes = b"\x81\xa1n\x01") -> NewEvent:
    """Return an event with an id of its own."""
    return NewEvent(UUID(int=next(_ids)), "story.told", 1, payload)


@asynccontextmanager
async def fresh_log(dsn: str, realm: str) -> AsyncIterator[PostgresLog]:
    """Open the log of a realm that may not have been migrated yet."""
    await migrate(dsn, realm)
    async with open_log(dsn, realm, now_us=now_us) as log:
        yield log


@asynccontextmanager
async def superuser(dsn: str, realm: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield a session that no trigger stops; the log as it is now is in its table ``kept``."""
    settings = {"search_path": schema_of(realm), "session_replication_role": "replica"}
    session = await asyncpg.connect(dsn, server_settings=settings)
    try:
        await session.execute("CREATE TEMP TABLE kept AS SELECT * FROM event")
        yield session
    finally:
        await session.close()


async def write_some(log: EventLog, stream: str, number: int) -> None:
    """Append events one by one."""
    for _ in range(number):
        await log.append(StreamWrite(stream, [event()]))


async def read_gapless(log: EventLog, upto: int, *, after: int = 0) -> None:
    """Follow the log to ``upto`` and fail on the first skipped, doubled or reordered position."""
    async with asyncio.timeout(WAIT_S), aclosing(log.subscribe(after=after)) as batches:
        async for batch in batches:
            for found in batch:
                after += 1
                assert found.position == after
            if after >= upto:
                return


async def sessions_ended(session: asyncpg.Connection, realm: str) -> None:
    """Wait until the realm's sessions have ended and so reported their statistics."""
    mine = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE $1"
    async with asyncio.timeout(WAIT_S):
        while await session.fetchval(mine, f"aicore/{realm}/%"):  # noqa: ASYNC110 - the server has no other sign
            await asyncio.sleep(0.02)
