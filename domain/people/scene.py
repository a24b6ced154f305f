"""What is open at a moment, how far everything is on foot, where the nearest place for something is. Pure.

Doors open and close a few times a day, and between that nothing changes: tables are kept by what is shut.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.clock.almanac import Almanac
from domain.definition.definition import Definition
from domain.people.cast import NONE, Cast, cast_of
from domain.people.outside import Danger
from domain.people.rules import MINUTE_MS, RULES, Ints, Rules
from domain.places.city import City, TimeOfDay
from domain.places.travel import FAR

FOOT = "foot"
SCENES_KEPT = 64

Bools = NDArray[np.bool_]


class Times(NamedTuple):
    """What a clock knows of a game time."""

    day: Callable[[int], TimeOfDay]
    """The time of the day."""
    real_us: Callable[[int], int]
    """When it is that game time, in µs since 1970."""


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """A moment's doors and ways.

    Attributes:
        city: with all ways closed on which nobody may set out now.
        seconds: [place, place] on foot; FAR: no way.
        open: by place, whether its hours say so. locked: whether one needs a key now.
        offers: [activity, place] whether anybody may do it there now.
        nearest: [activity, place] the nearest place for it on the same side; NONE.
        sells: [activity, place] whether a stall is open there that sells what it uses up.
    """

    city: City
    seconds: Ints
    near: Ints
    """The same, FAR to the other side."""
    open: Bools
    locked: Bools
    offers: Bools
    nearest: Ints
    sells: Bools
    order: Ints

    def nearest_of(self, wanted: Bools, *, but_here: bool = False) -> Ints:
        """Return for each place the nearest one of those that are wanted; of equals the lower id; NONE."""
        found = np.full(len(self.order), NONE, dtype=np.int64)
        there = self.order[wanted[self.order]]
        if len(there):
            ways = self.near[:, there]
            if but_here:
                ways = np.where(there[None, :] == np.arange(len(found))[:, None], FAR, ways)
            at = ways.argmin(axis=1)
            found = np.where(ways[np.arange(len(at)), at] < FAR, there[at], NONE)
        return found


class World:
    """What people decide by, beside their own lives: a definition, ways, doors, and the time of the day.

    Attributes:
        watched: places that a player sees: there one looks each game minute.
        dangers: by place, who was hurt there last. dead: persons.
        known: position of the log up to which all this is known.
    """

    def __init__(
        self,
        definition: Definition,
        city: City,
        times: Times,
        *,
        rules: Rules = RULES,
        cast: Cast | None = None,
    ) -> None:
        """Prepare; ``cast`` may be the one of another world with the same definition."""
        self.definition = definition
        self.city = city
        self.day, self.real_us = times
        self.rules = rules
        self.cast = cast or cast_of(definition, city, rules)
        self.watched: frozenset[str] = frozenset()
        self.dangers: Mapping[str, Danger] = {}
        self.dead: frozenset[str] = frozenset()
        self.known = 0
        self.sides = np.array([place.side == "light" for place in city.places.values()], dtype=bool)
        order = sorted(city.numbers, key=lambda place: place)
        self.order = np.array([city.numbers[place] for place in order], dtype=np.int64)
        self.offered = _offered(definition, city, self.cast)
        self._own = np.array([place.owner is not None for place in city.places.values()], dtype=bool)
        self._doors = [
            (n, place) for n, place in enumerate(city.places.values()) if place.hours or place.lock
        ]
        self._gates = [way for way in city.ways.values() if way.hours or way.lock]
        self._scenes: OrderedDict[tuple[bytes, frozenset[str]], Scene] = OrderedDict()
        self._now: tuple[TimeOfDay, Scene] | None = None
        """The scene that was asked for last."""

    def seen(self, watched: frozenset[str], known: int) -> "World":
        """Return the same world with other places watched, as of another position of the log."""
        found = copy(self)
        found.watched, found.known = watched, known
        return found

    def harmed(self, dangers: Mapping[str, Danger], dead: Collection[str]) -> "World":
        """Return the same world where others were hurt or died."""
        found = copy(self)
        found.dangers, found.dead = dict(dangers), frozenset(dead)
        return found

    def shut(self, ways: frozenset[str]) -> "World":
        """Return the same world with exactly these ways closed."""
        found = copy(self)
        found.city, found._scenes, found._now = self.city.with_closed(ways), OrderedDict(), None
        return found

    def scene(self, day: TimeOfDay) -> Scene:
        """Return what is open at a time of the day."""
        if self._now is not None and self._now[0] == day:
            return self._now[1]
        found = self._scene_at(day)
        self._now = day, found
        return found

    def _scene_at(self, day: TimeOfDay) -> Scene:
        doors = np.ones((2, len(self.order)), dtype=bool)
        doors[1] = False
        for row, place in self._doors:
            doors[0, row] = day.opens(place.hours)
            doors[1, row] = place.lock is not None and day.opens(place.lock.hours)
        shut = frozenset(
            way.id
            for way in self._gates
            if not day.opens(way.hours) or (way.lock is not None and day.opens(way.lock.hours))
        )
        key = doors.tobytes(), shut
        if (found := self._scenes.get(key)) is None:
            found = self._scenes[key] = self._scene(doors[0], doors[1], shut)
            if len(self._scenes) > SCENES_KEPT:
                self._scenes.popitem(last=False)
        return found

    def _scene(self, opened: Bools, locked: Bools, shut: frozenset[str]) -> Scene:
        city = self.city.with_closed(self.city.closed | shut)
        seconds = city.times[FOOT].table
        near = np.where(self.sides[:, None] == self.sides[None, :], seconds, FAR)
        offers = self.offered & (opened & ~locked & ~self._own)[None, :]
        sells = (self.cast.living.prices != NONE) & (opened & ~locked)[None, :]
        none = np.zeros((0, len(self.order)), dtype=np.int64)
        bare = Scene(city, seconds, near, opened, locked, offers, none, sells, self.order)
        rows = [bare.nearest_of(offers[act]) for act in range(len(offers))]
        nearest = np.array(rows, dtype=np.int64).reshape(len(offers), len(self.order))
        return Scene(city, seconds, near, opened, locked, offers, nearest, sells, self.order)


def day_of(almanac: Almanac, game_ms: int) -> TimeOfDay:
    """Return what a clock on the wall shows at a game time."""
    day, ms = divmod(game_ms, almanac.day_ms)
    names = almanac.calendar.weekdays
    today, before = (almanac.weekday(each) for each in (day, day - 1))
    return TimeOfDay(
        ms // MINUTE_MS,
        None if today is None else names[today],
        None if before is None else names[before],
    )


def _offered(definition: Definition, city: City, cast: Cast) -> Bools:
    kinds = {kind.id: kind.offers for kind in definition.kinds}
    found = np.zeros((len(cast.acts), len(city.places)), dtype=bool)
    for row, place in enumerate(city.places.values()):
        for act in (*place.offers, *kinds.get(place.kind, ())):
            found[cast.act_rows[act], row] = True
    return found
