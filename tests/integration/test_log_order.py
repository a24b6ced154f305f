"""Readers at full speed see every position once and in order, whatever writers and strangers do meanwhile."""

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from functools import partial
from pathlib import Path
from time import perf_counter

import asyncpg
import pytest

from aicore.clock import new_id, now_us
from aicore.embedded import EmbeddedPostgres
from bus.ports import LogUnavailable, NewEvent, StreamWrite
from bus.postgres.connect import connect
from bus.postgres.log import open_log
from bus.postgres.planning import Tip, plan_group
from bus.postgres.verify import verify
from bus.postgres.writer import APPEND, RESERVE
from tests.integration.log_kit import WAIT_S, event, fresh_log, read_gapless, write_some

pytestmark = pytest.mark.integration

"""Longest pause of a reader while a stranger holds a transaction open."""


async def child(mode: str, dsn: str, realm: str, number: int) -> Process:
    arguments = ["-m", "tests.integration.log_child", mode, dsn, realm, str(number)]
    return await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE)


async def said(process: Process) -> str:
    async with asyncio.timeout(WAIT_S):
        out, _ = await process.communicate()
    return out.decode().strip()


async def stopped(process: Process) -> None:
    """Wait until the process has stopped itself."""
    async with asyncio.timeout(WAIT_S):
        _, status = await asyncio.to_thread(os.waitpid, process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


async def roll_back(dsn: str, realm: str, times: int) -> int:
    """Append in transactions that are rolled back; return how many had been accepted."""
    accepted = 0
    session = await connect(dsn, realm, role="aicore_writer")
    try:
        for _ in range(times):
            transaction = session.transaction()
            await transaction.start()
            row = await session.fetchrow(RESERVE)
            assert row is not None
            plan = plan_group([[StreamWrite("story-never", [event()])]], Tip(*row), {}, now_us())
            columns = (plan.tip.recorded_us, *plan.columns())
            done = await session.fetchrow(APPEND, row["head_position"], [], [], [], *columns)
            accepted += done["status"] == "done"
            await transaction.rollback()
    finally:
        await session.close()
    return accepted


async def test_writers_in_several_processes_and_rollbacks_make_one_gapless_order(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    async with fresh_log(postgres.dsn, realm) as log:
        await log.append(StreamWrite("story-first", [event()]))
        children = [await child("append", postgres.dsn, realm, 150) for _ in range(3)]
        async with asyncio.TaskGroup() as group:
            group.create_task(read_gapless(log, 551))
            group.create_task(write_some(log, "story-here", 100))
            rolled = group.create_task(roll_back(postgres.dsn, realm, 30))
            answers = [group.create_task(said(process)) for process in children]

        assert [answer.result() for answer in answers] == ["done"] * 3
        assert rolled.result() == 30
        assert (await log.head()).position == 551
        assert await log.read_stream("story-never") == []
    assert (await verify(postgres.dsn, realm)).ok


async def test_a_writer_stopped_between_reservation_and_commit_is_overtaken_and_fenced(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    async with fresh_log(postgres.dsn, realm) as log:
        stale = await child("freeze", postgres.dsn, realm, 1)
        try:
            await stopped(stale)
            async with asyncio.timeout(WAIT_S):
                overtaking = await log.append(StreamWrite("story-next", [event()]))
        finally:
            os.kill(stale.pid, signal.SIGCONT)

        assert await said(stale) == "fenced"
        assert overtaking.positions == (1,)
        assert (await log.head()).position == 1
    assert (await verify(postgres.dsn, realm)).ok


async def test_a_server_that_only_reads_is_away(
    postgres: EmbeddedPostgres, realm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica that nobody has promoted yet: who is told that it is away comes again."""
    read_only = partial(connect, default_transaction_read_only="on")
    async with fresh_log(postgres.dsn, realm) as log:
        monkeypatch.setattr("bus.postgres.writer.connect", read_only)
        with pytest.raises(LogUnavailable):
            await log.append(StreamWrite("story-a", [event()]))
        monkeypatch.undo()
        assert (await log.append(StreamWrite("story-a", [event()]))).positions == (1,)


@pytest.mark.parametrize("seconds", [1, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(180)])])
async def test_a_foreign_write_transaction_stalls_nobody(
    postgres: EmbeddedPostgres, realm: str, seconds: int
) -> None:
    stranger = await asyncpg.connect(postgres.dsn)
    foreign = stranger.transaction()
    await foreign.start()
    await stranger.execute("CREATE TABLE foreign_work (n int); INSERT INTO foreign_work VALUES (1)")
    try:
        async with fresh_log(postgres.dsn, realm) as log:
            position, until = 0, perf_counter() + seconds
            while perf_counter() < until:
                result = await log.append(StreamWrite("story-a", [event(), event()]))
                await read_gapless(log, result.positions[-1], after=position)  # or it times out
                position = result.positions[-1]
            await read_gapless(log, position)
    finally:
        await foreign.rollback()
        await stranger.close()


async def test_a_dump_restored_elsewhere_verifies_and_goes_on(
    postgres: EmbeddedPostgres, realm: str, tmp_path: Path
) -> None:
    async with fresh_log(postgres.dsn, realm) as log:
        await write_some(log, "story-a", 50)
    name, dump = f"restored_{realm}", tmp_path / "dump.sql"
    admin = await asyncpg.connect(postgres.dsn)
    try:
        await admin.execute(f"CREATE DATABASE {name}")
    finally:
        await admin.close()
    dsn = postgres.dsn.replace("/aicore?", f"/{name}?")

    def tool(*arguments: str) -> None:
        subprocess.run(
            [str(postgres.bin / arguments[0]), *arguments[1:]], check=True, stdout=subprocess.DEVNULL
        )

    kept = ("-n", f"realm_{realm}", "-e", "vector")  # lore keeps vectors in pgvector's type
    await asyncio.to_thread(tool, "pg_dump", *kept, "-f", str(dump), postgres.dsn)
    await asyncio.to_thread(tool, "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-f", str(dump), dsn)

    assert (await verify(dsn, realm)).events == 50
    async with open_log(dsn, realm, now_us=now_us) as log:
        added = await log.append(StreamWrite("story-a", [NewEvent(new_id(), "story.told", 1, b"\x80")], 50))
        assert added.positions == (51,)
    assert (await verify(dsn, realm)).ok


async def test_what_fails_while_a_log_is_open_is_raised_as_it_is(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    """*Scar:* a name that nobody has was told of by a traceback of a group, whose error nobody caught."""
    with pytest.raises(KeyError, match="nobody"):
        async with fresh_log(postgres.dsn, realm):
            raise KeyError("nobody")
