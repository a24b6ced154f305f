"""Storylets compiled: every condition as a set of those that it lets through, a bit for each. Pure.

Which storylets may be played somewhere is then the intersection of a dozen sets, whatever their number. What
depends on who is there, or on claims about them, is looked at afterwards, for the few that are left.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from domain.definition.casting import fits
from domain.definition.definition import Definition
from domain.definition.people import Person
from domain.definition.storylets import (
    ANY,
    CLASSES,
    PLAYER,
    RAISES_IN,
    Arc,
    ClaimForm,
    Role,
    Storylet,
)

Key = tuple[str, tuple[str, ...]]
"""A claim that a condition asks for, without roles: `player` stands for the player, "" for anything."""

Holds = Callable[[str, tuple[str, ...]], bool]
"""Whether some claim of a predicate holds; an empty argument stands for any."""


def key_of(form: ClaimForm) -> Key:
    """Return what a claim asks for at least, whoever is cast."""
    arguments = (each if each == PLAYER or "." in each else "" for each in form.arguments)
    return form.predicate, tuple(arguments)


def _is_whole(form: ClaimForm) -> bool:
    """Return whether a claim's key says all of it."""
    return all(each in (PLAYER, ANY) or "." in each for each in form.arguments)


@dataclass(frozen=True, slots=True)
class Playable:
    """A storylet, compiled.

    Attributes:
        roles: those to be cast; of an arc's roles none.
        of_arc: roles of its arc that must be there.
        facts, lacks: claims that name somebody of the cast, or the place.
        specificity: how much it asks for.
    """

    number: int
    storylet: Storylet
    roles: tuple[Role, ...]
    of_arc: tuple[str, ...]
    facts: tuple[ClaimForm, ...]
    lacks: tuple[ClaimForm, ...]
    specificity: int


def specificity_of(storylet: Storylet) -> int:
    """Return how much a storylet asks for."""
    when = storylet.when
    found = 2 * bool(when.places) + bool(when.districts) + bool(when.phases) + bool(when.weather)
    found += bool(when.tension) + bool(when.realm) + bool(when.stage) + 2 * bool(when.news)
    found += 2 * len(when.facts) + len(when.lacks) + len(when.seen) + 3 * bool(storylet.arc)
    return found + sum(
        1 + len(role.regards) for role in storylet.roles if role != Role(role.id, absent=role.absent)
    )


@dataclass(frozen=True)
class Content:
    """All storylets and arcs of one version of a definition.

    Attributes:
        version: of the definition.
        bands: sets of those that are as specific as each other, the most specific first, with class and
            specificity.
        stirring: by predicate, by how much a deed makes it tenser for a player who sees it, in thousandths.
        masks: by role (its conditions), a bit for each of the people who could play it.
    """

    version: int
    definition: Definition
    playables: tuple[Playable, ...]
    arcs: Mapping[str, Arc]
    bands: Sequence[tuple[int, str, int]]
    people: Mapping[str, int]
    masks: Mapping[Role, int]
    numbers: Mapping[str, int]
    all: int
    _by: Mapping[str, Mapping[str, int]]
    _free: Mapping[str, int]
    needs: Mapping[Key, int]
    forbids: Mapping[Key, int]
    seen: Mapping[str, int]
    once: int
    beats: Mapping[tuple[str, str], int]
    raising: int
    stirring: Mapping[str, int]
    _stages: Sequence[int] = field(default_factory=list)

    def let_through(self, dimension: str, *values: str) -> int:
        """Return the storylets that a dimension's values let through, and those that ask for none of it."""
        by, found = self._by[dimension], self._free[dimension]
        for value in values:
            found |= by.get(value, 0)
        return found

    def at_stage(self, stage: int) -> int:
        """Return the storylets that ask for no later stage."""
        return self._stages[min(stage, len(self._stages) - 1)]

    def blocked(self, keys: Iterable[Key], holds: Holds, player: str = "") -> int:
        """Return the storylets that some claims, as they hold or do not, keep from being played."""
        found = 0
        for key in keys:
            arguments = tuple(f"player.{player}" if each == PLAYER else each for each in key[1])
            found |= self.forbids.get(key, 0) if holds(key[0], arguments) else self.needs.get(key, 0)
        return found

    @cached_property
    def of_realm(self) -> Sequence[Key]:
        """Claims that are the same for every player."""
        return [key for key in self.needs.keys() | self.forbids.keys() if PLAYER not in key[1]]

    @cached_property
    def of_player(self) -> Sequence[Key]:
        """Claims that name the player."""
        return [key for key in self.needs.keys() | self.forbids.keys() if PLAYER in key[1]]

    @cached_property
    def _classes(self) -> Mapping[str, int]:
        found = dict.fromkeys(CLASSES, 0)
        for band, class_, _ in self.bands:
            found[class_] |= band
        return found

    def of_class(self, class_: str) -> int:
        """Return the storylets of a class."""
        return self._classes[class_]

    @cached_property
    def _crowds(self) -> Sequence[int]:
        needs = [len(each.of_arc) + sum(not role.absent for role in each.roles) for each in self.playables]
        return [
            _mask(at for at, wanted in enumerate(needs) if wanted <= count)
            for count in range(max(needs, default=0) + 1)
        ]

    def for_company(self, count: int) -> int:
        """Return the storylets for which so many people are enough."""
        return self._crowds[min(count, len(self._crowds) - 1)]

    def starts(self, arc: str) -> int:
        """Return the storylets that begin an arc."""
        known = self.arcs.get(arc)
        return self.beats.get((arc, known.begins), 0) if known else 0

    @cached_property
    def no_arc(self) -> int:
        """Storylets that are of no arc."""
        return _mask(each.number for each in self.playables if not each.storylet.arc)

    @cached_property
    def all_starts(self) -> int:
        """Storylets that begin an arc."""
        found = 0
        for arc in self.arcs:
            found |= self.starts(arc)
        return found

    def of_people(self, ids: Iterable[str]) -> int:
        """Return a bit for each of some people."""
        found = 0
        for id_ in ids:
            if id_ in self.people:
                found |= 1 << self.people[id_]
        return found

    @cached_property
    def names(self) -> Sequence[str]:
        """People by their bit."""
        return list(self.people)

    @cached_property
    def persons(self) -> Mapping[str, Person]:
        """People by id."""
        return {each.id: each for each in self.definition.people}


def bits_of(mask: int) -> Iterator[int]:
    """Yield the numbers of the bits that are set, the lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def compiled(definition: Definition, version: int) -> Content:
    """Return the storylets of a definition as they are chosen from."""
    arcs = {each.id: each for each in definition.arcs}
    playables = tuple(_playable(number, each, arcs) for number, each in enumerate(definition.storylets))
    by, free = _dimensions(playables, definition)
    needs, forbids = _claims(playables)
    stages = [
        _mask(each.number for each in playables if each.storylet.when.stage <= stage)
        for stage in range(1 + max((each.storylet.when.stage for each in playables), default=0))
    ]
    roles = {role for each in playables for role in each.roles}
    roles |= {role for arc in definition.arcs for role in arc.roles}
    return Content(
        version=version,
        definition=definition,
        playables=playables,
        arcs=arcs,
        bands=_bands(playables),
        people={each.id: at for at, each in enumerate(definition.people)},
        masks={role: _who_fits(role, definition) for role in roles},
        numbers={each.storylet.id: each.number for each in playables},
        all=(1 << len(playables)) - 1,
        _by=by,
        _free=free,
        needs=needs,
        forbids=forbids,
        seen=_seen(playables),
        once=_mask(each.number for each in playables if each.storylet.once),
        beats=_beats(playables),
        raising=_mask(
            each.number for each in playables if each.storylet.tension > 0 or each.storylet.realm > 0
        ),
        stirring={each.id: each.tension for each in definition.predicates if each.tension},
        _stages=stages,
    )


def _mask(numbers: Iterable[int]) -> int:
    """Return the set of some numbers; made of bytes, as one big number for each bit takes seconds."""
    found = bytearray()
    for number in numbers:
        at, bit = divmod(number, 8)
        if at >= len(found):
            found.extend(bytes(at + 1 - len(found)))
        found[at] |= 1 << bit
    return int.from_bytes(found, "little")


def _playable(number: int, storylet: Storylet, arcs: Mapping[str, Arc]) -> Playable:
    arc, when = arcs.get(storylet.arc or ""), storylet.when
    named = {who for line in storylet.lines for who in (line.by, line.to)}
    named |= {role.id for role in (arc.roles if arc else ()) if f"{{{role.id}}}" in storylet.says}
    return Playable(
        number,
        storylet,
        storylet.roles,
        tuple(role.id for role in (arc.roles if arc else ()) if role.id in named and not role.absent),
        tuple(each for each in when.facts if not _is_whole(each)),
        tuple(each for each in when.lacks if not _is_whole(each)),
        specificity_of(storylet),
    )


def _dimensions(
    playables: Sequence[Playable], definition: Definition
) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Return by dimension and value who asks for it, and by dimension who asks for nothing."""
    places = {each.id: each.district for each in definition.places}
    of_district: dict[str, list[str]] = {}
    for place, district in places.items():
        of_district.setdefault(district, []).append(place)
    numbers: dict[str, dict[str, list[int]]] = {}
    free: dict[str, list[int]] = {}
    for each in playables:
        for dimension, asked in _asked(each.storylet, of_district).items():
            if asked is None:
                free.setdefault(dimension, []).append(each.number)
            for value in asked or ():
                numbers.setdefault(dimension, {}).setdefault(value, []).append(each.number)
    names = ("place", "phase", "weather", "tension", "realm", "news")
    return (
        {name: {value: _mask(of) for value, of in numbers.get(name, {}).items()} for name in names},
        {name: _mask(free.get(name, ())) for name in names},
    )


def _asked(
    storylet: Storylet, of_district: Mapping[str, Sequence[str]]
) -> Mapping[str, Sequence[str] | None]:
    """Return by dimension the values that a storylet asks for; None: it takes any."""
    when = storylet.when
    places: Sequence[str] | None = when.places or None
    if when.districts:
        inside = [place for district in when.districts for place in of_district.get(district, ())]
        places = [place for place in inside if not when.places or place in when.places]
    return {
        "place": places,
        "phase": when.phases or None,
        "weather": when.weather or None,
        "tension": _states(when.tension, RAISES_IN if storylet.tension > 0 else None),
        "realm": _states(when.realm, RAISES_IN if storylet.realm > 0 else None),
        "news": when.news or None,
    }


def _states(asked: Sequence[str], may: Sequence[str] | None) -> Sequence[str] | None:
    """Return the states in which something may be played: what raises never while it fades or rests."""
    if may is None:
        return asked or None
    return [state for state in asked or may if state in may]


def _claims(playables: Sequence[Playable]) -> tuple[dict[Key, int], dict[Key, int]]:
    needs: dict[Key, list[int]] = {}
    forbids: dict[Key, list[int]] = {}
    for each in playables:
        for form in each.storylet.when.facts:
            needs.setdefault(key_of(form), []).append(each.number)
        for form in each.storylet.when.lacks:
            if _is_whole(form):
                forbids.setdefault(key_of(form), []).append(each.number)
    return (
        {key: _mask(of) for key, of in needs.items()},
        {key: _mask(of) for key, of in forbids.items()},
    )


def _bands(playables: Sequence[Playable]) -> Sequence[tuple[int, str, int]]:
    found: dict[tuple[int, int], list[int]] = {}
    for each in playables:
        rank = CLASSES.index(each.storylet.class_), -each.specificity
        found.setdefault(rank, []).append(each.number)
    return [(_mask(of), CLASSES[at], -specificity) for (at, specificity), of in sorted(found.items())]


def _seen(playables: Sequence[Playable]) -> dict[str, int]:
    """Return by storylet those that ask for its having been seen."""
    found: dict[str, list[int]] = {}
    for each in playables:
        for id_ in each.storylet.when.seen:
            found.setdefault(id_, []).append(each.number)
    return {id_: _mask(of) for id_, of in found.items()}


def _beats(playables: Sequence[Playable]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], list[int]] = {}
    for each in playables:
        if each.storylet.arc and each.storylet.beat:
            found.setdefault((each.storylet.arc, each.storylet.beat), []).append(each.number)
    return {key: _mask(of) for key, of in found.items()}


def _who_fits(role: Role, definition: Definition) -> int:
    archetypes = {each.id: each for each in definition.archetypes}
    return _mask(at for at, each in enumerate(definition.people) if fits(role, each, archetypes))
