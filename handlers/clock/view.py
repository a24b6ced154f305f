"""The clock in memory, kept up to date by the log, and the queries over it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from heapq import nsmallest
from itertools import chain
from typing import Any

from bus.ports import EventLog, RecordedEvent
from domain.clock.alarms import Alarm
from domain.clock.almanac import Almanac
from domain.clock.clock import STREAM, Clock, follow
from domain.clock.messages import EVENTS, ClockEvent
from domain.clock.queries import AlarmsQuery, ClockQuery
from domain.clock.strikes import lateness
from domain.clock.units import GameTime, RealTime
from domain.kernel.event import Event
from domain.kernel.parse import parse
from handlers.clock.commands import course
from handlers.kernel.follow import Decode, MemoryView

NEVER = 2**63
"""After every time that may be due."""


class ClockView(MemoryView):
    """Run `run` in a task; everything else answers from memory."""

    name = "clock"
    types = tuple(kind.event_name for kind in EVENTS)
    pause_s = 0.02

    def __init__(self, log: EventLog, *, decode: Decode, now: Callable[[], RealTime]) -> None:
        super().__init__(log, decode=decode)
        self.now = now
        self.clock: Clock | None = None
        self.version = 0
        """Of the stream's last event that is known."""
        self.news = asyncio.Event()
        """Set at whatever happens to the clock; whoever waits for it clears it."""
        self.gap = ""
        """What is not known of the clock's past, so that nobody may decide by it; "" if all is."""

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if recorded.stream == STREAM and isinstance(event, ClockEvent):
            if recorded.version != self.version + 1:
                self.gap = self.gap or f"the clock's event {self.version + 1} could not be read"
            self.clock = follow(self.clock, event, RealTime(recorded.recorded_us))
            self.version = recorded.version

    async def settle(self) -> None:
        """Tell who waits."""
        self.news.set()

    async def answer_now(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``clock.now``."""
        parse(ClockQuery, query)
        return self.clock and shown(self.clock, self.now()), self.position

    async def answer_alarms(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``clock.alarms``."""
        limit = parse(AlarmsQuery, query).limit
        clock = self.clock
        if clock is None:
            return [], self.position
        waiting = chain(clock.game, clock.real)
        first = nsmallest(limit, waiting, key=lambda alarm: (_when(clock, alarm), alarm.of.serial))
        return [_alarm(alarm) for alarm in first], self.position


def shown(clock: Clock, now: RealTime) -> Mapping[str, Any]:
    """Return what one needs to read the clock oneself, and what it shows at ``now``."""
    line, game = clock.line, clock.line.at(now)
    return {
        "real_us": now.us,
        "game_ms": game.ms,
        "anchor_real_us": line.real.us,
        "anchor_game_ms": line.game.ms,
        "rate_num": line.rate.numerator,
        "rate_den": line.rate.denominator,
        **course(clock),
        "calendar": clock.almanac.calendar.model_dump(),
        "reading": reading(clock.almanac, game),
        "alarms": clock.waiting,
        "late_us": lateness(clock, now).us,
        "term": clock.term,
        "leader": clock.leader,
    }


def reading(almanac: Almanac, game: GameTime) -> dict[str, Any]:
    """Return what clock and calendar show, with the names of days rather than their places."""
    seen = asdict(almanac.read(game))
    year, month, day = seen.pop("date")
    weekday = seen["weekday"]
    named = None if weekday is None else almanac.calendar.weekdays[weekday]
    return {**seen, "year": year, "month": month, "day": day, "weekday": named}


def _when(clock: Clock, alarm: Alarm) -> int:
    if alarm.of.real:
        return alarm.due_next
    when = clock.line.when(GameTime(alarm.due_next))
    return when.us if when else NEVER


def _alarm(alarm: Alarm) -> Mapping[str, Any]:
    due = alarm.due_next
    return {
        **alarm.of.model_dump(),
        "next": alarm.next,
        "due_game_ms": due if alarm.of.game else None,
        "due_real_us": due if alarm.of.real else None,
    }
