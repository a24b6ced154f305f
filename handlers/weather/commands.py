"""The commands of the weather, bound to its decider: each with the game time at which it is decided."""

from collections.abc import Callable, Mapping
from typing import Any

from domain.kernel.decider import Rejected
from domain.weather.messages import COMMANDS, WeatherCommand
from domain.weather.weather import STREAM, WEATHER, Asked, Weather, explains
from handlers.kernel.commands import Binding
from protocol.meta import Meta


class Times:
    """Tells commands the game time, once a clock is followed (`follow`)."""

    def __init__(self) -> None:
        self._now: Callable[[], int | None] | None = None

    def follow(self, now: Callable[[], int | None]) -> None:
        """Decide by this from now on; it returns None before there is a clock."""
        self._now = now

    def __call__(self, command: WeatherCommand, _: Meta) -> Asked:
        """Return a command with its time.

        Raises:
            Rejected: ``no_clock``.
        """
        assert self._now is not None, "the clock is followed before commands are served"
        now_ms = self._now()
        if now_ms is None:
            raise Rejected("no_clock", "the realm has no clock yet", remedy="start one: clock.start")
        return Asked(command, now_ms)


def weather_commands(times: Times) -> Binding[Any, Any, Weather]:
    """Return the binding of what operators and granted services may have the weather do."""
    return Binding(
        commands=COMMANDS,
        stream_of=lambda _: STREAM,
        decider=WEATHER,
        answer=_answer,
        situate=times,
        explains=explains,
    )


def _answer(command: WeatherCommand, state: Weather) -> Mapping[str, Any]:
    number = state.numbered(command.handle)
    laid = state.laid[number] if number is not None else None
    return {
        "handle": command.handle,
        "serial": number,
        "from_ms": laid and laid.from_ms,
        "until_ms": laid and laid.until_ms,
    }
