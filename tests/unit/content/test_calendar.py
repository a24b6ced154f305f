"""The demo begins on a morning after which nothing happens by itself for long: its tests rely on it."""

from aicore.content.calendar import shipped_calendar
from aicore.demos.tour import a_morning
from domain.clock.clock import folded
from domain.clock.messages import ClockStarted
from domain.clock.strikes import next_due
from domain.clock.units import RealSpan, RealTime
from tests.unit.clock.kit import BY, SECOND

QUIET = RealSpan(600 * SECOND)
"""Longer than the whole suite takes; a phase that begins is an event that no test expects."""


def test_for_ten_minutes_after_the_demo_s_start_no_phase_begins() -> None:
    calendar = shipped_calendar()
    start = ClockStarted(calendar=calendar, at_game_ms=a_morning(calendar).ms, **BY)
    clock = folded([(start, RealTime(0))])
    assert clock is not None
    due = next_due(clock, RealTime(0))
    assert due is not None
    assert due - RealTime(0) > QUIET
    assert clock.almanac.read(a_morning(calendar)).phase == "day"
