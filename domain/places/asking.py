"""A command with the circumstances that decide: who says it, when, and what the city is like. Pure."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

from domain.kernel.event import Command
from domain.places.city import City, TimeOfDay

C = TypeVar("C", bound=Command)


class Crowd(Protocol):
    """How full the city is, as far as this process knows."""

    def in_place(self, place: str) -> int:
        """Return how many are in a place."""
        ...

    def on_way(self, way: str, start_ms: int, end_ms: int) -> int:
        """Return how many are on a way at some moment between two game times."""
        ...


class Nobody:
    """An empty city."""

    def in_place(self, _place: str) -> int:
        """Return 0."""
        return 0

    def on_way(self, _way: str, _start_ms: int, _end_ms: int) -> int:
        """Return 0."""
        return 0


def always_noon(_: int) -> TimeOfDay:
    """Return noon, whatever the game time: for a city without hours."""
    return TimeOfDay(720)


@dataclass(frozen=True, slots=True)
class Moment:
    """When.

    Attributes:
        real_us: µs since 1970.
        game_ms: game time.
        scale: game time per real time, as operators set the clock.
        day: the time of day of a game time.
    """

    real_us: int
    game_ms: int
    scale: Fraction = Fraction(60)
    day: Callable[[int], TimeOfDay] = always_noon


@dataclass(frozen=True, slots=True)
class Asked(Generic[C]):
    """A command, and what it is decided by.

    Attributes:
        actor: the identity that said it, as its connection proved it; of our own processes their name.
        keys: goods of whoever moves that open locks.
    """

    command: C
    actor: str
    moment: Moment
    city: City
    crowd: Crowd
    keys: Collection[str] = ()
