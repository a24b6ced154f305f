"""Feeders that are stopped and killed while players walk: another feeds, and readers end with the truth."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest

from aicore.client import Client
from aicore.demos.walkers import walk
from aicore.running import System
from aicore.settings import Settings
from bus.nats.connection import connect
from bus.relay.leadership import lock_of
from protocol.frames import decode_frame
from protocol.identity import UNNAMED
from tests.integration.test_declared_is_served import program, system
from tests.integration.test_places import a_clock_goes
from tests.unit.places.trace import reference

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

REFERENCE = reference()
ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
WOKEN_S = 2.0
__all__ = ["system"]

LEADER = """
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = $1
"""


async def patiently(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.02)


@asynccontextmanager
async def relays(system: System, count: int) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    arguments = [system.realm, system.postgres_dsn, system.nats_url, str(system.state_dir)]
    command = [sys.executable, "-m", "tests.integration.relay_child", *arguments]
    quiet = asyncio.subprocess.DEVNULL
    started = [
        await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=quiet, stderr=quiet)
        for _ in range(count)
    ]
    try:
        yield started
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def leader(system: System) -> int:
    """The process that feeds."""
    connection = await asyncpg.connect(system.postgres_dsn)
    try:
        return int((await connection.fetchval(LEADER, lock_of("feed", system.realm))).rpartition(":")[2])
    finally:
        await connection.close()


async def truth(client: Client, feed: Any) -> bool:
    """Whether all that a reader has is what is answered now."""
    for (place, cell), room in feed.rooms.items():
        found = (await client.query("places.snapshot", {"place": place, "cell": cell})).result
        state = {name: found[name] for name in ("present", "ways", "shut")}
        if (room.seq, room.state()) != (found["seq"], state):
            return False
    return True


async def test_a_feeder_that_is_stopped_or_killed_is_followed_by_another(system: System) -> None:
    heard: list[int] = []

    async def hear(message: Any) -> None:
        heard.append(decode_frame(message.data).epoch)

    async with (
        program(Settings(), system, ("commands", "queries")),
        connect(system.nats_url, name="game") as nc,
        relays(system, 2) as processes,
    ):
        client, feed = Client(nc, system.realm), REFERENCE.PlaceFeed(nc, system.realm, str(UNNAMED))
        await a_clock_goes(client)
        await nc.subscribe(f"{system.realm}.live.place.>", cb=hear)
        walking = asyncio.create_task(
            walk(client, [f"walker-{n}" for n in range(20)], seconds=40, say=lambda _: None, draw=Random(1))
        )
        await patiently(lambda: bool(heard))
        for place in (await client.query("places.map")).result["places"]:
            await feed.join(place["id"])

        stopped, first = await leader(system), heard[-1]
        os.kill(stopped, signal.SIGSTOP)
        await patiently(lambda: heard[-1] > first)
        os.kill(stopped, signal.SIGCONT)
        before = heard.count(first)
        await asyncio.sleep(WOKEN_S)
        assert heard.count(first) == before, "who woke sends nothing"

        killed, second = await leader(system), heard[-1]
        assert killed != stopped
        next(each for each in processes if each.pid == killed).kill()
        await patiently(lambda: heard[-1] > second)

        assert (await walking)["journeys"]
        async with asyncio.timeout(PATIENCE_S):
            while not await truth(client, feed):  # noqa: ASYNC110 - another process's state
                await asyncio.sleep(0.2)
        for place in list(feed.subjects):
            await feed.leave(place)
