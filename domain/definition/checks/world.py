"""Districts, territories, the climate and factions."""

from collections import Counter
from collections.abc import Iterator

from domain.definition.faults import Fault
from domain.definition.index import Index

FULL = 1_000


def _twin_districts(index: Index) -> Iterator[Fault]:
    for district in index.all.districts:
        path, twin = f"districts.{district.id}.twin", index.districts.get(district.twin)
        if twin is None:
            continue
        if twin.side == district.side:
            clause = f"{district.id} and {twin.id} are both {twin.side}"
            yield Fault(
                "twin_on_same_side",
                path,
                clause,
                "a district of the other side",
                other=f"districts.{twin.id}",
            )
        elif twin.twin != district.id:
            clause = f"{twin.id} is the twin of {twin.twin}, not of {district.id}"
            allowed = "twins that name each other"
            yield Fault("twin_one_way", path, clause, allowed, other=f"districts.{twin.id}.twin")


def _empty_districts(index: Index) -> Iterator[Fault]:
    used = {place.district for place in index.all.places}
    for district in index.all.districts:
        if district.id not in used:
            yield Fault(
                "empty_district", f"districts.{district.id}", "no place lies in it", "a place at least"
            )


def _territories(index: Index) -> Iterator[Fault]:
    for territory in index.all.territories:
        district = index.districts.get(territory.district)
        holder = index.factions.get(territory.holder or "")
        if district and holder and holder.side != district.side:
            clause = f"{holder.id} is {holder.side}, and the ground is {district.side}"
            path = f"territories.{territory.id}.holder"
            yield Fault("wrong_side", path, clause, f"a faction of the {district.side} side")


def _empty_territories(index: Index) -> Iterator[Fault]:
    used = {place.territory for place in index.all.places}
    for territory in index.all.territories:
        if territory.id not in used:
            path = f"territories.{territory.id}"
            yield Fault("empty_territory", path, "no place belongs to it", "a place with this territory")


def _climate(index: Index) -> Iterator[Fault]:
    for zone in index.all.zones:
        for season in zone.seasons:
            path = f"zones.{zone.id}.seasons.{season.season}"
            if (total := sum(spell.share for spell in season.spells)) != FULL:
                clause = f"the shares make {total / FULL:g}"
                yield Fault("bad_shares", f"{path}.spells", clause, "shares that make 1 together")
            if season.coldest > season.warmest:
                clause = (
                    f"the coldest, {season.coldest / 100:g}, is above the warmest, {season.warmest / 100:g}"
                )
                yield Fault("bad_temperatures", f"{path}.temperature", clause, "the coldest first: [5, 20]")


def _seasons(index: Index) -> Iterator[Fault]:
    wanted = [season.id for season in index.all.calendar.seasons]
    for zone in index.all.zones:
        known = {season.season for season in zone.seasons}
        if missing := [season for season in wanted if season not in known]:
            clause = f"the zone has no {' and no '.join(missing)}"
            yield Fault("missing_season", f"zones.{zone.id}.seasons", clause, "every season of the calendar")


def _factions(index: Index) -> Iterator[Fault]:
    for faction in index.all.factions:
        path, seat = f"factions.{faction.id}", index.places.get(faction.seat)
        if seat and seat.side != faction.side:
            clause = f"{seat.id} is {seat.side}, and the faction is {faction.side}"
            yield Fault("wrong_side", f"{path}.seat", clause, f"a place of the {faction.side} side")
        if faction.floor > faction.power:
            clause = f"its floor, {faction.floor / FULL:g}, is above its power, {faction.power / FULL:g}"
            yield Fault("bad_floor", f"{path}.power", clause, "a power of at least the floor")
        for stance in faction.stances:
            if stance.to == faction.id:
                clause = "the faction has a stance towards itself"
                yield Fault(
                    "about_itself", f"{path}.stances.{stance.to}", clause, "another faction", at_key=True
                )


def _purses(index: Index) -> Iterator[Fault]:
    for faction in index.all.factions:
        for at, money in enumerate(faction.purse):
            currency = index.currencies.get(money.currency)
            if currency and currency.side != faction.side:
                clause = f"{money.currency} are {currency.side} money, and the faction is {faction.side}"
                path = f"factions.{faction.id}.purse[{at}]"
                yield Fault("wrong_side", path, clause, f"money of the {faction.side} side")


def _needs(index: Index) -> Iterator[Fault]:
    filled = {gain.need for activity in index.all.activities for gain in activity.gains}
    for need in index.all.needs:
        if need.id not in filled:
            clause = "no activity fills this need, so it runs out for ever"
            yield Fault("unmet_need", f"needs.{need.id}", clause, "an activity with a gain of it")


def _names(index: Index) -> Iterator[Fault]:
    """Two of a kind with one name cannot be told apart by who reads or asks for them."""
    by_kind = {
        "people": [(person.id, person.name) for person in index.all.people],
        "goods": [(good.id, good.name) for good in index.all.goods],
        "factions": [(faction.id, faction.name) for faction in index.all.factions],
        "districts": [(district.id, district.name) for district in index.all.districts],
        "places": [(place.id, f"{place.name} ({place.side})") for place in index.all.places],
    }
    for kind, named in by_kind.items():
        times = Counter(name for _, name in named)
        first: dict[str, str] = {}
        for id_, name in named:
            if times[name] > 1 and name in first:
                clause, there = f"the name {name!r} is taken", f"{kind}.{first[name]}.name"
                yield Fault("same_name", f"{kind}.{id_}.name", clause, "a name of its own", other=there)
            first.setdefault(name, id_)


WORLD_CHECKS = (
    ((), _twin_districts),
    (("place",), _empty_districts),
    ((), _territories),
    (("place",), _empty_territories),
    ((), _climate),
    (("season", "zone"), _seasons),
    ((), _factions),
    ((), _purses),
    (("activity",), _needs),
    ((), _names),
)
