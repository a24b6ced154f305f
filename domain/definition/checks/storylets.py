"""Storylets: whether each can ever be played, says only what it knows, and leads somewhere."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from domain.definition.casting import casts
from domain.definition.faults import Fault, nearest
from domain.definition.index import Index
from domain.definition.predicates import Predicate
from domain.definition.storylets import (
    ANY,
    HERE,
    PLAYER,
    RAISES_IN,
    STATING,
    WORDS,
    Arc,
    ClaimForm,
    Line,
    Role,
    Storylet,
)

_SLOT = re.compile(r"\{([a-z_0-9]*)\}")
KIND_OF_WORD = {PLAYER: "player", HERE: "place", "doer": "faction", "against": "faction"}


def path_of(storylet: Storylet) -> str:
    """Return where a storylet stands."""
    return f"storylets.{storylet.id}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What claims of one storylet may name."""

    predicates: Mapping[str, Predicate]
    known: Mapping[str, frozenset[str]]
    """Ids by kind of entity."""
    roles: Mapping[str, Role]
    news: bool

    def faults(self, form: ClaimForm, path: str, *, open_: bool) -> Iterator[Fault]:
        """Yield what is wrong with a claim; ``open_``: whether it may leave arguments open."""
        predicate = self.predicates.get(form.predicate)
        if predicate is None:
            return
        kinds = [each for each in (predicate.subject, predicate.object, predicate.value) if each]
        if len(kinds) != len(form.arguments):
            clause = f"{form} has {len(form.arguments)} arguments"
            yield Fault("bad_claim", path, clause, f"{len(kinds)}: {predicate.says}")
            return
        for argument, may in zip(form.arguments, kinds, strict=True):
            if argument == ANY:
                if not open_:
                    clause = f"{form} leaves open what is said"
                    yield Fault("bad_claim", path, clause, "any stands in conditions only")
            elif why := self._argument(argument, may):
                yield Fault("bad_claim", path, f"in {form} {why[0]}", why[1], why[2])

    def _argument(self, argument: str, may: Sequence[str]) -> tuple[str, str, str] | None:
        """Return why something cannot stand in a claim, what could, and what is near; None if it can."""
        kind, dot, id_ = argument.partition(".")
        if not dot:
            kind = KIND_OF_WORD.get(argument, "person" if argument in self.roles else "")
            if not kind:
                names = [*self.roles, *WORDS]
                return f"there is no role {argument!r}", ", ".join(names), nearest(argument, names)
            if kind == "faction" and not self.news:
                return f"{argument} is of no news", "when: {news: …}", ""
        elif kind in self.known and id_ not in self.known[kind]:
            return f"there is no {kind} {id_!r}", f"the id of a {kind}", nearest(id_, self.known[kind])
        if kind not in may:
            return f"{argument} is a {kind}", " or ".join(may), nearest(kind, may)
        return None


def known_of(index: Index) -> dict[str, frozenset[str]]:
    """Return the ids that claims may name, by kind."""
    world = index.all
    return {
        "person": frozenset(each.id for each in world.people),
        "faction": frozenset(each.id for each in world.factions),
        "place": frozenset(each.id for each in world.places),
        "district": frozenset(each.id for each in world.districts),
        "territory": frozenset(each.id for each in world.territories),
        "zone": frozenset(each.id for each in world.zones),
        "way": frozenset(each.id for each in world.ways),
        "good": frozenset(each.id for each in world.goods),
        "quest": frozenset(each.id for each in world.quests),
    }


def scopes(index: Index) -> Iterator[tuple[Storylet, Scope]]:
    """Yield every storylet with what its claims may name."""
    predicates = {each.id: each for each in index.all.predicates}
    known, arcs = known_of(index), {each.id: each for each in index.all.arcs}
    for each in index.all.storylets:
        roles = {role.id: role for role in (*roles_of_arc(each, arcs), *each.roles)}
        yield each, Scope(predicates, known, roles, bool(each.when.news))


def roles_of_arc(storylet: Storylet, arcs: Mapping[str, Arc]) -> Sequence[Role]:
    """Return the roles that a storylet has of its arc."""
    arc = arcs.get(storylet.arc or "")
    return arc.roles if arc else ()


# --- what it names ------------------------------------------------------------------------------------------


def _roles(index: Index) -> Iterator[Fault]:
    arcs = {each.id: each for each in index.all.arcs}
    for each in index.all.storylets:
        of_arc = {role.id for role in roles_of_arc(each, arcs)}
        names = [*of_arc, *(role.id for role in each.roles)]
        yield from role_faults(each.roles, f"{path_of(each)}.roles", names)
        for role in each.roles:
            if role.id in of_arc:
                clause = f"the arc {each.arc} has a role {role.id!r}"
                at, there = f"{path_of(each)}.roles.{role.id}", f"arcs.{each.arc}.roles.{role.id}"
                yield Fault("bad_role", at, clause, "a name of its own", other=there, at_key=True)


def role_faults(roles: Sequence[Role], path: str, names: Sequence[str]) -> Iterator[Fault]:
    """Yield what is wrong with roles by themselves."""
    for role in roles:
        at = f"{path}.{role.id}"
        if role.id in WORDS:
            clause = f"{role.id!r} has a meaning of its own"
            yield Fault("bad_role", at, clause, "another name for the role", at_key=True)
        if role.person and (role.archetypes or role.factions or role.traits):
            clause = f"{role.person} plays it, and conditions say who may"
            yield Fault("bad_role", f"{at}.person", clause, "a person, or conditions")
        for measure in role.regards:
            if measure.of not in names or measure.of == role.id:
                allowed, near = "another role of it", nearest(measure.of, names)
                clause = f"there is no other role {measure.of!r}"
                yield Fault("bad_role", f"{at}.regards.{measure.of}", clause, allowed, near, at_key=True)


def _claims(index: Index) -> Iterator[Fault]:
    for each, scope in scopes(index):
        path, when = path_of(each), each.when
        for name, forms in (("facts", when.facts), ("lacks", when.lacks)):
            for at, form in enumerate(forms):
                yield from scope.faults(form, f"{path}.when.{name}[{at}]", open_=True)
        for at, lead in enumerate(each.leads):
            for name, forms in (("facts", lead.facts), ("lacks", lead.lacks)):
                for n, form in enumerate(forms):
                    yield from scope.faults(form, f"{path}.leads[{at}].{name}[{n}]", open_=True)
        for at, line in enumerate(each.lines):
            for n, form in enumerate(line.claims):
                yield from scope.faults(form, f"{path}.lines[{at}].claims[{n}]", open_=False)


def _lines(index: Index) -> Iterator[Fault]:
    for each, scope in scopes(index):
        there = [name for name, role in scope.roles.items() if not role.absent]
        for at, line in enumerate(each.lines):
            path = f"{path_of(each)}.lines[{at}]"
            for field, who, may in (("by", line.by, there), ("to", line.to, [*there, PLAYER])):
                if who not in may:
                    clause = f"{who!r} is nobody who is there"
                    yield Fault("bad_line", f"{path}.{field}", clause, ", ".join(may), nearest(who, may))
            if line.by == line.to:
                yield Fault("bad_line", f"{path}.to", f"{line.by} speaks to themselves", "somebody else")
            yield from _unfounded(each, line, path)


def _unfounded(each: Storylet, line: Line, path: str) -> Iterator[Fault]:
    """What is stated must be so: a scene states what its conditions ask for."""
    if line.act not in STATING or "hearsay" in line.manner:
        return
    for n, form in enumerate(line.claims):
        if form not in each.when.facts:
            clause = f"it is said that {form}, and no condition asks for it"
            yield Fault("unfounded_claim", f"{path}.claims[{n}]", clause, f"when: {{facts: [{form}]}}")


def _says(index: Index) -> Iterator[Fault]:
    for each, scope in scopes(index):
        names = [*scope.roles, PLAYER, HERE]
        for slot in _SLOT.findall(each.says):
            if slot not in names:
                allowed = ", ".join(f"{{{name}}}" for name in names)
                yield Fault("bad_slot", f"{path_of(each)}.says", f"there is no {{{slot}}}", allowed)


# --- whether it can come ------------------------------------------------------------------------------------


def _reach(index: Index) -> Iterator[Fault]:
    for each in index.all.storylets:
        path, when = path_of(each), each.when
        raises = each.tension > 0 or each.realm > 0
        if raises and when.tension and not set(when.tension) & set(RAISES_IN):
            clause = "it makes it tenser, which nothing may while it fades or rests"
            yield Fault("unreachable", f"{path}.when.tension", clause, ", ".join(RAISES_IN))
        if when.places and when.districts:
            known = [index.places[id_] for id_ in when.places if id_ in index.places]
            if known and not any(place.district in when.districts for place in known):
                clause = "none of its places is in one of its districts"
                yield Fault("unreachable", f"{path}.when.places", clause, "places in them, or no districts")
        if each.id in when.seen:
            yield Fault("about_itself", f"{path}.when.seen", "it waits for itself", "another storylet")
        if both := sorted(map(str, set(when.facts) & set(when.lacks))):
            clause = f"{both[0]} must hold and must not"
            yield Fault("unreachable", f"{path}.when.lacks", clause, "one of the two")
        if when.stage > len(index.all.arcs):
            clause = f"the player must have ended {when.stage} arcs"
            yield Fault("unreachable", f"{path}.when.stage", clause, f"{len(index.all.arcs)} at most")


def _classes(index: Index) -> Iterator[Fault]:
    for each in index.all.storylets:
        path = path_of(each)
        if each.class_ == "evergreen" and (each.once or each.arc or not each.again):
            clause = "an evergreen comes again and again, in no arc"
            yield Fault("bad_class", f"{path}.class", clause, "again: a time; and neither once nor arc")
        if each.class_ == "essential" and not (each.once or each.arc):
            clause = "it would come before everything else for ever"
            yield Fault("bad_class", f"{path}.class", clause, "once: true, or an arc")
        if each.once and each.again:
            yield Fault("bad_class", f"{path}.again", "it comes once, and again", "one of the two")


def _circles(index: Index) -> Iterator[Fault]:
    """Yield storylets that wait for each other to be seen."""
    waits = {each.id: each.when.seen for each in index.all.storylets}
    for each in index.all.storylets:
        met, todo = set[str](), list(waits[each.id])
        while todo:
            at = todo.pop()
            if at == each.id and len(waits[each.id]) and at not in waits[at]:
                clause = "it waits for one that waits for it"
                yield Fault("circle", f"{path_of(each)}.when.seen", clause, "one that does not")
                break
            if at not in met:
                met.add(at)
                todo.extend(waits.get(at, ()))


def names_known(roles: Sequence[Role], index: Index) -> bool:
    """Return whether roles ask for nobody and nothing that there is not, which is a fault by itself."""
    return all(
        (role.person is None or role.person in index.people)
        and set(role.archetypes) <= index.archetypes.keys()
        and set(role.factions) <= index.factions.keys()
        for role in roles
    )


def _castable(index: Index) -> Iterator[Fault]:
    arcs = {each.id: each for each in index.all.arcs}
    people, kinds = index.all.people, index.archetypes
    for each in index.all.storylets:
        roles = (*roles_of_arc(each, arcs), *each.roles)
        if each.roles and names_known(roles, index) and next(casts(roles, people, kinds), None) is None:
            clause = "nobody of this world could play its roles together"
            yield Fault("uncastable", f"{path_of(each)}.roles", clause, "conditions that somebody meets")


Check = tuple[tuple[str, ...], Callable[[Index], Iterator[Fault]]]
STORYLET_CHECKS: tuple[Check, ...] = (
    (("arc",), _roles),
    (("arc", "predicate", "person", "place", "faction", "district", "quest", "good"), _claims),
    (("arc",), _lines),
    (("arc",), _says),
    (("arc", "place"), _reach),
    ((), _classes),
    (("storylet",), _circles),
    (("arc", "person", "archetype"), _castable),
)
