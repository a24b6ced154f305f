"""What operators may have the clock do, and what it is after any history."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.clock import clock as module
from domain.clock.alarm_messages import AlarmCancelled, AlarmFired, CancelAlarm, SetAlarm
from domain.clock.clock import CLOCK, Clock, follow
from domain.clock.messages import (
    CalendarSet,
    ClockDilated,
    ClockJumped,
    ClockLed,
    ClockPaused,
    ClockResumed,
    ClockScaled,
    ClockUndilated,
    JumpClock,
    PauseClock,
    ResumeClock,
    ScaleClock,
    SetCalendar,
    StartClock,
)
from domain.clock.pace import BEHIND, SLOWEST, WELL, Pace
from domain.clock.strikes import lateness, next_due, strike_id, strikes
from domain.clock.timeline import UNDILATED
from domain.clock.units import GameTime, Rate, RealSpan, RealTime
from domain.kernel.decider import Rejected
from domain.kernel.parse import parse
from tests.harness.examples import examples
from tests.unit.clock.kit import BY, CINDERMOUTH, COPTIC, DAY, HOUR, SECOND, STARTED, alarm_set, clock_after
from tests.unit.spec import changed, given

START = StartClock(**STARTED.model_dump())
PAUSED, RESUMED = ClockPaused(**BY), ClockResumed(**BY)
AT_DUSK = SetAlarm.model_validate({"alarm_id": "bell", "game": {"at_ms": 18 * HOUR}})
DUSK = alarm_set(game={"at_ms": 18 * HOUR})


def test_a_clock_begins_once() -> None:
    given(CLOCK).when(START).then(STARTED)
    given(CLOCK, STARTED, PAUSED).when(START).then_nothing()
    given(CLOCK, STARTED).when(changed(START, scale_num=1)).then_rejected("clock_runs", says="clock.jump")


@pytest.mark.parametrize(
    "command",
    [
        PauseClock(**BY),
        ResumeClock(**BY),
        ScaleClock(**BY),
        JumpClock(jump_id="j", to_game_ms=0, **BY),
        SetCalendar(calendar=COPTIC, **BY),
        AT_DUSK,
        CancelAlarm(alarm_id="bell"),
    ],
)
def test_without_a_clock_there_is_nothing_to_change(command: Any) -> None:
    given(CLOCK).when(command).then_rejected("no_clock", says="clock.start")


def test_a_clock_is_paused_and_resumed() -> None:
    given(CLOCK, STARTED).when(PauseClock(**BY)).then(PAUSED)
    given(CLOCK, STARTED).when(ResumeClock(**BY)).then_nothing()
    given(CLOCK, STARTED, PAUSED).when(ResumeClock(**BY)).then(RESUMED)
    given(CLOCK, STARTED, PAUSED, RESUMED).when(PauseClock(**BY)).then(PAUSED)


def test_a_scale_is_a_fraction() -> None:
    given(CLOCK, STARTED).when(ScaleClock(scale_num=30, **BY)).then(ClockScaled(scale_num=30, **BY))
    given(CLOCK, STARTED).when(ScaleClock(scale_num=120, scale_den=2, **BY)).then_nothing()


@pytest.mark.parametrize(("num", "den"), [(0, 1), (1, 0), (-60, 1), (100_001, 1), (1, 100_001)])
def test_a_scale_has_bounds(num: int, den: int) -> None:
    with pytest.raises(Rejected) as refusal:
        parse(ScaleClock, {"scale_num": num, "scale_den": den, **BY})
    assert refusal.value.code == "invalid_field"


def test_a_jump_that_is_sent_twice_is_made_once() -> None:
    jump = JumpClock(jump_id="feast", to_game_ms=5 * DAY, **BY)
    jumped = ClockJumped(jump_id="feast", to_game_ms=5 * DAY, **BY)
    given(CLOCK, STARTED).when(jump).then(jumped)
    again = changed(jump, jump_id="again")
    given(CLOCK, STARTED, jumped).when(again).then(changed(jumped, jump_id="again"))


def test_another_calendar_names_the_same_time() -> None:
    set_ = CalendarSet(calendar=COPTIC, **BY)
    given(CLOCK, STARTED).when(SetCalendar(calendar=COPTIC, **BY)).then(set_)
    given(CLOCK, STARTED).when(SetCalendar(calendar=CINDERMOUTH, **BY)).then_nothing()
    clock = clock_after((set_, 600))
    now = RealTime(600 * SECOND)
    assert clock.line.at(now) == GameTime(17 * HOUR)
    assert strikes(clock, now, 10) == [], "to name what it is begins nothing"


def test_an_alarm_waits_until_it_fires_or_is_cancelled() -> None:
    given(CLOCK, STARTED).when(AT_DUSK).then(DUSK)
    given(CLOCK, STARTED, DUSK).when(changed(AT_DUSK, what="x")).then_rejected(
        "alarm_exists", field="alarm_id", says="cancel it first"
    )
    cancelled = AlarmCancelled(alarm_id="bell", serial=0)
    given(CLOCK, STARTED, DUSK).when(CancelAlarm(alarm_id="bell")).then(cancelled)
    given(CLOCK, STARTED, DUSK, cancelled).when(AT_DUSK).then(changed(DUSK, serial=1))
    given(CLOCK, STARTED).when(CancelAlarm(alarm_id="bell")).then_nothing()


@pytest.mark.parametrize(
    ("alarm", "field"),
    [
        ({}, ""),
        ({"game": {"at_ms": 0}, "real": {"at_us": 0}}, ""),
        ({"game": {}}, "game"),
        ({"game": {"at_ms": 0, "after_ms": 0}}, "game"),
        ({"real": {"at_us": 0, "after_us": 0}}, "real"),
        ({"game": {"at_us": 0}}, "game.at_us"),
        ({"game": {"at_ms": 0, "every_ms": 59_999}}, "game.every_ms"),
        ({"real": {"at_us": 0, "every_us": 999_999}}, "real.every_us"),
        ({"game": {"at_ms": 0}, "late": "never"}, "late"),
        ({"game": {"at_ms": 0}, "alarm_id": "a b"}, "alarm_id"),
    ],
)
def test_a_malformed_alarm_is_refused_by_its_field(alarm: dict[str, Any], field: str) -> None:
    with pytest.raises(Rejected) as refusal:
        parse(SetAlarm, {"alarm_id": "bell", **alarm})
    assert (refusal.value.code, refusal.value.field) == ("invalid_field", field)


def test_alarms_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALARMS_MAX", 1)
    other = changed(AT_DUSK, alarm_id="other")
    given(CLOCK, STARTED, DUSK).when(other).then_rejected("too_many_alarms", says="clock.cancel_alarm")


def test_nothing_but_a_start_makes_a_clock() -> None:
    for event in (PAUSED, DUSK, ClockLed(term=1, leader="a")):
        assert follow(None, event, RealTime(5)) is None


def test_a_game_alarm_waits_in_a_pause_and_a_real_one_does_not() -> None:
    clock = clock_after(
        (alarm_set("quest", 0, game={"after_ms": HOUR}), 0),
        (alarm_set("cool_down", 1, real={"after_us": 90 * SECOND}), 0),
        (PAUSED, 30),
    )
    later = RealTime(10_000 * SECOND)
    assert [strike.event.alarm_id for strike in strikes(clock, later, 9)] == ["cool_down"]  # type: ignore[union-attr]
    resumed = follow(clock, RESUMED, later)
    assert resumed is not None
    cooled = AlarmFired(
        alarm_id="cool_down",
        serial=1,
        occurrence=0,
        due_game_ms=None,
        due_real_us=90 * SECOND,
        stands_for=1,
        what="",
    )
    resumed = follow(resumed, cooled, later)
    assert resumed is not None
    assert next_due(resumed, later) == later + RealSpan(30 * SECOND)


def test_the_pace_slows_by_half_while_it_is_behind_and_recovers() -> None:
    now = RealTime(0)
    pace, dilation = Pace(behind=False, since=now), UNDILATED
    slowed: list[Rate] = []
    for second in range(60):
        now = RealTime(second * SECOND)
        pace = pace.seen(now, behind=second < 20)
        if (wanted := pace.wanted(now, dilation)) != dilation:
            dilation, pace = wanted, Pace(pace.behind, now)
            slowed.append(wanted)
    assert slowed[:4] == [Rate(1, 2), Rate(1, 4), Rate(1, 8), SLOWEST]
    assert slowed[4:] == [Rate(1, 8), Rate(1, 4), Rate(1, 2)]
    assert RealSpan(3 * SECOND) == BEHIND
    assert RealSpan(10 * SECOND) == WELL


def test_ids_are_derived_of_realm_name_and_number() -> None:
    """The bytes are storage format: another program, or an older one, must derive the same."""
    assert str(strike_id("demo", "alarm/12", 4)) == "33be2cc2-7be8-5da3-978f-5e41cc63a164"
    ids = {strike_id(realm, name, n) for realm in ("a", "b") for name in ("phase", "alarm/1") for n in (0, 1)}
    assert len(ids) == 8


class AnyDay(RuleBasedStateMachine):
    """Whatever operators and leaders do, in any order: nothing fires twice, nothing is lost, time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = RealTime(0)
        self.clock: Clock = clock_after()
        self.timeless = CLOCK.fold([STARTED])
        self.fired: set[tuple[int, int]] = set()
        self.reached = 0

    def take(self, event: Any) -> None:
        found = follow(self.clock, event, self.now)
        assert found is not None
        self.clock, self.timeless = found, CLOCK.evolve(self.timeless, event)

    @initialize()
    def begin(self) -> None:
        self.take(ClockLed(term=1, leader="a"))

    @rule(seconds=st.integers(0, 5_000))
    def wait(self, seconds: int) -> None:
        before = self.clock.line.at(self.now)
        self.now += RealSpan(seconds * SECOND)
        assert self.clock.line.at(self.now) >= before

    @rule(to=st.integers(-5 * DAY, 30 * DAY), paused=st.booleans(), what=st.integers(0, 4))
    def operate(self, to: int, paused: bool, what: int) -> None:
        event = (
            ClockJumped(jump_id="j", to_game_ms=to, **BY),
            PAUSED if paused else RESUMED,
            ClockScaled(scale_num=abs(to) % 1_000 + 1, **BY),
            ClockDilated(num=1, den=2, late_us=0) if paused else ClockUndilated(num=1, den=2),
            CalendarSet(calendar=COPTIC if paused else CINDERMOUTH, **BY),
        )[what]
        before = self.clock.line.at(self.now)
        self.take(event)
        assert what == 0 or self.clock.line.at(self.now) == before

    @rule(
        due=st.integers(-DAY, 40 * DAY),
        every=st.one_of(st.none(), st.integers(HOUR, 3 * DAY)),
        late=st.sampled_from(["each", "once", "skip"]),
        real=st.booleans(),
    )
    def set_alarm(self, due: int, every: int | None, late: str, real: bool) -> None:
        if real:
            span = abs(due) // 60 * 1_000
            due_ = {"real": {"after_us": span, "every_us": every and every * 1_000}}
        else:
            due_ = {"game": {"at_ms": due, "every_ms": every}}
        self.take(alarm_set(f"a{self.clock.serial}", self.clock.serial, late=late, **due_))

    @rule(limit=st.integers(1, 50))
    def lead(self, limit: int) -> None:
        found = strikes(self.clock, self.now, limit)
        assert len(found) <= limit
        assert bool(found) == (lateness(self.clock, self.now).us > 0 or self.due_now())
        for strike in found:
            event = strike.event
            if isinstance(event, AlarmFired):
                key = (event.serial, event.occurrence)
                assert key not in self.fired
                self.fired.add(key)
                due, seen = event.due_game_ms, self.clock.line.at(self.now).ms
                assert seen >= due if due is not None else self.now.us >= (event.due_real_us or 0)
            self.take(event)

    def due_now(self) -> bool:
        due = next_due(self.clock, self.now)
        return due is not None and due <= self.now

    @invariant()
    def the_rules_need_no_time(self) -> None:
        """What the command loop folds, without the log's time, decides as the leader's state would."""
        assert self.clock.waiting == len(list(self.clock.game)) + len(list(self.clock.real))
        for command in COMMANDS_TO_TRY:
            assert tried(command, self.timeless) == tried(command, self.clock)


COMMANDS_TO_TRY = (
    START,
    PauseClock(**BY),
    ResumeClock(**BY),
    ScaleClock(scale_num=61, **BY),
    JumpClock(jump_id="j", to_game_ms=0, **BY),
    SetCalendar(calendar=COPTIC, **BY),
    AT_DUSK,
    SetAlarm.model_validate({"alarm_id": "a0", "real": {"after_us": 5}}),
    CancelAlarm(alarm_id="a1"),
)


def tried(command: Any, clock: Clock | None) -> Any:
    try:
        return CLOCK.decide(command, clock)
    except Rejected as refusal:
        return str(refusal)


TestAnyDay = AnyDay.TestCase
TestAnyDay.settings = settings(max_examples=examples(15), stateful_step_count=30)
