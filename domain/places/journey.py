"""A journey: places and when they are reached, in game time. Where somebody is follows. Pure integers."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from domain.places.messages import Departed, JourneyCut, TurnedBack


class Spot(NamedTuple):
    """Where on a way: so many thousandths of it from one place towards another."""

    start: str
    end: str
    per_mille: int


@dataclass(frozen=True, slots=True)
class Journey:
    """A route with its times.

    Attributes:
        kind: who travels: player or person.
        places, ways: one way fewer than places; empty ids of ways where one goes back.
        times: game ms at which each place is reached, rising.
        means: of travel.
        real_ms: what it costs of the speed budget.
        back: whether it goes back.
    """

    kind: str
    places: tuple[str, ...]
    ways: tuple[str, ...]
    times: tuple[int, ...]
    means: str
    real_ms: int
    back: bool = False

    @classmethod
    def of(cls, event: Departed) -> "Journey":
        """Return the journey that an event began."""
        route = tuple(event.places), tuple(event.ways), tuple(event.times_ms)
        return cls(event.kind, *route, event.means, event.real_ms)

    @property
    def route(self) -> tuple[tuple[Any, ...], ...]:
        """Places, ways and times."""
        return self.places, self.ways, self.times

    @property
    def manner(self) -> tuple[str, str, int, bool]:
        """Who travels how, at what cost, and whether back."""
        return self.kind, self.means, self.real_ms, self.back

    @classmethod
    def again(
        cls, route: Sequence[Sequence[Any]], kind: str, means: str, real_ms: int, back: bool
    ) -> "Journey":
        """Return the journey of a route and a manner."""
        places, ways, times = map(tuple, route)
        return cls(kind, places, ways, times, means, real_ms, back)

    @property
    def end(self) -> str:
        """Where it leads."""
        return self.places[-1]

    @property
    def ends_ms(self) -> int:
        """When it is over."""
        return self.times[-1]

    def reached(self, game_ms: int) -> int:
        """Return the number of the last place that is reached by then."""
        return max(0, bisect_right(self.times, game_ms) - 1)

    def spot(self, game_ms: int) -> Spot:
        """Return where on the way somebody is: derived, never stored."""
        if not self.ways:
            return Spot(self.end, self.end, 0)
        at = min(self.reached(game_ms), len(self.ways) - 1)
        left, due = self.times[at], self.times[at + 1]
        gone = min(max(0, game_ms - left), due - left)
        return Spot(self.places[at], self.places[at + 1], 1_000 * gone // max(1, due - left))

    def ahead(self, way: str, game_ms: int) -> int | None:
        """Return the number of the place before a way that is not begun by then; None: no such way."""
        numbers = (n for n, id_ in enumerate(self.ways) if id_ == way and self.times[n] > game_ms)
        return next(numbers, None)

    def cut(self, event: JourneyCut) -> "Journey":
        """Return the journey that ends earlier."""
        last = self.places.index(event.place)
        shorter = replace(
            self, places=self.places[: last + 1], ways=self.ways[:last], times=self.times[: last + 1]
        )
        return replace(shorter, real_ms=self._cost(shorter.ends_ms - self.times[0]))

    def turned(self, event: TurnedBack) -> "Journey":
        """Return the way back."""
        way = self.ways[self.places.index(event.place)]
        times = (event.left_ms, event.arrives_ms)
        cost = self._cost(event.arrives_ms - self.times[0])
        return Journey(self.kind, (event.away, event.place), (way,), times, self.means, cost, back=True)

    def _cost(self, game_ms: int) -> int:
        """Return what so much of the journey's game time costs, in real ms, rounded up."""
        return -(-self.real_ms * game_ms // max(1, self.ends_ms - self.times[0]))
