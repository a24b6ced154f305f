"""Five calendars of five kinds, and clocks for the tests."""

import json
from pathlib import Path
from typing import Any

from domain.clock.alarm_messages import AlarmSet
from domain.clock.almanac import Almanac
from domain.clock.calendar import Calendar
from domain.clock.clock import Clock, folded
from domain.clock.messages import ClockEvent, ClockStarted
from domain.clock.units import RealTime

DAWN_TO_NIGHT = [
    {"id": "dawn", "name": "Dawn", "anchor": "sunrise", "offset_s": -3_600},
    {"id": "day", "name": "Day", "anchor": "sunrise", "offset_s": 3_600},
    {"id": "dusk", "name": "Dusk", "anchor": "sunset", "offset_s": -3_600},
    {"id": "night", "name": "Night", "anchor": "sunset", "offset_s": 3_600},
]
WEEK = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MOON = {
    "id": "moon", "name": "Moon", "period_days": 29_530_588, "period_of": 1_000_000,
    "new_at_s": 63_082_779_240,
    "phases": ["new", "crescent", "half", "gibbous", "full", "waning", "last", "old"],
}  # fmt: skip


def season(id_: str, month: str, day: int, sunrise_h: int = 6, sunset_h: int = 19) -> dict[str, Any]:
    sun = {"sunrise_s": sunrise_h * 3_600, "sunset_s": sunset_h * 3_600}
    return {"id": id_, "name": id_.title(), "month": month, "day": day, **sun}


def month(id_: str, days: int, **more: Any) -> dict[str, Any]:
    return {"id": id_, "name": id_.title(), "days": days, **more}


GREGORIAN = Calendar.model_validate(
    {
        "name": "Gregorian",
        "months": [
            month(id_, days, leap_days=int(id_ == "feb"))
            for id_, days in zip(
                ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
                (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31),
                strict=True,
            )
        ],
        "leap": [
            {"every": 4, "remainders": [0]},
            {"every": 100, "remainders": [0], "leap": False},
            {"every": 400, "remainders": [0]},
        ],
        "weekdays": WEEK,
        "moons": [MOON],
        "seasons": [
            season("spring", "mar", 20, 6, 18),
            season("summer", "jun", 21, 4, 20),
            season("autumn", "sep", 22, 6, 18),
            season("winter", "dec", 21, 8, 16),
        ],
        "phases": DAWN_TO_NIGHT,
    }
)
COPTIC = Calendar.model_validate(
    {
        "name": "Coptic",
        "months": [
            *(month(f"m{n}", 30) for n in range(1, 13)),
            month("nesi", 5, leap_days=1, intercalary=True),
        ],
        "leap": [{"every": 4, "remainders": [3]}],
        "weekdays": WEEK,
        "first_weekday": 4,
        "seasons": [season("flood", "m1", 1), season("sowing", "m5", 1), season("harvest", "m9", 1)],
        "phases": DAWN_TO_NIGHT,
    }
)
LEAP_WEEK = Calendar.model_validate(
    {
        "name": "Symmetry454",
        "months": [
            month(f"m{n}", 35 if n % 3 == 2 else 28, leap_days=7 if n == 12 else 0) for n in range(1, 13)
        ],
        "leap": [{"every": 293, "remainders": [y for y in range(293) if (52 * y + 146) % 293 < 52]}],
        "weekdays": WEEK,
        "seasons": [season("cold", "m1", 1, 8, 16), season("warm", "m7", 1, 5, 20)],
        "phases": DAWN_TO_NIGHT,
    }
)
THIRTEEN = Calendar.model_validate(
    {
        "name": "Thirteen months and two days of no week",
        "months": [
            *(month(f"m{n}", 28) for n in range(1, 7)),
            month("leap_day", 0, leap_days=1, intercalary=True, weekless=True),
            *(month(f"m{n}", 28) for n in range(7, 14)),
            month("year_day", 1, intercalary=True, weekless=True),
        ],
        "leap": GREGORIAN.model_dump()["leap"],
        "weekdays": WEEK,
        "first_weekday": 6,
        "seasons": [season("first", "m1", 15), season("second", "m8", 15)],
        "phases": DAWN_TO_NIGHT,
    }
)
CINDERMOUTH = Calendar.model_validate(
    json.loads(Path(__file__).with_name("reckoning.json").read_text("utf-8"))
)
CALENDARS = (GREGORIAN, COPTIC, LEAP_WEEK, THIRTEEN, CINDERMOUTH)
ALMANACS = {calendar.name: Almanac(calendar) for calendar in CALENDARS}

# --- clocks -------------------------------------------------------------------------------------------------

BY: dict[str, Any] = {"operator": "mira", "reason": "a test"}
HOUR = 3_600_000
"""Of game time, in ms."""

DAY = 24 * HOUR
SECOND = 1_000_000
"""Of real time, in µs."""

STARTED = ClockStarted(calendar=CINDERMOUTH, at_game_ms=7 * HOUR, **BY)
"""At the default scale: a game hour a real minute."""


def alarm_set(alarm_id: str = "bell", serial: int = 0, **alarm: Any) -> AlarmSet:
    return AlarmSet.model_validate({"alarm_id": alarm_id, "serial": serial, **alarm})


def clock_after(*events: tuple[ClockEvent, int]) -> Clock:
    """Return the clock that was started at 0 s of real time and had these events, each so many s later."""
    history = [(STARTED, 0), *events]
    found = folded((event, RealTime(at_s * SECOND)) for event, at_s in history)
    assert found is not None
    return found
