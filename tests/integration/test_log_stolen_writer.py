"""A writer's login is good for appending: it breaks neither chain nor order, neither times nor versions.

And who may only read holds up nobody who appends.
"""

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from aicore.clock import now_us
from aicore.embedded import EmbeddedPostgres
from bus.ports import StreamWrite
from bus.postgres.connect import connect
from bus.postgres.verify import verify
from bus.postgres.writer import APPEND
from protocol.chain import genesis
from tests.integration.log_kit import WAIT_S, event, fresh_log, read_gapless, write_some

pytestmark = pytest.mark.integration

HOUR_US = 3_600_000_000
OLD_APPEND = "SELECT * FROM log_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
"""As programs from before migrations/0007 call it."""

Columns = tuple[Sequence[Any], ...]


def rows(
    *streams: str, versions: Sequence[int] = (1,), kind: str = "story.told", payload: bytes = b"\x80"
) -> Columns:
    """Return what log_append takes for rows."""
    ids = [uuid4() for _ in versions]
    return (list(streams), list(versions), ids, [kind], [1], [b"\x80"], [payload] * len(ids))


async def stolen(dsn: str, realm: str) -> asyncpg.Connection:
    return await connect(dsn, realm, role="aicore_writer")


async def appended(session: asyncpg.Connection, at: int, columns: Columns, recorded_us: int) -> str:
    """Return the status of an append of rows as they are."""
    found = await session.fetchrow(APPEND, at, [], [], [], recorded_us, *columns)
    assert found is not None
    status: str = found["status"]
    return status


PAIR = rows("story-a", versions=(1, 2))

REFUSED: dict[str, tuple[Columns, int]] = {
    "an hour ahead": (rows("story-a"), HOUR_US),
    "two seconds ahead": (rows("story-a"), 2_000_000),
    "before 1970": (rows("story-a"), -10 * 365 * 24 * HOUR_US * 10),
    "a type without a dot": (rows("story-a", kind="storytold"), 0),
    "a type with a wildcard": (rows("story-a", kind="story.>"), 0),
    "a type's part too long": (rows("story-a", kind=f"story.{'x' * 65}"), 0),
    "one bad type of two": ((*PAIR[:3], ["a.b", "a b"], *PAIR[4:]), 0),
    "a stream without an id": (rows("story"), 0),
    "a stream with a dot": (rows("story-a.b"), 0),
    "a stream's id too long": (rows(f"story-{'x' * 129}"), 0),
    "an empty payload": (rows("story-a", payload=b""), 0),
    "a payload too large": (rows("story-a", payload=bytes(524_289)), 0),
    "no rows' ids": ((["story-a"], [1], [None], ["story.told"], [1], [b"\x80"], [b"\x80"]), 0),
    "fewer payloads than ids": ((*PAIR[:6], [b"\x80"]), 0),
    "more payloads than ids": ((["story-a"], [1], [uuid4()], ["a.b"], [1], [b"\x80"], [b"\x80"] * 2), 0),
    "a schema below 1": ((["story-a"], [1], [uuid4()], ["a.b"], [0], [b"\x80"], [b"\x80"]), 0),
}  # fmt: skip


async def test_what_is_no_event_is_refused_and_leaves_the_log_as_it_was(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    async with fresh_log(postgres.dsn, realm) as log:
        await write_some(log, "story-first", 2)
        thief = await stolen(postgres.dsn, realm)
        try:
            for name, (columns, ahead_us) in REFUSED.items():
                try:
                    found = await appended(thief, 2, columns, now_us() + ahead_us)
                except asyncpg.PostgresError:
                    found = "refused"
                assert (name, found, (await log.head()).position) == (name, "refused", 2)
        finally:
            await thief.close()
        assert (await log.append(StreamWrite("story-first", [event()]))).positions == (3,)
    assert (await verify(postgres.dsn, realm)).ok


async def test_arrays_that_do_not_count_from_one_cannot_part_a_row_from_its_hash(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    async with fresh_log(postgres.dsn, realm):
        thief = await stolen(postgres.dsn, realm)
        call = (
            "SELECT log_append(0, '{}', '{}', '{}', 1, '{story-a}', '{1,2}', "
            "ARRAY[gen_random_uuid(), gen_random_uuid()], '{a.b}', '{1}', ARRAY['\\x80'::bytea], "
            "'[0:1]={a,b}'::bytea[])"
        )
        try:
            with pytest.raises(asyncpg.PostgresError, match="its arrays"):
                await thief.execute(call)
        finally:
            await thief.close()


@pytest.mark.parametrize("believed", [0, 2, 3, 9])
async def test_positions_versions_times_and_hashes_are_the_databases_whatever_is_asked_for(
    postgres: EmbeddedPostgres, realm: str, believed: int
) -> None:
    async with fresh_log(postgres.dsn, realm) as log:
        await write_some(log, "story-a", 3)
        thief = await stolen(postgres.dsn, realm)
        try:
            for columns in (
                rows("story-a", versions=(1_000,)),
                rows("story-a", versions=(9, 4, 4)),
                rows("story-b", "story-a", "story-b", "story-a", versions=(1, 77, 1, 5)),
                rows("story-b", "story-a", versions=(3, 8)),
            ):
                status = await appended(thief, believed, columns, 0)  # in 1970
                assert status in ("done", "shifted", "moved")
        finally:
            await thief.close()
        await write_some(log, "story-a", 2)
        stored = await log.read_all()

    assert [e.position for e in stored] == list(range(1, len(stored) + 1))
    assert len(stored) > 5
    for stream in {e.stream for e in stored}:
        versions = [e.version for e in stored if e.stream == stream]
        assert versions == list(range(1, len(versions) + 1))
    times = [e.recorded_us for e in stored]
    assert times == sorted(times)
    assert times[-1] - times[0] < WAIT_S * 1e6
    assert (await verify(postgres.dsn, realm)).ok


async def test_the_first_event_of_all_stands_on_the_realms_own_genesis(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    async with fresh_log(postgres.dsn, realm):
        thief = await stolen(postgres.dsn, realm)
        try:
            assert await appended(thief, 0, rows("story-a"), now_us()) == "done"
            old = await thief.fetchrow(
                OLD_APPEND, 1, genesis("another"), [], [], [], now_us(), *rows("story-b"), [bytes(32)]
            )
            assert old is not None
            assert (old["status"], old["stale_streams"], old["stale_versions"]) == (
                "shifted",
                ["story-b"],
                [0],
            )
            assert old["tip_hash"] == await thief.fetchval("SELECT hash FROM event WHERE position = 2")
        finally:
            await thief.close()
    assert (await verify(postgres.dsn, realm)).ok


async def test_a_time_that_is_behind_becomes_the_logs_last(postgres: EmbeddedPostgres, realm: str) -> None:
    async with fresh_log(postgres.dsn, realm) as log:
        last = await log.append(StreamWrite("story-a", [event()]))
        thief = await stolen(postgres.dsn, realm)
        try:
            assert await appended(thief, 1, rows("story-b"), last.recorded_us - HOUR_US) == "shifted"
        finally:
            await thief.close()
        assert [e.recorded_us for e in await log.read_all()] == [last.recorded_us] * 2


HELD = (
    "SELECT pg_advisory_lock('event'::regclass::oid::bigint)",
    "LOCK TABLE event, readable_event IN ACCESS SHARE MODE",
    "SELECT count(*) FROM event",
    "SELECT pg_notify('aicore_{realm}', n::text) FROM generate_series(1, 20000) n",
)
"""What a reader may do in a transaction that it does not end."""


async def test_a_flood_of_notifications_is_not_listened_to_and_nothing_is_missed(
    postgres: EmbeddedPostgres, realm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.postgres.log.HEARD_MAX", 100)
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND application_name LIKE $1"
    async with fresh_log(postgres.dsn, realm) as log, asyncio.timeout(WAIT_S):
        admin = await asyncpg.connect(postgres.dsn)  # who sees what others' sessions do
        try:
            while not await admin.fetchval(sessions, f"aicore/{realm}/%"):  # noqa: ASYNC110 - no other sign
                await asyncio.sleep(0.01)
            flood = f"SELECT pg_notify('aicore_{realm}', n::text) FROM generate_series(1, 5000) n"
            await admin.execute(f"SET ROLE aicore_reader; {flood}; RESET ROLE")
            while await admin.fetchval(sessions, f"aicore/{realm}/%"):  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.01)
        finally:
            await admin.close()
        await write_some(log, "story-a", 3)
        await read_gapless(log, 3)


async def test_who_only_reads_holds_up_no_append(postgres: EmbeddedPostgres, realm: str) -> None:
    async with fresh_log(postgres.dsn, realm) as log:
        await write_some(log, "story-a", 5)
        reader = await connect(postgres.dsn, realm, role="aicore_reader")
        try:
            for lock in ("append_lock", "event"):
                for mode in ("ROW SHARE", "SHARE UPDATE EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await reader.execute(f"BEGIN; LOCK TABLE {lock} IN {mode} MODE")
                    await reader.execute("ROLLBACK")
            await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            for statement in HELD:
                await reader.execute(statement.format(realm=realm))
            began = perf_counter()
            async with asyncio.timeout(WAIT_S):
                await asyncio.gather(*(write_some(log, f"story-{n}", 20) for n in range(10)))
            assert perf_counter() - began < WAIT_S
        finally:
            await reader.close()
        assert (await log.head()).position == 205
