"""Claims of the lore: what documents say in a form that can be compared, and which cannot both hold.

A claim is a predicate of the definition with its arguments (``person.una_pell``, ``text.a new roof``) and the
game days in which it holds. What the definition itself says of people, places and factions is a claim, too.
A claim that is marked as a lie is what a text says and the world does not; it contradicts nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from domain.definition.definition import Definition
from domain.definition.predicates import Predicate
from domain.lore.messages import DAY_MAX

DEFINITION = ""
"""Source of what the definition says."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim and where it stands.

    Attributes:
        source: the document; `DEFINITION`: the world's definition.
        path: where in it.
        from_day, until_day: the days in which it holds, from the first up to the last.
    """

    predicate: str
    subject: str
    object: str = ""
    value: str = ""
    from_day: int = -DAY_MAX
    until_day: int = DAY_MAX + 1
    source: str = DEFINITION
    path: str = ""

    def meets(self, other: "Claim") -> bool:
        """Say whether there is a day on which both hold."""
        return self.from_day < other.until_day and other.from_day < self.until_day

    def told(self) -> str:
        """Return the claim in short."""
        arguments = " ".join(filter(None, (self.subject, self.object, self.value)))
        return f"{self.predicate} {arguments}"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two claims that cannot both hold; the second stood first, in the definition or an earlier document."""

    claim: Claim
    against: Claim
    why: str


@dataclass(slots=True)
class _Held:
    """What was claimed so far, by whatever a rule looks for."""

    by: dict[tuple[str, ...], list[Claim]] = field(default_factory=lambda: defaultdict(list))

    def others(self, claim: Claim, key: tuple[str, ...]) -> Iterator[Claim]:
        for other in self.by.get(key, ()):
            if other.meets(claim) and (other.source, other.path) != (claim.source, claim.path):
                yield other


def contradictions(claims: Iterable[Claim], rules: Mapping[str, Predicate]) -> list[Contradiction]:
    """Return every pair of claims that cannot both hold, in the order of the second to come."""
    held = _Held()
    found: list[Contradiction] = []
    for claim in claims:
        rule = rules.get(claim.predicate)
        if rule is None:
            continue
        for turned in _both_ways(claim, rule):
            found += _against(turned, rule, rules, held)
        for turned in _both_ways(claim, rule):
            for key in _keys(turned, rule):
                held.by[key].append(turned)
    return _each_pair_once(found)


def _both_ways(claim: Claim, rule: Predicate) -> Sequence[Claim]:
    if not rule.symmetric:
        return (claim,)
    turned = Claim(
        claim.predicate,
        claim.object,
        claim.subject,
        claim.value,
        claim.from_day,
        claim.until_day,
        claim.source,
        claim.path,
    )
    return (claim, turned)


def _keys(claim: Claim, rule: Predicate) -> Iterator[tuple[str, ...]]:
    """Yield under what a claim is kept, for those that come after it."""
    yield ("of", claim.predicate, claim.subject)
    if one := _one(claim, rule):
        yield one


def _one(claim: Claim, rule: Predicate) -> tuple[str, ...]:
    """Return what there is one such claim of at a time; empty: many hold side by side."""
    match rule.one_per:
        case "subject":
            # One is in one place, and in a district besides: of each kind of thing there is one.
            return ("one", claim.predicate, claim.subject, claim.object.partition(".")[0])
        case "object":
            return ("one", claim.predicate, claim.object)
        case "pair":
            return ("one", claim.predicate, claim.subject, claim.object)
    return ()


def _against(
    claim: Claim, rule: Predicate, rules: Mapping[str, Predicate], held: _Held
) -> Iterator[Contradiction]:
    if one := _one(claim, rule):
        per = "subject and object" if rule.one_per == "pair" else rule.one_per
        for other in held.others(claim, one):
            if _said(other) != _said(claim):
                yield Contradiction(claim, other, f"there is one {rule.id} of each {per} at a time")
    excluded = {*rule.excludes, *(each.id for each in rules.values() if rule.id in each.excludes)}
    for predicate in sorted(excluded):
        for other in _about_the_same(claim, predicate, held):
            yield Contradiction(claim, other, f"{rule.id} and {predicate} exclude each other")
    yield from _ended(claim, rule, rules, held)


def _ended(
    claim: Claim, rule: Predicate, rules: Mapping[str, Predicate], held: _Held
) -> Iterator[Contradiction]:
    """Yield where one claim ends the other, and the other goes on beside it."""
    for predicate in sorted(rule.ends):
        for other in _about_the_same(claim, predicate, held):
            yield Contradiction(claim, other, f"{rule.id} ends {predicate}")
    for each in rules.values():
        if rule.id in each.ends:
            for other in _about_the_same(claim, each.id, held):
                yield Contradiction(claim, other, f"{each.id} ends {rule.id}")


def _about_the_same(claim: Claim, predicate: str, held: _Held) -> Iterator[Claim]:
    """Yield claims of a predicate that agree with another as far as both have an object."""
    for other in held.others(claim, ("of", predicate, claim.subject)):
        if not claim.object or not other.object or claim.object == other.object:
            yield other


def _said(claim: Claim) -> tuple[str, str, str]:
    return claim.subject, claim.object, claim.value


def _each_pair_once(found: Iterable[Contradiction]) -> list[Contradiction]:
    pairs: dict[tuple[tuple[str, str], tuple[str, str]], Contradiction] = {}
    for each in found:
        key = (each.claim.source, each.claim.path), (each.against.source, each.against.path)
        pairs.setdefault(key, each)
    return list(pairs.values())


def claims_of(definition: Definition) -> Iterator[Claim]:
    """Yield what a definition claims of its people, places and factions, with its paths."""
    for person in definition.people:
        if person.faction:
            path = f"people.{person.id}.faction"
            yield Claim("member", f"person.{person.id}", f"faction.{person.faction}", path=path)
    for place in definition.places:
        at, subject = f"places.{place.id}", f"place.{place.id}"
        yield Claim("lies_at", subject, f"district.{place.district}", path=f"{at}.district")
        if place.territory:
            yield Claim("lies_at", subject, f"territory.{place.territory}", path=f"{at}.territory")
        if place.owner:
            yield Claim("keeps", f"person.{place.owner}", subject, path=f"{at}.owner")
    for ground in definition.territories:
        at, subject = f"territories.{ground.id}", f"territory.{ground.id}"
        yield Claim("lies_at", subject, f"district.{ground.district}", path=f"{at}.district")
        if ground.holder:
            yield Claim("rules", f"faction.{ground.holder}", subject, path=f"{at}.holder")
    for district in definition.districts:
        path = f"districts.{district.id}.zone"
        yield Claim("lies_at", f"district.{district.id}", f"zone.{district.zone}", path=path)
