"""What may be wrong between documents of the lore, and between them and the world's definition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from domain.definition.definition import Definition
from domain.definition.faults import Fault, nearest
from domain.definition.places import SIDES
from domain.definition.predicates import ENTITY_KINDS, Predicate
from domain.lore.claims import DEFINITION, Claim, claims_of, contradictions
from domain.lore.form import ROOT, Document, Written
from domain.lore.messages import DAY_MAX, EVERYONE
from domain.lore.terms import folded

FREE_KINDS = frozenset({"player", "group", "number", "text", "claim", "event", "weather"})
"""Kinds of which the definition keeps no list."""


@dataclass(slots=True)
class World:
    """What documents may refer to.

    Attributes:
        ids: of the definition, by kind.
        rules: predicates by id; empty: the world declares none, and claims are kept unread.
    """

    definition: Definition | None
    rules: Mapping[str, Predicate] = field(init=False)
    ids: Mapping[str, Mapping[str, object]] = field(init=False)

    def __post_init__(self) -> None:
        """Look everything up once."""
        there = self.definition
        self.rules = {each.id: each for each in there.predicates} if there is not None else {}
        self.ids = (
            {}
            if there is None
            else {
                "person": {each.id: 0 for each in there.people},
                "faction": {each.id: 0 for each in there.factions},
                "place": {each.id: 0 for each in there.places},
                "district": {each.id: 0 for each in there.districts},
                "territory": {each.id: 0 for each in there.territories},
                "zone": {each.id: 0 for each in there.zones},
                "way": {each.id: 0 for each in there.ways},
                "good": {each.id: 0 for each in there.goods},
                "quest": {each.id: 0 for each in there.quests},
                "archetype": {each.id: 0 for each in there.archetypes},
                "side": dict.fromkeys(SIDES, 0),
                "fact": {each.id: 0 for each in there.facts},
            }
        )


Documents = Sequence[tuple[str, Document]]
"""Ids and documents, in the order in which they are read."""

Told = tuple[str, Fault]
"""A document's id and a fault of it."""


def faults_of(documents: Documents, world: World) -> Iterator[Told]:
    """Yield what is wrong between documents, in no order."""
    yield from _twice(documents)
    named = {entity: id_ for id_, document in documents for entity, _ in document.names}
    for id_, document in documents:
        for fault in (*_sections(document), *_entities(document, named, world), *_labels(document, world)):
            yield id_, fault
        for at, claim in enumerate(document.claims):
            for fault in _claim(claim, f"{ROOT}.claims[{at}]", named, world):
                yield id_, fault
    yield from _names(documents, world)
    yield from contradicting(documents, world)


def _twice(documents: Documents) -> Iterator[Told]:
    seen: set[str] = set()
    titles: dict[str, str] = {}
    for id_, document in documents:
        if id_ in seen:
            allowed = "another file name; a document's id is its file's name, in whatever folder"
            yield id_, Fault("document_twice", ROOT, f"there is another document {id_!r}", allowed)
        seen.add(id_)
        if other := titles.get(folded(document.title)):
            found = f"the document {other!r} has this title, too"
            yield id_, Fault("title_twice", f"{ROOT}.title", found, "a title of its own: readers see it")
        titles.setdefault(folded(document.title), id_)


def _sections(document: Document) -> Iterator[Fault]:
    seen: set[str] = set()
    for at, part in enumerate(document.sections):
        if part.section in seen:
            found = f"there is another section {part.section!r}"
            yield Fault(
                "section_twice", f"{ROOT}.sections[{at}]", found, "each title once: citations name it"
            )
        seen.add(part.section)
        over, begins = document.days.until, part.days.from_
        if over is not None and begins is not None and begins >= over:
            found = f"the section begins on day {begins}, and the document is over by then"
            yield Fault("never_valid", f"{ROOT}.sections[{at}].days", found, f"a day before {over}")


def _entities(document: Document, named: Mapping[str, str], world: World) -> Iterator[Fault]:
    about = [(f"{ROOT}.about[{at}]", entity) for at, entity in enumerate(document.about)]
    for number, part in enumerate(document.sections):
        path = f"{ROOT}.sections[{number}].about"
        about += [(f"{path}[{at}]", entity) for at, entity in enumerate(part.about)]
    known = {id_ for ids in world.ids.values() for id_ in ids} | set(named)
    for path, entity in about:
        if entity not in known and world.ids:
            allowed = "an id of the definition, or one that a document's names: gives names to"
            found = f"there is nobody and nothing {entity!r}"
            yield Fault("unknown_entity", path, found, allowed, nearest(entity, known))


def _labels(document: Document, world: World) -> Iterator[Fault]:
    labels = [(f"{ROOT}.known_by[{at}]", label) for at, label in enumerate(document.known_by)]
    for number, part in enumerate(document.sections):
        path = f"{ROOT}.sections[{number}].known_by"
        labels += [(f"{path}[{at}]", label) for at, label in enumerate(part.known_by)]
        if EVERYONE in part.known_by:
            found = "everyone in a section narrows nothing: who may know the document is who may know it"
            yield Fault(
                "widened", path, found, "those of the document's readers who may know it; or no field"
            )
    for path, label in labels:
        kind, _, id_ = label.partition(".")
        known = world.ids.get(kind)
        if known is not None and label != EVERYONE and id_ not in known:
            found = f"there is no {kind} {id_!r}"
            yield Fault("unknown_label", path, found, f"the id of a {kind}", nearest(id_, known))


def _names(documents: Documents, world: World) -> Iterator[Told]:
    """Yield names that two things have, and ids that are somebody's of the definition's kinds as well."""
    taken: dict[str, str] = {}
    if world.definition is not None:
        for kind in (world.definition.people, world.definition.factions, world.definition.places):
            taken |= {folded(each.name): each.id for each in kind}
    for id_, document in documents:
        for entity, names in document.names:
            for at, name in enumerate(names):
                other = taken.setdefault(folded(name), entity)
                if other != entity:
                    path = f"{ROOT}.names.{entity}[{at}]"
                    yield id_, Fault("name_taken", path, f"{name!r} is a name of {other!r}", "another name")


def _claim(claim: Written, path: str, named: Mapping[str, str], world: World) -> Iterator[Fault]:
    if not world.rules:
        return
    rule = world.rules.get(claim.predicate)
    if rule is None:
        found = f"there is no predicate {claim.predicate!r}"
        near = nearest(claim.predicate, world.rules)
        yield Fault(
            "unknown_predicate", f"{path}.predicate", found, "one of the definition's predicates", near
        )
        return
    for name, kinds, said in (
        ("subject", rule.subject, claim.subject),
        ("object", rule.object, claim.object),
        ("value", rule.value, claim.value),
    ):
        yield from _argument(f"{path}.{name}" if said else path, name, kinds, said, (rule, named, world))


def _argument(
    path: str,
    name: str,
    kinds: Sequence[str],
    said: str,
    by: tuple[Predicate, Mapping[str, str], World],
) -> Iterator[Fault]:
    rule, named, world = by
    if not said:
        if kinds:
            yield Fault("missing_argument", path, f"{rule.id} has no {name}", ", ".join(kinds))
        return
    if not kinds:
        found = f"{rule.id} takes no {name}"
        yield Fault("unwanted_argument", path, found, f"the claim without {name}:", at_key=True)
        return
    kind, _, id_ = said.partition(".")
    if kind not in kinds:
        found = f"the {name} of {rule.id} is no {kind}"
        yield Fault("wrong_kind", path, found, ", ".join(kinds), nearest(kind, kinds))
    elif kind in ENTITY_KINDS and kind not in FREE_KINDS:
        known = world.ids.get(kind, {})
        if id_ not in known and id_ not in named:
            yield Fault(
                "unknown_argument",
                path,
                f"there is no {kind} {id_!r}",
                f"the id of a {kind}",
                nearest(id_, known),
            )
    elif kind == "number" and not id_.lstrip("-").isdigit():
        yield Fault("bad_number", path, f"{id_!r} is no whole number", "digits: number.450")


def contradicting(documents: Documents, world: World) -> Iterator[Told]:
    """Yield claims that cannot hold beside one of another document, or of the definition."""
    claims = list(claims_of(world.definition)) if world.definition is not None else []
    claims += [each for id_, document in documents for each in document_claims(id_, document)]
    for each in contradictions(claims, world.rules):
        where = (
            f"the definition's {each.against.path}"
            if each.against.source == DEFINITION
            else (f"{each.against.source}, {each.against.path.removeprefix(f'{ROOT}.')}")
        )
        found = f"{each.claim.told()} cannot hold beside {each.against.told()} of {where}"
        yield (
            each.claim.source,
            Fault("contradiction", each.claim.path, found, f"{each.why}; or mark it lie: true"),
        )


def document_claims(id_: str, document: Document) -> Iterator[Claim]:
    """Yield the claims of a document, in the days of the claim and of the document; lies claim nothing."""
    for at, written in enumerate(document.claims):
        if written.lie:
            continue
        from_days = [day for day in (document.days.from_, written.days.from_) if day is not None]
        until_days = [day for day in (document.days.until, written.days.until) if day is not None]
        yield Claim(
            written.predicate,
            written.subject,
            written.object,
            written.value,
            max(from_days, default=-DAY_MAX),
            min(until_days, default=DAY_MAX + 1),
            id_,
            f"{ROOT}.claims[{at}]",
        )
