"""The documentation's reader of the place feed on a hostile wire, beside readers that do it wrong."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any, ClassVar

import msgpack
import pytest

from tests.unit.places.trace import Hostile, answer, read, reference
from tests.vectors_make import FOLDER

CLIENT = reference()
LINES_MAX = 250


@pytest.mark.parametrize("seed", range(10))
def test_on_a_hostile_wire_it_ends_with_the_servers_state_and_applies_nothing_twice(seed: int) -> None:
    wire, room = Hostile(seed, 800), CLIENT.Room()
    done = read(wire, room)

    assert wire.lost
    assert wire.doubled
    truth = wire.ahead.room(wire.cell)
    assert (room.seq, room.state()) == (truth.seq, truth.state())
    positions = [change[0] for change in done]
    assert positions == sorted(set(positions)), "each once, in order"
    assert room.holes


class NoNumbers:
    """Does it wrong: asks first, then listens, and takes every frame for news."""

    wants: Any = None

    def __init__(self) -> None:
        self.inner = CLIENT.Room()
        self.inner.answer({"fold": 1, "seq": 0, "cells": 1, "present": [], "ways": [], "shut": []})

    def hear(self, data: bytes) -> list[Any]:
        changes: list[Any] = msgpack.unpackb(data)[4:]
        self.inner.seq = 0
        self.inner._apply(len(changes), changes)
        return changes

    def answer(self, _: Any) -> list[Any]:
        return []


class NeverAsks(NoNumbers):
    """Does it wrong: looks at numbers, and never asks for what it missed."""

    def __init__(self) -> None:
        super().__init__()
        self.seq = 0

    def hear(self, data: bytes) -> list[Any]:
        seq = msgpack.unpackb(data)[3]
        if seq <= self.seq:
            return []
        self.seq = seq
        return super().hear(data)


@pytest.mark.parametrize("kind", [NoNumbers, NeverAsks])
def test_a_reader_that_does_it_wrong_ends_with_another_state(kind: type[NoNumbers]) -> None:
    """The negative control: the wire is as hostile as it should be."""
    wrong = 0
    for seed in range(6):
        wire, reader = Hostile(seed, 400), kind()
        read(wire, reader)
        wrong += reader.inner.state() != wire.ahead.room(wire.cell).state()
    assert wrong >= 4


def test_a_frame_that_overtakes_the_answer_waits_for_it() -> None:
    wire, room = Hostile(3, 300), CLIENT.Room()
    frames = [frame for frame in wire.frames() if msgpack.unpackb(frame)[1] >= 1]
    for frame in frames:
        assert room.hear(frame) == []
    assert room.wants == {}
    room.answer(answer(wire.behind, wire.cell))
    assert room.wants is None
    assert room.state() == wire.ahead.room(wire.cell).state()


def test_with_another_fold_it_begins_anew() -> None:
    room = CLIENT.Room()
    room.answer({"fold": 1, "seq": 9, "cells": 1, "present": [["ann", 1, 1]], "ways": [], "shut": []})
    frame = [2, 2, 2, 4, [70, [1, "bo", 1, 5]]]
    assert room.hear(msgpack.packb(frame)) == []
    assert room.wants == {}
    room.answer({"fold": 2, "seq": 3, "cells": 1, "present": [], "ways": [], "shut": []})
    assert room.state()["present"] == [["bo", "player", 5]]


def test_of_a_forerunner_it_takes_nothing() -> None:
    room = CLIENT.Room()
    room.answer({"fold": 1, "seq": 0, "cells": 1, "present": [], "ways": [], "shut": []})
    room.hear(msgpack.packb([2, 9, 1, 0]))
    assert room.hear(msgpack.packb([2, 8, 1, 1, [5, [1, "ghost", 2, 1]]])) == []
    assert room.state()["present"] == []


def test_a_form_that_it_does_not_know_it_passes_over_and_a_number_too() -> None:
    room = CLIENT.Room()
    room.answer({"fold": 1, "seq": 0, "cells": 1, "present": [], "ways": [], "shut": []})
    assert room.hear(msgpack.packb([3, "whatever"])) == []
    room.hear(msgpack.packb([2, 1, 1, 1, [5, [99, "ann", "sings"], [1, "ann", 7, 1]]]))
    assert (room.seq, room.state()["present"]) == (1, [["ann", 7, 1]])


def test_it_reads_every_vector() -> None:
    room = CLIENT.Room()
    room.answer({"fold": 1, "seq": 0, "cells": 1, "present": [], "ways": [], "shut": []})
    cases = [
        case for case in json.loads((FOLDER / "frames.json").read_text()) if case["kind"] == "short frame"
    ]
    for case in cases:
        room.hear(bytes.fromhex(case["hex"]))
        assert (room.seq, room.state()) == (case["seq"], case["state"]), case["name"]
    assert cases


@pytest.mark.parametrize("name", ["place_feed.py", "place_feed.mjs"])
def test_it_is_short(name: str) -> None:
    path = FOLDER.parents[1] / "docs" / "clients" / name
    assert len(path.read_text().splitlines()) <= LINES_MAX


class Sluggish:
    """A connection whose answers come although they were cancelled, as `asyncio.wait_for` may do."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.unsubscribed = 0

    async def subscribe(self, _subject: str, cb: Any) -> "Sluggish":
        self.hear = cb
        return self

    async def flush(self) -> None:
        pass

    async def unsubscribe(self) -> None:
        self.unsubscribed += 1

    async def request(self, _subject: str, _body: bytes, timeout: float) -> Any:  # noqa: ASYNC109 - nats-py's
        self.asked.set()
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            await self.answers.wait()
        empty = {"fold": 1, "seq": 3, "cells": 1, "present": [], "ways": [], "shut": []}
        result = {**empty, "subject": "live.at.light.ropewalk.quay", "beside": {}}
        return SimpleNamespace(data=msgpack.packb({"v": 1, "result": result, "position": 3}))


async def test_a_place_that_was_left_stays_forgotten_whatever_comes_late() -> None:
    """The scar: an answer that outlived its cancellation brought a place back, which stood still for ever."""
    nc = Sluggish()
    reader = CLIENT.PlaceFeed(nc, "demo", "service-market")
    reader.subjects["quay"] = "live.at.light.ropewalk.quay"
    joining = asyncio.create_task(reader.join("quay"))
    await nc.asked.wait()
    await reader.leave("quay")
    nc.answers.set()
    await joining
    await asyncio.sleep(0)
    frame = [2, 1, 1, 4, [4, [1, "ann", 1, 1]]]
    late = SimpleNamespace(subject="demo.live.at.light.ropewalk.quay.0", data=msgpack.packb(frame))
    await nc.hear(late)
    assert (reader.rooms, nc.unsubscribed) == ({}, 1)


class Followed:
    """What is followed, without a connection: three places in a row."""

    beside: ClassVar = {"quay": ["square"], "square": ["lane", "quay"], "lane": ["square"]}

    def __init__(self) -> None:
        self._subscriptions: dict[str, None] = {}
        self.bytes = 0

    async def join(self, place: str) -> None:
        self._subscriptions[place] = None

    async def leave(self, place: str) -> None:
        self._subscriptions.pop(place)


async def test_interest_is_the_place_and_its_neighbours_and_lets_go_late() -> None:
    feed = Followed()
    patient = CLIENT.Interest(feed, leave_after_s=3_600)
    await patient.stand_in("quay")
    assert set(feed._subscriptions) == {"quay", "square"}
    await patient.stand_in("square")
    await patient.stand_in("lane")
    assert set(feed._subscriptions) == {"quay", "square", "lane"}, "a step back costs nothing"
    hasty = CLIENT.Interest(feed, leave_after_s=0)
    await hasty.stand_in("lane")
    assert set(feed._subscriptions) == {"square", "lane"}


async def test_a_client_over_its_cap_of_bytes_keeps_its_own_place_alone() -> None:
    feed = Followed()
    interest = CLIENT.Interest(feed, bytes_per_s=10_000)
    await interest.stand_in("square")
    feed.bytes += 10**12
    await interest.tick()
    assert set(feed._subscriptions) == {"square"}
    await interest.tick()
    assert set(feed._subscriptions) == {"square"}, "for a while, not until the next second"
