"""What is told when: in order, late ones by their policy, and of many at once a bounded part."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock.alarm_messages import AlarmFired, AlarmPassed
from domain.clock.alarms import Alarms, alarm_of
from domain.clock.clock import Clock, folded
from domain.clock.messages import ClockJumped, PhaseBegan, SeasonBegan
from domain.clock.strikes import lateness, next_due, strikes
from domain.clock.units import GameTime, RealSpan, RealTime
from tests.unit.clock.kit import BY, DAY, HOUR, SECOND, alarm_set, clock_after

GAME_MINUTE = 60_000


def told(clock: Clock, at_s: float, limit: int = 100) -> list[Any]:
    return [strike.event for strike in strikes(clock, RealTime(round(at_s * SECOND)), limit)]


def after(clock: Clock, at_s: float, events: list[Any]) -> Clock:
    found = folded(((event, RealTime(round(at_s * SECOND))) for event in events), clock)
    assert found is not None
    return found


def fired(events: list[Any]) -> list[tuple[str, int, int]]:
    return [(e.alarm_id, e.occurrence, e.stands_for) for e in events if isinstance(e, AlarmFired)]


def jumped(to: int) -> ClockJumped:
    return ClockJumped(jump_id="j", to_game_ms=to, **BY)


# --- boundaries ---------------------------------------------------------------------------------------------


def test_a_day_has_four_phases_told_as_they_begin() -> None:
    """It began at 7, which is the day's first hour: dusk is at 18, night at 20, dawn at 5."""
    clock, at_s, found = clock_after(), 0.0, []
    for _ in range(5):
        due = next_due(clock, RealTime(round(at_s * SECOND)))
        assert due is not None
        at_s = due.us / SECOND
        assert told(clock, at_s - 0.000_001) == []
        events = told(clock, at_s)
        found += events
        clock = after(clock, at_s, events)

    assert [event.phase for event in found] == ["dusk", "night", "dawn", "day", "dusk"]
    hours = [event.due_game_ms / HOUR for event in found]
    assert [round(hour, 1) for hour in hours] == [18, 20, 29, 31, 42]
    assert [(event.number, event.passed) for event in found] == [(n, 0) for n in range(5)]
    assert at_s == pytest.approx(35 * 60, abs=2)


def test_phases_that_were_slept_through_are_told_as_one_that_says_so() -> None:
    [event] = told(clock_after(), 2 * 24 * 60)
    assert (event.phase, event.index, event.number, event.passed) == ("day", 9, 0, 7)


def test_a_season_begins_once() -> None:
    clock = clock_after((jumped(92 * DAY), 1))
    season = [event for event in told(clock, 1) if isinstance(event, SeasonBegan)]
    assert [(event.season, event.index, event.number) for event in season] == [("summer", 1, 0)]
    assert told(after(clock, 1, told(clock, 1)), 1) == []


def test_after_a_jump_back_a_phase_begins_again_under_another_number() -> None:
    clock = clock_after()
    clock = after(clock, 660, told(clock, 660))
    clock = after(clock, 661, [jumped(7 * HOUR)])
    [again] = told(clock, 661)
    assert (again.phase, again.number, again.passed) == ("day", 1, 0)
    clock = after(clock, 661, [again])
    assert told(clock, 661) == []
    [dusk] = told(clock, 661 + 660)
    assert (dusk.phase, dusk.number) == ("dusk", 2)


def test_a_jump_back_and_forth_that_nobody_led_is_nothing() -> None:
    clock = after(clock_after(), 660, told(clock_after(), 660))
    clock = after(clock, 661, [jumped(18 * HOUR - GAME_MINUTE)])
    assert told(clock, 663) == []
    assert lateness(clock, RealTime(663 * SECOND)) == RealSpan(0)


# --- alarms -------------------------------------------------------------------------------------------------


def bell(late: str, **due: Any) -> Clock:
    return clock_after((alarm_set(late=late, game={"at_ms": 8 * HOUR, "every_ms": HOUR, **due}), 0))


@pytest.mark.parametrize("late", ["each", "once", "skip"])
def test_on_time_every_policy_fires_each(late: str) -> None:
    clock, found = bell(late), []
    for minute in range(1, 4):
        events = told(clock, minute * 60)
        found += fired(events)
        clock = after(clock, minute * 60, events)
    assert found == [("bell", 0, 1), ("bell", 1, 1), ("bell", 2, 1)]


@pytest.mark.parametrize(
    ("late", "says"),
    [
        ("each", [("bell", n, 1) for n in range(5)]),
        ("once", [("bell", 3, 4), ("bell", 4, 1)]),
        ("skip", [("bell", 4, 1)]),
    ],
)
@pytest.mark.parametrize("how", ["nobody led", "a jump"])
def test_late_ones_follow_the_policy(late: str, says: list[tuple[str, int, int]], how: str) -> None:
    """At 12:10 the times of 8, 9, 10 and 11 o'clock are late; that of 12 is within the grace."""
    clock, at_s = bell(late), 310
    if how == "a jump":
        clock, at_s = after(clock, 1, [jumped(12 * HOUR + 10 * GAME_MINUTE)]), 1
    events = told(clock, at_s)
    assert fired(events) == says
    passed = [(e.first, e.last) for e in events if isinstance(e, AlarmPassed)]
    assert passed == ([(0, 3)] if late == "skip" else [])
    assert fired(told(after(clock, at_s, events), at_s)) == []


def test_an_alarm_for_once_is_over_when_it_has_fired_or_passed() -> None:
    for late in ("each", "once", "skip"):
        clock = clock_after((alarm_set(late=late, game={"at_ms": 8 * HOUR}), 0))
        assert after(clock, 5_000, told(clock, 5_000)).waiting == 0


def test_after_a_jump_back_nothing_fires_again() -> None:
    clock = after(bell("each"), 130, told(bell("each"), 130))
    clock = after(clock, 131, [jumped(7 * HOUR)])
    assert fired(told(clock, 131 + 119)) == []
    assert fired(told(clock, 131 + 180)) == [("bell", 2, 1)]


def test_what_is_due_comes_in_order_whatever_kind_of_time_it_is_in() -> None:
    clock = clock_after(
        (alarm_set("third", 0, game={"after_ms": 3 * HOUR}), 0),
        (alarm_set("second", 1, real={"after_us": 120 * SECOND}), 0),
        (alarm_set("first", 2, game={"after_ms": HOUR}), 0),
        (alarm_set("also_second", 3, real={"after_us": 120 * SECOND}), 0),
    )
    assert [name for name, *_ in fired(told(clock, 1_000))] == ["first", "second", "also_second", "third"]


def test_a_far_jump_brings_bounded_work_in_order() -> None:
    """An alarm of each game minute over a year: the last 10,000 fire, one stands for the rest."""
    clock = clock_after(
        (alarm_set("often", 0, game={"at_ms": 8 * HOUR, "every_ms": GAME_MINUTE}), 0),
        (alarm_set("rare", 1, game={"at_ms": 8 * HOUR, "every_ms": 30 * DAY}), 0),
        (jumped(365 * DAY), 1),
    )
    found: list[tuple[str, int, int]] = []
    rounds = 0
    while events := told(clock, 1, 500):
        rounds += 1
        assert len(events) <= 500
        found += fired(events)
        clock = after(clock, 1, events)
    often = [each for each in found if each[0] == "often"]
    assert len(often) == 10_001
    assert sum(stands_for for *_, stands_for in often) == 365 * 24 * 60 - 8 * 60 + 1
    assert [n for _, n, _ in often] == sorted(n for _, n, _ in often)
    assert len(found) - len(often) == 13
    assert rounds == 21


def test_how_late_it_is_is_told() -> None:
    clock = clock_after((alarm_set(real={"at_us": 10 * SECOND}), 0))
    assert lateness(clock, RealTime(9 * SECOND)) == RealSpan(0)
    assert lateness(clock, RealTime(12 * SECOND)) == RealSpan(2 * SECOND)
    assert next_due(clock, RealTime(0)) == RealTime(10 * SECOND)


def test_ten_thousand_alarms_are_taken_in_and_fired_one_after_the_other() -> None:
    """In parts: a dict copied for each would take a second."""
    alarms = Alarms()
    for n in range(10_000):
        alarms = alarms.with_(alarm_of(alarm_set(f"a{n}", n, game={"at_ms": n}), GameTime(0), RealTime(0)))
    assert (len(alarms), alarms.first, len(alarms.due(99))) == (10_000, 0, 100)
    for n in range(5_000):
        alarms = alarms.without(f"a{n}")
    assert (len(alarms), alarms.first) == (5_000, 5_000)
    assert alarms.get("a1") is None
    assert alarms.without("a1") is not alarms


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1_000), st.booleans()), max_size=60))
def test_the_store_of_alarms_is_a_mapping(changes: list[tuple[int, int, bool]]) -> None:
    store, model = Alarms(), dict[str, int]()
    for which, due, add in changes:
        id_ = f"a{which}"
        if add:
            store = store.with_(
                alarm_of(alarm_set(id_, which, game={"at_ms": due}), GameTime(0), RealTime(0))
            )
            model[id_] = due
        else:
            store, _ = store.without(id_), model.pop(id_, None)
    assert {alarm.of.alarm_id: alarm.first for alarm in store} == model
    assert len(store) == len(model)
    assert store.first == min(model.values(), default=None)
    assert {a.of.alarm_id for a in store.due(500)} == {id_ for id_, due in model.items() if due <= 500}


def test_a_boundary_comes_before_an_alarm_of_the_same_moment() -> None:
    clock = clock_after((alarm_set(game={"at_ms": 18 * HOUR}), 0))
    assert [type(event) for event in told(clock, 661)] == [PhaseBegan, AlarmFired]
