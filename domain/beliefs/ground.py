"""What a definition says of claims: its predicates, what it states itself, and what lies where. Pure.

What a definition states, everybody who lives there knows; what two think of each other, they alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from domain.beliefs.claims import Claim
from domain.beliefs.vocabulary import Vocabulary, vocabulary
from domain.definition.definition import Definition
from domain.definition.forms import clock
from domain.people.rules import LABOUR

LIKES_FROM, DISLIKES_TO = 300, -300
"""Regard, in thousandths, from which on one says so."""


@dataclass(frozen=True)
class Ground:
    """What stands still until another version of the definition is published.

    Attributes:
        vocabulary: what can be claimed.
        common: what the definition states and everybody who lives there knows.
        private: what it states and only those know whom a claim names.
        districts: by place. zones: by district.
        names: by argument, as a sentence has it. people: by name, the person.
        seats: by faction, the place. territories: by place.
    """

    vocabulary: Vocabulary
    common: frozenset[Claim]
    private: frozenset[Claim]
    districts: Mapping[str, str]
    zones: Mapping[str, str]
    names: Mapping[str, str]
    people: Mapping[str, str]
    seats: Mapping[str, str]
    territories: Mapping[str, str] = field(default_factory=dict)


def ground_of(definition: Definition) -> Ground:
    """Return what a definition says of claims."""
    words = vocabulary(definition.predicates)

    def sound(claims: Iterator[Claim]) -> frozenset[Claim]:
        found = (words.normal(claim) for claim in claims)
        return frozenset(claim for claim in found if claim and not words.predicates[claim.predicate].secret)

    return Ground(
        words,
        sound(_common(definition)),
        sound(_private(definition)),
        {place.id: place.district for place in definition.places},
        {district.id: district.zone for district in definition.districts},
        dict(_names(definition)),
        {person.name: person.id for person in definition.people},
        {faction.id: faction.seat for faction in definition.factions},
        {place.id: place.territory for place in definition.places if place.territory},
    )


def _common(definition: Definition) -> Iterator[Claim]:
    yield from _of_people(definition)
    yield from _of_places(definition)
    for good in definition.goods:
        yield from (Claim("sells", f"place.{at}", f"good.{good.id}") for at in good.sold_at)
        yield from (Claim("made", f"place.{at}", f"good.{good.id}") for at in good.made_at)


def _of_people(definition: Definition) -> Iterator[Claim]:
    labour = {each.id for each in definition.activities if any(gain.need == LABOUR for gain in each.gains)}
    for person in definition.people:
        who = f"person.{person.id}"
        if person.faction:
            yield Claim("member", who, f"faction.{person.faction}")
        for at in sorted({each.at for each in person.schedule if each.do in labour}):
            yield Claim("works_at", who, f"place.{at}")


def _of_places(definition: Definition) -> Iterator[Claim]:
    for place in definition.places:
        yield Claim("lies_at", f"place.{place.id}", f"district.{place.district}")
        if place.owner:
            yield Claim("keeps", f"person.{place.owner}", f"place.{place.id}")
        if place.hours:
            yield Claim("opens_at", f"place.{place.id}", f"text.{clock(place.hours[0].opens)}")
    for district in definition.districts:
        yield Claim("lies_at", f"district.{district.id}", f"zone.{district.zone}")
    for territory in definition.territories:
        yield Claim("lies_at", f"territory.{territory.id}", f"district.{territory.district}")
        if territory.holder:
            yield Claim("rules", f"faction.{territory.holder}", f"territory.{territory.id}")


def _private(definition: Definition) -> Iterator[Claim]:
    for person in definition.people:
        for relation in person.relations:
            if relation.regard >= LIKES_FROM:
                yield Claim("likes", f"person.{person.id}", f"person.{relation.to}")
            elif relation.regard <= DISLIKES_TO:
                yield Claim("dislikes", f"person.{person.id}", f"person.{relation.to}")
            if KIN & set(relation.as_.replace(",", "").split()) and "law" not in relation.as_.split():
                yield Claim("kin", f"person.{person.id}", f"person.{relation.to}")
    for faction in definition.factions:
        yield Claim("wants", f"faction.{faction.id}", f"text.{faction.wants}")


KIN = frozenset(
    (
        "mother", "father", "parent", "sister", "brother", "daughter", "son", "child", "cousin", "aunt",
        "uncle", "niece", "nephew", "wife", "husband", "twin", "grandmother", "grandfather",
    )
)  # fmt: skip
"""Words for a relation that make two kin."""


def _names(definition: Definition) -> Iterator[tuple[str, str]]:
    for kind, entries in (
        ("person", definition.people),
        ("faction", definition.factions),
        ("place", definition.places),
        ("district", definition.districts),
        ("territory", definition.territories),
        ("zone", definition.zones),
        ("good", definition.goods),
        ("quest", definition.quests),
    ):
        for each in entries:
            yield f"{kind}.{each.id}", each.name
    for way in definition.ways:
        yield f"way.{way.id}", way.id.replace("_", " ")
