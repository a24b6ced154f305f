"""The place feed on a real NATS: the documentation's clients join, move, miss things, and see the truth."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from shutil import copy
from typing import Any

import pytest
from nats.aio.client import Client as Nats

from aicore.embedded import EmbeddedNats
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.nats.connection import connect
from bus.nats.frames import frame_giver
from bus.nats.service import ServiceOptions, serve
from bus.ports import LogUnread, StreamWrite
from domain.places.feed import Cell
from domain.places.messages import Departed
from handlers.places import feed
from handlers.places.feed import Feeder, PlaceFeed
from protocol.identity import UNNAMED
from tests.harness.node import node_folder
from tests.unit.kit import ident, memory_log, until
from tests.unit.places.asked import the_city
from tests.unit.places.test_feed import CANARY, random_events
from tests.unit.places.trace import CLIENT, Hostile, reference, steps

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

CODEC = EventCodec(domain_catalogue())
REFERENCE = reference()
PLACES = ("quay", "square", "lane", "gate", "inn")
NODE_TIMEOUT_S = 60


@dataclass
class Fed:
    """A realm whose places are fed, without a program around it."""

    log: MemoryLog
    nc: Nats
    url: str
    realm: str
    view: PlaceFeed
    group: asyncio.TaskGroup
    epoch: int = 0
    raw: bytearray = field(default_factory=bytearray)
    """Everything that was sent on places' subjects."""
    feeders: list[asyncio.Task[None]] = field(default_factory=list)

    def feeds(self) -> None:
        """Have a new feeder lead; the one before is killed."""
        for task in self.feeders:
            task.cancel()
        self.epoch += 1
        feeder = Feeder(self.log, the_city, frame_giver(self.nc, self.realm), decode=CODEC.decode)
        self.feeders = [
            self.group.create_task(feeder.run()),
            self.group.create_task(feeder.lead(self.epoch, lambda: True)),
        ]

    async def happens(self, seed: int, count: int) -> None:
        """Let things happen, with a canary in every private field."""
        events = [
            event.model_copy(update={"errand": CANARY}) if isinstance(event, Departed) else event
            for event in random_events(seed, count)
        ]
        for at in range(0, count, 20):
            part = [CODEC.encode(event, ident()) for event in events[at : at + 20]]
            await self.log.append(StreamWrite(f"player-s{seed}", part))
            await asyncio.sleep(0.005)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        """Connect a client of the documentation."""
        async with connect(self.url, name="client") as nc:
            reader = REFERENCE.PlaceFeed(nc, self.realm, str(UNNAMED))
            yield reader
            for place in PLACES:
                await reader.leave(place)

    def truth(self, place: str) -> dict[str, Any]:
        return self.view.feed.room(Cell(place, 0)).state()

    def settled(self, reader: Any) -> bool:
        """Whether all that a client follows is as it is here."""
        return all(
            room.wants is None and room.seq == self.view.feed.room(Cell(place, cell)).seq
            for (place, cell), room in reader.rooms.items()
        )


@asynccontextmanager
async def fed(nats_server: EmbeddedNats, realm: str) -> AsyncIterator[Fed]:
    log = memory_log()
    view = PlaceFeed(log, the_city, decode=CODEC.decode)
    async with AsyncExitStack() as stack:
        nc = await stack.enter_async_context(connect(nats_server.url, name="feeder"))
        answers = {"places.snapshot": view.answer_snapshot}
        await stack.enter_async_context(serve(nc, realm, {}, answers, ServiceOptions(new_id=ident)))
        with suppress(asyncio.CancelledError):
            async with asyncio.TaskGroup() as group:
                there = Fed(log, nc, nats_server.url, realm, view, group)
                tasks = [group.create_task(view.run())]
                ear = await nc.subscribe(f"{realm}.live.>", cb=_hear(there.raw))
                there.feeds()
                yield there
                await ear.unsubscribe()
                for task in (*tasks, *there.feeders):
                    task.cancel()


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say the last numbers often: whoever lost the last frame need not wait so long."""
    monkeypatch.setattr(feed, "EMPTY_S", 0.2)
    monkeypatch.setattr(feed, "TICK_S", 0.02)


def _hear(raw: bytearray) -> Any:
    async def hear(message: Any) -> None:
        raw.extend(message.data)

    return hear


async def wander(there: Fed, seed: int, happens: asyncio.Task[None], moves: int = 12) -> int:
    """Be a client that walks about, leaves, and is slow; return how many of its states are the truth."""
    rng = Random(seed)
    async with there.client() as reader:
        interest = REFERENCE.Interest(reader, leave_after_s=0.05)
        for _ in range(moves):
            await interest.stand_in(rng.choice(PLACES))
            await asyncio.sleep(rng.random() * 0.05)
            if rng.random() < 0.3:  # what a slow reader loses: frames that the server never gave it
                for room in reader.rooms.values():
                    room.kept.clear()
                    room.hear = _deaf(room, 2)
            if rng.random() < 0.2:
                for place in PLACES:
                    await reader.leave(place)
                await interest.tick()
        await asyncio.wait({happens})  # else it might never be quiet for a moment
        await until(lambda: there.settled(reader))
        for (place, cell), room in reader.rooms.items():
            assert room.state() == there.view.feed.room(Cell(place, cell)).state()
        assert reader.rooms
        return len(reader.rooms)


def _deaf(room: Any, frames: int) -> Any:
    """Lose so many frames."""
    left = [frames]

    def hear(data: bytes) -> Any:
        left[0] -= 1
        if left[0] < 0:
            del room.hear
            return room.hear(data)
        return []

    return hear


async def test_clients_that_walk_about_end_with_the_truth_whatever_becomes_of_the_feeder(
    nats_server: EmbeddedNats, realm: str
) -> None:
    async with fed(nats_server, realm) as there:
        async with asyncio.TaskGroup() as group:
            happens = group.create_task(there.happens(1, 1_500))
            walkers = [group.create_task(wander(there, seed, happens)) for seed in range(8)]
            for _ in range(4):
                await asyncio.sleep(0.1)
                there.feeds()
        assert all(walker.result() for walker in walkers)
        assert there.raw
        assert CANARY.encode() not in there.raw, "nothing private was sent to anybody"


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_crowd_of_clients_ends_with_the_truth(nats_server: EmbeddedNats, realm: str) -> None:
    """150 clients with 60 moves each, each of which joins what is beside; 40 feeders, one after the other."""
    async with fed(nats_server, realm) as there:
        async with asyncio.TaskGroup() as group:
            happens = group.create_task(there.happens(9, 20_000))
            walkers = [group.create_task(wander(there, seed, happens, 60)) for seed in range(150)]
            for _ in range(40):
                await asyncio.sleep(0.2)
                there.feeds()
        assert all(walker.result() for walker in walkers)
        assert CANARY.encode() not in there.raw


async def test_who_joins_late_knows_all_at_once(nats_server: EmbeddedNats, realm: str) -> None:
    async with fed(nats_server, realm) as there:
        await there.happens(2, 300)
        await until(lambda: there.view.position == 300)
        async with there.client() as reader:
            await reader.join("square")
            assert reader.room("square").state() == there.truth("square")
            assert "lane" in reader.beside["square"]
            with pytest.raises(LookupError, match="place_unknown"):
                await reader.join("moon")


async def test_a_reader_who_missed_everything_asks_for_few_things_at_a_time_and_again_if_refused(
    nats_server: EmbeddedNats, realm: str
) -> None:
    """Thousands do so in the same instant, when NATS comes back."""
    view = PlaceFeed(memory_log(), the_city, decode=CODEC.decode)
    for position, event in enumerate(random_events(6, 200), 1):
        view.feed.apply(event, position)
    asked = under_way = most = 0

    async def answer(query: Mapping[str, Any]) -> tuple[Any, int]:
        nonlocal asked, under_way, most
        asked, under_way = asked + 1, under_way + 1
        most = max(most, under_way)
        await asyncio.sleep(0.005)
        under_way -= 1
        if asked % 3 == 1:
            raise LogUnread("away")
        return await view.answer_snapshot(query)

    async with (
        connect(nats_server.url, name="feeder") as nc,
        connect(nats_server.url, name="client") as mine,
        serve(nc, realm, {}, {"places.snapshot": answer}, ServiceOptions(new_id=ident)),
    ):
        reader = REFERENCE.PlaceFeed(mine, realm, str(UNNAMED))
        for place in PLACES:
            await reader.join(place)
        most = 0
        for key, room in reader.rooms.items():
            room.wants = {"since": 0, "fold": room.fold}
            reader._ask_soon(key)
        await until(lambda: not any(room.wants is not None for room in reader.rooms.values()))
        assert 0 < most <= REFERENCE.ASKING_MAX < len(PLACES)
        for place in PLACES:
            assert reader.room(place).state() == view.feed.room(Cell(place, 0)).state()
            await reader.leave(place)


async def test_a_client_in_javascript_ends_with_the_same(
    nats_server: EmbeddedNats, realm: str, tmp_path: Path
) -> None:
    folder = node_folder(tmp_path, "place_feed_live.mjs")
    copy(CLIENT.with_suffix(".mjs"), folder)
    async with fed(nats_server, realm) as there:
        await there.happens(3, 200)
        later = PlaceFeed(memory_log(), the_city, decode=CODEC.decode)
        for position, event in enumerate([*random_events(3, 200), *random_events(4, 200)], 1):
            later.feed.apply(event, position)
        numbers = {place: later.feed.room(Cell(place, 0)).seq for place in ("quay", "square")}
        command = ["node", "place_feed_live.mjs", there.url, realm, str(UNNAMED), json.dumps(numbers)]
        node = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=subprocess.PIPE)
        assert node.stdout
        try:
            async with asyncio.timeout(NODE_TIMEOUT_S):
                assert await node.stdout.readline() == b"joined\n"
                await there.happens(4, 200)
                states = json.loads(await node.stdout.readline())
                assert await node.wait() == 0
        finally:
            if node.returncode is None:
                node.kill()
        assert states == {place: there.truth(place) for place in numbers}


def test_both_clients_make_the_same_of_a_hostile_wire(tmp_path: Path) -> None:
    """Step by step: what they have, what they want, what took effect."""
    folder = node_folder(tmp_path, "place_feed_trace.mjs")
    copy(CLIENT.with_suffix(".mjs"), folder)
    room, lines, expected = REFERENCE.Room(), [], []
    for what, value in steps(Hostile(7, 600), room):
        done = room.hear(value) if what == "hear" else room.answer(value)
        lines.append(json.dumps({what: value.hex() if what == "hear" else value}))
        expected.append([room.seq, room.wants, room.holes, [change[0] for change in done], room.state()])
    ran = subprocess.run(
        ["node", "place_feed_trace.mjs"],
        cwd=folder,
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=NODE_TIMEOUT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    cells, *found = map(json.loads, ran.stdout.splitlines())
    assert cells == [3, 3, 7]
    assert len(found) > 100
    assert found == expected
