"""Who leads the factions through their days: each day of the game is one append, decided from the one before.

A day that passed while nobody led, or in a jump, is lived all the same, in order, up to `DAYS_AT_ONCE`; a
clock that is set back has them wait until it has caught up.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import structlog

from bus.codec import EventCodec
from bus.ports import EventLog
from domain.clock.messages import EVENTS as CLOCK_EVENTS
from domain.clock.units import GameTime
from domain.definition.definition import Definition
from domain.definition.messages import VersionPublished
from domain.factions.factions import STREAM, Factions, evolve
from domain.factions.ground import ground_of, ground_to_set
from domain.factions.messages import EVENTS, DayTold, Emerged, FactionsEvent, FactionsLed, GroundSet, Lapsed
from domain.factions.simulation import day_of
from handlers.factions.view import FactionsView
from handlers.kernel.leading import Led, Stream, Telling, TooOld

TOLD = Stream(STREAM, EVENTS, "component:factions", UUID("3f8b0a52-8c67-5e0d-b0ce-1d0c6b7a0350"))
REST_S_MAX = 0.5
DAYS_AT_ONCE = 400
"""A jump over more leaves days out: nobody waits for the history of a thousand years."""

STIRRED_BY = tuple(kind.event_name for kind in (*EVENTS, *CLOCK_EVENTS, VersionPublished))

logger = structlog.get_logger(__name__)


class FactionsLeader:
    """One process's readiness to lead; ``definition`` returns the one that was loaded, or None."""

    stirred_by: tuple[str, ...] = STIRRED_BY

    def __init__(  # noqa: PLR0913 - each is one thing that it needs
        self,
        log: EventLog,
        codec: EventCodec,
        view: FactionsView,
        definition: Callable[[], Definition | None],
        *,
        realm: str,
        name: str,
    ) -> None:
        self._log = log
        self._view = view
        self._definition = definition
        self._realm = realm
        self._name = name
        self._led: Led[Factions] = Led(log, codec, view, evolve, TOLD, realm=realm)
        self._term = 0
        self._wanted: tuple[Definition, GroundSet] | None = None

    async def lead(self) -> None:
        """Lead until another one does, or this process cannot: its clock is wrong, or it is too old.

        Raises:
            LogUnavailable: the log is away.
        """
        if not (why := self._unable()):
            try:
                await self._lead()
            except (TooOld, ValueError) as error:  # of a definition, too, that is more than can be told
                why = str(error)
        if why := why or self._unable():
            logger.warning("cannot_lead_the_factions", why=why)
            await asyncio.sleep(REST_S_MAX)

    def _unable(self) -> str:
        return self._log.clock_wrong or self._view.gap or self._view.clock.gap

    async def _lead(self) -> None:
        await self._led.reload()
        self._term = 0
        while not self._unable() and self._term in (0, self._led.newest().term):
            if not await self._tell():
                await self._led.wait(REST_S_MAX)

    async def turn(self) -> None:
        """Tell the next ground or day; see `handlers.kernel.leading.Turns`."""
        await self._tell()

    def due_us(self) -> int | None:
        """Return when the next day begins, in µs since 1970."""
        clock, today = self._view.clock.clock, self._today()
        if clock is None or today is None or self._led.newest().ground is None:
            return None
        day = max(today, self._led.newest().day) + 1
        due = clock.line.when(GameTime(day * clock.almanac.day_ms))
        return due.us if due else None

    async def _tell(self) -> bool:
        """Tell the next ground or day, if there is one; say whether there was."""
        today, wanted = self._today(), self._ground()
        found = [] if today is None else self._next(self._led.newest(), today, wanted)
        if found and self._term:
            await self._led.append(found, self._term)
        elif found:
            await self._begin()
        return bool(found)

    async def _begin(self) -> None:
        term = self._led.newest().term + 1
        if await self._led.append([Telling(FactionsLed(term=term, leader=self._name), "term", term)], term):
            self._term = term
            logger.info("leads_the_factions", term=term)

    def _today(self) -> int | None:
        clock = self._view.clock.clock
        if clock is None:
            return None
        return clock.line.at(self._view.clock.now()).ms // clock.almanac.day_ms

    def _ground(self) -> GroundSet | None:
        """Return what the definition that holds says of factions."""
        definition = self._definition()
        if definition is None or not definition.factions:
            return None
        if self._wanted is None or self._wanted[0] is not definition:
            self._wanted = definition, ground_of(definition)
        return self._wanted[1]

    def _next(self, state: Factions, today: int, wanted: GroundSet | None) -> Sequence[Telling]:
        """Return what is to be told next: another ground, or the next day."""
        if wanted is not None and (ground := ground_to_set(state, wanted, today)):
            return [Telling(ground, "ground", ground.number)]
        if state.ground is None or today <= state.day:
            return []
        day = max(state.day + 1, today - DAYS_AT_ONCE)
        return list(self._tellings(day_of(state, day, passed=day - state.day - 1)))

    def _tellings(self, events: Sequence[FactionsEvent]) -> Iterator[Telling]:
        """Yield events with their ids, each caused by what it came of."""
        for event in events:
            match event:
                case DayTold():
                    yield Telling(event, "day", event.day)
                case Emerged():
                    cause = None if event.cause is None else self._id_of(event.cause)
                    yield Telling(event, "emerged", event.number, cause)
                case Lapsed():
                    cause = self._id_of(event.cause)
                    yield Telling(event, f"lapsed/{event.cause}", event.nth, cause)
                case _:
                    raise TypeError(f"a day has no {type(event).__name__}")

    def _id_of(self, number: int) -> UUID:
        """Return the event of something that emerged; what is told in this very append is not known yet."""
        return self._view.ids.get(number) or TOLD.id_of(self._realm, "emerged", number)
