"""The log's queries go by an index, on a log that is large enough for the planner to choose freely.

Nothing is switched off: on a table with statistics the planner takes an index where it is the cheaper way.
Each guard is shown to fail without its index.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from aicore.clock import now_us
from aicore.embedded import EmbeddedPostgres
from bus.ports import StreamWrite, Where
from bus.postgres.connect import connect, schema_of
from bus.postgres.log import PostgresLog, open_log
from bus.postgres.migrate import migrate
from bus.postgres.writer import BY_ID, TIP
from tests.integration.log_kit import event, sessions_ended

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("plans")]

REALM = "plans"
EVENTS = 30_000
FILL = f"""
INSERT INTO event
SELECT n, (n - 1) / 300 + 1, n, ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 1,
    'story-' || n % 300, 'story.told', '\\x80', '\\x81a16e01', sha256(int8send(n))
FROM generate_series(1, {EVENTS}) n
"""
ID = UUID("00000000-0000-7000-8000-000000000007")

Call = Callable[[PostgresLog], Any]

HOT: dict[str, tuple[Call, str]] = {
    "read_stream": (lambda log: log.read_stream("story-7", after=3, limit=9), "event_stream_version"),
    "read_all": (lambda log: log.read_all(after=20_000, limit=500), "event_pkey"),
    "read_all of types": (lambda log: log.read_all(after=9, where=Where(types=["story.told"])), "event_pkey"),
    "read_all of a context": (lambda log: log.read_all(after=9, where=Where(context="story")), "event_pkey"),
    "read_stream_payloads": (
        lambda log: log.read_stream_payloads("story-7", after=3, limit=9),
        "event_stream_version",
    ),
    "read_payloads": (lambda log: log.read_payloads(after=9, limit=2_000), "event_pkey"),
    "find": (lambda log: log.find(ID), "event_id"),
    "head": (lambda log: log.head(), "event_pkey"),
}
STATEMENTS = {"TIP": (TIP, (), "event_pkey"), "BY_ID": (BY_ID, ([ID],), "event_id")}


@pytest.fixture(scope="module")
def large(postgres: EmbeddedPostgres) -> str:
    """Return the server's address; its realm `plans` has a log that nobody would want to read in full."""

    async def fill() -> None:
        await migrate(postgres.dsn, REALM)
        async with admin_of(postgres.dsn) as admin:
            await admin.execute(FILL)
            await admin.execute("VACUUM ANALYZE event")

    asyncio.run(fill())
    return postgres.dsn


@asynccontextmanager
async def admin_of(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    session = await asyncpg.connect(dsn, server_settings={"search_path": schema_of(REALM)})
    try:
        yield session
    finally:
        await session.close()


async def asked(dsn: str, call: Call, monkeypatch: pytest.MonkeyPatch) -> tuple[str, tuple[Any, ...]]:
    """Return the query that a call of the log sends."""
    sent: list[tuple[str, tuple[Any, ...]]] = []
    fetch = PostgresLog._fetch

    async def noted(log: PostgresLog, query: str, *arguments: Any) -> list[Any]:
        sent.append((query, arguments))
        return await fetch(log, query, *arguments)

    monkeypatch.setattr(PostgresLog, "_fetch", noted)
    async with open_log(dsn, REALM, now_us=now_us, writer=False) as log:
        assert await call(log)
    [only] = sent
    return only


async def plan_of(session: asyncpg.Connection, query: str, *arguments: Any) -> str:
    [[plan]] = await session.fetch(f"EXPLAIN (FORMAT JSON) {query}", *arguments)
    return json.dumps(json.loads(plan))


def goes_by(plan: str, index: str) -> bool:
    """Say whether a plan reads by an index, in its order, and nothing else."""
    return f'"Index Name": "{index}"' in plan and "Seq Scan" not in plan and '"Sort"' not in plan


@asynccontextmanager
async def without(session: asyncpg.Connection, index: str) -> AsyncIterator[None]:
    """Take an index away for as long as the block lasts."""
    transaction = session.transaction()
    await transaction.start()
    await session.execute(f"ALTER TABLE event DROP CONSTRAINT {index}")
    try:
        yield
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("name", HOT)
async def test_reads_go_by_their_index_and_would_not_without(
    large: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, index = HOT[name]
    query, arguments = await asked(large, call, monkeypatch)

    async with admin_of(large) as admin:
        plan = await plan_of(admin, query, *arguments)
        assert goes_by(plan, index), plan
        async with without(admin, index):
            assert not goes_by(await plan_of(admin, query, *arguments), index)


@pytest.mark.parametrize("name", STATEMENTS)
async def test_the_writers_queries_go_by_their_index_and_would_not_without(large: str, name: str) -> None:
    query, arguments, index = STATEMENTS[name]
    async with admin_of(large) as admin:
        plan = await plan_of(admin, query, *arguments)
        assert goes_by(plan, index), plan
        async with without(admin, index):
            assert not goes_by(await plan_of(admin, query, *arguments), index)


async def sequential_scans(session: asyncpg.Connection) -> int:
    """Return how often the log was read in full so far, by sessions that have ended."""
    await sessions_ended(session, REALM)
    scans: int = await session.fetchval(
        "SELECT seq_scan FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = 'event'",
        schema_of(REALM),
    )
    return scans


async def test_appending_never_reads_the_whole_log_also_when_overtaken(large: str) -> None:
    """What runs within log_append shows in no EXPLAIN; the server counts it."""
    async with admin_of(large) as admin:
        before = await sequential_scans(admin)
        async with (
            open_log(large, REALM, now_us=now_us) as one,
            open_log(large, REALM, now_us=now_us) as other,
        ):
            for n in range(7):  # more than the five calls after which a plan is kept
                await one.append(StreamWrite("story-1", [event()]), StreamWrite(f"story-one-{n}", [event()]))
                await other.append(StreamWrite("story-1", [event()]), StreamWrite("story-2", [event()]))
        assert await sequential_scans(admin) == before

        session = await connect(large, REALM, role="aicore_reader")
        await session.fetch("SELECT count(payload) FROM event")
        await session.close()
        assert await sequential_scans(admin) > before
