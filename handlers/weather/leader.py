"""Who leads the weather: tells what began, each once, and sets the law that the definition asks for.

What it tells is a function of the log and the game time, so a leader that takes over tells the same, under
the same ids. As the clock's leader it first writes down that it leads, and appends at the exact version of
the stream: one that was stopped and wakes is refused. Readers compute the weather; that a leader is away
delays what is told of it, not the weather.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import UUID, uuid5

import structlog

from bus.codec import EventCodec
from bus.ports import EventLog, Fenced, IdConflict, StreamWrite, VersionConflict
from domain.clock.clock import Clock
from domain.clock.units import GameTime
from domain.definition.definition import Definition
from domain.weather.calibration import law_of
from domain.weather.law import Law
from domain.weather.messages import WeatherEvent, WeatherLed
from domain.weather.strikes import Strike, climate_to_set, next_due, strikes
from domain.weather.weather import NO_WEATHER, STREAM, Weather, evolve
from handlers.weather.view import Skies, WeatherView
from protocol.meta import Meta

SPACE = UUID("6f0c5f0e-6c1b-5a52-9a36-2f9b8f6f0350")
"""Of the ids of what leaders tell; the same in every realm and version."""

REST_S_MAX = 0.5
REFUSED_S = 0.05
PAGE = 1_000
ACTOR = "component:weather"

logger = structlog.get_logger(__name__)


class _TooOld(Exception):
    """The stream holds an event that this program does not know."""


def strike_id(realm: str, name: str, number: int) -> UUID:
    """Return the event id of a realm's ``number``-th thing of a name: UUIDv5, so that anybody derives it."""
    return uuid5(uuid5(SPACE, realm), f"{name}/{number}")


class WeatherLeader:
    """One process's readiness to lead; ``definition`` returns the one that was loaded, or None."""

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
        self._codec = codec
        self._view = view
        self._definition = definition
        self._realm = realm
        self._name = name
        self._weather: Weather = NO_WEATHER
        self._version = 0
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
            except _TooOld as error:
                why = str(error)
        if why := why or self._unable():
            logger.warning("cannot_lead_the_weather", why=why)
            await asyncio.sleep(REST_S_MAX)

    def _unable(self) -> str:
        return self._log.clock_wrong or self._view.gap or self._view.clock.gap

    async def _lead(self) -> None:
        await self._reload()
        self._term = 0
        while not self._unable() and self._term in (0, self._newest().term):
            clock, wanted = self._view.clock.clock, await self._climate()
            if clock is None or (wanted is None and not self._newest().climates):
                await self._wait(REST_S_MAX)
            elif not self._term:
                await self._begin()
            else:
                await self._turn(clock, wanted)
        if self._term:
            logger.info("leads_the_weather_no_more", term=self._term, newest=self._newest().term)

    async def _begin(self) -> None:
        term = self._newest().term + 1
        led = Strike(WeatherLed(term=term, leader=self._name), "term", term)
        if await self._append([led], term):
            self._term = term
            logger.info("leads_the_weather", term=term, version=self._version)

    async def _turn(self, clock: Clock, wanted: tuple[Law, int] | None) -> None:
        """Tell what is to be told now, or rest until there is something."""
        now_ms, weather = clock.line.at(self._view.clock.now()).ms, self._newest()
        today = now_ms // clock.almanac.day_ms
        began = clock.almanac.season_begins(clock.almanac.season_index(today))
        found = climate_to_set(weather, wanted, today, began)
        if not found:
            sky = self._skies.sky(clock, weather)
            found = strikes(weather, sky, now_ms)
            if not found:
                await self._rest(clock, next_due(weather, sky, now_ms))
                return
        await self._append(found, self._term)

    async def _climate(self) -> tuple[Law, int] | None:
        """Return the law of the definition that holds; it is made once, beside everything else."""
        definition = self._definition()
        if definition is None or not definition.zones:
            return None
        if self._wanted is None or self._wanted[0] is not definition:
            law = await asyncio.to_thread(law_of, definition.zones)
            self._wanted = definition, (law, definition.world.seed)
        return self._wanted[1]

    async def _append(self, found: Sequence[Strike], term: int) -> bool:
        """Append at the version that is known; if there is more by now, take that in and append nothing."""
        meta = Meta(correlation=strike_id(self._realm, "term", term), actor=ACTOR)
        new = [
            self._codec.encode(each.event, strike_id(self._realm, each.name, each.number), meta)
            for each in found
        ]
        try:
            result = await self._log.append(StreamWrite(STREAM, new, expected=self._version))
        except (VersionConflict, IdConflict, Fenced) as refusal:
            before = self._version
            await self._reload()
            if self._version == before:  # somebody is about to write, or an id of ours is taken
                logger.warning("weather_append_refused", error=str(refusal))
                await asyncio.sleep(REFUSED_S)
            return False
        if result.duplicate:
            await self._reload()
            return False
        self._take([(each.event, version) for each, version in zip(found, result.versions, strict=True)])
        return True

    # --- the state ----------------------------------------------------------------------------------------

    def _newest(self) -> Weather:
        """Return the weather with all that this process knows of it."""
        if self._view.version > self._version:
            self._weather, self._version = self._view.weather, self._view.version
        return self._weather

    def _take(self, events: Sequence[tuple[WeatherEvent, int]]) -> None:
        for event, version in events:
            if version == self._version + 1:  # the view may have had them meanwhile
                self._weather, self._version = evolve(self._weather, event), version

    async def _reload(self) -> None:
        """Take in what the log has now."""
        self._newest()
        while True:
            page = await self._log.read_stream(STREAM, after=self._version, limit=PAGE)
            for recorded in page:
                event = self._codec.decode(recorded)
                if not isinstance(event, WeatherEvent):
                    what = f"{recorded.type} version {recorded.schema_version}"
                    raise _TooOld(f"{what} is not known here; upgrade this program")
                self._take([(event, recorded.version)])
            if len(page) < PAGE:
                return

    async def _rest(self, clock: Clock, due_ms: int) -> None:
        due = clock.line.when(GameTime(due_ms))
        now = self._view.clock.now()
        await self._wait(min(REST_S_MAX, max(0.0, (due - now).us / 1e6)) if due else REST_S_MAX)

    async def _wait(self, within_s: float) -> None:
        self._view.news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._view.news.wait()
