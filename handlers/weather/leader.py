"""Who leads the weather: tells what began, each once, and sets the law that the definition asks for.

What it tells is a function of the log and the game time, so a leader that takes over tells the same, under
the same ids (`handlers.kernel.leading`). Readers compute the weather; that a leader is away delays what is
told of it, not the weather.
"""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import structlog

from bus.codec import EventCodec
from bus.ports import EventLog
from domain.clock.clock import Clock
from domain.clock.messages import EVENTS as CLOCK_EVENTS
from domain.clock.units import GameTime
from domain.definition.definition import Definition
from domain.definition.messages import VersionPublished
from domain.weather.calibration import law_of
from domain.weather.law import Law
from domain.weather.messages import EVENTS, WeatherLed
from domain.weather.strikes import Strike, climate_to_set, next_due, strikes
from domain.weather.weather import STREAM, Weather, evolve
from handlers.kernel.leading import Led, Stream, Telling, TooOld
from handlers.weather.view import Skies, WeatherView

TOLD = Stream(STREAM, EVENTS, "component:weather", UUID("6f0c5f0e-6c1b-5a52-9a36-2f9b8f6f0350"))
REST_S_MAX = 0.5
STIRRED_BY = tuple(kind.event_name for kind in (*EVENTS, *CLOCK_EVENTS, VersionPublished))

logger = structlog.get_logger(__name__)


class WeatherLeader:
    """One process's readiness to lead; ``definition`` returns the one that was loaded, or None."""

    stirred_by: tuple[str, ...] = STIRRED_BY

    def __init__(  # noqa: PLR0913 - each is one thing that it needs
        self,
        log: EventLog,
        codec: EventCodec,
        view: WeatherView,
        definition: Callable[[], Definition | None],
        *,
        realm: str,
        name: str,
    ) -> None:
        self._log = log
        self._view = view
        self._definition = definition
        self._name = name
        self._led: Led[Weather] = Led(log, codec, view, evolve, TOLD, realm=realm)
        self._term = 0
        self._skies = Skies()
        self._wanted: tuple[Definition, tuple[Law, int]] | None = None

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
            logger.warning("cannot_lead_the_weather", why=why)
            await asyncio.sleep(REST_S_MAX)

    def _unable(self) -> str:
        return self._log.clock_wrong or self._view.gap or self._view.clock.gap

    async def _lead(self) -> None:
        await self._led.reload()
        self._term = 0
        while not self._unable() and self._term in (0, self._led.newest().term):
            if not await self._tell():
                await self._rest()
        if self._term:
            logger.info("leads_the_weather_no_more", term=self._term, newest=self._led.newest().term)

    async def _begin(self) -> None:
        term = self._led.newest().term + 1
        led = Telling(WeatherLed(term=term, leader=self._name), "term", term)
        if await self._led.append([led], term):
            self._term = term
            logger.info("leads_the_weather", term=term)

    async def turn(self) -> None:
        """Tell what is to be told now; see `handlers.kernel.leading.Turns`."""
        await self._tell()

    def due_us(self) -> int | None:
        """Return when there is something to tell, in µs since 1970."""
        clock, weather = self._view.clock.clock, self._led.newest()
        if clock is None or not weather.climates:
            return None
        now_ms = clock.line.at(self._view.clock.now()).ms
        due = clock.line.when(GameTime(next_due(weather, self._skies.sky(clock, weather), now_ms)))
        return due.us if due else None

    async def _tell(self) -> bool:
        """Tell what is to be told now; say whether there was anything."""
        clock, wanted = self._view.clock.clock, await self._climate()
        if clock is None or (wanted is None and not self._led.newest().climates):
            return False
        if not self._term:
            await self._begin()
            return True
        found = self._found(clock, wanted)
        if found:
            await self._led.append([Telling(*each) for each in found], self._term)
        return bool(found)

    def _found(self, clock: Clock, wanted: tuple[Law, int] | None) -> Sequence[Strike]:
        """Return what is to be told: another law first."""
        now_ms, weather = clock.line.at(self._view.clock.now()).ms, self._led.newest()
        today = now_ms // clock.almanac.day_ms
        began = clock.almanac.season_begins(clock.almanac.season_index(today))
        found = climate_to_set(weather, wanted, today, began)
        return found or strikes(weather, self._skies.sky(clock, weather), now_ms)

    async def _climate(self) -> tuple[Law, int] | None:
        """Return the law of the definition that holds; it is made once, beside everything else."""
        definition = self._definition()
        if definition is None or not definition.zones:
            return None
        if self._wanted is None or self._wanted[0] is not definition:
            law = await asyncio.to_thread(law_of, definition.zones)
            self._wanted = definition, (law, definition.world.seed)
        return self._wanted[1]

    async def _rest(self) -> None:
        due_us, now_us = self.due_us(), self._view.clock.now().us
        until_s = REST_S_MAX if due_us is None else max(0.0, (due_us - now_us) / 1e6)
        await self._led.wait(min(REST_S_MAX, until_s))
