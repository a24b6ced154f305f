"""Who leads tells each change once; who was overtaken tells nothing; whoever joins when sees the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import NewEvent, StreamWrite
from domain.clock.clock import STREAM as CLOCK_STREAM
from domain.clock.messages import ClockJumped, ClockStarted
from domain.clock.units import RealTime
from domain.definition.definition import Definition
from domain.kernel.event import Event
from domain.weather.messages import (
    ClimateSet,
    DayBegan,
    ForecastIssued,
    Override,
    OverrideEnded,
    OverrideSet,
    WeatherChanged,
    WeatherLed,
)
from domain.weather.weather import STREAM, Asked
from handlers.clock.view import ClockView
from handlers.kernel.commands import CommandRunner
from handlers.weather import leader as module
from handlers.weather.commands import Times, weather_commands
from handlers.weather.leader import WeatherLeader
from handlers.weather.view import WeatherView
from protocol.meta import Meta
from tests.unit.clock.kit import BY
from tests.unit.kit import until
from tests.unit.weather.kit import ALMANAC, DEFINITION, HOUR, ZONES, sky

CODEC = EventCodec(domain_catalogue())
REALM = "unit"
SPACE = UUID("0d1f7a52-7f6c-4a11-9a3e-2b1b6f0d0350")
SECOND = 1_000_000
BEGAN_MS = 132 * 24 * HOUR
STARTED = ClockStarted(calendar=DEFINITION.calendar, at_game_ms=BEGAN_MS, **BY)
"""A game hour is a real minute."""


@dataclass
class World:
    """A log in memory, the time that it and its leaders have, and the definition that was loaded."""

    now_us: int = 0
    definition: Definition | None = DEFINITION
    count: int = 0

    def __post_init__(self) -> None:
        self.log = MemoryLog(REALM, lambda: self.now_us)
        self.found: list[Any] = []

    async def add(self, *events: Event, stream: str = CLOCK_STREAM) -> None:
        for event in events:
            self.count += 1
            new = CODEC.encode(event, uuid5(SPACE, str(self.count)))
            await self.log.append(StreamWrite(stream, [new]))

    async def told(self, kind: type[Any]) -> list[Any]:
        while page := await self.log.read_stream(STREAM, after=len(self.found)):
            self.found += [CODEC.decode(each) for each in page]
        return [event for event in self.found if isinstance(event, kind)]

    async def count_of(self, kind: type[Any], least: int) -> bool:
        return len(await self.told(kind)) >= least


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(module, "REST_S_MAX", 0.01)
    return World()


@asynccontextmanager
async def following(world: World) -> AsyncIterator[WeatherView]:
    """A process that follows clock and weather."""
    clock = ClockView(world.log, decode=CODEC.decode, now=lambda: RealTime(world.now_us))
    view = WeatherView(world.log, clock, decode=CODEC.decode)
    tasks = [asyncio.ensure_future(each.run()) for each in (clock, view)]
    try:
        yield view
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def leading(world: World, name: str, log: Any = None) -> AsyncIterator[asyncio.Task[None]]:
    async with following(world) as view:
        made = WeatherLeader(log or world.log, CODEC, view, lambda: world.definition, realm=REALM, name=name)
        task = asyncio.ensure_future(made.lead())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_weather_begins_with_a_clock_and_a_definition(world: World) -> None:
    world.definition = None
    async with leading(world, "a"):
        await world.add(STARTED)
        await asyncio.sleep(0.03)
        assert not await world.told(Event)
        world.definition = DEFINITION
        await until(lambda: world.count_of(ForecastIssued, 1))
    [climate] = await world.told(ClimateSet)
    assert climate.from_day == ALMANAC.season_begins(ALMANAC.season_index(132))
    assert [event.zone for event in await world.told(WeatherChanged)] == ZONES
    assert [event.day for event in await world.told(DayBegan)] == [132]


async def test_every_change_of_a_day_is_told_once_whoever_leads(world: World) -> None:
    await world.add(STARTED)
    for n, name in enumerate("abc"):
        async with leading(world, name):
            await until(partial(world.count_of, WeatherLed, n + 1))
            for _ in range(4):
                world.now_us += 120 * SECOND
                await until(lambda: caught_up(world))
    for zone in ZONES:
        told = [event for event in await world.told(WeatherChanged) if event.zone == zone]
        assert [event.number for event in told] == list(range(len(told)))
        assert len({event.at_ms for event in told}) == len(told)
    assert [event.leader for event in await world.told(WeatherLed)] == ["a", "b", "c"]
    assert [event.day for event in await world.told(DayBegan)] == [132, 133]


async def caught_up(world: World) -> bool:
    now = BEGAN_MS + world.now_us * 60 // 1_000
    told = {event.zone: event.at_ms for event in await world.told(WeatherChanged)}
    day = (await world.told(DayBegan) or [None])[-1]
    above = sky()
    return (
        all(told.get(zone) == above.piece(zone, now).begin_ms for zone in ZONES)
        and day is not None
        and day.day == now // (24 * HOUR)
    )


async def test_a_leader_that_stood_still_tells_nothing_once_another_one_leads(world: World) -> None:
    await world.add(STARTED)

    class Gate:
        """The log, as a process sees it that stands still just before it appends."""

        clock_wrong = ""

        def __init__(self) -> None:
            self.stopped, self.go_on = asyncio.Event(), asyncio.Event()
            self.read_stream = world.log.read_stream

        async def append(self, *writes: StreamWrite) -> Any:
            if world.now_us:
                self.stopped.set()
                await self.go_on.wait()
            return await world.log.append(*writes)

    gate = Gate()
    async with leading(world, "stopped", gate) as task:
        await until(lambda: world.count_of(ForecastIssued, 1))
        world.now_us = 600 * SECOND
        await gate.stopped.wait()
        async with leading(world, "successor"):
            await until(lambda: world.count_of(WeatherLed, 2))
            await until(lambda: caught_up(world))
            before = await world.told(WeatherChanged)
            gate.go_on.set()
            await task
    assert [event.leader for event in await world.told(WeatherLed)] == ["stopped", "successor"]
    assert await world.told(WeatherChanged) == before


async def test_two_who_come_at_different_minutes_see_the_same_fog_and_it_lifts_for_both(world: World) -> None:
    """The second one asks another process, which has just started, in the middle of the fog."""
    await world.add(STARTED)
    fog = next(
        piece
        for piece in (sky().piece("marsh", BEGAN_MS + hour * HOUR) for hour in range(1, 4_000))
        if piece.state == 6 and piece.end_ms - piece.begin_ms > 3 * HOUR
    )
    async with leading(world, "a"):
        world.now_us = (fog.begin_ms - BEGAN_MS) // 60 * 1_000 + SECOND
        await until(lambda: caught_up(world))
        async with following(world) as first:
            await until(lambda: asked(first))
            seen = await asked(first)
            world.now_us += 90 * SECOND
            async with following(world) as second:
                await until(lambda: asked(second))
                ours, theirs = await asked(first), await asked(second)
                assert ours == theirs
                for name in ("state", "since_ms", "until_ms"):
                    assert ours[name] == seen[name]
                assert (seen["state"], seen["since_ms"]) == ("fog", fog.begin_ms)
                lifts_us = (fog.end_ms - BEGAN_MS) * 1_000 // 60
                for now_us, state in ((lifts_us - 1_000, True), (lifts_us + 1_000, False)):
                    world.now_us = now_us
                    both = await asked(first), await asked(second)
                    assert both[0] == both[1]
                    assert (both[0]["state"] == "fog") is state
        await until(lambda: caught_up(world))
    told = [event for event in await world.told(WeatherChanged) if event.zone == "marsh"]
    assert (told[-1].before, told[-1].at_ms) == ("fog", fog.end_ms)


async def asked(view: WeatherView) -> dict[str, Any]:
    answer, _ = await view.answer_now({"zone": "marsh"})
    return dict(answer["zones"][0]) if answer else {}


async def test_an_override_eases_in_is_told_and_ends_by_itself(world: World) -> None:
    await world.add(STARTED)
    times = Times()
    times.follow(lambda: BEGAN_MS + world.now_us * 60 // 1_000)
    runner = CommandRunner(world.log, CODEC, [weather_commands(times)])
    command = Override.model_validate({**Override.example, "state": "blizzard", "span_ms": HOUR})
    async with leading(world, "a"):
        await until(lambda: world.count_of(ForecastIssued, 1))
        world.now_us = SECOND
        id_ = uuid5(SPACE, "command")
        outcome = await runner.execute(command, id_, meta=Meta(actor="operator:mira"))
        assert [ref.type for ref in outcome.events] == [OverrideSet.event_name]
        world.now_us = 20 * SECOND
        again = await runner.execute(command, id_, meta=Meta(actor="operator:mira"))
        assert again.duplicate, "at another time it is the same override"
        await until(lambda: world.count_of(ForecastIssued, 2))
        world.now_us = 62 * SECOND
        await until(lambda: world.count_of(OverrideEnded, 1))
        await until(lambda: caught_up_after(world))
    told = [event for event in await world.told(WeatherChanged) if event.zone == "harbour"]
    [over] = [event for event in told if event.override]
    assert (over.state, over.override, over.until_ms - over.at_ms) == ("blizzard", "wedding", HOUR)
    assert told[-1].at_ms >= over.until_ms
    assert over.then == told[-1].state


async def caught_up_after(world: World) -> bool:
    told = [event for event in await world.told(WeatherChanged) if event.zone == "harbour"]
    return told[-1].override is None and told[-1].number > 1


async def test_a_jump_is_weather_of_then(world: World) -> None:
    await world.add(STARTED)
    async with leading(world, "a"):
        await until(lambda: world.count_of(ForecastIssued, 1))
        for n, day in enumerate((232, 132)):
            await world.add(ClockJumped(jump_id=f"j{n}", to_game_ms=day * 24 * HOUR, **BY))
            await until(partial(world.count_of, DayBegan, n + 2))
    told = [event for event in await world.told(WeatherChanged) if event.zone == "hill"]
    assert [event.at_ms for event in told] == [
        sky().piece("hill", day * 24 * HOUR).begin_ms for day in (132, 232, 132)
    ]
    assert told[0].state == told[2].state


async def test_a_changed_definition_is_another_climate_from_tomorrow(world: World) -> None:
    await world.add(STARTED)
    async with leading(world, "a"):
        await until(lambda: world.count_of(ForecastIssued, 1))
        world.definition = replace(DEFINITION, world=replace(DEFINITION.world, seed=99))
        await until(lambda: world.count_of(ClimateSet, 2))
    assert [event.from_day for event in await world.told(ClimateSet)][1] == 133


async def test_a_program_that_is_too_old_does_not_lead(world: World) -> None:
    await world.add(STARTED)
    newer = NewEvent(uuid5(SPACE, "newer"), "weather.led", 99, b"\x80")
    await world.log.append(StreamWrite(STREAM, [newer]))
    async with leading(world, "a") as task:
        await asyncio.wait_for(task, 5)
    assert len(await world.log.read_stream(STREAM)) == 1


def test_before_there_is_a_clock_commands_are_refused() -> None:
    times = Times()
    times.follow(lambda: None)
    with pytest.raises(Exception, match="no clock yet"):
        times(Override.model_validate(Override.example), Meta())
    times.follow(lambda: 7)
    assert isinstance(times(Override.model_validate(Override.example), Meta()), Asked)
