"""Who could ever play a role: what of its conditions follows from the definition alone."""

from collections.abc import Iterator, Mapping, Sequence

from domain.definition.people import Archetype, Person
from domain.definition.storylets import Measure, Role


def traits_of(person: Person, archetypes: Mapping[str, Archetype]) -> dict[str, int]:
    """Return somebody's traits, in thousandths: their own, and else their archetype's."""
    archetype = archetypes.get(person.archetype)
    own = {each.trait: each.amount for each in person.traits}
    return {**{each.trait: each.amount for each in (archetype.traits if archetype else ())}, **own}


def regards_of(person: Person) -> dict[str, int]:
    """Return what somebody thinks of others, in thousandths; who is not named leaves them cold."""
    return {each.to: each.regard for each in person.relations}


def fits(role: Role, person: Person, archetypes: Mapping[str, Archetype]) -> bool:
    """Return whether somebody could play a role, whatever they think of others in it."""
    if role.person is not None:
        return person.id == role.person
    if role.archetypes and person.archetype not in role.archetypes:
        return False
    if role.factions and person.faction not in role.factions:
        return False
    traits = traits_of(person, archetypes) if role.traits else {}
    return all(_within(each, traits.get(each.of, 0)) for each in role.traits)


def likes_enough(role: Role, person: Person, cast: Mapping[str, str]) -> bool:
    """Return whether somebody thinks of those who are cast already as a role asks for."""
    regards = regards_of(person) if role.regards else {}
    return all(_within(each, regards.get(cast[each.of], 0)) for each in role.regards if each.of in cast)


def _within(measure: Measure, amount: int) -> bool:
    return measure.least <= amount <= measure.most


def casts(
    roles: Sequence[Role], people: Sequence[Person], archetypes: Mapping[str, Archetype]
) -> Iterator[dict[str, str]]:
    """Yield the ways in which different people could play all roles, by the definition alone."""
    by_id = {person.id: person for person in people}
    fitting = {role.id: [each for each in people if fits(role, each, archetypes)] for role in roles}

    def go(at: int, cast: dict[str, str]) -> Iterator[dict[str, str]]:
        if at == len(roles):
            if all(likes_enough(role, by_id[cast[role.id]], cast) for role in roles):
                yield dict(cast)
            return
        for person in fitting[roles[at].id]:
            if person.id not in cast.values() and likes_enough(roles[at], person, cast):
                yield from go(at + 1, {**cast, roles[at].id: person.id})

    return go(0, {})
