"""The weather in memory, kept up to date by the log, and the queries over it."""

import asyncio
from collections.abc import Mapping
from typing import Any

from bus.ports import EventLog, RecordedEvent
from domain.clock.clock import Clock
from domain.clock.units import RealTime
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.weather.messages import EVENTS, WeatherEvent
from domain.weather.queries import ForecastQuery, WeatherQuery
from domain.weather.showing import shown
from domain.weather.sky import Nature, Sky
from domain.weather.weather import NO_WEATHER, STREAM, Weather, evolve
from handlers.clock.view import ClockView
from handlers.kernel.follow import Decode, MemoryView


class Skies:
    """Makes the sky of a state of the weather; what is as before is kept, with what was computed in it."""

    def __init__(self) -> None:
        self._of: tuple[object, ...] = ()
        self._nature: Nature | None = None

    def sky(self, clock: Clock, weather: Weather) -> Sky:
        """Return the sky; there is a climate."""
        of = clock.almanac, weather.climates
        if self._nature is None or any(a is not b for a, b in zip(of, self._of, strict=True)):
            self._of, self._nature = of, Nature(clock.almanac, weather.climates)
        return Sky(self._nature, [weather.laid[n] for n in sorted(weather.laid)])


class WeatherView(MemoryView):
    """Run `run` in a task; everything else answers from memory."""

    name = "weather"
    types = tuple(kind.event_name for kind in EVENTS)
    pause_s = 0.02

    def __init__(self, log: EventLog, clock: ClockView, *, decode: Decode) -> None:
        super().__init__(log, decode=decode)
        self.clock = clock
        self.state: Weather = NO_WEATHER
        self.version = 0
        """Of the stream's last event that is known."""
        self.news = asyncio.Event()
        """Set at whatever happens to the weather; whoever waits for it clears it."""
        self.gap = ""
        """What is not known of the weather's past, so that nobody may decide by it; "" if all is."""
        self._skies = Skies()

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if recorded.stream == STREAM and isinstance(event, WeatherEvent):
            if recorded.version != self.version + 1:
                self.gap = self.gap or f"the weather's event {self.version + 1} could not be read"
            self.state, self.version = evolve(self.state, event), recorded.version

    async def settle(self) -> None:
        """Tell who waits."""
        self.news.set()

    def seen(self, real_us: int | None = None) -> tuple[Sky, int] | None:
        """Return the sky, and the game time of a moment (None: now); None: there is no weather yet."""
        clock = self.clock.clock
        if clock is None or not self.state.climates:
            return None
        now = self.clock.now() if real_us is None else RealTime(real_us)
        return self._skies.sky(clock, self.state), clock.line.at(now).ms

    async def answer_now(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``weather.now``."""
        zone = parse(WeatherQuery, query).zone
        seen = self.seen()
        return seen and shown(*seen, zone), self.position

    async def answer_forecast(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``weather.forecast``."""
        zone = parse(ForecastQuery, query).zone
        seen, last = self.seen(), self.state.forecast
        if seen is None or last is None:
            return None, self.position
        entries = [
            each.model_dump()
            for each in sorted(last.entries, key=lambda each: (each.at_ms, each.zone))
            if each.at_ms > seen[1] and zone in (None, each.zone)
        ]
        return {"at_ms": last.at_ms, "game_ms": seen[1], "entries": entries}, self.position
