"""How a calendar is written: months, weekdays, leap years, moons, seasons and phases of the day."""

import re
from typing import Any

from domain.clock.calendar import Calendar, DayPhase, LeapRule, Month, Moon, Season
from domain.definition.faults import Fault
from domain.definition.forms import duration, minute_of_day
from domain.definition.reading import (
    Reader,
    Reading,
    flag,
    identifier,
    listed,
    maybe,
    name_of,
    needed,
    record,
    section,
    text,
    whole,
)

_NAME = text(most=100)
_DAYS = whole(0, 10_000, "days")
_HOURS = 24
"""Hours of a day, and 60 minutes of an hour: what times are written in everywhere else."""


def _month(id_: str) -> Reader[Month]:
    return record(
        lambda **more: Month(id=id_, **more),
        name=needed(_NAME),
        days=needed(_DAYS),
        leap_days=maybe(whole(0, 1_000, "days"), 0),
        intercalary=maybe(flag, False),
        weekless=maybe(flag, False),
    )


def _moon(id_: str) -> Reader[Moon]:
    def make(period: tuple[int, ...], new_at: int | None, **more: object) -> Moon:
        return Moon(
            id=id_,
            period_days=period[0],
            period_of=period[1],
            new_at_s=new_at or 0,
            **more,
        )

    return record(
        make,
        name=needed(_NAME),
        period=needed(_period),
        new_at=maybe(duration),
        phases=needed(listed(identifier, least=1, most=64)),
    )


def _period(value: object, path: str, to: Reading) -> tuple[int, int]:
    """Read ``59 days in 2``: two new moons in 59 days."""
    found = re.fullmatch(r"(\d{1,9}) days(?: in (\d{1,6}))?", value) if isinstance(value, str) else None
    if not found or not int(found[1]) or not int(found[2] or 1):
        clause = f"{value!r} is no period of a moon"
        raise to.fail(
            Fault("bad_duration", path, clause, "days, and how often it is new in them: 59 days in 2")
        )
    return int(found[1]), int(found[2] or 1)


def _season(id_: str) -> Reader[Season]:
    def make(begins: tuple[str, int], sunrise: int, sunset: int, name: str) -> Season:
        month, day = begins
        return Season(id=id_, name=name, month=month, day=day, sunrise_s=sunrise * 60, sunset_s=sunset * 60)

    return record(
        make,
        name=needed(_NAME),
        begins=needed(_begins),
        sunrise=needed(minute_of_day),
        sunset=needed(minute_of_day),
    )


_BEGINS = record(
    lambda month, day: (month, day), month=needed(name_of("month")), day=needed(whole(1, 10_000))
)


def _begins(value: object, path: str, to: Reading) -> tuple[str, int]:
    return _BEGINS(value, path, to)


def _phase(id_: str) -> Reader[DayPhase]:
    def make(name: str, begins: tuple[str, int]) -> DayPhase:
        return DayPhase(id=id_, name=name, anchor=begins[0], offset_s=begins[1])

    return record(make, name=needed(_NAME), begins=needed(_beginning))


_ANCHOR = re.compile(r"(sunrise|sunset|midnight)(?: ([+-]) (\d+ (?:s|min|h)))?")


def _beginning(value: object, path: str, to: Reading) -> tuple[str, int]:
    """Read ``sunrise - 1 h``, ``sunset``, or a time of the day."""
    found = _ANCHOR.fullmatch(value) if isinstance(value, str) else None
    if found:
        seconds = duration(found[3], path, to) if found[3] else 0
        return found[1], -seconds if found[2] == "-" else seconds
    if isinstance(value, str) and re.fullmatch(r"\d\d:\d\d", value):
        return "midnight", minute_of_day(value, path, to) * 60
    allowed = "a time of the day, or sunrise or sunset, with + or - and a length of time: sunrise - 1 h"
    raise to.fail(Fault("bad_time", path, f"{value!r} is no beginning of a phase", allowed))


_LEAP = record(
    lambda every, remainders, leap: LeapRule(every=every, remainders=list(remainders), leap=leap),
    every=needed(whole(1, 10_000, "years")),
    remainders=needed(listed(whole(0, 9_999), least=1, most=10_000)),
    leap=maybe(flag, True),
)

_CALENDAR: Reader[dict[str, Any]] = record(
    dict,
    name=needed(_NAME),
    first_year=maybe(whole(-100_000, 100_000), 1),
    months=needed(section("month", _month, most=200, least=1)),
    leap=maybe(listed(_LEAP, most=16), ()),
    weekdays=needed(listed(_NAME, least=1, most=64)),
    first_weekday=maybe(name_of("weekday")),
    moons=maybe(section("moon", _moon, most=16), ()),
    seasons=needed(section("season", _season, most=64, least=1)),
    phases=needed(section("phase", _phase, most=64, least=1)),
)


def calendar(value: object, path: str, to: Reading) -> Calendar:
    """Read a calendar; days of 24 hours of 60 minutes, as all times of a definition are written."""
    days = value.get("weekdays") if isinstance(value, dict) else None
    if isinstance(days, list):
        names = to.names.setdefault("weekday", {})
        names.update({str(day): f"{path}.weekdays[{at}]" for at, day in enumerate(days)})
    found = _CALENDAR(value, path, to)
    weekdays, first = list(found["weekdays"]), found["first_weekday"]
    found["first_weekday"] = weekdays.index(first) if first in weekdays else 0
    lists = {name: list(found[name]) for name in ("months", "leap", "weekdays", "moons", "seasons", "phases")}
    try:
        return Calendar(**{**found, **lists}, hours=_HOURS)
    except ValueError as error:
        raise to.fail(_unsound(error, path, found)) from None


def _unsound(error: ValueError, path: str, found: dict[str, tuple[Month | Season | DayPhase, ...]]) -> Fault:
    """Return what a calendar's own checks refused, with its path as it is written."""
    said = str(error).split("Value error, ")[-1].split(" [type=")[0]
    where, _, message = said.partition(": ")
    parts = where.split(".")
    if len(parts) > 1 and parts[1].isdigit() and parts[0] in ("seasons", "phases"):
        parts[1] = found[parts[0]][int(parts[1])].id
        parts[2:] = [_WRITTEN[part] for part in parts[2:]]
    if message.startswith("must "):
        message = f"{parts[-1]} {message}"
    return Fault("bad_calendar", ".".join([path, *parts]), message, "a calendar that can be reckoned with")


_WRITTEN = {"sunset_s": "sunset", "offset_s": "begins", "month": "begins", "day": "begins"}
"""Fields of a calendar's parts as they are written."""
