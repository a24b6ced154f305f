"""The cases of `clock.json`: clocks with the times that follow, and calendars with what they show."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from domain.clock.almanac import Almanac, Reading
from domain.clock.clock import folded
from domain.clock.messages import (
    CalendarSet,
    ClockDilated,
    ClockEvent,
    ClockJumped,
    ClockPaused,
    ClockResumed,
    ClockScaled,
    ClockStarted,
    ClockUndilated,
)
from domain.clock.units import GameTime, RealTime
from tests.unit.clock.kit import BY, CALENDARS, CINDERMOUTH, COPTIC, HOUR, SECOND

START_US = 1_790_000_000_123_457
ODD_MS = (
    0,
    -1,
    1,
    25_199_999,
    63_782_812_799_000,
    -62_135_596_800_000,
    300_000_000_000_001,
    -299_999_999_999_999,
)
"""Moments at the edges of days and years, and far from day 0 on both sides."""


def clock_cases() -> Iterator[Mapping[str, Any]]:
    """Yield every case."""
    for calendar in CALENDARS:
        moments = [*ODD_MS, *(n * 86_399_999 * 37 - 10**12 for n in range(40))]
        yield {
            "name": f"calendar: {calendar.name}",
            "kind": "calendar",
            "calendar": calendar.model_dump(),
            "looks": [{"game_ms": ms, **shown(Almanac(calendar).read(GameTime(ms)))} for ms in moments],
        }
    for name, history in HISTORIES.items():
        yield {"name": f"clock: {name}", "kind": "clock", **_clock([(0, STARTED), *history])}


def shown(seen: Reading) -> dict[str, Any]:
    """Return a reading as a map."""
    found = asdict(seen)
    year, month, day = found.pop("date")
    return {**found, "year": year, "month": month, "day_of_month": day}


def _clock(history: Sequence[tuple[int, ClockEvent]]) -> Mapping[str, Any]:
    timed = [(event, RealTime(START_US + after_us)) for after_us, event in history]
    clock = folded(timed)
    assert clock is not None
    last_us = timed[-1][1].us
    looks = [
        last_us + after_us for after_us in (-1, 0, 1, 16, 17, 999_999, 3_600_000_001, 31_536_000_000_007)
    ]
    return {
        "events": [
            {"type": event.event_name, "recorded_us": at.us, "payload": event.model_dump()}
            for event, at in timed
        ],
        "looks": [{"real_us": us, "game_ms": clock.line.at(RealTime(us)).ms} for us in looks],
        "calendar_name": clock.almanac.calendar.name,
    }


STARTED = ClockStarted(calendar=CINDERMOUTH, at_game_ms=7 * HOUR, **BY)
HISTORIES: Mapping[str, Sequence[tuple[int, ClockEvent]]] = {
    "started": [],
    "paused and resumed": [(7, ClockPaused(**BY)), (10**9, ClockResumed(**BY))],
    "paused": [(7, ClockPaused(**BY))],
    "scaled by fractions that do not come out even": [
        (1_000_003, ClockScaled(scale_num=100_000, scale_den=7, **BY)),
        (2_000_029, ClockScaled(scale_num=1, scale_den=3, **BY)),
        (99_000_047, ClockScaled(scale_num=999_983, scale_den=99_991, **BY)),
    ],
    "dilated, scaled, undilated": [
        (3, ClockDilated(num=1, den=16, late_us=5)),
        (SECOND, ClockScaled(scale_num=61, scale_den=2, **BY)),
        (2 * SECOND + 1, ClockUndilated(num=1, den=16)),
    ],
    "jumped back below day 0 while paused": [
        (5, ClockPaused(**BY)),
        (6, ClockJumped(jump_id="j", to_game_ms=-123_456_789_012_345, **BY)),
        (7, ClockResumed(**BY)),
    ],
    "another calendar": [(SECOND, CalendarSet(calendar=COPTIC, **BY))],
}
