"""Events and commands of the clock.

No event says when it happened: the log's time of recording is when. Names and versions of events are storage
format: they stay in the log for ever.
"""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from domain.clock.alarm_messages import (
    AlarmCancelled,
    AlarmFired,
    AlarmPassed,
    AlarmSet,
    CancelAlarm,
    SetAlarm,
)
from domain.clock.calendar import Calendar, Id
from domain.clock.vocabulary import RATE_MAX, GameMs, JumpId, RatePart, RealSpanUs, SeenGameMs
from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.vocabulary import Count, Operator, Reason, Text


class Scale(Declared):
    """Game time per real time, as a fraction: 60/1 is a game hour a real minute."""

    scale_num: RatePart = Field(60, description="Game time that passes in scale_den of real time.")
    scale_den: RatePart = Field(1, description="Real time in which scale_num of game time passes.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if max(self.scale_num, self.scale_den) > RATE_MAX * min(self.scale_num, self.scale_den):
            raise ValueError(f"a scale is 1/{RATE_MAX} to {RATE_MAX}")
        return self


# --- by operators -------------------------------------------------------------------------------------------

SMALL: Calendar = Calendar.model_validate(
    {
        "name": "Plain",
        "months": [{"id": "month", "name": "Month", "days": 30}],
        "weekdays": ["Day"],
        "seasons": [
            {
                "id": "year",
                "name": "Year",
                "month": "month",
                "day": 1,
                "sunrise_s": 21_600,
                "sunset_s": 68_400,
            }
        ],
        "phases": [{"id": "day", "name": "Day", "anchor": "midnight", "offset_s": 0}],
    }
)
"""For examples."""

_BY = {"operator": "mira", "reason": "opening night"}


class ClockStarted(Scale, Event, name="clock.started", version=1):
    """The realm's clock began to go."""

    at_game_ms: GameMs = Field(description="The game time that it began with.")
    calendar: Calendar = Field(description="The calendar in force.")
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "scale_num": 60, "scale_den": 1, "at_game_ms": 25_200_000, "calendar": SMALL.model_dump(), **_BY,
    }  # fmt: skip


class ClockScaled(Scale, Event, name="clock.scaled", version=1):
    """Game time goes at another scale."""

    operator: Operator
    reason: Reason

    example: ClassVar = {"scale_num": 30, "scale_den": 1, **_BY}


class ClockPaused(Event, name="clock.paused", version=1):
    """Game time stands still."""

    operator: Operator
    reason: Reason

    example: ClassVar = dict(_BY)


class ClockResumed(Event, name="clock.resumed", version=1):
    """Game time goes on from where it stood."""

    operator: Operator
    reason: Reason

    example: ClassVar = dict(_BY)


class ClockJumped(Event, name="clock.jumped", version=1):
    """Game time became another one; late alarms follow their policies."""

    jump_id: JumpId
    to_game_ms: GameMs = Field(description="What the game time became.")
    operator: Operator
    reason: Reason

    example: ClassVar = {"jump_id": "to_the_feast", "to_game_ms": 2_592_000_000, **_BY}


class CalendarSet(Event, name="clock.calendar_set", version=1):
    """Days are counted and named in another way; the game time stays."""

    calendar: Calendar = Field(description="The calendar in force from now on.")
    operator: Operator
    reason: Reason

    example: ClassVar = {"calendar": SMALL.model_dump(), **_BY}


class StartClock(Scale, Command, name="clock.start"):
    """Have the realm's clock begin. Refused with ``clock_runs`` if it has."""

    at_game_ms: GameMs = Field(25_200_000, description="The game time to begin with: 7 o'clock of day 0.")
    calendar: Calendar = Field(description="The calendar to count days by.")
    operator: Operator
    reason: Reason

    example: ClassVar = dict(ClockStarted.example)


class ScaleClock(Scale, Command, name="clock.scale"):
    """Have game time go at another scale. Refused with ``no_clock`` before there is one."""

    operator: Operator
    reason: Reason

    example: ClassVar = dict(ClockScaled.example)


class PauseClock(Command, name="clock.pause"):
    """Have game time stand still. Refused with ``no_clock`` before there is one."""

    operator: Operator
    reason: Reason

    example: ClassVar = dict(_BY)


class ResumeClock(Command, name="clock.resume"):
    """Have game time go on. Refused with ``no_clock`` before there is one."""

    operator: Operator
    reason: Reason

    example: ClassVar = dict(_BY)


class JumpClock(Command, name="clock.jump"):
    """Make it another game time. A jump back fires nothing again. Refused with ``no_clock``."""

    jump_id: JumpId
    to_game_ms: GameMs = Field(description="What the game time is to be.")
    operator: Operator
    reason: Reason

    example: ClassVar = dict(ClockJumped.example)


class SetCalendar(Command, name="clock.set_calendar"):
    """Count and name days in another way. Refused with ``no_clock`` before there is a clock."""

    calendar: Calendar = Field(description="The calendar to count days by.")
    operator: Operator
    reason: Reason

    example: ClassVar = dict(CalendarSet.example)


# --- by the leader ------------------------------------------------------------------------------------------


class ClockLed(Event, name="clock.led", version=1):
    """A process began to lead: it alone tells what follows, until another one does."""

    term: Count = Field(description="Number of this lead, from 1.")
    leader: Annotated[Text, Field(min_length=1, max_length=200, description="The process.")]

    example: ClassVar = {"term": 3, "leader": "brain-1:4711"}


class PhaseBegan(Event, name="clock.phase_began", version=1):
    """Another phase of the day."""

    phase: Id
    index: int = Field(description="Number of the phase, counted on through all days from day 0.")
    number: Count = Field(description="How many phases were told before.")
    due_game_ms: SeenGameMs = Field(description="When it began by the calendar.")
    passed: Count = Field(description="How many between the last one told and this one were passed over.")

    example: ClassVar = {"phase": "dusk", "index": 2, "number": 1, "due_game_ms": 64_800_000, "passed": 0}


class SeasonBegan(Event, name="clock.season_began", version=1):
    """Another season."""

    season: Id
    index: int = Field(description="Number of the season, counted on through all years from the first one.")
    number: Count = Field(description="How many seasons were told before.")
    due_game_ms: SeenGameMs = Field(description="When it began by the calendar.")
    passed: Count = Field(description="How many between the last one told and this one were passed over.")

    example: ClassVar = {
        "season": "summer", "index": 1, "number": 0, "due_game_ms": 7_862_400_000, "passed": 0,
    }  # fmt: skip


class ClockDilated(Event, name="clock.dilated", version=1):
    """Game time goes slower than its scale says, because the work does not keep up. Nothing is skipped."""

    num: RatePart = Field(description="Game time goes at num/den of its scale.")
    den: RatePart = Field(description="See num.")
    late_us: RealSpanUs = Field(description="How late the leader was.")

    example: ClassVar = {"num": 1, "den": 2, "late_us": 3_400_000}


class ClockUndilated(Event, name="clock.undilated", version=1):
    """Game time goes as its scale says again."""

    num: RatePart = Field(description="Before, it went at num/den of its scale.")
    den: RatePart = Field(description="See num.")

    example: ClassVar = {"num": 1, "den": 2}


ANCHORS = (ClockStarted, ClockScaled, ClockPaused, ClockResumed, ClockJumped, ClockDilated, ClockUndilated)
"""Events that set the anchor anew."""

LED = (ClockLed, PhaseBegan, SeasonBegan, AlarmFired, AlarmPassed)
EVENTS = (*ANCHORS, CalendarSet, AlarmSet, AlarmCancelled, *LED)
COMMANDS = (StartClock, ScaleClock, PauseClock, ResumeClock, JumpClock, SetCalendar, SetAlarm, CancelAlarm)

ClockEvent = (
    ClockStarted | ClockScaled | ClockPaused | ClockResumed | ClockJumped | ClockDilated | ClockUndilated
    | CalendarSet | AlarmSet | AlarmCancelled | ClockLed | PhaseBegan | SeasonBegan | AlarmFired | AlarmPassed
)  # fmt: skip
ClockCommand = (
    StartClock | ScaleClock | PauseClock | ResumeClock | JumpClock | SetCalendar | SetAlarm | CancelAlarm
)
