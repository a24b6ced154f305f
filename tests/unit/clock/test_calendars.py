"""Five calendars, each its own inverse over ten thousand years, and what a broken one is told."""

from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies
from pydantic import ValidationError

from domain.clock.almanac import Almanac, Date
from domain.clock.calendar import Calendar
from domain.clock.units import GameTime
from tests.harness.examples import examples
from tests.unit.clock.kit import ALMANACS, CALENDARS, CINDERMOUTH, GREGORIAN, LEAP_WEEK, THIRTEEN

YEARS = 10_000
almanacs = strategies.sampled_from(sorted(ALMANACS)).map(ALMANACS.__getitem__)
times = strategies.integers(-4 * 10**14, 4 * 10**14).map(GameTime)
MONTHS = [month.id for month in GREGORIAN.months]


@pytest.mark.parametrize("name", sorted(ALMANACS))
def test_every_year_of_ten_thousand_begins_the_day_after_the_one_before_it(name: str) -> None:
    almanac = ALMANACS[name]
    first = almanac.calendar.first_year
    months = [month.id for month in almanac.calendar.months if month.days]
    for year in range(first - YEARS, first + YEARS):
        begin, following = almanac.year_begins(year), almanac.year_begins(year + 1)
        assert almanac.date(begin) == Date(year, months[0], 1)
        last = almanac.date(following - 1)
        assert (last.year, almanac.day(last)) == (year, following - 1)


def walk(almanac: Almanac, first: int, last: int) -> None:
    """Every day has a date of its own, and the week goes on."""
    before = None
    for day in range(first, last):
        found = almanac.date(day)
        assert almanac.day(found) == day
        weekday = almanac.weekday(day)
        if weekday is not None:
            assert before is None or weekday == (before + 1) % len(almanac.calendar.weekdays)
            before = weekday


@pytest.mark.parametrize("name", sorted(ALMANACS))
def test_every_day_of_some_years_on_both_sides_of_the_first_is_its_dates_inverse(name: str) -> None:
    almanac = ALMANACS[name]
    walk(almanac, -10_000, 10_000)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(ALMANACS))
def test_every_day_of_twenty_thousand_years_is_its_dates_inverse(name: str) -> None:
    almanac = ALMANACS[name]
    first = almanac.calendar.first_year
    walk(almanac, almanac.year_begins(first - YEARS), almanac.year_begins(first + YEARS))


def test_the_gregorian_calendar_is_that_of_python() -> None:
    almanac = ALMANACS["Gregorian"]
    for ordinal in range(1, date.max.toordinal() + 1, 97):
        theirs = date.fromordinal(ordinal)
        assert almanac.date(ordinal - 1) == (theirs.year, MONTHS[theirs.month - 1], theirs.day)
        assert almanac.weekday(ordinal - 1) == theirs.weekday()


@given(strategies.dates())
def test_any_gregorian_date_is_that_of_python(theirs: date) -> None:
    ours = Date(theirs.year, MONTHS[theirs.month - 1], theirs.day)
    assert ALMANACS["Gregorian"].day(ours) == theirs.toordinal() - 1


def test_the_years_of_a_leap_week_calendar_begin_on_one_weekday() -> None:
    almanac = ALMANACS[LEAP_WEEK.name]
    begins = [almanac.year_begins(year) for year in range(-2_000, 2_000)]
    assert {almanac.weekday(begin) for begin in begins} == {0}
    assert {later - earlier for earlier, later in pairwise(begins)} == {364, 371}


def test_the_months_of_thirteen_begin_on_one_weekday_since_some_days_are_outside_of_the_week() -> None:
    almanac = ALMANACS[THIRTEEN.name]
    for year in range(-500, 500):
        first = {almanac.weekday(almanac.day(Date(year, f"m{n}", 1))) for n in range(1, 14)}
        assert first == {6}
        assert almanac.weekday(almanac.day(Date(year, "year_day", 1))) is None


@given(almanacs, times)
def test_a_moment_is_its_readings_inverse(almanac: Almanac, time: GameTime) -> None:
    seen = almanac.read(time)
    again = almanac.time(seen.date, seen.hour, seen.minute, seen.second)
    assert again.ms == time.ms // 1_000 * 1_000
    assert seen.sunrise_s < seen.sunset_s


@given(almanacs, times)
def test_a_phase_and_a_season_begin_where_their_number_begins(almanac: Almanac, time: GameTime) -> None:
    index = almanac.phase_index(time)
    begin, end = almanac.phase_begins(index), almanac.phase_begins(index + 1)
    assert begin <= time < end
    assert almanac.phase_index(begin) == index
    assert almanac.phase_index(GameTime(begin.ms - 1)) == index - 1
    day = time.ms // almanac.day_ms
    season = almanac.season_index(day)
    assert almanac.season_begins(season) <= day < almanac.season_begins(season + 1)


@given(times, strategies.integers(0, 3))
def test_a_moon_goes_on_by_its_period_whatever_the_year_does(time: GameTime, turns: int) -> None:
    almanac = ALMANACS["Gregorian"]
    (moon,) = GREGORIAN.moons
    period_of_turns_ms = moon.period_days * almanac.day_ms  # a million turns, a whole number of ms
    later = GameTime(time.ms + turns * period_of_turns_ms)
    assert almanac.moons(later) == almanac.moons(time)


@pytest.mark.parametrize(
    ("when", "phase"),
    [
        ("2000-01-21T04:43", "full"),  # eclipses, which are at new and full moons
        ("2017-08-21T18:25", "new"),
        ("1999-08-11T11:03", "new"),
        ("2019-01-21T05:12", "full"),
        ("2026-08-28T04:13", "full"),
    ],
)
def test_the_moon_is_new_and_full_when_it_was(when: str, phase: str) -> None:
    seconds = int((datetime.fromisoformat(when + "+00:00") - datetime(1, 1, 1, tzinfo=UTC)).total_seconds())

    assert ALMANACS["Gregorian"].moons(GameTime(seconds * 1_000)) == {"moon": phase}


def test_the_sun_rises_earlier_until_summer_and_nowhere_leaps() -> None:
    almanac = ALMANACS["Gregorian"]
    suns = [almanac.sun(almanac.year_begins(2_000) + n) for n in range(366)]
    assert max(abs(later[0] - earlier[0]) for earlier, later in pairwise(suns)) <= 90
    assert almanac.sun(almanac.day(Date(2_001, "jun", 21))) == (4 * 3_600, 20 * 3_600)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "two of one id": (
        {"months": [{"id": "a", "name": "A", "days": 1}] * 2},
        "months: the id 'a' is there twice",
    ),
    "no day in the week": (
        {"months": [{"id": "a", "name": "A", "days": 3, "weekless": True}]},
        "months: a year needs a day that is within the week",
    ),
    "no remainder": (
        {"leap": [{"every": 4, "remainders": [4]}]},
        "leap.0.remainders: 4 is no remainder of 4",
    ),
    "years that repeat too late": (
        {"leap": [{"every": 9_973, "remainders": [1]}, {"every": 9_967, "remainders": [1]}]},
        "leap: the leap years repeat after 99,400,891 years; at most 10,000",
    ),
    "a season of no month": (
        {"seasons": [{**GREGORIAN.seasons[0].model_dump(), "month": "mai"}]},
        "seasons.0.month: there is no month 'mai'; there are jan, feb",
    ),
    "a season on a leap day": (
        {"seasons": [{**GREGORIAN.seasons[0].model_dump(), "month": "feb", "day": 29}]},
        "seasons.0.day: feb has 28 days in every year; there is no 29",
    ),
    "seasons out of order": (
        {"seasons": [each.model_dump() for each in reversed(GREGORIAN.seasons)]},
        "seasons: each must begin later in the year than the one before it",
    ),
    "a sun that sets first": (
        {"seasons": [{**GREGORIAN.seasons[0].model_dump(), "sunset_s": 3_600}]},
        "seasons.0.sunset_s: must be after sunrise",
    ),
    "phases out of order": (
        {"phases": [each.model_dump() for each in reversed(GREGORIAN.phases)]},
        "phases.1.offset_s: dusk must begin 60 s after night on the first day of spring",
    ),
    "a phase before midnight": (
        {"phases": [{"id": "a", "name": "A", "anchor": "sunrise", "offset_s": -90_000}]},
        "phases.0.offset_s: a would begin outside of the day",
    ),
    "a weekday that there is not": ({"first_weekday": 7}, "first_weekday: 7 is none of the 7 from 0 on"),
    "an unknown field": ({"month": []}, "Extra inputs are not permitted"),
}


@pytest.mark.parametrize("what", sorted(FAULTS))
def test_a_broken_calendar_is_told_where(what: str) -> None:
    changes, says = FAULTS[what]
    with pytest.raises(ValidationError) as refusal:
        Calendar.model_validate({**GREGORIAN.model_dump(), **changes})
    assert says in str(refusal.value)


@pytest.mark.parametrize("calendar", CALENDARS, ids=lambda calendar: calendar.name)
def test_a_calendar_comes_back_from_json(calendar: Calendar) -> None:
    assert Calendar.model_validate_json(calendar.model_dump_json()) == calendar


@pytest.mark.parametrize(
    ("date_", "says"),
    [
        (Date(413, "turning", 1), "there is no month 'turning'"),
        (Date(413, "the_turning", 4), "the_turning of the year 413 has 3 days; 4 is not among them"),
        (Date(416, "the_turning", 0), "has 4 days; 0 is not among them"),
    ],
)
def test_a_day_that_there_is_not_is_refused(date_: Date, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ALMANACS[CINDERMOUTH.name].day(date_)


@given(almanacs, strategies.data())
def test_no_other_date_is_a_day(almanac: Almanac, data: strategies.DataObject) -> None:
    """A date that is accepted is the date of that day: no two dates mean one day."""
    for _ in range(examples(3)):
        month = data.draw(strategies.sampled_from([each.id for each in almanac.calendar.months]))
        date_ = Date(
            data.draw(strategies.integers(-YEARS, YEARS)), month, data.draw(strategies.integers(-2, 40))
        )
        try:
            day = almanac.day(date_)
        except ValueError:
            continue
        assert almanac.date(day) == date_
