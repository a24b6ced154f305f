"""The realm's clock: what it is after its events, and what operators and others may have it do. One stream.

An event says what changed, the log's time of recording when (`follow`). The rules need no time: a state that
is folded without any (`CLOCK`) decides the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from domain.clock.alarm_messages import (
    AlarmCancelled,
    AlarmFired,
    AlarmPassed,
    AlarmSet,
    CancelAlarm,
    SetAlarm,
)
from domain.clock.alarms import Alarm, Alarms, alarm_of
from domain.clock.almanac import Almanac
from domain.clock.messages import (
    CalendarSet,
    ClockCommand,
    ClockDilated,
    ClockEvent,
    ClockJumped,
    ClockLed,
    ClockPaused,
    ClockResumed,
    ClockScaled,
    ClockStarted,
    ClockUndilated,
    JumpClock,
    PauseClock,
    PhaseBegan,
    ResumeClock,
    ScaleClock,
    SeasonBegan,
    SetCalendar,
    StartClock,
)
from domain.clock.timeline import UNDILATED, Timeline
from domain.clock.units import GameTime, Rate, RealTime
from domain.kernel.decider import Decider, Rejected

STREAM = "clock-world"

ALARMS_MAX = 100_000
NO_TIME = RealTime(0)
NO_ALARMS = Alarms()

Anchoring = ClockScaled | ClockPaused | ClockResumed | ClockJumped | ClockDilated | ClockUndilated


@dataclass(frozen=True, slots=True)
class Told:
    """Which boundary of a kind was told last, by its number in the calendar, and how many were."""

    index: int
    count: int = 0


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock that goes.

    Attributes:
        began: how it was started.
        phase, season: what was told of the calendar.
        game, real: the alarms of either kind.
        serial: how many alarms were set.
        jump: the last jump's id.
        term, leader: the last lead; 0: there was none.
    """

    began: ClockStarted
    line: Timeline
    almanac: Almanac
    phase: Told
    season: Told
    game: Alarms = NO_ALARMS
    real: Alarms = NO_ALARMS
    serial: int = 0
    jump: str = ""
    term: int = 0
    leader: str = ""

    def alarm(self, alarm_id: str) -> Alarm | None:
        """Return an alarm that waits, or None."""
        return self.game.get(alarm_id) or self.real.get(alarm_id)

    @property
    def waiting(self) -> int:
        """How many alarms wait."""
        return len(self.game) + len(self.real)


# --- what happened ------------------------------------------------------------------------------------------


def follow(state: Clock | None, event: ClockEvent, now: RealTime) -> Clock | None:
    """Return the clock after an event that the log recorded at ``now``; total over history."""
    if isinstance(event, ClockStarted):
        return _started(event, now)
    if state is None:
        return None
    match event:
        case (
            ClockScaled() | ClockPaused() | ClockResumed() | ClockJumped() | ClockDilated() | ClockUndilated()
        ):
            jump = event.jump_id if isinstance(event, ClockJumped) else state.jump
            return replace(state, line=_line_after(state.line, event, now), jump=jump)
        case CalendarSet():
            return _told_at(replace(state, almanac=Almanac(event.calendar)), state.line.at(now))
        case ClockLed():
            return replace(state, term=event.term, leader=event.leader)
        case PhaseBegan():
            return replace(state, phase=Told(event.index, event.number + 1))
        case SeasonBegan():
            return replace(state, season=Told(event.index, event.number + 1))
        case AlarmSet() | AlarmCancelled() | AlarmFired() | AlarmPassed():
            return _alarms_after(state, event, now)
        case _:
            assert_never(event)


def _line_after(line: Timeline, event: Anchoring, now: RealTime) -> Timeline:
    match event:
        case ClockScaled():
            return line.scaled(now, Rate(event.scale_num, event.scale_den))
        case ClockPaused() | ClockResumed():
            return line.halted(now, paused=isinstance(event, ClockPaused))
        case ClockJumped():
            return line.jumped(now, GameTime(event.to_game_ms))
        case ClockDilated():
            return line.dilated(now, Rate(event.num, event.den))
        case ClockUndilated():
            return line.dilated(now, UNDILATED)
        case _:
            assert_never(event)


def _started(event: ClockStarted, now: RealTime) -> Clock:
    at = GameTime(event.at_game_ms)
    line = Timeline(now, at, Rate(event.scale_num, event.scale_den))
    return _told_at(Clock(event, line, Almanac(event.calendar), Told(0), Told(0)), at)


def _told_at(state: Clock, at: GameTime) -> Clock:
    """Return the clock as if the boundaries before ``at`` had been told: nothing begins by naming it anew."""
    season = state.almanac.season_index(at.ms // state.almanac.day_ms)
    return replace(
        state,
        phase=replace(state.phase, index=state.almanac.phase_index(at)),
        season=replace(state.season, index=season),
    )


def _alarms_after(
    state: Clock, event: AlarmSet | AlarmCancelled | AlarmFired | AlarmPassed, now: RealTime
) -> Clock:
    alarm: Alarm | None
    if isinstance(event, AlarmSet):
        alarm = alarm_of(event, state.line.at(now), now)
        state = replace(state, serial=event.serial + 1)
        kind = "game" if event.game else "real"
    else:
        found = state.alarm(event.alarm_id)
        if found is None:
            return state
        kind = "game" if found.of.game else "real"
        match event:
            case AlarmFired():
                alarm = found.after(event.occurrence)
            case AlarmPassed():
                alarm = found.after(event.last)
            case AlarmCancelled():
                alarm = None
    alarms: Alarms = getattr(state, kind)
    changed = alarms.with_(alarm) if alarm else alarms.without(event.alarm_id)
    return replace(state, game=changed) if kind == "game" else replace(state, real=changed)


# --- what may happen ----------------------------------------------------------------------------------------


def decide(command: ClockCommand, state: Clock | None) -> Sequence[ClockEvent]:
    """Return what follows from a command: nothing if it is already so.

    Raises:
        Rejected: ``clock_runs``, ``no_clock``, ``alarm_exists``, ``too_many_alarms``.
    """
    if isinstance(command, StartClock):
        return _start(command, state)
    if state is None:
        raise Rejected("no_clock", "the realm has no clock yet", remedy="start one: clock.start")
    said: dict[str, Any] = command.model_dump()
    match command:
        case ScaleClock():
            same = state.line.scale == Rate(command.scale_num, command.scale_den)
            return [] if same else [ClockScaled(**said)]
        case PauseClock():
            return [] if state.line.paused else [ClockPaused(**said)]
        case ResumeClock():
            return [ClockResumed(**said)] if state.line.paused else []
        case JumpClock():
            return [] if command.jump_id == state.jump else [ClockJumped(**said)]
        case SetCalendar():
            same = state.almanac.calendar == command.calendar
            return [] if same else [CalendarSet(**said)]
        case SetAlarm():
            return _set(command, state)
        case CancelAlarm():
            found = state.alarm(command.alarm_id)
            return [AlarmCancelled(**said, serial=found.of.serial)] if found else []
        case _:
            assert_never(command)


def _start(command: StartClock, state: Clock | None) -> Sequence[ClockEvent]:
    started = ClockStarted(**command.model_dump())
    if state is None:
        return [started]
    if state.began == started:
        return []
    raise Rejected(
        "clock_runs",
        "the realm's clock has begun already",
        remedy="change it: clock.jump, clock.scale, clock.set_calendar",
    )


def _set(command: SetAlarm, state: Clock) -> Sequence[ClockEvent]:
    found = state.alarm(command.alarm_id)
    if found is None and state.waiting >= ALARMS_MAX:
        raise Rejected(
            "too_many_alarms", f"{ALARMS_MAX:,} alarms wait already", remedy="cancel some: clock.cancel_alarm"
        )
    new = AlarmSet(**command.model_dump(), serial=found.of.serial if found else state.serial)
    if found is None:
        return [new]
    if found.of == new:
        return []
    raise Rejected(
        "alarm_exists",
        f"an alarm {command.alarm_id!r} waits already, and for something else",
        field="alarm_id",
        remedy="choose another id, or cancel it first",
    )


CLOCK: Decider[ClockCommand, ClockEvent, Clock | None] = Decider(
    None, decide, lambda state, event: follow(state, event, NO_TIME)
)


def folded(events: Iterable[tuple[ClockEvent, RealTime]], state: Clock | None = None) -> Clock | None:
    """Return the clock after events, each with the time at which the log recorded it."""
    for event, now in events:
        state = follow(state, event, now)
    return state
