"""Whether people can be where they should be in time: from each engagement to the next."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from heapq import heappop, heappush

from domain.definition.faults import Fault
from domain.definition.forms import clock
from domain.definition.index import Index
from domain.definition.people import Person
from domain.definition.places import DAY_MINUTES

MINUTE_S = 60
LATE_MINUTES = 5
"""So late somebody may be: who works in the hall until one and eats on the square from one on is no fault."""

Ways = Mapping[str, Mapping[str, int]]
"""By place, where one comes to from there, and in how many game seconds."""


def _walks(index: Index) -> Iterator[Fault]:
    """Yield engagements that one cannot come to in time from the one before, whatever one travels by."""
    ways = [_ways(index, means.id) for means in index.all.means]
    known: dict[str, list[Mapping[str, int]]] = {}
    for person in index.all.people:
        for before, at, minutes in _changes(person):
            start, to = person.schedule[before].at, person.schedule[at].at
            if start not in known:
                known[start] = [_times(each, start) for each in ways]
            times = [each[to] for each in known[start] if to in each]
            if times and min(times) > (minutes + LATE_MINUTES) * MINUTE_S:
                needed, opens = -(-min(times) // MINUTE_S), person.schedule[at].hours.opens
                until = f"there are {minutes} min until {clock(opens)}"
                clause = f"{to} is {needed} min from {start}, and {until}"
                path = f"people.{person.id}.schedule"
                allowed = f"at least {needed} min between the two, or a place that is nearer"
                yield Fault("too_far", f"{path}[{at}].hours", clause, allowed, other=f"{path}[{before}]")


def _changes(person: Person) -> Iterator[tuple[int, int, int]]:
    """Yield which engagement follows on which, at another place, and the minutes between them."""
    order = sorted(range(len(person.schedule)), key=lambda at: person.schedule[at].hours.opens)
    for before, at in zip(order, [*order[1:], *order[:1]], strict=True):
        one, other = person.schedule[before], person.schedule[at]
        if one.at != other.at:
            yield before, at, (other.hours.opens - one.hours.closes) % DAY_MINUTES


def _ways(index: Index, means: str) -> Ways:
    ways: dict[str, dict[str, int]] = defaultdict(dict)
    for way in index.all.ways:
        for time in way.times:
            if time.means == means:
                for start, end in [(way.start, way.end), (way.end, way.start)][: 1 if way.one_way else 2]:
                    ways[start][end] = min(time.seconds, ways[start].get(end, time.seconds))
    return ways


def _times(ways: Ways, start: str) -> Mapping[str, int]:
    """Return the shortest time to each place that one comes to. Source: Dijkstra 1959."""
    done: dict[str, int] = {}
    todo = [(0, start)]
    while todo:
        so_far, place = heappop(todo)
        if place in done:
            continue
        done[place] = so_far
        for other, seconds in ways.get(place, {}).items():
            heappush(todo, (so_far + seconds, other))
    return done


WALK_CHECKS = ((("place", "way", "means"), _walks),)
