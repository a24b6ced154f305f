"""People: where they live, whether their day can be lived, whom they know."""

from collections import defaultdict
from collections.abc import Iterator

from domain.definition.faults import Fault
from domain.definition.forms import clock, overlap, written
from domain.definition.index import Index
from domain.definition.people import TRAITS, Engagement, Person, minutes_of
from domain.definition.places import Hours, Place


def _homes(index: Index) -> Iterator[Fault]:
    for person in index.all.people:
        home, faction = index.places.get(person.home), index.factions.get(person.faction or "")
        if home and faction and home.side != faction.side:
            clause = f"{home.id} is {home.side}, and {faction.id} is {faction.side}"
            yield Fault(
                "wrong_side", f"people.{person.id}.home", clause, f"a place of the {faction.side} side"
            )


def _schedules(index: Index) -> Iterator[Fault]:
    for person in index.all.people:
        home = index.places.get(person.home)
        for at, entry in enumerate(person.schedule):
            path, place = f"people.{person.id}.schedule[{at}]", index.places.get(entry.at)
            for before in range(at):
                if overlap(person.schedule[before].hours, entry.hours):
                    earlier = person.schedule[before].hours
                    clause = f"{written(entry.hours)} overlaps {written(earlier)}"
                    there = f"people.{person.id}.schedule[{before}]"
                    yield Fault("overlap", f"{path}.hours", clause, "one place at a time", other=there)
            if place is not None:
                yield from _engagement(index, entry, place, home, path)


def _engagement(
    index: Index, entry: Engagement, place: Place, home: Place | None, path: str
) -> Iterator[Fault]:
    if home and place.side != home.side:
        clause = f"{place.id} is {place.side}, and they live on the {home.side} side"
        yield Fault("wrong_side", f"{path}.at", clause, f"a place of the {home.side} side")
    if entry.do in index.activities and entry.do not in (offered := index.offers(place)):
        clause = f"one cannot {entry.do} at {place.id}"
        allowed = ", ".join(sorted(set(offered))) or "nothing is offered there: add to its offers or its kind"
        yield Fault("not_offered", f"{path}.do", clause, allowed, other=f"places.{place.id}")
    shut = _first_shut(entry, place.hours)
    if shut is not None:
        clause = f"{place.id} is shut at {clock(shut)}"
        allowed = "hours within " + ", ".join(written(opening) for opening in place.hours)
        yield Fault("shut", f"{path}.hours", clause, allowed, other=f"places.{place.id}.hours")


def _first_shut(entry: Engagement, hours: Hours) -> int | None:
    """Return the first minute of an engagement at which a door is shut on every day; None: none."""
    if not hours:
        return None
    openings = [span for opening in hours for span in minutes_of(opening)]
    for start, end in minutes_of(entry.hours):
        minute = start
        while minute < end:
            until = max((close for open_, close in openings if open_ <= minute < close), default=minute)
            if until == minute:
                return minute
            minute = until
    return None


def _crowds(index: Index) -> Iterator[Fault]:
    """Yield places at which more people should be at once than fit in."""
    expected: dict[str, list[tuple[int, int, Person, int]]] = defaultdict(list)
    for person in index.all.people:
        for at, entry in enumerate(person.schedule):
            for start, end in minutes_of(entry.hours):
                expected[entry.at].append((start, end, person, at))
    for place in index.all.places:
        if place.capacity is None:
            continue
        for start, _, person, at in expected[place.id]:
            there = {other.id for begin, end, other, _ in expected[place.id] if begin <= start < end}
            if len(there) > place.capacity:
                who = ", ".join(sorted(there))
                clause = f"{len(there)} people should be at {place.id} at {clock(start)}: {who}"
                path = f"people.{person.id}.schedule[{at}].at"
                allowed = f"its capacity, {place.capacity}"
                yield Fault("too_crowded", path, clause, allowed, other=f"places.{place.id}.capacity")
                break


def _relations(index: Index) -> Iterator[Fault]:
    for person in index.all.people:
        for relation in person.relations:
            if relation.to == person.id:
                clause, path = (
                    "they have a relation to themselves",
                    f"people.{person.id}.relations.{relation.to}",
                )
                yield Fault("about_itself", path, clause, "somebody else", at_key=True)


def _archetypes(index: Index) -> Iterator[Fault]:
    for archetype in index.all.archetypes:
        known = {trait.trait for trait in archetype.traits}
        if missing := [trait for trait in TRAITS if trait not in known]:
            clause = f"the archetype has no {', no '.join(missing)}"
            path = f"archetypes.{archetype.id}.traits"
            yield Fault("missing_trait", path, clause, "every trait: " + ", ".join(TRAITS))


def _unused(index: Index) -> Iterator[Fault]:
    used = {person.archetype for person in index.all.people}
    for archetype in index.all.archetypes:
        if archetype.id not in used:
            path = f"archetypes.{archetype.id}"
            yield Fault("unused_archetype", path, "nobody is of this sort", "a person with it, or none of it")


PEOPLE_CHECKS = (
    ((), _homes),
    ((), _schedules),
    (("person", "place"), _crowds),
    ((), _relations),
    ((), _archetypes),
    (("person",), _unused),
)
