"""The city as movement sees it: places and ways of the definition, with what is closed now. Pure values.

Everything that depends on the moment (game time of day, who stands where, keys) comes in with the question.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from domain.definition.definition import Definition
from domain.definition.places import (
    District,
    Hours,
    Means,
    MeansId,
    Place,
    PlaceId,
    TerritoryId,
    Way,
    WayId,
    neighbours_of,
    open_at,
)
from domain.places.travel import Edge, TravelTimes

Likes = Callable[[Place], bool]


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """What doors look at.

    Attributes:
        minute: of the day.
        weekday: of that day; None between the weeks.
        day_before: the weekday of the day before.
    """

    minute: int
    weekday: str | None = None
    day_before: str | None = None

    def opens(self, hours: Hours) -> bool:
        """Say whether what has these hours is open."""
        return open_at(hours, self.minute, self.weekday, self.day_before)


@dataclass(frozen=True, eq=False)
class City:
    """Places, ways and means, with the ways that are closed.

    Attributes:
        arrivals: places where somebody who has never been anywhere may begin; empty: everywhere.
        closed: ids of ways on which nobody may set out.
    """

    places: Mapping[PlaceId, Place]
    ways: Mapping[WayId, Way]
    means: Mapping[MeansId, Means]
    districts: Mapping[str, District] = field(default_factory=dict)
    arrivals: frozenset[PlaceId] = frozenset()
    closed: frozenset[WayId] = frozenset()
    times: Mapping[MeansId, TravelTimes] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        places: Iterable[Place],
        ways: Iterable[Way],
        means: Iterable[Means],
        districts: Iterable[District] = (),
        arrivals: Collection[PlaceId] = (),
    ) -> "City":
        """Return the city of a definition, everything open."""
        by_id = {place.id: place for place in places}
        city = cls(
            by_id,
            {way.id: way for way in ways},
            {each.id: each for each in means},
            {each.id: each for each in districts},
            frozenset(arrivals),
        )
        times = {each: TravelTimes(len(by_id), city.edges(each, city.ways)) for each in city.means}
        return replace(city, times=times)

    @cached_property
    def numbers(self) -> Mapping[PlaceId, int]:
        """Each place's row in the tables."""
        return {place: number for number, place in enumerate(self.places)}

    @cached_property
    def _ids(self) -> list[PlaceId]:
        return list(self.places)

    def edges(self, means: MeansId, ways: Iterable[WayId]) -> Iterable[Edge]:
        """Yield what ``ways`` are by a means, in each direction."""
        for way in (self.ways[id_] for id_ in ways):
            seconds = way.seconds_by(means)
            if seconds is None:
                continue
            start, end = self.numbers[way.start], self.numbers[way.end]
            yield Edge(start, end, seconds, way.id)
            if not way.one_way:
                yield Edge(end, start, seconds, way.id)

    def with_closed(self, closed: Collection[WayId]) -> "City":
        """Return the city with exactly these ways closed, of those that it has."""
        now = frozenset(closed) & self.ways.keys()
        shut, opened = now - self.closed, self.closed - now
        if not shut and not opened:
            return self
        times = {
            means: table.without(shut).with_(self.edges(means, sorted(opened)))
            for means, table in self.times.items()
        }
        return replace(self, closed=now, times=times)

    # --- ways and times -------------------------------------------------------------------------------------

    def seconds(self, means: MeansId, start: PlaceId, end: PlaceId) -> int | None:
        """Return the game seconds of the shortest route; None: none leads there now."""
        return self.times[means].seconds(self.numbers[start], self.numbers[end])

    def route(self, means: MeansId, start: PlaceId, end: PlaceId) -> list[tuple[Way, PlaceId, int]] | None:
        """Return the route as (way, where it leads, game seconds), in order; None: none leads there now."""
        found = self.times[means].route(self.numbers[start], self.numbers[end])
        if found is None:
            return None
        return [(self.ways[edge.way], self._ids[edge.end], edge.seconds) for edge in found]

    @cached_property
    def beside(self) -> Mapping[PlaceId, tuple[PlaceId, ...]]:
        """For each place those that a way leads to, closed or not, and what is in it or around it."""
        found: dict[PlaceId, set[PlaceId]] = {place: set() for place in self.places}
        for way in self.ways.values():
            found[way.start].add(way.end)
            if not way.one_way:
                found[way.end].add(way.start)
        for place in self.places.values():
            if place.within is not None:
                found[place.id].add(place.within)
                found[place.within].add(place.id)
        return {place: tuple(sorted(others)) for place, others in found.items()}

    # --- containment, twins, ground -------------------------------------------------------------------------

    def around(self, place: PlaceId) -> tuple[PlaceId, ...]:
        """Return what a place is in, from the next to the outermost."""
        found: list[PlaceId] = []
        within = self.places[place].within
        while within is not None and within not in found:
            found.append(within)
            within = self.places[within].within
        return tuple(found)

    def inside(self, place: PlaceId) -> tuple[PlaceId, ...]:
        """Return all places that are in a place, at any depth, by id."""
        return tuple(sorted(other for other in self.places if place in self.around(other)))

    def twin(self, place: PlaceId) -> Place | None:
        """Return the place of the other side that lies over it."""
        found = self.places[place].twin
        return self.places[found] if found is not None else None

    @cached_property
    def territory_beside(self) -> Mapping[TerritoryId, tuple[TerritoryId, ...]]:
        """For each territory those that a way leads to or from."""
        return neighbours_of(self.places.values(), self.ways.values())

    # --- on the map -----------------------------------------------------------------------------------------

    @cached_property
    def _points(self) -> NDArray[np.int64]:
        points = [(place.at.x, place.at.y) for place in self.places.values()]
        return np.array(points, dtype=np.int64).reshape(len(points), 2)

    def within_metres(self, centre: PlaceId, metres: int) -> list[tuple[PlaceId, int]]:
        """Return the places of the same side at most so far in a straight line, with the distance squared.

        The nearest first, of equals the lower id; the centre itself is among them.
        """
        here = self.places[centre]
        apart = self._points - np.array([here.at.x, here.at.y], dtype=np.int64)
        squares = (apart * apart).sum(axis=1)
        found = [
            (int(squares[number]), self._ids[number])
            for number in np.flatnonzero(squares <= metres * metres).tolist()
            if self.places[self._ids[number]].side == here.side
        ]
        return [(place, square) for square, place in sorted(found)]

    def nearest(self, means: MeansId, start: PlaceId, likes: Likes) -> tuple[PlaceId, int] | None:
        """Return the place that is reached first of those that ``likes`` takes, with its game seconds.

        "The nearest open bakery" is ``lambda place: place.kind == "bakery" and now.opens(place.hours)``.
        """
        row = self.times[means].table[self.numbers[start]]
        for number in np.lexsort((np.array(self._ids), row)).tolist():
            seconds = self.times[means].seconds(self.numbers[start], number)
            if seconds is None:
                return None
            if likes(self.places[self._ids[number]]):
                return self._ids[number], seconds
        return None


def city_of(definition: Definition) -> City:
    """Return the city that a definition describes, everything open."""
    return City.of(definition.places, definition.ways, definition.means, definition.districts)
