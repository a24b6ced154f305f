"""The commands of the clock, bound to its decider."""

from collections.abc import Mapping
from typing import Any

from domain.clock.alarm_messages import CancelAlarm, SetAlarm
from domain.clock.clock import CLOCK, STREAM, Clock
from domain.clock.messages import COMMANDS, ClockCommand
from handlers.kernel.commands import Binding


def _answer(command: ClockCommand, state: Clock | None) -> Mapping[str, Any]:
    """Return what the caller wants to know: the course as it is now, or the alarm's number."""
    assert state is not None
    if isinstance(command, SetAlarm | CancelAlarm):
        alarm = state.alarm(command.alarm_id)
        return {"alarm_id": command.alarm_id, "serial": alarm.of.serial if alarm else None}
    return course(state)


def course(clock: Clock) -> Mapping[str, Any]:
    """Return how game time goes, without when."""
    scale, dilation = clock.line.scale, clock.line.dilation
    return {
        "scale_num": scale.numerator,
        "scale_den": scale.denominator,
        "dilation_num": dilation.numerator,
        "dilation_den": dilation.denominator,
        "paused": clock.line.paused,
    }


CLOCKS: Binding[Any, Any, Clock | None] = Binding(
    commands=COMMANDS, stream_of=lambda _: STREAM, decider=CLOCK, answer=_answer
)
