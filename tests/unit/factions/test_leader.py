"""Each day of the factions is told once, whoever leads and whatever the clock does; causes are linked."""

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
from bus.ports import StreamWrite
from domain.clock.clock import STREAM as CLOCK_STREAM
from domain.clock.messages import ClockJumped, ClockStarted
from domain.clock.units import RealTime
from domain.definition.definition import Definition
from domain.factions.factions import NOBODY, STREAM, decide, evolve
from domain.factions.messages import DayTold, Deed, Emerged, FactionsLed, GroundSet, Lapsed
from domain.kernel.event import Event
from handlers.clock.view import ClockView
from handlers.factions import leader as module
from handlers.factions.leader import TOLD, FactionsLeader
from handlers.factions.view import FactionsView
from protocol.meta import decode_meta
from tests.unit.clock.kit import BY
from tests.unit.factions.kit import DEFINITION, emerged, lived
from tests.unit.kit import until

CODEC = EventCodec(domain_catalogue())
SPACE = UUID("2a7f6c50-9f0e-4f55-8a3c-6d1b6f0d0350")
DAY_MS, BEGAN = 86_400_000, 130
STARTED = ClockStarted(calendar=DEFINITION.calendar, at_game_ms=BEGAN * DAY_MS, **BY)
DAY_US = DAY_MS * 1_000 // 60


class World:
    """A log in memory, the time that it and its leaders have, and the definition that was loaded."""

    def __init__(self) -> None:
        self.now_us, self.count = 0, 0
        self.definition: Definition | None = DEFINITION
        self.log = MemoryLog("unit", lambda: self.now_us)
        self.found: list[Any] = []

    async def add(self, event: Event) -> None:
        self.count += 1
        await self.log.append(StreamWrite(CLOCK_STREAM, [CODEC.encode(event, uuid5(SPACE, str(self.count)))]))

    async def told(self, kind: type[Any]) -> list[Any]:
        while page := await self.log.read_stream(STREAM, after=len(self.found)):
            self.found += [CODEC.decode(each) for each in page]
        return [event for event in self.found if isinstance(event, kind)]

    async def reached(self, day: int) -> bool:
        days = await self.told(DayTold)
        return bool(days) and days[-1].day >= day


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(module, "REST_S_MAX", 0.01)
    return World()


@asynccontextmanager
async def leading(world: World, name: str) -> AsyncIterator[FactionsView]:
    clock = ClockView(world.log, decode=CODEC.decode, now=lambda: RealTime(world.now_us))
    view = FactionsView(world.log, clock, decode=CODEC.decode)
    made = FactionsLeader(world.log, CODEC, view, lambda: world.definition, realm="unit", name=name)
    tasks = [asyncio.ensure_future(each) for each in (clock.run(), view.run(), made.lead())]
    try:
        yield view
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_days_are_told_once_whoever_leads_and_a_jump_leaves_none_out(world: World) -> None:
    await world.add(STARTED)
    for n, name in enumerate("ab"):
        async with leading(world, name):
            if not n:
                await until(partial(world.told, GroundSet))
            world.now_us += 3 * DAY_US
            await until(partial(world.reached, BEGAN + 3 * (n + 1)))
    async with leading(world, "c") as view:
        await world.add(ClockJumped(jump_id="on", to_game_ms=(BEGAN + 30) * DAY_MS, **BY))
        await until(partial(world.reached, BEGAN + 30))
        await world.add(ClockJumped(jump_id="back", to_game_ms=BEGAN * DAY_MS, **BY))
        await until(lambda: view.version == len(world.found))
        await shows(view, world)
    assert [event.day for event in await world.told(DayTold)] == list(range(BEGAN + 1, BEGAN + 31))
    assert [event.leader for event in await world.told(FactionsLed)] == ["a", "b", "c"]
    [ground] = await world.told(GroundSet)
    state = evolve(NOBODY, ground)
    days = [event for _, events in lived(state, 30) for event in events]
    assert [
        event for event in await world.told(Event) if not isinstance(event, FactionsLed | GroundSet)
    ] == days
    await causes(world)


async def shows(view: FactionsView, world: World) -> None:
    """What is asked is what was told."""
    now, _ = await view.answer_now({})
    assert now["day"] == BEGAN + 30
    assert sum(len(each["territories"]) for each in now["factions"]) == sum(
        each["holder"] is not None for each in now["territories"]
    )
    told, _ = await view.answer_told({"limit": 500, "salience": 300})
    numbers = [event.number for event in emerged(await world.told(Emerged)) if event.salience >= 300]
    assert [each["number"] for each in told] == numbers[::-1]
    assert all(len(each["chain"]) == each["depth"] for each in told)


async def causes(world: World) -> None:
    """Metadata link what emerged with what it came of."""
    recorded = [each async for each in everything(world)]
    ids = {event.number: each.id for each, event in recorded if isinstance(event, Emerged)}
    linked = [
        (decode_meta(each.meta).causation, event) for each, event in recorded if isinstance(event, Emerged)
    ]
    assert all(cause == (None if event.cause is None else ids[event.cause]) for cause, event in linked)
    assert all(TOLD.id_of("unit", "emerged", number) == id_ for number, id_ in ids.items())


async def everything(world: World) -> AsyncIterator[tuple[Any, Event]]:
    after = 0
    while page := await world.log.read_stream(STREAM, after=after):
        for each in page:
            yield each, CODEC.decode(each)
        after += len(page)


async def test_without_a_definition_there_are_none(world: World) -> None:
    world.definition = None
    await world.add(STARTED)
    async with leading(world, "a") as view:
        await asyncio.sleep(0.03)
        assert await view.answer_now({}) == (None, 0)
        assert not await world.told(Event)


async def test_what_follows_from_a_deed_names_the_deeds_event(world: World) -> None:
    """The scar: it named an id that nothing has; a deed's event is its command's, and no leader's."""
    await world.add(STARTED)
    async with leading(world, "a") as view:
        await until(lambda: view.state.ground)
        one, other, *_ = view.state.powers
        by = {"operator": "game", "reason": "a lamp was broken"}
        deed = Deed(deed_id="broken_lamp", faction=one, other=other, power=10, regard=-50, **by)
        events = [CODEC.encode(event, uuid5(SPACE, str(event))) for event in decide(deed, view.state)]
        await world.log.append(StreamWrite(STREAM, events))
        number = view.state.emerged
        await until(lambda: number in view.ids)
        world.now_us += 2 * DAY_US
        await until(partial(world.reached, BEGAN + 2))
    [told] = [
        recorded
        async for recorded, event in everything(world)
        if isinstance(event, Emerged | Lapsed) and event.cause == number
    ]
    assert decode_meta(told.meta).causation == events[-1].id
