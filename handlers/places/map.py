"""The map of the world: places and ways as they are defined, with what is closed."""

from collections.abc import Callable, Mapping
from typing import Any

from domain.definition.places import Place, Way
from domain.kernel.parse import parse
from domain.places.city import City
from domain.places.queries import MapQuery


def place_row(place: Place) -> dict[str, Any]:
    """Return what the map says of a place."""
    row = {
        name: getattr(place, name) for name in ("id", "name", "side", "district", "kind", "within", "twin")
    }
    return {**row, "x": place.at.x, "y": place.at.y, "capacity": place.capacity}


def way_row(way: Way, *, closed: bool) -> dict[str, Any]:
    """Return what the map says of a way."""
    row = {name: getattr(way, name) for name in ("id", "start", "end", "metres", "one_way")}
    return {**row, "seconds": {time.means: time.seconds for time in way.times}, "closed": closed}


class MapAnswer:
    """Answers the query ``places.map``; ``now`` returns the city and the position it is of."""

    def __init__(self, now: Callable[[], tuple[City, int]]) -> None:
        self._now = now

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Return all places, ways and means."""
        parse(MapQuery, query)
        city, position = self._now()
        ways = [way_row(way, closed=id_ in city.closed) for id_, way in city.ways.items()]
        places = [place_row(place) for place in city.places.values()]
        return {
            "places": places,
            "ways": ways,
            "means": [*city.means],
            "arrivals": sorted(city.arrivals or city.places),
        }, position
