"""Reckoning with a calendar: dates, weekdays, moons, seasons, sunrise and phases of a moment. Pure integers.

Everything follows from the absolute day: a day is a place in a cycle of years that repeats exactly, so that
dates and days are each other's inverse over any number of years. Floor division throughout.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from domain.clock.calendar import Calendar
from domain.clock.units import GameTime

MS = 1_000
"""Game milliseconds of a game second."""


class Date(NamedTuple):
    """A day by its name."""

    year: int
    month: str
    """Id of a month, or of days outside of every month."""
    day: int
    """From 1."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a clock and a calendar on the wall show at a moment."""

    day: int
    """Days since day 0."""
    date: Date
    weekday: int | None
    """From 0; None: the day is outside of the week."""
    hour: int
    minute: int
    second: int
    phase: str
    season: str
    sunrise_s: int
    sunset_s: int
    moons: Mapping[str, str]
    """Phase by moon."""


class _Year:
    """The stretches of an ordinary year, or of a leap year."""

    def __init__(self, calendar: Calendar, *, leap: bool) -> None:
        lengths = [month.days + leap * month.leap_days for month in calendar.months]
        *self.begins, self.days = accumulate(lengths, initial=0)
        weekless = [length * month.weekless for length, month in zip(lengths, calendar.months, strict=True)]
        *self.weekless_before, self.weekless = accumulate(weekless, initial=0)
        self.lengths = dict(zip((month.id for month in calendar.months), lengths, strict=True))
        begins = dict(zip(self.lengths, self.begins, strict=True))
        self.begin_of = begins
        self.seasons = [begins[season.month] + season.day - 1 for season in calendar.seasons]


class Almanac:
    """A calendar made ready to reckon with; immutable."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.day_ms = calendar.day_s * MS
        self._kinds = (_Year(calendar, leap=False), _Year(calendar, leap=True))
        self._leap = calendar.leap_years()
        self._cycle = len(self._leap)
        years = [self._kinds[leap] for leap in self._leap]
        self._days_before = list(accumulate((year.days for year in years), initial=0))
        self._weekless_before = list(accumulate((year.weekless for year in years), initial=0))

    def _year(self, year: int) -> _Year:
        return self._kinds[self._leap[(year - self.calendar.first_year) % self._cycle]]

    # --- days ---------------------------------------------------------------------------------------------

    def year_begins(self, year: int) -> int:
        """Return the first day of a year."""
        cycle, n = divmod(year - self.calendar.first_year, self._cycle)
        return cycle * self._days_before[-1] + self._days_before[n]

    def _place(self, day: int) -> tuple[int, int]:
        """Return the year of a day, and its place in it from 0."""
        cycle, rest = divmod(day, self._days_before[-1])
        n = bisect_right(self._days_before, rest) - 1
        return self.calendar.first_year + cycle * self._cycle + n, rest - self._days_before[n]

    def date(self, day: int) -> Date:
        """Return the date of a day."""
        year, place = self._place(day)
        begins = self._year(year).begins
        n = bisect_right(begins, place) - 1  # the last of those that begin there: the others have no days
        return Date(year, self.calendar.months[n].id, place - begins[n] + 1)

    def day(self, date: Date) -> int:
        """Return the day of a date.

        Raises:
            ValueError: there is no such month, or no such day in it that year.
        """
        year = self._year(date.year)
        length = year.lengths.get(date.month)
        if length is None:
            raise ValueError(f"there is no month {date.month!r}; there are {', '.join(year.lengths)}")
        if not 1 <= date.day <= length:
            raise ValueError(
                f"{date.month} of the year {date.year} has {length} days; {date.day} is not among them"
            )
        return self.year_begins(date.year) + year.begin_of[date.month] + date.day - 1

    def weekday(self, day: int) -> int | None:
        """Return the place of a day in the week, from 0; None: it is outside of the week."""
        year, place = self._place(day)
        kind = self._year(year)
        n = bisect_right(kind.begins, place) - 1
        if self.calendar.months[n].weekless:
            return None
        cycle, in_cycle = divmod(year - self.calendar.first_year, self._cycle)
        weekless = (
            cycle * self._weekless_before[-1] + self._weekless_before[in_cycle] + kind.weekless_before[n]
        )
        return (day - weekless + self.calendar.first_weekday) % len(self.calendar.weekdays)

    # --- the sky ------------------------------------------------------------------------------------------

    def moons(self, time: GameTime) -> Mapping[str, str]:
        """Return each moon's phase at a moment."""
        found: dict[str, str] = {}
        for moon in self.calendar.moons:
            period = moon.period_days * self.day_ms  # all times here are in 1/period_of ms
            age = (time.ms - moon.new_at_s * MS) * moon.period_of % period
            count = len(moon.phases)
            found[moon.id] = moon.phases[(2 * count * age + period) // (2 * period) % count]
        return found

    def season_index(self, day: int) -> int:
        """Return the number of a day's season, counted on through all years; the first year's first is 0."""
        year, place = self._place(day)
        kind = self._year(year)
        return (year - self.calendar.first_year) * len(kind.seasons) + bisect_right(kind.seasons, place) - 1

    def season_begins(self, index: int) -> int:
        """Return the first day of a season by its number."""
        years, n = divmod(index, len(self.calendar.seasons))
        year = self.calendar.first_year + years
        return self.year_begins(year) + self._year(year).seasons[n]

    def season(self, index: int) -> str:
        """Return a season's id by its number."""
        return self.calendar.seasons[index % len(self.calendar.seasons)].id

    def sun(self, day: int) -> tuple[int, int]:
        """Return sunrise and sunset of a day, in game seconds since midnight."""
        index = self.season_index(day)
        seasons = self.calendar.seasons
        this, following = seasons[index % len(seasons)], seasons[(index + 1) % len(seasons)]
        begin = self.season_begins(index)
        gone, length = day - begin, self.season_begins(index + 1) - begin
        return (
            this.sunrise_s + (following.sunrise_s - this.sunrise_s) * gone // length,
            this.sunset_s + (following.sunset_s - this.sunset_s) * gone // length,
        )

    # --- phases of the day --------------------------------------------------------------------------------

    def _phases(self, day: int) -> Sequence[int]:
        """Return when each phase of a day begins, in game seconds since midnight."""
        sun = self.sun(day)
        return [phase.begins_s(*sun) for phase in self.calendar.phases]

    def phase_index(self, time: GameTime) -> int:
        """Return the number of a moment's phase, counted on through all days; day 0's first is 0."""
        day, ms = divmod(time.ms, self.day_ms)
        return day * len(self.calendar.phases) + bisect_right(self._phases(day), ms // MS) - 1

    def phase_begins(self, index: int) -> GameTime:
        """Return when a phase begins, by its number."""
        day, n = divmod(index, len(self.calendar.phases))
        return GameTime(day * self.day_ms + self._phases(day)[n] * MS)

    def phase(self, index: int) -> str:
        """Return a phase's id by its number."""
        return self.calendar.phases[index % len(self.calendar.phases)].id

    # --- all of it ----------------------------------------------------------------------------------------

    def read(self, time: GameTime) -> Reading:
        """Return what is shown at a moment."""
        day, ms = divmod(time.ms, self.day_ms)
        minutes, second = divmod(ms // MS, 60)
        hour, minute = divmod(minutes, self.calendar.minutes)
        return Reading(
            day,
            self.date(day),
            self.weekday(day),
            hour,
            minute,
            second,
            self.phase(self.phase_index(time)),
            self.season(self.season_index(day)),
            *self.sun(day),
            self.moons(time),
        )

    def time(self, date: Date, hour: int = 0, minute: int = 0, second: int = 0) -> GameTime:
        """Return the moment of a date and a time of the day.

        Raises:
            ValueError: there is no such day, or no such time of it.
        """
        limits = (
            ("hour", hour, self.calendar.hours),
            ("minute", minute, self.calendar.minutes),
            ("second", second, 60),
        )
        for name, value, limit in limits:
            if not 0 <= value < limit:
                raise ValueError(f"{name} must be 0 to {limit - 1}; it is {value}")
        seconds = (hour * self.calendar.minutes + minute) * 60 + second
        return GameTime(self.day(date) * self.day_ms + seconds * MS)
