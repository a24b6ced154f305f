"""Ways: where they lead, how long they are, and whether one gets everywhere and back."""

from collections.abc import Iterator, Mapping
from math import isqrt

from domain.definition.faults import Fault
from domain.definition.index import Index


def _ends(index: Index) -> Iterator[Fault]:
    for way in index.all.ways:
        path = f"ways.{way.id}"
        start, end = index.places.get(way.start), index.places.get(way.end)
        if way.start == way.end:
            clause = f"it leads from {way.start} to {way.end}"
            yield Fault("to_itself", f"{path}.between", clause, "two different places")
        if way.start == way.end or start is None or end is None:
            continue
        if start.side != end.side and start.twin != end.id:
            sides = f"from the {start.side} side to the {end.side}"
            clause = f"it leads {sides}, and {end.id} is not {start.id}'s twin"
            yield Fault("bad_crossing", f"{path}.between", clause, "a crossing between a place and its twin")
        straight = isqrt((start.at.x - end.at.x) ** 2 + (start.at.y - end.at.y) ** 2)
        if way.metres < straight:
            clause = f"it is {way.metres} m long, and its ends are {straight} m apart"
            yield Fault("too_short", f"{path}.metres", clause, f"at least {straight} m")


def _doubles(index: Index) -> Iterator[Fault]:
    first: dict[tuple[str, str, str], str] = {}
    for way in index.all.ways:
        one, other = sorted((way.start, way.end))
        ends = (way.start, way.end) if way.one_way else (one, other)
        for time in way.times:
            there = first.setdefault((*ends, time.means), way.id)
            if there != way.id:
                clause = f"{there} leads there already, for the same means {time.means}"
                allowed = "one way for a means between two places"
                yield Fault("same_way", f"ways.{way.id}", clause, allowed, other=f"ways.{there}")
                break


def _reach(index: Index) -> Iterator[Fault]:
    """Yield places that one cannot get to from the first one, or cannot leave towards it."""
    if not index.all.places:
        return
    onward: dict[str, set[str]] = {place.id: set() for place in index.all.places}
    back: dict[str, set[str]] = {place.id: set() for place in index.all.places}
    for way in index.all.ways:
        directions = [(way.start, way.end)] if way.one_way else [(way.start, way.end), (way.end, way.start)]
        for one, other in directions:
            if one in onward and other in onward:
                onward[one].add(other)
                back[other].add(one)
    first = index.all.places[0].id
    there, home = _reached(first, onward), _reached(first, back)
    for place in index.all.places:
        if place.id not in there:
            clause = f"no way leads here from {first}, the first place"
            yield Fault(
                "unreachable", f"places.{place.id}", clause, "a way that ends here", other=f"places.{first}"
            )
        elif place.id not in home:
            clause = f"no way leads back from here to {first}, the first place"
            yield Fault(
                "no_way_back", f"places.{place.id}", clause, "a way that begins here", other=f"places.{first}"
            )


def _reached(first: str, ways: Mapping[str, set[str]]) -> set[str]:
    met, todo = {first}, [first]
    while todo:
        for other in ways[todo.pop()] - met:
            met.add(other)
            todo.append(other)
    return met


def _idle_means(index: Index) -> Iterator[Fault]:
    used = {time.means for way in index.all.ways for time in way.times}
    for means in index.all.means:
        if means.id not in used:
            yield Fault(
                "unused_means", f"means.{means.id}", "no way is travelled by it", "a way with this means"
            )


WAY_CHECKS = (
    ((), _ends),
    ((), _doubles),
    (("place", "way"), _reach),
    (("way",), _idle_means),
)
