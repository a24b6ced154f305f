"""The inbox when processes and servers die: each command takes effect once, in its stream's order."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from bus.nats.connection import connect
from bus.nats.dead_letters import list_letters
from bus.nats.topology import dead_letters_stream, delete_stream, inbox_stream
from bus.postgres.log import PostgresLog
from protocol.messages import CommandMessage, Reply
from protocol.packing import unpack
from tests.harness.clusters import put_cluster
from tests.harness.warm import Forked
from tests.integration import inbox_child
from tests.integration.inbox_child import DELIVERIES_MAX, POISON, REGISTER
from tests.integration.inbox_kit import Inbox
from tests.integration.log_kit import fresh_log
from tests.integration.nats_kit import until
from tests.unit.kit import model

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

END_S = 20.0
OUTAGE_S = 3.0
DO = "test.do"


@dataclass
class Place:
    """Servers of the test's own, a realm on them, and both ends of its inbox."""

    postgres: EmbeddedPostgres
    nats: EmbeddedNats
    inbox: Inbox
    log: PostgresLog

    @contextmanager
    def child(self, mode: str) -> Iterator[Forked]:
        """Run `inbox_child` while the context is open."""
        process = Forked(inbox_child.live, self.postgres.dsn, self.nats.url, self.inbox.realm, mode)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    async def run_to_its_end(self, mode: str) -> int:
        """Run a child until it dies, and return its exit status."""
        with self.child(mode) as process:
            return await asyncio.to_thread(process.wait, END_S)

    async def use_cases(self) -> list[str]:
        """Return what was registered, in its order."""
        events = await self.log.read_all(after=0, limit=1_000)
        return [e.stream.partition("-")[2] for e in events if e.type == "registry.model_registered"]


@pytest.fixture
async def place(tmp_path: Path, realm: str) -> AsyncIterator[Place]:
    put_cluster(tmp_path)
    servers = EmbeddedPostgres(tmp_path, fsync=False), EmbeddedNats(tmp_path)
    for server in servers:
        server.start()
    try:
        async with connect(servers[1].url, name="test") as nc, fresh_log(servers[0].dsn, realm) as log:
            place = Place(*servers, Inbox(nc, realm), log)
            await place.inbox.open()
            yield place
    finally:
        for server in servers:
            server.stop()


async def test_killed_between_effect_and_acknowledgement_there_is_one_effect(place: Place) -> None:
    for version in "12345":
        await place.inbox.put(REGISTER, model(version))

    assert await place.run_to_its_end("after") == -signal.SIGKILL
    assert len(await place.use_cases()) == 1
    assert await place.inbox.left() == 5
    with place.child("serve"):
        await place.inbox.empty()

    events = await place.log.read_stream("registry-npc_dialogue")
    told = [unpack(e.payload, "payload") for e in events if e.type == "registry.model_registered"]
    assert [each["version"] for each in told] == [*"12345"], "as they were put in, each once"
    assert await list_letters(place.inbox.nc, place.inbox.realm) == []


async def test_what_kills_its_process_becomes_a_letter_and_nothing_else_does(place: Place) -> None:
    names = ["one", "two", POISON, "three", "four"]
    for name in names:
        await place.inbox.put(REGISTER, model(use_case=name))

    lives = 0
    while await place.inbox.left():
        with place.child("poison") as process:

            async def over(process: Forked = process) -> bool:
                return process.poll() is not None or await place.inbox.left() == 0

            await until(over, "killed, or done", timeout_s=END_S)
        lives += 1
        assert lives <= DELIVERIES_MAX + 3, "the first two deaths may not tell who it was"

    [letter] = await list_letters(place.inbox.nc, place.inbox.realm)
    assert (letter.code, letter.attempts) == ("gave_up", DELIVERIES_MAX)
    assert sorted(await place.use_cases()) == sorted(set(names) - {POISON})


async def test_a_log_that_is_away_and_a_jetstream_that_restarts_lose_nothing(place: Place) -> None:
    with place.child("serve"):
        for number in range(20):
            await place.inbox.put(REGISTER, model(use_case=f"before{number}"))
        place.postgres.kill()
        await asyncio.sleep(0.2)
        for number in range(20):
            await place.inbox.put(REGISTER, model(use_case=f"during{number}"))
        await asyncio.sleep(OUTAGE_S)
        place.nats.kill()
        place.nats.launch()
        place.postgres.start()
        await _reachable(place)
        for number in range(20):
            await place.inbox.put(REGISTER, model(use_case=f"after{number}"))
        await place.inbox.empty()

    assert await list_letters(place.inbox.nc, place.inbox.realm) == []
    connection = await asyncpg.connect(place.postgres.dsn)
    rows = await connection.fetch(
        f"SELECT stream FROM realm_{place.inbox.realm}.event WHERE type = 'registry.model_registered'"
    )
    await connection.close()
    found = [row["stream"].partition("-")[2] for row in rows]
    assert sorted(found) == sorted(f"{when}{n}" for when in ("before", "during", "after") for n in range(20))


async def _reachable(place: Place) -> None:
    async def answers() -> bool:
        try:
            await place.inbox.left()
        except (OSError, TimeoutError):
            return False
        return True

    await until(answers, "JetStream again")


class Crash(Exception):
    """The end of a life."""


@given(
    deaths=st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=4),
    repeats=st.lists(st.integers(0, 11), max_size=4),
)
@settings(max_examples=5, deadline=None)
def test_however_often_lives_end_each_id_has_one_effect_in_order(
    nats_server: EmbeddedNats, deaths: list[tuple[int, bool]], repeats: list[int]
) -> None:
    """A life ends at its n-th command, before its effect or between effect and acknowledgement."""
    asyncio.run(_lives(nats_server, f"lives{os.urandom(6).hex()}", deaths, repeats))


async def _lives(
    server: EmbeddedNats, realm: str, deaths: list[tuple[int, bool]], repeats: list[int]
) -> None:
    effects: dict[UUID, tuple[str, int]] = {}
    async with connect(server.url, name="test") as nc:
        inbox = Inbox(nc, realm)
        await inbox.open()
        for number in range(12):
            await inbox.put(DO, {"about": f"s{number % 3}", "number": number}, id_=UUID(int=number + 1))
        for number in repeats:
            await inbox.put(
                DO, {"about": f"s{number % 3}", "number": number}, id_=UUID(int=number + 1), unique=False
            )
        for at, effective in deaths:
            await _life(inbox, effects, at, effective=effective)
        await _life(inbox, effects, 0)
        letters = await list_letters(nc, realm)
        for name in (inbox_stream(realm), dead_letters_stream(realm)):
            await delete_stream(nc, name)  # the server sets their sizes aside

        assert letters == []
        assert len(effects) == 12
        for stream in range(3):
            numbers = [number for about, number in effects.values() if about == f"s{stream}"]
            assert numbers == sorted(numbers), "insertion order is the order of effects"


async def _life(
    inbox: Inbox, effects: dict[UUID, tuple[str, int]], dies_at: int, *, effective: bool = False
) -> None:
    """Take commands until all are over, or until the ``dies_at``-th, whose handler never comes back."""
    count, dead = 0, asyncio.Event()

    async def do(message: CommandMessage) -> Reply:
        nonlocal count
        count += 1
        dies = count == dies_at or dead.is_set()
        if not dies or (effective and count == dies_at):
            await asyncio.sleep(0)
            effects.setdefault(message.id, (message.payload["about"], message.payload["number"]))
        if dies:
            dead.set()
            await asyncio.Event().wait()
        return Reply()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(inbox.consumer({DO: do}, ack_wait_s=0.4).run())
        ends = [group.create_task(inbox.empty()), group.create_task(_true(dead))]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for each in (task, *ends):
            each.cancel()


async def _true(event: asyncio.Event) -> None:
    await event.wait()
