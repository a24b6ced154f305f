"""Many writers at once: each group reaches the log with one call, whoever else was quicker."""

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import pytest

from aicore.clock import now_us
from aicore.embedded import EmbeddedPostgres
from bus.ports import AppendResult, ExpectedVersion, StreamWrite, VersionConflict
from bus.postgres.connect import connect, schema_of
from bus.postgres.log import PostgresLog, _Notifier, channel_of, open_log
from bus.postgres.migrate import migrate
from bus.postgres.verify import verify
from bus.postgres.writer import APPEND
from tests.integration.log_kit import WAIT_S, event, fresh_log, read_gapless, sessions_ended

pytestmark = pytest.mark.integration

WRITERS = 10
APPENDS = 15


async def count_calls(session: asyncpg.Connection, realm: str) -> int:
    """Return how often the realm's log_append was called, once all its sessions have ended and reported."""
    await sessions_ended(session, realm)
    found = await session.fetchval(
        "SELECT sum(calls) FROM pg_stat_user_functions WHERE schemaname = $1 AND funcname = 'log_append'",
        schema_of(realm),
    )
    return int(found or 0)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [("story-{writer}", "exact"), ("story-{writer}", "any"), ("story-shared", "any")],
)
async def test_without_conflicts_every_append_is_one_call_of_the_database(
    postgres: EmbeddedPostgres, realm: str, stream: str, expected: str
) -> None:
    """Ten writers lose nearly every race for the end of the log; that used to cost two calls and a lock."""
    await migrate(postgres.dsn, realm)
    admin = await asyncpg.connect(postgres.dsn)
    await admin.execute("ALTER DATABASE aicore SET track_functions = 'pl'")

    async def write(log: PostgresLog, writer: int) -> list[AppendResult]:
        results: list[AppendResult] = []
        for n in range(APPENDS):
            wanted: ExpectedVersion = n if expected == "exact" else "any"
            results.append(await log.append(StreamWrite(stream.format(writer=writer), [event()], wanted)))
        return results

    try:
        async with asyncio.timeout(WAIT_S), AsyncExitStack() as stack:
            opened = [open_log(postgres.dsn, realm, now_us=now_us) for _ in range(WRITERS)]
            logs = [await stack.enter_async_context(log) for log in opened]
            found = await asyncio.gather(*(write(log, n) for n, log in enumerate(logs)))
            stored = await logs[0].read_all(limit=WRITERS * APPENDS + 1)
        calls = await count_calls(admin, realm)
    finally:
        await admin.execute("ALTER DATABASE aicore RESET track_functions")
        await admin.close()

    assert calls == WRITERS * APPENDS
    told = sorted((r.positions[0], r.versions[0], r.recorded_us) for results in found for r in results)
    assert told == [(e.position, e.version, e.recorded_us) for e in stored]
    assert (await verify(postgres.dsn, realm)).ok


async def test_a_group_that_was_overtaken_keeps_its_outcomes_and_each_stream_its_order(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    async with fresh_log(postgres.dsn, realm) as one, open_log(postgres.dsn, realm, now_us=now_us) as other:
        await one.append(StreamWrite("story-a", [event()]), StreamWrite("story-b", [event()]))
        for _ in range(3):
            await other.append(StreamWrite("story-a", [event(), event()]))  # which `one` knows nothing of

            pinned, loose, both = await asyncio.gather(
                one.append(StreamWrite("story-b", [event()], expected=9)),
                one.append(StreamWrite("story-a", [event(), event()])),
                one.append(StreamWrite("story-a", [event()], "exists"), StreamWrite("story-c", [event()])),
                return_exceptions=True,
            )

            assert isinstance(pinned, VersionConflict)
            assert isinstance(loose, AppendResult)
            assert isinstance(both, AppendResult)
            assert loose.versions[1] + 1 == both.versions[0]
        stored = await one.read_all()
        versions = [e.version for e in stored if e.stream == "story-a"]

    assert versions == list(range(1, 17))
    assert (await verify(postgres.dsn, realm)).ok


@pytest.mark.parametrize("expected", ["none", 0, 1, 2])
async def test_an_expectation_that_the_overtaking_append_broke_is_a_conflict_with_the_truth(
    postgres: EmbeddedPostgres, realm: str, expected: ExpectedVersion
) -> None:
    async with fresh_log(postgres.dsn, realm) as one, open_log(postgres.dsn, realm, now_us=now_us) as other:
        await one.append(StreamWrite("story-a", [event()]))
        await other.append(StreamWrite("story-a", [event(), event()]))

        with pytest.raises(VersionConflict) as refused:
            await one.append(StreamWrite("story-a", [event()], expected))

        assert refused.value.actual == 3
        assert (await one.head()).position == 3


async def test_a_plan_for_a_log_that_was_emptied_writes_nothing(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    await migrate(postgres.dsn, realm)
    session = await connect(postgres.dsn, realm, role="aicore_writer")
    try:
        one = (["story-a"], [8], [event().id], ["story.told"], [1], [b"\x80"], [b"\x80"])
        row = await session.fetchrow(APPEND, 7, [], [], [], 1, *one)
        assert row is not None
        assert row["status"] == "moved"
        assert await session.fetchval("SELECT count(*) FROM event") == 0
    finally:
        await session.close()


async def test_a_commit_that_another_writer_announced_is_not_announced_again(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    """Whoever is woken reads to the log's end; ten writers that each told ten readers did little else."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with fresh_log(postgres.dsn, realm) as log, asyncio.timeout(WAIT_S):
        other = await asyncpg.connect(postgres.dsn)
        await other.add_listener(channel_of(realm), lambda *told: heard.put_nowait(str(told[-1])))
        notifier = _Notifier(postgres.dsn, realm, log.clock)
        running = asyncio.create_task(notifier.run())
        try:
            notifier.heard(0, "1")
            notifier.tell(1)
            while notifier._news.is_set():  # noqa: ASYNC110 - no other sign
                await asyncio.sleep(0.01)
            notifier.tell(2)

            assert await heard.get() == "2"
        finally:
            running.cancel()
            await other.close()


@pytest.mark.parametrize("made_up", ["", "-1", "9" * 5_000, "²", "\x7f"])
async def test_an_announcement_that_somebody_made_up_delays_the_next_and_ends_nothing(
    postgres: EmbeddedPostgres, realm: str, made_up: str
) -> None:
    async with fresh_log(postgres.dsn, realm) as log, asyncio.timeout(WAIT_S):
        notifier = _Notifier(postgres.dsn, realm, log.clock)
        notifier.heard(0, made_up)
        await log.append(StreamWrite("story-a", [event()]))
        await read_gapless(log, 1)
