"""The spool on real servers: kills, a database that comes and goes, torn tails; nothing is lost or doubled.

A round lets a process put records, does one fault, mends, and waits until every confirmed record is in the
log. Then every stream must hold exactly the records from the first on, in order.
"""

import asyncio
import os
import random
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from aicore.clock import now_us
from aicore.embedded import EmbeddedPostgres
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from bus.postgres.verify import verify
from bus.spool.disk import SUFFIX
from bus.spool.spool import SpoolOptions, open_spool
from tests.harness.children import Children
from tests.harness.clusters import put_cluster
from tests.harness.folders import open_folder
from tests.harness.journal import JournalReader
from tests.harness.spooling import STREAMS, ids_of, stream_of

pytestmark = pytest.mark.integration

REALM = "spool"
SLOW_RUNS = 10
"""100 rounds in all."""

DAY_ROUNDS = 3
"""Half of the faults by day, drawn anew in each run."""

RUN_TIMEOUT_S = 120
ARRIVE_TIMEOUT_S = 30.0
POLL_S = 0.02
LOAD_MIN_S = 0.03
LOAD_MAX_S = 0.3
DOWN_MAX_S = 0.4
CHILD = "spooler"

EVENTS = f"SELECT stream, id FROM realm_{REALM}.event ORDER BY position"
UNREACHABLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


@dataclass
class World:
    """The server, the process, and where both leave their files; ``draws`` decides instants."""

    folder: Path
    postgres: EmbeddedPostgres
    children: Children
    draws: random.Random
    journal: JournalReader = field(init=False)

    def __post_init__(self) -> None:
        self.journal = JournalReader(self.folder / "journal")
        places = {"journal": str(self.folder / "journal"), "spool": str(self.spool)}
        self.children.add(CHILD, "spooler", dsn=self.postgres.dsn, realm=REALM, **places)

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    async def moment(self, longest_s: float) -> None:
        await asyncio.sleep(self.draws.uniform(0.0, longest_s))

    async def kill_process(self) -> None:
        self.children.kill(CHILD)

    async def kill_process_at_once(self) -> None:
        """Once as always, and again while it recovers or has just begun."""
        self.children.kill(CHILD)
        self.children.start(CHILD)
        await self.moment(0.08)
        self.children.kill(CHILD)

    async def tear_segment(self) -> None:
        """Kill it and leave the beginning of a frame behind the last one, as a write that did not end."""
        self.children.kill(CHILD)
        newest = max(self.spool.glob(f"*{SUFFIX}"), default=None)
        if newest and newest.stat().st_size:
            with newest.open("r+b") as file:
                beginning = file.read(self.draws.randrange(1, 500))
                file.seek(0, os.SEEK_END)
                file.write(beginning)

    async def kill_postgres(self) -> None:
        self.postgres.kill()

    async def stop_postgres(self) -> None:
        self.postgres.stop()

    async def kill_both(self) -> None:
        """The process starts again while the database is away."""
        self.postgres.kill()
        await self.moment(0.1)
        self.children.kill(CHILD)
        self.children.start(CHILD)

    async def mend(self) -> None:
        self.children.start(CHILD)
        await self.moment(DOWN_MAX_S)
        if self.postgres.pid is None:
            await asyncio.to_thread(self.postgres.start)
        self.children.expect_running()


EACH = (
    "kill_process",
    "kill_process_at_once",
    "tear_segment",
    "kill_postgres",
    "stop_postgres",
    "kill_both",
)
MANY = (*EACH, *["kill_process"] * 3, "tear_segment")
"""The cheap ones come more often."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as path:
        yield path


@pytest.fixture
async def world(folder: Path) -> AsyncIterator[World]:
    seed = int(os.environ.get("KILL_SEED") or secrets.randbits(32))
    print(f"again: KILL_SEED={seed}")
    put_cluster(folder)
    postgres = EmbeddedPostgres(folder, fsync=True)
    try:
        postgres.start()
        await migrate(postgres.dsn, REALM)
        with Children(folder) as children:
            yield World(folder, postgres, children, random.Random(seed))
    finally:
        postgres.stop()


@pytest.mark.timeout(RUN_TIMEOUT_S)
async def test_every_confirmed_record_is_in_the_log_once_and_in_order(world: World) -> None:
    await run_rounds(world, world.draws.sample(EACH, DAY_ROUNDS))


@pytest.mark.slow
@pytest.mark.timeout(RUN_TIMEOUT_S)
@pytest.mark.parametrize("run", range(SLOW_RUNS))
async def test_every_confirmed_record_is_in_the_log_once_and_in_order_in_100_rounds(
    world: World, run: int
) -> None:
    await run_rounds(world, MANY)


async def run_rounds(world: World, each: Sequence[str]) -> None:
    faults = list(each)
    world.draws.shuffle(faults)
    world.children.start(CHILD)
    try:
        for fault in faults:
            await asyncio.sleep(LOAD_MIN_S)
            await world.moment(LOAD_MAX_S)
            world.children.expect_running()
            await getattr(world, fault)()
            await world.mend()
            began = time.monotonic()
            arrived = await arrive(world)
            print(f"{fault}: {sum(arrived.values())} records, {time.monotonic() - began:.2f} s")
        await at_the_end(world)
    except BaseException as error:
        error.add_note(f"faults: {faults}\n{world.children.log_tail(CHILD)}")
        raise


async def arrive(world: World) -> dict[int, int]:
    """Wait until what is confirmed by now is in the log, and check everything that is there."""
    wanted = confirmed(world)
    async with asyncio.timeout(ARRIVE_TIMEOUT_S):
        while True:
            try:
                arrived = check(await rows(world))
                if all(arrived[index] >= count for index, count in wanted.items()):
                    return arrived
            except UNREACHABLE:
                pass
            await asyncio.sleep(POLL_S)


async def at_the_end(world: World) -> None:
    """Ship the rest from here: then all is in the log, and nothing was refused, damaged or missing."""
    world.children.kill(CHILD)
    dsn = world.postgres.dsn
    options = SpoolOptions(now_us=now_us, draw=world.draws.random)
    async with (
        open_log(dsn, REALM, now_us=now_us) as log,
        open_spool(world.spool, log, options) as spool,
        asyncio.timeout(ARRIVE_TIMEOUT_S),
    ):
        await spool.drained()
        figures = spool.figures()
        assert (figures.dead_letters, figures.damaged, figures.missing) == (0, 0, 0)
    arrived, wanted = check(await rows(world)), confirmed(world)
    assert all(arrived[index] >= count for index, count in wanted.items())
    assert list(world.spool.glob(f"*{SUFFIX}")) == []
    assert (await verify(dsn, REALM)).ok


def confirmed(world: World) -> dict[int, int]:
    """Return how many records of each stream were confirmed."""
    highest = dict.fromkeys(range(STREAMS), 0)
    for index, number in world.journal.lines():
        highest[int(index)] = max(highest[int(index)], int(number) + 1)
    return highest


async def rows(world: World) -> list[tuple[str, UUID]]:
    """Return the whole log, read with plain SQL."""
    connection = await asyncpg.connect(world.postgres.dsn)
    try:
        return [(row["stream"], row["id"]) for row in await connection.fetch(EVENTS)]
    finally:
        await connection.close()


def check(found: list[tuple[str, UUID]]) -> dict[int, int]:
    """Check that each stream holds whole records 0, 1, 2, … and nothing else; return how many."""
    counts: dict[int, int] = {}
    known = {stream_of(index) for index in range(STREAMS)}
    assert {stream for stream, _ in found} <= known
    for index in range(STREAMS):
        ids = [event_id for stream, event_id in found if stream == stream_of(index)]
        number, expected = 0, list[UUID]()
        while len(expected) < len(ids):
            expected += ids_of(index, number)
            number += 1
        assert ids == expected, f"{stream_of(index)}: lost, doubled or out of order"
        counts[index] = number
    return counts
