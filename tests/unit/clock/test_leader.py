"""Who leads tells each thing once, in order; who was overtaken tells nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import AppendTooLarge, LogUnavailable, NewEvent, StreamWrite
from domain.clock.alarm_messages import AlarmCancelled, AlarmFired
from domain.clock.clock import STREAM
from domain.clock.messages import ClockDilated, ClockEvent, ClockLed, ClockPaused, ClockUndilated, PhaseBegan
from domain.clock.strikes import strike_id
from domain.clock.units import RealTime
from handlers.clock import leader as module
from handlers.clock.leader import ClockLeader
from handlers.clock.view import ClockView
from tests.unit.clock.kit import BY, HOUR, SECOND, STARTED, alarm_set
from tests.unit.kit import until

CODEC = EventCodec(domain_catalogue())
REALM = "unit"
SPACE = UUID("5b8c1f3e-5c4e-4a53-8b2c-6b2f7d1b4f10")


class World:
    """A log in memory, the time that it and its leaders have, and the leaders."""

    def __init__(self) -> None:
        self.now_us = 0
        self.log = MemoryLog(REALM, lambda: self.now_us)
        self.leaders: dict[str, tuple[ClockLeader, asyncio.Task[None]]] = {}
        self.count = 0

    async def add(self, *events: ClockEvent) -> None:
        for event in events:
            self.count += 1
            new = CODEC.encode(event, uuid5(SPACE, str(self.count)))
            await self.log.append(StreamWrite(STREAM, [new]))

    async def events(self) -> list[Any]:
        found: list[Any] = []
        while page := await self.log.read_stream(STREAM, after=len(found)):
            found += [CODEC.decode(each) for each in page]
        return found

    async def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in await self.events() if isinstance(event, kind)]


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(module, "REST_S_MAX", 0.01)
    made = World()
    yield made


@asynccontextmanager
async def leading(
    world: World, name: str, log: Any = None
) -> AsyncIterator[tuple[ClockLeader, asyncio.Task[None]]]:
    """A process that follows the clock and leads it."""
    view = ClockView(world.log, decode=CODEC.decode, now=lambda: RealTime(world.now_us))
    leader = ClockLeader(log or world.log, CODEC, view, realm=REALM, name=name)
    following = asyncio.ensure_future(view.run())
    task = asyncio.ensure_future(leader.lead())
    try:
        yield leader, task
    finally:
        for each in (following, task):
            each.cancel()
        await asyncio.gather(following, task, return_exceptions=True)


async def test_without_a_clock_nothing_is_told_and_then_it_is(world: World) -> None:
    async with leading(world, "a"):
        await asyncio.sleep(0.03)
        assert (await world.log.head()).position == 0
        await world.add(STARTED)
        await until(lambda: world.told(ClockLed))


async def test_alarms_and_phases_are_told_once_and_in_order(world: World) -> None:
    await world.add(STARTED, *(alarm_set(f"a{n}", n, game={"at_ms": (8 + n) * HOUR}) for n in range(20)))
    async with leading(world, "a"):
        await until(lambda: world.told(ClockLed))
        for second in range(0, 1_300, 50):
            world.now_us = second * SECOND
            due = max(0, min(20, second // 60))
            await until(partial(fired, world, due))

    fired_ = await world.told(AlarmFired)
    assert [event.alarm_id for event in fired_] == [f"a{n}" for n in range(20)]
    assert [event.phase for event in await world.told(PhaseBegan)] == ["dusk", "night"]
    ids = [each.id for each in await world.log.read_stream(STREAM) if each.type == AlarmFired.event_name]
    assert ids == [strike_id(REALM, f"alarm/{n}", 0) for n in range(20)]


async def fired(world: World, count: int) -> bool:
    return len(await world.told(AlarmFired)) >= count


async def test_a_log_that_refuses_an_append_ends_no_program(world: World) -> None:
    await world.add(STARTED)

    class Refusing:
        clock_wrong = ""
        read_stream = world.log.read_stream

        async def append(self, *_: StreamWrite) -> Any:
            raise AppendTooLarge("payload: 600,000 bytes are over the limit")

    async with leading(world, "a", Refusing()) as (_, task):
        await asyncio.wait_for(task, 10)
    async with leading(world, "b"):
        await until(lambda: world.told(ClockLed))


async def test_a_leader_that_stood_still_tells_nothing_once_another_one_leads(world: World) -> None:
    """It holds what it knew before the clock was paused: by that, an alarm is due."""
    await world.add(STARTED, alarm_set(game={"at_ms": 8 * HOUR}))

    class Gate:
        """The log, as a process sees it that stands still just before it appends."""

        clock_wrong = ""

        def __init__(self) -> None:
            self.stopped = asyncio.Event()
            self.go_on = asyncio.Event()
            self.read_stream = world.log.read_stream
            self.refused = 0

        async def append(self, *writes: StreamWrite) -> Any:
            if world.now_us:
                self.stopped.set()
                await self.go_on.wait()
            try:
                return await world.log.append(*writes)
            except Exception:
                self.refused += 1
                raise

    gate = Gate()
    async with leading(world, "stopped", gate) as (_, task):
        await until(lambda: world.told(ClockLed))
        world.now_us = 61 * SECOND
        await gate.stopped.wait()
        world.now_us = 30 * SECOND
        await world.add(ClockPaused(**BY))
        world.now_us = 62 * SECOND
        async with leading(world, "successor"):
            await until(lambda: led(world, 2))
            gate.go_on.set()
            await task

    assert gate.refused == 1
    assert [event.leader for event in await world.told(ClockLed)] == ["stopped", "successor"]
    assert await world.told(AlarmFired) == []


async def test_a_command_that_comes_first_is_taken_in_before_anything_fires(world: World) -> None:
    """The leader knows of the pause by the refused append alone: its view has not seen it."""
    await world.add(STARTED, alarm_set(game={"at_ms": 8 * HOUR}))

    class Late:
        clock_wrong = ""
        read_stream = world.log.read_stream

        async def append(self, *writes: StreamWrite) -> Any:
            if not await world.told(ClockPaused):
                await world.add(ClockPaused(**BY))
            return await world.log.append(*writes)

    world.now_us = 59 * SECOND
    async with leading(world, "a", Late()):
        await until(lambda: world.told(ClockLed))
        world.now_us = 3_600 * SECOND
        await asyncio.sleep(0.05)
    assert [type(event).__name__ for event in await world.events()][2:] == ["ClockPaused", "ClockLed"]


async def test_an_append_whose_answer_was_lost_has_one_effect(world: World) -> None:
    await world.add(STARTED, alarm_set(game={"at_ms": 8 * HOUR}))

    class Lossy:
        clock_wrong = ""
        read_stream = world.log.read_stream

        async def append(self, *writes: StreamWrite) -> Any:
            result = await world.log.append(*writes)
            if world.now_us:
                raise LogUnavailable("no answer")
            return result

    async with leading(world, "a", Lossy()) as (_, task):
        await until(lambda: world.told(ClockLed))
        world.now_us = 60 * SECOND
        with pytest.raises(LogUnavailable):
            await task
    async with leading(world, "a"):
        await until(lambda: led(world, 2))
        world.now_us = 90 * SECOND
        await asyncio.sleep(0.05)
    assert len(await world.told(AlarmFired)) == 1


async def led(world: World, count: int) -> bool:
    return len(await world.told(ClockLed)) >= count


async def test_a_node_whose_clock_is_wrong_gives_the_lead_up(world: World) -> None:
    await world.add(STARTED)
    async with leading(world, "a") as (_, task):
        await until(lambda: world.told(ClockLed))
        world.log.clock_wrong = "3600 s ahead"
        await asyncio.wait_for(task, 5)


async def test_a_program_that_is_too_old_does_not_lead(world: World) -> None:
    await world.add(STARTED)
    newer = NewEvent(uuid5(SPACE, "newer"), "clock.paused", 99, b"\x80")
    await world.log.append(StreamWrite(STREAM, [newer]))
    async with leading(world, "a") as (_, task):
        await asyncio.wait_for(task, 5)
    assert await world.told(ClockLed) == []


async def test_what_does_not_keep_up_slows_the_clock_openly(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten alarms an append, each append costing half a second of time: too slow for so many."""
    monkeypatch.setattr(module, "BATCH", 10)
    real = {"after_us": SECOND, "every_us": SECOND}
    await world.add(STARTED, *(alarm_set(f"a{n}", n, real=real) for n in range(30)))

    class Slow:
        clock_wrong = ""
        read_stream = world.log.read_stream
        cost_us = SECOND // 2

        async def append(self, *writes: StreamWrite) -> Any:
            world.now_us += self.cost_us
            await asyncio.sleep(0.001)
            return await world.log.append(*writes)

    slow = Slow()
    async with leading(world, "a", slow):
        await until(lambda: world.told(ClockLed))
        world.now_us += 2 * SECOND
        await until(lambda: world.told(ClockDilated))
        slow.cost_us = 0
        await world.add(*(AlarmCancelled(alarm_id=f"a{n}", serial=n) for n in range(30)))
        await until(lambda: undilated(world))

    dilated = await world.told(ClockDilated)
    assert (dilated[0].num, dilated[0].den) == (1, 2)
    assert dilated[0].late_us > module.LATE.us
    seen = [(event.alarm_id, event.occurrence) for event in await world.told(AlarmFired)]
    assert len(seen) == len(set(seen)), "nothing twice"
    for n in range(30):
        numbers = [number for id_, number in seen if id_ == f"a{n}"]
        assert numbers == list(range(len(numbers))), "nothing skipped"


async def undilated(world: World) -> bool:
    world.now_us += SECOND
    return bool(await world.told(ClockUndilated))


async def test_the_queries_say_what_one_needs_to_read_the_clock(world: World) -> None:
    view = ClockView(world.log, decode=CODEC.decode, now=lambda: RealTime(world.now_us))
    assert await view.answer_now({}) == (None, 0)
    assert await view.answer_alarms({}) == ([], 0)
    await world.add(
        STARTED, alarm_set("later", 0, game={"at_ms": 9 * HOUR}), alarm_set("soon", 1, real={"at_us": 5})
    )
    await world.add(
        alarm_set("held", 2, game={"at_ms": 8 * HOUR, "every_ms": HOUR}), ClockLed(term=1, leader="a")
    )
    await view.take(await world.log.read_stream(STREAM))
    world.now_us = 90 * SECOND

    found, position = await view.answer_now({})
    assert position == 5
    assert (found["game_ms"], found["anchor_game_ms"], found["rate_num"]) == (
        8 * HOUR + HOUR // 2,
        7 * HOUR,
        60,
    )
    assert found["late_us"] == 90 * SECOND - 5
    shown = {key: found["reading"][key] for key in ("year", "month", "day", "weekday", "hour", "phase")}
    assert shown == {
        "year": 412, "month": "thawing", "day": 1, "weekday": "Tideday", "hour": 8, "phase": "day",
    }  # fmt: skip
    assert found["calendar"]["name"] == "The Reckoning of Cindermouth"
    alarms, _ = await view.answer_alarms({"limit": 3})
    assert [(alarm["alarm_id"], alarm["next"]) for alarm in alarms] == [
        ("soon", 0),
        ("held", 0),
        ("later", 0),
    ]
    await view.take([(await world.log.read_stream(STREAM, after=4))[0]])
    assert "clock's event" in view.gap, "who has seen one event twice, or one too few, does not lead"
