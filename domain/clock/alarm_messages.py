"""Events and commands of the alarms, which the clock's leader fires."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from domain.clock.vocabulary import (
    EVERY_GAME_MS_MIN,
    EVERY_REAL_US_MIN,
    GAME_MS,
    GAME_MS_MAX,
    GRACE_GAME_MS,
    GRACE_REAL_US,
    AlarmId,
    GameMs,
    GameSpanMs,
    RealSpanUs,
    SeenGameMs,
)
from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.roles import GRANTED, OPERATOR
from domain.kernel.vocabulary import COUNT_MAX, Count, Text, TimeUs

Late = Literal["each", "once", "skip"]
LATE = (
    "What becomes of its times that are late by more than the grace: each (all fire, in order; of more than "
    "10,000 the oldest as one), once (the last fires, for all of them) or skip (none fires)."
)


class _Due(Declared):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _one_of(at: int | None, after: int | None, names: str) -> None:
    if (at is None) == (after is None):
        raise ValueError(f"give one of {names}")


class GameDue(_Due):
    """When an alarm is due in game time, which stands still in a pause and leaps in a jump."""

    at_ms: GameMs | None = Field(
        None, description="The game time; or nil, and after_ms.", json_schema_extra=GAME_MS
    )
    after_ms: GameSpanMs | None = Field(
        None, description="So long after the log recorded it; or nil, and at_ms.", json_schema_extra=GAME_MS
    )
    every_ms: Annotated[int, Field(ge=EVERY_GAME_MS_MIN, le=GAME_MS_MAX)] | None = Field(
        None, description="And again each time after so long; nil: once.", json_schema_extra=GAME_MS
    )
    grace_ms: GameSpanMs = Field(GRACE_GAME_MS, description="What is later than this is late.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _one_of(self.at_ms, self.after_ms, "at_ms and after_ms")
        return self


class RealDue(_Due):
    """When an alarm is due in real time, which no operator of the clock can change."""

    at_us: TimeUs | None = Field(
        None, description="The moment since 1970-01-01T00:00Z; or nil, and after_us."
    )
    after_us: RealSpanUs | None = Field(
        None, description="So long after the log recorded it; or nil, and at_us."
    )
    every_us: Annotated[int, Field(ge=EVERY_REAL_US_MIN, le=COUNT_MAX)] | None = Field(
        None, description="And again each time after so long; nil: once.", json_schema_extra={"unit": "µs"}
    )
    grace_us: RealSpanUs = Field(GRACE_REAL_US, description="What is later than this is late.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _one_of(self.at_us, self.after_us, "at_us and after_us")
        return self


class _Alarm(Declared):
    """What an alarm is."""

    alarm_id: AlarmId
    game: GameDue | None = Field(None, description="When it is due in game time; or nil, and real.")
    real: RealDue | None = Field(None, description="When it is due in real time; or nil, and game.")
    late: Late = Field("each", description=LATE)
    what: Annotated[Text, Field(max_length=500)] = Field(
        "", description="What it is for, for who hears of it; no words of a player."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.game is None) == (self.real is None):
            raise ValueError("give one of game and real")
        return self


_SET = {
    "alarm_id": "quest_7_dusk",
    "game": {"at_ms": 68_400_000, "after_ms": None, "every_ms": 86_400_000, "grace_ms": GRACE_GAME_MS},
    "real": None,
    "late": "once",
    "what": "the ferry leaves",
}


class AlarmSet(_Alarm, Event, name="clock.alarm_set", version=1):
    """Somebody wants to hear when it is time."""

    serial: Count = Field(description="How many alarms had been set in this realm before it.")

    example: ClassVar = {**_SET, "serial": 12}


class AlarmCancelled(Event, name="clock.alarm_cancelled", version=1):
    """An alarm will not fire any more."""

    alarm_id: AlarmId
    serial: Count = Field(description="Its number; see clock.alarm_set.")

    example: ClassVar = {"alarm_id": "quest_7_dusk", "serial": 12}


class SetAlarm(_Alarm, Command, name="clock.set_alarm", may=(GRANTED, OPERATOR)):
    """Set an alarm, which the log keeps: it fires once at each of its times, whatever dies meanwhile.

    Refused with ``no_clock`` before there is a clock, with ``alarm_exists`` if another one of that id is
    waiting, and with ``too_many_alarms`` while 100,000 are.
    """

    example: ClassVar = dict(_SET)


class CancelAlarm(Command, name="clock.cancel_alarm", may=(GRANTED, OPERATOR)):
    """Cancel an alarm; nothing happens if none of that id waits. Refused with ``no_clock``."""

    alarm_id: AlarmId

    example: ClassVar = {"alarm_id": "quest_7_dusk"}


class AlarmFired(Event, name="clock.alarm_fired", version=1):
    """It was time."""

    alarm_id: AlarmId
    serial: Count = Field(description="The alarm's number; see clock.alarm_set.")
    occurrence: Count = Field(description="Which of its times it was, from 0.")
    due_game_ms: SeenGameMs | None = Field(description="When it was due; nil: in real time.")
    due_real_us: TimeUs | None = Field(description="When it was due; nil: in game time.")
    stands_for: int = Field(
        ge=1, le=COUNT_MAX, description="For how many times it stands, itself and late ones."
    )
    what: Annotated[Text, Field(max_length=500)] = Field(description="What the alarm is for.")

    example: ClassVar = {
        "alarm_id": "quest_7_dusk", "serial": 12, "occurrence": 4, "due_game_ms": 414_000_000,
        "due_real_us": None, "stands_for": 1, "what": "the ferry leaves",
    }  # fmt: skip


class AlarmPassed(Event, name="clock.alarm_passed", version=1):
    """Times of an alarm went by that are too late to be fired, as its policy says."""

    alarm_id: AlarmId
    serial: Count = Field(description="The alarm's number; see clock.alarm_set.")
    first: Count = Field(description="The first of the times that went by, from 0.")
    last: Count = Field(description="The last of them.")

    example: ClassVar = {"alarm_id": "quest_7_dusk", "serial": 12, "first": 5, "last": 7}
