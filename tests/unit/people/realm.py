"""A log in memory with a clock and the sample world's people, and processes that lead them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid5

from aicore.content.sample_world import sample_definition
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import EventLog, RecordedEvent, StreamWrite
from domain.clock.clock import STREAM as CLOCK
from domain.clock.messages import ClockJumped, ClockStarted
from domain.clock.units import GameTime, RealTime
from domain.definition.definition import Definition
from domain.kernel.event import Event
from domain.people.messages import COURSE, STREAM, PeopleBegun, PeopleRested
from domain.people.scene import Times, day_of
from domain.places.city import TimeOfDay
from handlers.clock.view import ClockView
from handlers.people.leader import PeopleLeader
from handlers.people.memories import PeopleMemories
from handlers.people.purser import Purser
from handlers.people.surroundings import Surroundings
from tests.unit.clock.kit import STARTED
from tests.unit.kit import until
from tests.unit.people.kit import START_MS

CODEC = EventCodec(domain_catalogue())
SPACE = UUID("0a4d4a31-5c3e-4c1b-9a0e-2f86d2f2b7b1")
SECOND_US = 1_000_000
BEGUN = PeopleBegun(operator="ops", reason="the city opens")
RESTED = PeopleRested(operator="ops", reason="a new district is built")


class Realm:
    """A log in memory and the time that it and all processes have."""

    def __init__(self) -> None:
        self.now_us = 0
        self.log = MemoryLog("unit", lambda: self.now_us)
        self.count = 0

    async def add(self, stream: str, *events: Event) -> None:
        """Record what others say."""
        for event in events:
            self.count += 1
            await self.log.append(StreamWrite(stream, [CODEC.encode(event, uuid5(SPACE, str(self.count)))]))

    async def begin(self) -> None:
        """Start the clock, and have people live."""
        calendar = sample_definition().calendar
        started = ClockStarted(
            **{**STARTED.model_dump(), "calendar": calendar.model_dump(), "at_game_ms": START_MS}
        )
        await self.add(CLOCK, started)
        await self.add(COURSE, BEGUN)

    async def jump(self, to_ms: int) -> None:
        """Have the clock jump."""
        await self.add(CLOCK, ClockJumped(**{**ClockJumped.example, "jump_id": "x" * 8, "to_game_ms": to_ms}))

    async def recorded(self, stream: str = STREAM) -> list[RecordedEvent]:
        """Everything that people did, as the log has it."""
        return await self.log.read_stream(stream, limit=1_000_000)

    async def events(self) -> list[Event]:
        """Everything that people did."""
        return [CODEC.decode(each) for each in await self.recorded()]

    async def pass_by(self, minutes: int, *, step: int = 30) -> None:
        """Let game minutes pass, so many at once; return when all is told."""
        for _ in range(0, minutes, step):
            self.now_us += step * SECOND_US
            await asyncio.sleep(0.002)
        await self.quiet()

    async def quiet(self) -> None:
        """Return once nobody has told anything for a while."""
        before = -1
        while (now := (await self.log.head()).position) != before:
            before = now
            await asyncio.sleep(0.05)


@asynccontextmanager
async def leading(
    realm: Realm,
    name: str = "quay:1",
    log: EventLog | None = None,
    *,
    definition: Callable[[], Definition] = sample_definition,
    purser: Purser | None = None,
) -> AsyncIterator[tuple[PeopleLeader, "asyncio.Task[None]"]]:
    """A process that follows the realm and leads its people."""
    clock = ClockView(realm.log, decode=CODEC.decode, now=lambda: RealTime(realm.now_us))

    def real_us(game_ms: int) -> int:
        when = clock.clock.line.when(GameTime(game_ms)) if clock.clock else None
        return when.us if when else 0

    def day(game_ms: int) -> TimeOfDay:
        assert clock.clock
        return day_of(clock.clock.almanac, game_ms)

    around = Surroundings(
        realm.log,
        clock,
        definition,
        Times(day, real_us),
        decode=CODEC.decode,
    )
    memories = PeopleMemories(realm.log, decode=CODEC.decode)
    leader = PeopleLeader(log or realm.log, CODEC, (around, memories), realm="unit", name=name, purser=purser)
    following = [asyncio.ensure_future(view.run()) for view in (clock, around, memories)]
    head = (await realm.log.head()).position
    await until(lambda: head == 0 or clock.clock is not None)
    task = asyncio.ensure_future(leader.lead())
    try:
        yield leader, task
    finally:
        for each in (*following, task):
            each.cancel()
        await asyncio.gather(*following, task, return_exceptions=True)
