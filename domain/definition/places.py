"""Places and the ways between them, as a definition says them: where one stands, and how one gets there.

Everything is a frozen value with whole numbers: metres on the map, game seconds on a way, minutes of the
day at a door. Nothing here knows who stands where or what is closed just now; that is `domain.places`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

DAY_MINUTES = 1_440
"""Minutes of the day in which doors, ways and schedules are told; a calendar's day is as long."""

Side = Literal["light", "dark"]
"""The two cities that lie over each other."""

SIDES: tuple[Side, ...] = ("light", "dark")

Id = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        description="An id of the definition: small letters, digits, underscores; at most 64 characters.",
    ),
]
"""Goes into stream ids and subjects as it is, so it has neither dots nor dashes."""

PlaceId = Id
WayId = Id
MeansId = Id
DistrictId = Id
TerritoryId = Id
FactionId = Id
PersonId = Id
GoodId = Id
Weekday = str
"""A weekday by its name in the calendar."""
WeatherState = Id


@dataclass(frozen=True, slots=True)
class Point:
    """Where something lies on the city's map; both sides share one map.

    Attributes:
        x: metres east of the map's origin.
        y: metres north of it.
    """

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Opening:
    """A span of the day in which a door or a way is open (or a lock is locked).

    Attributes:
        opens: minute of the day, 0 to 1,439.
        closes: minute of the day, 1 to 1,440, and never `opens`; below `opens` it is on the next day.
        days: weekdays on which it begins; empty: every day, those between the weeks included.
    """

    opens: int
    closes: int
    days: tuple[Weekday, ...] = ()


Hours = tuple[Opening, ...]
"""When; empty: always."""


@dataclass(frozen=True, slots=True)
class Lock:
    """What a door asks for.

    Attributes:
        key: the good that opens it; one must have it, and keeps it.
        hours: when it is locked; empty: always.
    """

    key: GoodId
    hours: Hours = ()


@dataclass(frozen=True, slots=True)
class District:
    """A part of one side of the city; a place belongs to one. Feeds are filtered by it.

    Attributes:
        name: as people say it, in a sentence ("the Ropewalk").
        twin: the district of the other side that lies over it.
        zone: whose weather it has (`climate`).
        seen: what one sees there, in a word or two ("docks").
        by: how one gets there, as people say it ("down the tarred steps").
    """

    id: DistrictId
    name: str
    side: Side
    twin: DistrictId
    zone: Id
    seen: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Territory:
    """What a faction may hold: some places of one district. Neighbours follow from the ways: `neighbours_of`.

    Attributes:
        holder: the faction that holds it when the world begins; None: nobody.
    """

    id: TerritoryId
    name: str
    district: DistrictId
    holder: FactionId | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere that one can be.

    Attributes:
        kind: what sort of place ("bakery", "street"); one looks for the nearest of a kind.
        offers: what one can do there ("eat", "sleep"): ids of the definition's activities.
        within: the place that holds it (a room in a house), in the same district and on the same side.
        twin: the place of the other side that lies over it; the twin's twin is this one.
        territory: whose ground it is; None: nobody's.
        owner: the person whose it is (their bed, their stall); None: everybody's.
        capacity: how many people fit in; None: any number.
        hours: when the door is open; empty: always. Who is inside at closing may leave.
        lock: what the door asks for.
    """

    id: PlaceId
    name: str
    side: Side
    district: DistrictId
    kind: Id
    at: Point
    within: PlaceId | None = None
    twin: PlaceId | None = None
    territory: TerritoryId | None = None
    owner: PersonId | None = None
    capacity: int | None = None
    hours: Hours = ()
    lock: Lock | None = None
    offers: tuple[Id, ...] = ()


@dataclass(frozen=True, slots=True)
class Means:
    """A means of travel: on foot, by cart, by ferry.

    Attributes:
        name: as people say it ("on foot").
        metres_per_minute: its speed in game time, for ways that tell no time of their own.
        carries: how many travel with it at once; None: it does not matter.
    """

    id: MeansId
    name: str
    metres_per_minute: int
    carries: int | None = None


@dataclass(frozen=True, slots=True)
class TravelTime:
    """How long a way takes by one means, in game seconds (≥1)."""

    means: MeansId
    seconds: int


@dataclass(frozen=True, slots=True)
class Way:
    """A way between two places, in both directions unless it is one-way.

    It may lead to the other side: a crossing.

    Attributes:
        start: one end; of a one-way the only one where it begins.
        end: the other end; never `start`.
        metres: its length along the ground (≥1).
        times: what travels on it and how long it takes, at least one, each means once.
        one_way: whether it leads from `start` to `end` only.
        capacity: how many may be on it at once; None: any number.
        hours: when one may set out; empty: always. A ferry that has left arrives.
        closed_in: states of the weather that close it (a storm stops the ferry).
        lock: what one needs to set out.
    """

    id: WayId
    start: PlaceId
    end: PlaceId
    metres: int
    times: tuple[TravelTime, ...]
    one_way: bool = False
    capacity: int | None = None
    hours: Hours = ()
    closed_in: tuple[WeatherState, ...] = ()
    lock: Lock | None = None

    def seconds_by(self, means: MeansId) -> int | None:
        """Return the game seconds that the way takes; None if that means does not travel on it."""
        return next((time.seconds for time in self.times if time.means == means), None)


def travel_seconds(metres: int, metres_per_minute: int) -> int:
    """Return the game seconds for ``metres`` at a speed, rounded up; at least one."""
    return max(1, -(-metres * 60 // metres_per_minute))


def open_at(hours: Hours, minute: int, weekday: Weekday | None, day_before: Weekday | None) -> bool:
    """Return whether ``hours`` include a minute of a day.

    Args:
        hours: empty is always.
        minute: of the day, 0 to 1,439; an opening includes its first minute and leaves its last out.
        weekday: of that day; None on a day between the weeks.
        day_before: the weekday of the day before, for what began then and goes on over midnight.
    """
    return not hours or any(_includes(opening, minute, weekday, day_before) for opening in hours)


def _includes(opening: Opening, minute: int, weekday: Weekday | None, day_before: Weekday | None) -> bool:
    today = not opening.days or weekday in opening.days
    if opening.opens < opening.closes:
        return today and opening.opens <= minute < opening.closes
    yesterday = not opening.days or day_before in opening.days
    return (today and minute >= opening.opens) or (yesterday and minute < opening.closes)


def neighbours_of(places: Iterable[Place], ways: Iterable[Way]) -> dict[TerritoryId, tuple[TerritoryId, ...]]:
    """Return, for each territory, those that a way leads to or from, in the order of their ids."""
    ground = {place.id: place.territory for place in places if place.territory is not None}
    found: dict[TerritoryId, set[TerritoryId]] = {territory: set() for territory in ground.values()}
    for way in ways:
        one, other = ground.get(way.start), ground.get(way.end)
        if one is not None and other is not None and one != other:
            found[one].add(other)
            found[other].add(one)
    return {territory: tuple(sorted(found[territory])) for territory in sorted(found)}
