"""Order under hostility: positions appear one after the other, whoever writes, stops or holds a lock."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from uuid import UUID, uuid5

import asyncpg
import pytest

from aicore.embedded import EmbeddedPostgres
from bus.ports import EventLog, NewEvent, StreamWrite, VersionConflict
from bus.postgres.log import PostgresLog, open_log
from bus.postgres.migrate import migrate
from bus.postgres.verify import verify

pytestmark = pytest.mark.integration

SPACE = UUID("a4f8c1d2-7f0e-4a55-8f6b-0c7c7a2f5b21")
WAIT_S = 30.0

WRITER = """
import asyncio, sys
from itertools import count
from uuid import UUID, uuid5
from bus.ports import NewEvent, StreamWrite
from bus.postgres.log import open_log

async def main(dsn, realm, name, tasks, appends):
    clock = count(1_000)
    space = uuid5(UUID(int=1), name)
    async with open_log(dsn, realm, now_us=lambda: next(clock)) as log:
        async def write(task):
            for n in range(appends):
                event = NewEvent(uuid5(space, f"{task}/{n}"), "story.told", 1, b"\\x80")
                # Every third append goes to one stream that all writers share.
                stream = "story-shared" if n % 3 == 0 else f"story-{name}-{task}"
                await log.append(StreamWrite(stream, [event], "any"))
        async with asyncio.TaskGroup() as group:
            for task in range(tasks):
                group.create_task(write(task))

asyncio.run(main(*sys.argv[1:4], *map(int, sys.argv[4:])))
"""


def start(script: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE)


def event(name: object) -> NewEvent:
    return NewEvent(uuid5(SPACE, str(name)), "story.told", 1, b"\x80")


@asynccontextmanager
async def opened(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[PostgresLog]:
    clock = count(1_000)
    async with open_log(postgres.dsn, realm, now_us=lambda: next(clock)) as log:
        yield log


async def read_at_full_speed(log: EventLog, until: int) -> None:
    """Read to a position, and see every position exactly once and in order."""
    seen = 0
    async with asyncio.timeout(WAIT_S):
        while seen < until:
            for found in await log.read_all(after=seen, limit=500):
                assert found.position == seen + 1
                seen = found.position


async def test_several_writer_processes_make_one_gapless_order_that_readers_see_as_it_grows(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    await migrate(postgres.dsn, realm)
    processes, tasks, appends = 3, 4, 60
    total = processes * tasks * appends
    writers = [
        start(WRITER, postgres.dsn, realm, f"w{n}", str(tasks), str(appends)) for n in range(processes)
    ]
    try:
        async with opened(postgres, realm) as log, asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(read_at_full_speed(log, total))
            group.create_task(aborted_appends(postgres, realm))
    finally:
        codes = [writer.wait(WAIT_S) for writer in writers]
        for writer in writers:
            writer.communicate()

    assert codes == [0] * processes
    verdict = await verify(postgres.dsn, realm)
    assert (verdict.ok, verdict.events) == (True, total)


async def aborted_appends(postgres: EmbeddedPostgres, realm: str) -> None:
    """Reserve and roll back, again and again: what others append in between must not show it."""
    session = await asyncpg.connect(
        postgres.dsn, server_settings={"search_path": f"realm_{realm}", "role": "aicore_writer"}
    )
    try:
        for n in range(60):
            transaction = session.transaction()
            await transaction.start()
            head = await session.fetchrow("SELECT position, hash FROM event ORDER BY position DESC LIMIT 1")
            await session.fetchrow(
                "SELECT * FROM log_append($1, $2, '{}', '{}', '{story-aborted}', '{1}', $3, '{story.told}',"
                " '{1}', 1, $4, $4, $5)",
                head["position"] if head else 0,
                head["hash"] if head else b"",
                [uuid5(SPACE, f"aborted/{n}")],
                [b"\x80"],
                [bytes(32)],
            )
            await transaction.rollback()
    finally:
        await session.close()


async def test_a_writer_overtaken_between_reservation_and_commit_is_fenced(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    """The process stops itself under the lock; the successor goes on; the stale commit must fail."""
    await migrate(postgres.dsn, realm)
    stale = start(FENCED, postgres.dsn, realm)
    try:
        await asyncio.to_thread(os.waitid, os.P_PID, stale.pid, os.WSTOPPED)
        async with asyncio.timeout(WAIT_S), opened(postgres, realm) as log:
            successor = await log.append(StreamWrite("story-a", [event("successor")], "any"))
            stale.send_signal(signal.SIGCONT)
            output = (await asyncio.to_thread(stale.communicate))[0].decode()
            assert "Fenced" in output, output
            positions = [(found.position, found.id) for found in await log.read_all()]
    finally:
        stale.kill()
        stale.wait()

    assert successor.positions == (1,)
    assert positions == [(1, event("successor").id)]
    assert (await verify(postgres.dsn, realm)).ok


FENCED = """
import asyncio, os, signal, sys
from uuid import UUID
from bus.ports import Fenced, NewEvent, StreamWrite
from bus.postgres import writer
from bus.postgres.log import open_log

writer.MISSES_MAX = 0  # as if outrun before: plan under the lock

class Stopping(writer.GroupWriter):
    async def reserved(self):
        os.kill(os.getpid(), signal.SIGSTOP)

from bus.postgres import log as log_module
log_module.GroupWriter = Stopping

async def main(dsn, realm):
    async with open_log(dsn, realm, now_us=lambda: 1) as log:
        try:
            await log.append(StreamWrite("story-a", [NewEvent(UUID(int=5), "story.told", 1, b"\\x80")], "any"))
        except Fenced as error:
            print("Fenced", error)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_foreign_write_transaction_held_open_stalls_no_reader_and_no_writer(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    await hold_foreign_transaction(postgres, realm, appends=300)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_foreign_write_transaction_held_open_for_a_minute_stalls_nobody(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    await hold_foreign_transaction(postgres, realm, appends=0, seconds=60.0)


async def hold_foreign_transaction(
    postgres: EmbeddedPostgres, realm: str, *, appends: int, seconds: float = 0.0
) -> None:
    await migrate(postgres.dsn, realm)
    foreign = await asyncpg.connect(postgres.dsn)
    loop = asyncio.get_running_loop()
    try:
        await foreign.execute(f"CREATE TABLE foreign_{realm} (n int)")
        transaction = foreign.transaction()
        await transaction.start()
        await foreign.execute(f"INSERT INTO foreign_{realm} VALUES (1)")
        ends = loop.time() + seconds
        worst = 0.0
        async with opened(postgres, realm) as log:
            n = 0
            while n < appends or loop.time() < ends:
                n += 1
                began = loop.time()
                await log.append(StreamWrite("story-a", [event(n)], "any"))
                [found] = await log.read_all(after=n - 1)
                worst = max(worst, loop.time() - began)
                assert found.position == n
        assert worst < 2.0
        await transaction.rollback()
    finally:
        await foreign.close()


async def test_a_dump_restored_elsewhere_verifies_and_goes_on(postgres: EmbeddedPostgres, realm: str) -> None:
    await migrate(postgres.dsn, realm)
    async with opened(postgres, realm) as log:
        await log.append(StreamWrite("story-a", [event(n) for n in range(50)], "none"))
    admin = await asyncpg.connect(postgres.dsn)
    try:
        await admin.execute(f"CREATE DATABASE restored_{realm}")
    finally:
        await admin.close()
    restored = postgres.dsn.replace("/aicore?", f"/restored_{realm}?")
    dump = [str(postgres.bin / "pg_dump"), "-n", f"realm_{realm}", postgres.dsn]
    script = await asyncio.to_thread(subprocess.run, dump, capture_output=True, check=True)
    load = [str(postgres.bin / "psql"), "-q", "-v", "ON_ERROR_STOP=1", restored]
    await asyncio.to_thread(subprocess.run, load, input=script.stdout, check=True, capture_output=True)

    assert await migrate(restored, realm) == []
    clock = count(2_000)
    async with open_log(restored, realm, now_us=lambda: next(clock)) as log:
        result = await log.append(StreamWrite("story-a", [event("after")], 50))
        assert result.positions == (51,)
        with pytest.raises(VersionConflict):
            await log.append(StreamWrite("story-a", [event("again")], 50))
    verdict = await verify(restored, realm)
    assert (verdict.ok, verdict.events) == (True, 51)


async def test_two_processes_that_migrate_at_once_take_turns(postgres: EmbeddedPostgres, realm: str) -> None:
    done = await asyncio.gather(*(migrate(postgres.dsn, realm) for _ in range(3)))

    assert sorted(map(len, done))[:2] == [0, 0]
    assert max(map(len, done)) > 0


async def test_the_hot_queries_use_their_indexes(postgres: EmbeddedPostgres, realm: str) -> None:
    await migrate(postgres.dsn, realm)
    async with opened(postgres, realm) as log:
        for n in range(20):
            await log.append(StreamWrite(f"story-{n}", [event((n, m)) for m in range(100)], "none"))
    session = await asyncpg.connect(postgres.dsn, server_settings={"search_path": f"realm_{realm}"})
    try:
        await session.execute("ANALYZE event")
        for query, index in (
            (
                "SELECT * FROM event WHERE stream = 'story-7' AND version > 5 ORDER BY version LIMIT 10",
                "event_stream_version",
            ),
            ("SELECT * FROM event WHERE position > 500 ORDER BY position LIMIT 100", "event_pkey"),
            ("SELECT * FROM event ORDER BY position DESC LIMIT 1", "event_pkey"),
            (
                "SELECT version FROM event WHERE stream = 'story-7' ORDER BY version DESC LIMIT 1",
                "event_stream_version",
            ),
            (f"SELECT * FROM event WHERE id = ANY(ARRAY['{SPACE}'::uuid])", "event_id"),
        ):
            plan = "\n".join(row[0] for row in await session.fetch(f"EXPLAIN {query}"))
            assert index in plan, (query, plan)
            assert "Seq Scan" not in plan, (query, plan)
    finally:
        await session.close()
