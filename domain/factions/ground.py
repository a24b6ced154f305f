"""From a definition to the ground that factions live on. Pure."""

from domain.definition.definition import Definition
from domain.definition.places import neighbours_of
from domain.factions.factions import Factions, pair
from domain.factions.messages import Felt, GroundFaction, GroundSet, GroundTerritory


def ground_of(definition: Definition) -> GroundSet:
    """Return the ground of a definition, as if it were the first, on day 0."""
    beside = neighbours_of(definition.places, definition.ways)
    places: dict[str, str] = {}
    ground = {place.id: place.territory for place in definition.places}
    sides = {district.id: district.side for district in definition.districts}
    for place in definition.places:
        if place.territory:
            places.setdefault(place.territory, place.id)
    territories = [
        GroundTerritory(
            territory=each.id,
            side=sides[each.district],
            place=places[each.id],
            holder=each.holder,
            neighbours=list(beside.get(each.id, ())),
            seats=[faction.id for faction in definition.factions if ground.get(faction.seat) == each.id],
        )
        for each in definition.territories
        if each.id in places
    ]
    factions = [
        GroundFaction(faction=each.id, side=each.side, seat=each.seat, power=each.power, floor=each.floor)
        for each in definition.factions
    ]
    return GroundSet(
        number=0,
        day=0,
        seed=definition.world.seed,
        factions=factions,
        territories=territories,
        regards=_regards(definition),
    )


def _regards(definition: Definition) -> list[Felt]:
    """Return what two think of each other: the mean of both, or of who says something."""
    said: dict[tuple[str, str], list[int]] = {}
    for faction in definition.factions:
        for stance in faction.stances:
            said.setdefault(pair(faction.id, stance.to), []).append(stance.regard)
    return [
        Felt(one=one, other=other, regard=sum(found) // len(found))
        for (one, other), found in sorted(said.items())
    ]


def ground_to_set(state: Factions, wanted: GroundSet, day: int) -> GroundSet | None:
    """Return the event that the definition asks for; None: it is so."""
    last = state.ground
    new = wanted.model_copy(update={"number": last.number + 1 if last else 0, "day": day})
    if last and new.model_copy(update={"number": last.number, "day": last.day}) == last:
        return None
    return new
