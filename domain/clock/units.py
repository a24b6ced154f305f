"""Moments and spans of game time and of real time: four types, so that one is never taken for the other.

A quest's deadline is game time and stands still in a pause; a cool-down is real time and does not. Adding or
comparing across the two is an error to mypy, and raises `TypeError` when run.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Self, overload


@dataclass(frozen=True, slots=True, order=True)
class GameSpan:
    """A length of game time, in game milliseconds."""

    ms: int

    def __mul__(self, times: int) -> Self:
        """Return so many of it."""
        return type(self)(self.ms * times)


@dataclass(frozen=True, slots=True, order=True)
class GameTime:
    """A moment of game time: game milliseconds since the beginning of the calendar's day 0."""

    ms: int

    def __add__(self, span: GameSpan) -> Self:
        """Return the moment ``span`` later."""
        if not isinstance(span, GameSpan):
            return NotImplemented
        return type(self)(self.ms + span.ms)

    @overload
    def __sub__(self, other: GameSpan) -> Self: ...

    @overload
    def __sub__(self, other: "GameTime") -> GameSpan: ...

    def __sub__(self, other: "GameSpan | GameTime") -> "Self | GameSpan":
        """Return the moment a span earlier, or the span since another moment."""
        match other:
            case GameSpan():
                return type(self)(self.ms - other.ms)
            case GameTime():
                return GameSpan(self.ms - other.ms)
        return NotImplemented


@dataclass(frozen=True, slots=True, order=True)
class RealSpan:
    """A length of real time, in microseconds."""

    us: int

    def __mul__(self, times: int) -> Self:
        """Return so many of it."""
        return type(self)(self.us * times)


@dataclass(frozen=True, slots=True, order=True)
class RealTime:
    """A moment of real time: microseconds since 1970-01-01T00:00Z, as the log counts them."""

    us: int

    def __add__(self, span: RealSpan) -> Self:
        """Return the moment ``span`` later."""
        if not isinstance(span, RealSpan):
            return NotImplemented
        return type(self)(self.us + span.us)

    @overload
    def __sub__(self, other: RealSpan) -> Self: ...

    @overload
    def __sub__(self, other: "RealTime") -> RealSpan: ...

    def __sub__(self, other: "RealSpan | RealTime") -> "Self | RealSpan":
        """Return the moment a span earlier, or the span since another moment."""
        match other:
            case RealSpan():
                return type(self)(self.us - other.us)
            case RealTime():
                return RealSpan(self.us - other.us)
        return NotImplemented


Rate = Fraction
"""Game time per real time, exact: 60 is a game hour a real minute."""

US_PER_GAME_MS = 1_000
"""Real microseconds in which a game millisecond passes at rate 1."""


def passed(elapsed: RealSpan, rate: Rate) -> GameSpan:
    """Return the game time that passes in ``elapsed`` (not below zero), in whole game ms, rounded down."""
    return GameSpan(elapsed.us * rate.numerator // (US_PER_GAME_MS * rate.denominator))


def needed(span: GameSpan, rate: Rate) -> RealSpan:
    """Return the shortest real time in which at least ``span`` of game time passes; ``rate`` above zero."""
    return RealSpan(-(-span.ms * US_PER_GAME_MS * rate.denominator // rate.numerator))
