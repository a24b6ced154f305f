"""Places: their twins, what holds them, whose they are."""

from collections.abc import Iterator

from domain.definition.faults import Fault
from domain.definition.index import Index
from domain.definition.places import Place


def _sides(index: Index) -> Iterator[Fault]:
    for place in index.all.places:
        path, district = f"places.{place.id}", index.districts.get(place.district)
        if district and district.side != place.side:
            clause = f"the place is {place.side}, and its district {district.id} is {district.side}"
            yield Fault(
                "wrong_side",
                f"{path}.side",
                clause,
                f"{district.side}, or a district of the {place.side} side",
            )
        owner = index.people.get(place.owner or "")
        home = index.places.get(owner.home) if owner else None
        if owner and home and home.side != place.side:
            clause = f"{owner.id} lives on the {home.side} side, and the place is {place.side}"
            yield Fault("wrong_side", f"{path}.owner", clause, f"somebody of the {place.side} side")


def _twins(index: Index) -> Iterator[Fault]:
    for place in index.all.places:
        twin = index.places.get(place.twin or "")
        if twin is None:
            continue
        path, there = f"places.{place.id}.twin", f"places.{twin.id}"
        district = index.districts.get(place.district)
        if twin.side == place.side:
            clause = (
                f"{place.id} and {twin.id} are both {twin.side}" if twin != place else "it is its own twin"
            )
            yield Fault("twin_on_same_side", path, clause, "a place of the other side", other=there)
        elif twin.twin != place.id:
            theirs = f"is the twin of {twin.twin}" if twin.twin else "has no twin"
            yield Fault(
                "twin_one_way", path, f"{twin.id} {theirs}", f"twin: {place.id} there, too", other=there
            )
        elif district and twin.district != district.twin:
            clause = f"{twin.id} lies in {twin.district}, and over {district.id} lies {district.twin}"
            yield Fault("twin_elsewhere", path, clause, f"a place in {district.twin}", other=there)
        elif twin.at != place.at:
            clause = f"{twin.id} lies at [{twin.at.x}, {twin.at.y}], not at [{place.at.x}, {place.at.y}]"
            yield Fault("twin_elsewhere", path, clause, "twins at one spot of the map", other=f"{there}.at")


def _containment(index: Index) -> Iterator[Fault]:
    for place in index.all.places:
        holder = index.places.get(place.within or "")
        if holder is None:
            continue
        path, there = f"places.{place.id}.within", f"places.{holder.id}"
        if circle := _circle(index, place):
            if place.id == min(circle):
                clause = "each is within the next: " + " → ".join([*circle, circle[0]])
                yield Fault("circle", path, clause, "a place that is not within this one", other=there)
        elif (holder.side, holder.district) != (place.side, place.district):
            clause = (
                f"{holder.id} lies in {holder.district} ({holder.side}), and {place.id} in {place.district}"
            )
            yield Fault("within_elsewhere", path, clause, f"a place in {place.district}", other=there)


def _circle(index: Index, start: Place) -> list[str]:
    """Return the places of a circle of containment through ``start``; [] if there is none."""
    met, at = [start.id], start
    while (holder := index.places.get(at.within or "")) is not None:
        if holder.id == start.id:
            return met
        if holder.id in met:
            return []
        met.append(holder.id)
        at = holder
    return []


def _ground(index: Index) -> Iterator[Fault]:
    for place in index.all.places:
        territory = index.territories.get(place.territory or "")
        if territory and territory.district != place.district:
            clause = f"{territory.id} lies in {territory.district}, and the place in {place.district}"
            allowed = f"a territory of {place.district}"
            there = f"territories.{territory.id}.district"
            yield Fault("territory_elsewhere", f"places.{place.id}.territory", clause, allowed, other=there)


PLACE_CHECKS = (((), _sides), ((), _twins), ((), _containment), ((), _ground))
