"""Contradictions planted in the sample world's lore, and claims that only look like them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.definition.definition import Definition
from domain.lore.checks import World, contradicting
from domain.lore.form import Days, Document, Part, Written

PLANTED, AGAINST_THE_WORLD = 60, 20


@dataclass(frozen=True, slots=True)
class Pair:
    """Two claims, of which the second contradicts the first or does not."""

    first: Written | None
    """None: the definition says it."""
    second: Written
    contradicts: bool


def pairs_of(definition: Definition) -> list[Pair]:
    """Return as many pairs that contradict each other as pairs that do not, of every rule there is."""
    planted = [*_against_the_world(definition)][:AGAINST_THE_WORLD]
    planted += [*_contradicting(definition)][: PLANTED - len(planted)]
    return planted + [*_harmless(definition)][:PLANTED]


def _contradicting(definition: Definition) -> Iterator[Pair]:
    people, places = [each.id for each in definition.people], [each.id for each in definition.places]
    factions = [each.id for each in definition.factions]
    for at in range(len(people)):
        who, other = f"person.{people[at]}", f"person.{people[(at + 1) % len(people)]}"
        here, there = f"place.{places[at]}", f"place.{places[(at + 7) % len(places)]}"
        one, two = f"faction.{factions[at % 8]}", f"faction.{factions[(at + 3) % 8]}"
        kinds = (
            (Written("at", who, here), Written("at", who, there)),
            (Written("dead", who, days=Days(5)), Written("wants", who, "text.a boat", days=Days(9))),
            (Written("allied", one, two), Written("in_feud", two, one)),
            (Written("likes", who, other), Written("dislikes", who, other)),
            (Written("owes", who, other, "number.9"), Written("owes", who, other, "number.7")),
            (Written("opens_at", here, "text.nine"), Written("opens_at", here, "text.noon")),
            (Written("true_name", who, "text.Crane"), Written("true_name", who, "text.Vane")),
        )
        first, second = kinds[at % len(kinds)]
        yield Pair(first, second, contradicts=True)


def _against_the_world(definition: Definition) -> Iterator[Pair]:
    factions = [each.id for each in definition.factions]
    for place in definition.places:
        if place.owner:
            yield Pair(None, Written("keeps", "person.nib", f"place.{place.id}"), contradicts=True)
    for at, ground in enumerate(definition.territories):
        if ground.holder:
            rival = next(each for each in factions[at % 8 :] + factions if each != ground.holder)
            claim = Written("rules", f"faction.{rival}", f"territory.{ground.id}")
            yield Pair(None, claim, contradicts=True)


def _harmless(definition: Definition) -> Iterator[Pair]:
    people, places = [each.id for each in definition.people], [each.id for each in definition.places]
    for at in range(len(people)):
        who, other = f"person.{people[at]}", f"person.{people[(at + 1) % len(people)]}"
        here, there = f"place.{places[at]}", f"place.{places[(at + 7) % len(places)]}"
        kinds = (
            (Written("at", who, here, days=Days(1, 5)), Written("at", who, there, days=Days(5, 9))),
            (Written("likes", who, other), Written("dislikes", other, who)),
            (Written("dead", who, days=Days(5)), Written("wants", who, "text.a boat", days=Days(1, 5))),
            (Written("owes", who, other, "number.9"), Written("owes", other, who, "number.9")),
            (Written("works_at", who, here), Written("works_at", who, there)),
            (Written("fears", who, other), Written("fears", who, here)),
            (Written("at", who, here), Written("at", who, there, lie=True)),
        )
        first, second = kinds[at % len(kinds)]
        yield Pair(first, second, contradicts=False)


def found_of(definition: Definition, documents: Sequence[tuple[str, Document]], pair: Pair) -> bool:
    """Say whether a pair's second claim is told of once both stand in documents among all others."""
    said = [*documents]
    if pair.first is not None:
        said.append(("planted_first", _document(pair.first)))
    said.append(("planted_second", _document(pair.second)))
    told = contradicting(said, World(definition))
    return any(id_ == "planted_second" for id_, _ in told)


def _document(claim: Written) -> Document:
    return Document("Planted", ("everyone",), (Part("main", "", ("Text.",)),), claims=(claim,))
