"""The feeder sends what changes while it leads, and nothing once it does not; snapshots say the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import StreamWrite
from bus.relay.feeding import SURE_S, Sure
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.places.feed import FOLD, Cell, Room
from domain.places.messages import Entered
from handlers.places import feed
from handlers.places.feed import Feeder, PlaceFeed
from protocol.frames import Frame
from protocol.short_frames import long_row, short_change
from tests.unit.kit import ident, memory_log, until
from tests.unit.places.asked import the_city
from tests.unit.places.test_feed import CANARY, ENTERED, random_events
from tests.unit.spec import changed

CODEC = EventCodec(domain_catalogue())
EPOCH = 7


class Wire:
    """What was sent, and a feeder that may be told that it leads no more."""

    def __init__(self, log: MemoryLog) -> None:
        self.sent: list[tuple[str, int, Frame]] = []
        self.sure = True
        self.away = False
        self.feeder = Feeder(log, the_city, self.send, decode=CODEC.decode)

    async def send(self, _side: str, _district: str, place: str, cell: int, frame: Frame) -> None:
        if self.away:
            raise ConnectionResetError("away")
        self.sent.append((place, cell, frame))

    def frames(self, place: str) -> list[Frame]:
        return [frame for where, _, frame in self.sent if where == place]


@asynccontextmanager
async def leading(log: MemoryLog, epoch: int = EPOCH) -> AsyncIterator[Wire]:
    wire = Wire(log)
    tasks = [
        asyncio.create_task(wire.feeder.run()),
        asyncio.create_task(wire.feeder.lead(epoch, lambda: wire.sure)),
    ]
    try:
        await until(lambda: wire.feeder._epoch)
        yield wire
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "TICK_S", 0.01)
    monkeypatch.setattr(Feeder, "pause_s", 0.0)


async def happens(log: MemoryLog, *events: Event) -> None:
    for event in events:
        await log.append(StreamWrite("player-x", [CODEC.encode(event, ident())]))


async def test_what_changes_is_sent_once_in_order_and_history_is_not() -> None:
    log = memory_log()
    await happens(log, ENTERED)
    async with leading(log) as wire:
        await until(lambda: wire.sent)
        assert wire.sent == [("quay", 0, Frame(EPOCH, FOLD, 1, []))], "the last number, not the history"
        await happens(log, *(changed(ENTERED, who=f"p{n}") for n in range(50)))
        await until(lambda: wire.frames("quay")[-1].seq == 51)
    frames = [frame for frame in wire.frames("quay") if frame.changes]
    numbers = [number for frame in frames for number in range(frame.after + 1, frame.seq + 1)]
    assert numbers == list(range(2, 52))
    assert [change[0] for frame in frames for change in frame.changes] == list(range(2, 52))


async def test_what_changes_is_sent_at_once_and_waits_for_no_tick_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Batches of the log come once a tick; a second one on top would double how late a change is seen."""
    monkeypatch.setattr(feed, "TICK_S", 3_600.0)
    log = memory_log()
    async with leading(log) as wire:
        for n in range(5):
            await happens(log, changed(ENTERED, who=f"p{n}"))
            await until(partial(_is_heard, wire, n + 1))


async def test_only_who_hears_nothing_for_a_while_is_told_the_last_number_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "EMPTY_S", 3_600.0)
    monkeypatch.setattr(feed, "LOOKS", 3_600_000)
    log = memory_log()
    await happens(log, ENTERED, changed(ENTERED, who="bo", place="lane"))
    async with leading(log) as wire:
        await until(lambda: len(wire.sent) == 2)
        assert {place for place, _, frame in wire.sent if not frame.changes} == {"quay", "lane"}
        await happens(log, changed(ENTERED, who="cy"))
        await until(partial(_is_heard, wire, 2))
        assert len(wire.sent) == 3, "both were told of just now"
        monkeypatch.setattr(feed, "EMPTY_S", 0.0)
        await until(lambda: len(wire.frames("lane")) > 1)
        assert {frame.seq for frame in wire.frames("lane")} == {1}


async def test_who_reads_frames_and_who_asks_see_the_same() -> None:
    log = memory_log()
    async with leading(log) as wire:
        await happens(log, *random_events(5, 400))
        view = PlaceFeed(log, the_city, decode=CODEC.decode)
        await view.take(await log.read_all(limit=1_000))
        await until(
            lambda: all(_heard(wire, place) == room.seq for (place, _), room in view.feed.rooms.items())
        )
    for cell in view.feed.rooms:
        read = Room()
        for frame in wire.frames(cell.place):
            for change in frame.changes:
                read.take(change[0], [tuple(op) for op in change[1:]])
        answer, _ = await view.answer_snapshot({"place": cell.place})
        assert answer["seq"] == read.seq
        assert {name: answer[name] for name in ("present", "ways", "shut")} == read.state()


def _is_heard(wire: Wire, number: int) -> bool:
    return _heard(wire, "quay") == number


def _heard(wire: Wire, place: str) -> int:
    return max((frame.seq for frame in wire.frames(place)), default=0)


async def test_a_feeder_that_is_not_sure_to_lead_sends_nothing_more() -> None:
    log = memory_log()
    async with leading(log) as wire:
        await happens(log, ENTERED)
        await until(lambda: wire.sent)
        wire.sure = False
        await happens(log, changed(ENTERED, who="bo"))
        await until(lambda: wire.feeder.position == 2)
        before = list(wire.sent)
        await asyncio.sleep(0)
        assert wire.sent == before
        assert all(frame.seq == 1 for frame in wire.frames("quay"))


def test_a_leader_that_was_stopped_is_sure_no_more_and_never_again() -> None:
    now = [100.0]
    sure = Sure(lambda: now[0])
    now[0] += SURE_S
    assert sure()
    now[0] += 0.1
    assert not sure()
    now[0] -= 1
    assert not sure(), "it woke, and somebody else may lead by now"


async def test_frames_that_cannot_be_sent_are_made_up_for_by_the_number() -> None:
    log = memory_log()
    async with leading(log) as wire:
        wire.away = True
        await happens(log, ENTERED)
        await until(lambda: wire.feeder.position == 1 and not wire.feeder._waiting)
        wire.away = False
        await happens(log, changed(ENTERED, who="bo"))
        await until(lambda: wire.sent)
    [(_, _, frame)] = wire.sent
    assert frame.after == 1, "a reader that has nothing sees the hole"


async def test_a_frame_takes_so_many_bytes_and_the_rest_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "FRAME_BYTES_MAX", 300)
    monkeypatch.setattr(feed, "CROWD", 10_000, raising=False)
    log = memory_log()
    async with leading(log) as wire:
        news = [CODEC.encode(changed(ENTERED, who=f"p{n}"), ident()) for n in range(40)]
        await log.append(StreamWrite("player-x", news))
        await until(lambda: wire.sent and wire.frames("quay")[-1].seq == 40)
    assert max(len(frame.changes) for frame in wire.frames("quay")) < 20
    assert [frame.after for frame in wire.frames("quay")][1:] == [frame.seq for frame in wire.frames("quay")][
        :-1
    ]


async def asked(view: PlaceFeed, **query: Any) -> Any:
    answer, _ = await view.answer_snapshot(query)
    return answer


async def test_a_snapshot_is_whole_or_what_changed_since() -> None:
    log = memory_log()
    await happens(log, *random_events(6, 2_000))
    view = PlaceFeed(log, the_city, decode=CODEC.decode, game_ms=lambda: 77)
    await view.take(await log.read_all(limit=5_000))
    whole = await asked(view, place="quay")
    assert whole["subject"] == "live.place.light.ropewalk.quay"
    assert ["square", "live.place.light.ropewalk.square"] in whole["beside"]
    assert (whole["game_ms"], whole["fold"], whole["cells"]) == (77, FOLD, 1)
    some = await asked(view, place="quay", since=whole["seq"] - 3, fold=FOLD)
    assert len(some["changes"]) == 3
    assert "present" not in some
    assert "present" in await asked(view, place="quay", since=whole["seq"] - 3, fold=FOLD + 1)
    assert "present" in await asked(view, place="quay", since=whole["seq"] + 3, fold=FOLD)
    assert "present" in await asked(view, place="quay", since=1, fold=FOLD), "no longer kept"
    assert (await asked(view, place="gate", cell=5))["seq"] == 0
    with pytest.raises(Rejected, match="no place 'moon'"):
        await asked(view, place="moon")


async def test_a_snapshot_in_the_short_form_says_the_same_in_fewer_bytes() -> None:
    log = memory_log()
    await happens(log, *random_events(6, 2_000))
    view = PlaceFeed(log, the_city, decode=CODEC.decode, game_ms=lambda: 77)
    await view.take(await log.read_all(limit=5_000))
    whole, short = await asked(view, place="quay"), await asked(view, place="quay", form=2)
    assert short["subject"] == "live.at.light.ropewalk.quay"
    assert "square" in short["beside"]["live.at.light.ropewalk"]
    others = [f"{area}.{other}" for area, some in short["beside"].items() for other in some]
    assert sorted(others) == sorted(its.replace("place", "at") for _, its in whole["beside"])
    for name in ("present", "ways"):
        assert [[who, *long_row(more)] for who, *more in short[name]] == whole[name]
    assert {name: short[name] for name in ("seq", "fold", "shut", "cells", "game_ms")} == {
        name: whole[name] for name in ("seq", "fold", "shut", "cells", "game_ms")
    }
    since = {"place": "quay", "since": whole["seq"] - 3, "fold": FOLD}
    some, fewer = await asked(view, **since), await asked(view, **since, form=2)
    assert fewer["changes"] == [short_change(change) for change in some["changes"]]
    with pytest.raises(Rejected):
        await asked(view, place="quay", form=3)


async def test_a_place_that_the_definition_has_no_more_is_still_fed() -> None:
    view = PlaceFeed(memory_log(), the_city, decode=CODEC.decode)
    view.feed.apply(Entered(who="ann", kind="player", place="ruin", at_ms=1, at_us=1), 1)
    assert (await asked(view, place="ruin"))["subject"] == "live.place.none.none.ruin"
    assert view.where("ruin") == ("none", "none")
    assert CANARY not in str(view.feed.room(Cell("ruin", 0)))
