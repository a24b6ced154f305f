"""A realm's weather: what it is after its events, and what operators may have it do. One stream. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from domain.kernel.decider import Decider, Rejected
from domain.weather.messages import (
    ClimateSet,
    DayBegan,
    ForecastIssued,
    Lift,
    Override,
    OverrideEnded,
    OverrideLifted,
    OverrideSet,
    WeatherChanged,
    WeatherCommand,
    WeatherEvent,
    WeatherLed,
)
from domain.weather.sky import Climate
from domain.weather.sky import Override as Laid

STREAM = "weather-world"

OVERRIDES_MAX = 64
ENDED_KEPT = 64
"""Overrides that are over: the newest ease out still, and a clock that is set back finds them again."""


@dataclass(frozen=True, slots=True)
class Weather:
    """The weather as far as the log tells.

    Attributes:
        climates: the laws, each from its day on.
        laid: overrides by number, with when they end; the last one of a zone is on top.
        open: numbers of those whose end was not told.
        serial: how many were set.
        told: the last change by zone.
        day: the last day that was told.
        forecast: the last one.
        stale: whether something was laid over or lifted since.
    """

    climates: tuple[Climate, ...] = ()
    laid: Mapping[int, Laid] = field(default_factory=dict)
    open: frozenset[int] = frozenset()
    serial: int = 0
    told: Mapping[str, WeatherChanged] = field(default_factory=dict)
    day: DayBegan | None = None
    forecast: ForecastIssued | None = None
    stale: bool = False
    term: int = 0
    leader: str = ""

    def numbered(self, handle: str) -> int | None:
        """Return the number of the last override of a handle; None: there was none, or it is long over."""
        return max((n for n, each in self.laid.items() if each.handle == handle), default=None)


NO_WEATHER = Weather()


def evolve(state: Weather, event: WeatherEvent) -> Weather:
    """Return the weather after an event; total over history."""
    match event:
        case WeatherLed():
            return replace(state, term=event.term, leader=event.leader)
        case ClimateSet():
            return replace(state, climates=(*state.climates, Climate(event.from_day, event.law, event.seed)))
        case DayBegan():
            return replace(state, day=event)
        case WeatherChanged():
            return replace(state, told={**state.told, event.zone: event})
        case ForecastIssued():
            return replace(state, forecast=event, stale=False)
        case OverrideSet():
            return _set(state, event)
        case OverrideLifted() | OverrideEnded():
            return _ended(state, event)
        case _:
            assert_never(event)


def _set(state: Weather, event: OverrideSet) -> Weather:
    known = {each.id: n for n, each in enumerate(state.climates[-1].law.states)} if state.climates else {}
    if event.state not in known:
        return replace(state, serial=event.serial + 1)
    laid = Laid(event.handle, frozenset(event.zones), known[event.state], event.from_ms, event.until_ms)
    over = [n for n in state.laid if n not in state.open]
    kept = {n: each for n, each in state.laid.items() if n not in over[: max(0, len(over) - ENDED_KEPT)]}
    return replace(
        state,
        laid={**kept, event.serial: laid},
        open=state.open | {event.serial},
        serial=event.serial + 1,
        stale=True,
    )


def _ended(state: Weather, event: OverrideLifted | OverrideEnded) -> Weather:
    laid = state.laid.get(event.serial)
    if laid is None:
        return state
    ended = replace(laid, until_ms=max(laid.from_ms, min(laid.until_ms, event.at_ms)))
    return replace(
        state, laid={**state.laid, event.serial: ended}, open=state.open - {event.serial}, stale=True
    )


# --- what may happen ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A command and the game time at which it is decided."""

    command: WeatherCommand
    at_ms: int


def decide(asked: Asked, state: Weather) -> Sequence[WeatherEvent]:
    """Return what follows from a command: nothing if it is already so.

    Raises:
        Rejected: ``no_weather``, ``zone_unknown``, ``state_unknown``, ``handle_taken``,
        ``too_many_overrides``,
            ``override_unknown``.
    """
    if not state.climates:
        raise Rejected("no_weather", "the realm has no weather yet", remedy="load a world: aicore world load")
    match asked.command:
        case Override() as command:
            return _override(command, asked.at_ms, state)
        case Lift() as command:
            return _lift(command, asked.at_ms, state)
        case _:
            assert_never(asked.command)


def _override(command: Override, at_ms: int, state: Weather) -> Sequence[WeatherEvent]:
    law = state.climates[-1].law
    _known(set(command.zones), {each.id for each in law.zones}, "zone")
    _known({command.state}, {each.id for each in law.states}, "state")
    number = state.numbered(command.handle)
    last = state.laid[number] if number is not None else None
    if last and last.until_ms > at_ms:
        wanted = frozenset(command.zones), command.state, command.span_ms
        if (last.zones, law.states[last.state].id, last.until_ms - last.from_ms) == wanted:
            return []
        raise Rejected(
            "handle_taken",
            f"an override {command.handle!r} is in force, and another one",
            field="handle",
            remedy="choose another handle, or lift it first",
        )
    if sum(each.until_ms > at_ms for each in state.laid.values()) >= OVERRIDES_MAX:
        raise Rejected(
            "too_many_overrides", f"{OVERRIDES_MAX} overrides are in force", remedy="lift some: weather.lift"
        )
    said: dict[str, Any] = command.model_dump(exclude={"span_ms"})
    return [OverrideSet(**said, serial=state.serial, from_ms=at_ms, until_ms=at_ms + command.span_ms)]


def _known(wanted: set[str], known: set[str], what: str) -> None:
    if unknown := sorted(wanted - known):
        raise Rejected(
            f"{what}_unknown",
            f"there is no {what} {unknown[0]!r}",
            field="zones" if what == "zone" else what,
            remedy=f"there are {', '.join(sorted(known))}",
        )


def _lift(command: Lift, at_ms: int, state: Weather) -> Sequence[WeatherEvent]:
    number = state.numbered(command.handle)
    if number is None:
        raise Rejected(
            "override_unknown",
            f"there was no override {command.handle!r}",
            field="handle",
            remedy="ask weather.now for those in force",
        )
    if number not in state.open or state.laid[number].until_ms <= at_ms:
        return []
    return [OverrideLifted(**command.model_dump(), serial=number, at_ms=at_ms)]


WEATHER: Decider[Asked, WeatherEvent, Weather] = Decider(NO_WEATHER, decide, evolve)


def explains(command: WeatherCommand, event: WeatherEvent) -> bool:
    """Say whether an event is what a command led to, whenever that was decided."""
    match command, event:
        case Override(), OverrideSet():
            asked = command.handle, command.zones, command.state, command.span_ms
            return asked == (event.handle, event.zones, event.state, event.until_ms - event.from_ms)
        case Lift(), OverrideLifted():
            return command.handle == event.handle
    return False
