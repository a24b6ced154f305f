"""A calendar as a value: plain fields that JSON holds, checked when it is made. `almanac` reckons with it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import lcm
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from domain.kernel.declared import Declared
from domain.kernel.vocabulary import Text

CYCLE_YEARS_MAX = 10_000
"""After so many years at most the leap years must repeat; the Gregorian ones do after 400."""

YEAR_DAYS_MAX = 10_000
SECONDS_MAX = 1_000_000
"""Of a day."""

PHASE_S_MIN = 60
"""Shortest phase of a day, so that the change of sunrise within a season cannot swallow one."""

Id = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}$", description="An id, unique within its list, at most 63 characters."
    ),
]
Name = Annotated[Text, Field(min_length=1, max_length=100, description="What people call it.")]


class Month(Declared):
    """A stretch of the year: a month, or days outside of every month."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    name: Name
    days: int = Field(
        ge=0, le=YEAR_DAYS_MAX, description="Days in an ordinary year.", json_schema_extra={"unit": "days"}
    )
    leap_days: int = Field(
        0, ge=0, le=1_000, description="Days more in a leap year.", json_schema_extra={"unit": "days"}
    )
    intercalary: bool = Field(False, description="Whether its days are outside of every month.")
    weekless: bool = Field(False, description="Whether its days are outside of the week and have no weekday.")


class LeapRule(Declared):
    """What years are leap years; of several rules that meet a year the last one holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: int = Field(
        ge=1,
        le=CYCLE_YEARS_MAX,
        description="The years are taken modulo this.",
        json_schema_extra={"unit": "years"},
    )
    remainders: list[Annotated[int, Field(ge=0, le=CYCLE_YEARS_MAX)]] = Field(
        min_length=1, max_length=CYCLE_YEARS_MAX, description="Remainders of the years that it meets."
    )
    leap: bool = Field(True, description="Whether the years that it meets are leap years.")


class Moon(Declared):
    """A moon; its period is period_days / period_of days, which need not be a whole number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    name: Name
    period_days: int = Field(
        ge=1,
        le=10**9,
        description="Days in which it is new period_of times.",
        json_schema_extra={"unit": "days"},
    )
    period_of: int = Field(1, ge=1, le=10**6, description="How often it is new in period_days.")
    new_at_s: int = Field(
        0,
        ge=-(10**12),
        le=10**12,
        description="A time at which it is new, since the beginning of day 0.",
        json_schema_extra={"unit": "game s"},
    )
    phases: list[Id] = Field(
        min_length=1,
        max_length=64,
        description="Its phases from new moon on, of equal length; the first is centred on it.",
    )


class Season(Declared):
    """A season, from a day of the year to the next season. Between them sunrise and sunset move evenly."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    name: Name
    month: Id
    day: int = Field(ge=1, le=YEAR_DAYS_MAX, description="Day of the month on which it begins, from 1.")
    sunrise_s: int = Field(
        ge=0,
        le=SECONDS_MAX,
        description="Sunrise on its first day, since midnight.",
        json_schema_extra={"unit": "game s"},
    )
    sunset_s: int = Field(
        ge=0,
        le=SECONDS_MAX,
        description="Sunset on its first day, since midnight.",
        json_schema_extra={"unit": "game s"},
    )


class DayPhase(Declared):
    """A phase of the day, until the next one begins; the last one lasts into the next day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    name: Name
    anchor: Literal["midnight", "sunrise", "sunset"] = Field(
        description="What its beginning is counted from."
    )
    offset_s: int = Field(
        ge=-SECONDS_MAX,
        le=SECONDS_MAX,
        description="From there to its beginning.",
        json_schema_extra={"unit": "game s"},
    )

    def begins_s(self, sunrise_s: int, sunset_s: int) -> int:
        """Return when it begins, in game seconds since midnight."""
        return {"midnight": 0, "sunrise": sunrise_s, "sunset": sunset_s}[self.anchor] + self.offset_s


class Calendar(Declared):
    """How days are counted and named. Raises `ValueError` for one that could not be reckoned with.

    Day 0 is the first day of ``first_year``; there are a year 0 and years below it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    hours: int = Field(24, ge=1, le=1_000, description="Hours of a day.")
    minutes: int = Field(60, ge=1, le=1_000, description="Minutes of an hour.")
    first_year: int = Field(1, ge=-100_000, le=100_000, description="The year that begins with day 0.")
    months: list[Month] = Field(
        min_length=1, max_length=200, description="The year's stretches in their order."
    )
    leap: list[LeapRule] = Field(
        default=[], max_length=16, description="What years are leap years; empty: none."
    )
    weekdays: list[Name] = Field(min_length=1, max_length=64, description="Names of the days of the week.")
    first_weekday: int = Field(0, ge=0, le=63, description="Which of them day 0 is, from 0.")
    moons: list[Moon] = Field(default=[], max_length=16, description="The moons.")
    seasons: list[Season] = Field(
        min_length=1, max_length=64, description="The seasons as they follow in a year."
    )
    phases: list[DayPhase] = Field(
        min_length=1, max_length=64, description="The day's phases from midnight on."
    )

    @property
    def day_s(self) -> int:
        """Game seconds of a day; a minute has 60."""
        return self.hours * self.minutes * 60

    @property
    def cycle_years(self) -> int:
        """Return after how many years the leap years repeat."""
        return lcm(*(rule.every for rule in self.leap))

    def leap_years(self) -> list[bool]:
        """Return for each year of the first cycle whether it has its leap days."""
        rules = [(rule.every, frozenset(rule.remainders), rule.leap) for rule in self.leap]

        def is_leap(year: int) -> bool:
            met = [leap for every, remainders, leap in rules if year % every in remainders]
            return bool(met) and met[-1]

        return [is_leap(self.first_year + n) for n in range(self.cycle_years)]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        """Refuse what could not be inverted or reckoned with, saying what and where."""
        faults = [*_repeated(self), *_year_faults(self)]
        faults = faults or [*_season_faults(self)]
        faults = faults or [*_phase_faults(self)]
        if faults:
            raise ValueError("; ".join(faults))
        return self


def _repeated(calendar: Calendar) -> Iterator[str]:
    lists: dict[str, Sequence[Month | Moon | Season | DayPhase]] = {
        "months": calendar.months,
        "moons": calendar.moons,
        "seasons": calendar.seasons,
        "phases": calendar.phases,
    }
    for where, items in lists.items():
        ids = [item.id for item in items]
        yield from (
            f"{where}: the id {id_!r} is there twice" for id_ in sorted(set(ids)) if ids.count(id_) > 1
        )


def _year_faults(calendar: Calendar) -> Iterator[str]:
    for n, rule in enumerate(calendar.leap):
        if wrong := [each for each in rule.remainders if not 0 <= each < rule.every]:
            last = rule.every - 1
            yield f"leap.{n}.remainders: {wrong[0]} is no remainder of {rule.every}; they are 0 to {last}"
    if calendar.cycle_years > CYCLE_YEARS_MAX:
        yield f"leap: the leap years repeat after {calendar.cycle_years:,} years; at most {CYCLE_YEARS_MAX:,}"
    days = sum(month.days for month in calendar.months)
    if not sum(month.days for month in calendar.months if not month.weekless):
        yield "months: a year needs a day that is within the week"
    if days + sum(month.leap_days for month in calendar.months) > YEAR_DAYS_MAX:
        yield f"months: a year has at most {YEAR_DAYS_MAX:,} days"
    if calendar.first_weekday >= len(calendar.weekdays):
        yield f"first_weekday: {calendar.first_weekday} is none of the {len(calendar.weekdays)} from 0 on"
    if calendar.day_s > SECONDS_MAX:
        yield f"hours: a day has at most {SECONDS_MAX:,} seconds"


def _season_faults(calendar: Calendar) -> Iterator[str]:
    months = {month.id: month for month in calendar.months}
    begins: list[int] = []
    for n, season in enumerate(calendar.seasons):
        where, month = f"seasons.{n}", months.get(season.month)
        if month is None:
            yield f"{where}.month: there is no month {season.month!r}; there are {', '.join(months)}"
        elif season.day > month.days:
            yield f"{where}.day: {month.id} has {month.days} days in every year; there is no {season.day}"
        else:
            before = sum(each.days for each in calendar.months[: calendar.months.index(month)])
            begins.append(before + season.day)
        if not season.sunrise_s < season.sunset_s < calendar.day_s:
            yield f"{where}.sunset_s: must be after sunrise and within the day's {calendar.day_s:,} s"
    if any(later <= earlier for earlier, later in pairwise(begins)):
        yield "seasons: each must begin later in the year than the one before it"


def _phase_faults(calendar: Calendar) -> Iterator[str]:
    """Between two seasons the beginnings move evenly: in order on the first days, they are always."""
    for season in calendar.seasons:
        begins = [phase.begins_s(season.sunrise_s, season.sunset_s) for phase in calendar.phases]
        on = f"on the first day of {season.id}"
        for n, (phase, begin) in enumerate(zip(calendar.phases, begins, strict=True)):
            if not 0 <= begin < calendar.day_s:
                yield f"phases.{n}.offset_s: {phase.id} would begin outside of the day {on}"
            elif n and begin < begins[n - 1] + PHASE_S_MIN:
                before = calendar.phases[n - 1].id
                yield f"phases.{n}.offset_s: {phase.id} must begin {PHASE_S_MIN} s after {before} {on}"
