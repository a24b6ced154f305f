"""How storylets and arcs are written."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from domain.definition.climate import WEATHERS
from domain.definition.faults import Fault, shown
from domain.definition.forms import duration
from domain.definition.people import TRAITS
from domain.definition.reading import (
    Field,
    Reader,
    Reading,
    Reference,
    flag,
    identifier,
    keyed,
    listed,
    maybe,
    name_of,
    needed,
    record,
    section,
    text,
    thousandths,
    whole,
    word,
)
from domain.definition.storylets import (
    ACTS,
    ALWAYS,
    CLASSES,
    MANNERS,
    NEWS,
    OUTCOMES,
    PLAYER,
    STATES,
    Arc,
    ArcEnd,
    Beat,
    ClaimForm,
    Lead,
    Line,
    Measure,
    Role,
    Storylet,
    Sway,
    When,
)

STORYLETS_MAX, ARCS_MAX, BEATS_MAX, ROLES_MAX, LINES_MAX, CLAIMS_MAX, LIST_MAX = (
    20_000,
    2_000,
    32,
    6,
    8,
    8,
    64,
)
LASTS_MAX_S = 3_600
AS_CLAIM = "predicate(argument, argument): owes(clerk, player, any)"

_CLAIM = re.compile(r"([a-z][a-z0-9_]{0,63})\(([^()]*)\)")
_SAYS, _NAME = text(most=400), text(most=128)
_LIFT = thousandths(-1_000, 1_000)
_REGARD = thousandths(-1_000, 1_000)


def claim(value: object, path: str, to: Reading) -> ClaimForm:
    """Read a claim; its arguments are looked up where roles are known."""
    found = _CLAIM.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise to.fail(Fault("bad_claim", path, f"{shown(value)} is no claim", AS_CLAIM))
    to.references.append(Reference("predicate", found[1], path))
    return ClaimForm(found[1], tuple(part.strip() for part in found[2].split(",")))


_CLAIMS = listed(claim, most=CLAIMS_MAX)


def _span(value: object, path: str, to: Reading) -> tuple[int, int]:
    """Read `0.6` (at least so much) or `[0, 0.3]` (from, to), in thousandths."""
    if isinstance(value, list) and len(value) == 2:
        low, high = (_REGARD(each, f"{path}[{at}]", to) for at, each in enumerate(value))
        if low > high:
            raise to.fail(Fault("out_of_range", path, "it is from more to less", "[least, most]"))
        return low, high
    return _REGARD(value, path, to), 1_000


def _measures(key: Reader[str]) -> Reader[tuple[Measure, ...]]:
    spans = keyed(key, _span, most=16)

    def read(value: object, path: str, to: Reading) -> tuple[Measure, ...]:
        return tuple(Measure(name, *span) for name, span in spans(value, path, to))

    return read


_ROLE: dict[str, Field[Any]] = {
    "person": maybe(name_of("person")),
    "archetypes": maybe(listed(name_of("archetype"), most=LIST_MAX), ()),
    "factions": maybe(listed(name_of("faction"), most=LIST_MAX), ()),
    "traits": maybe(_measures(word(*TRAITS)), ()),
    "regards": maybe(_measures(identifier), ()),
    "absent": maybe(flag, False),
}


def _roles(value: object, path: str, to: Reading) -> tuple[Role, ...]:
    pairs = keyed(identifier, lambda each, _at, _to: each, most=ROLES_MAX)(value, path, to)
    return tuple(record(partial(Role, id=name), **_ROLE)(each, f"{path}.{name}", to) for name, each in pairs)


WHEN = record(
    When,
    places=maybe(listed(name_of("place"), least=1, most=LIST_MAX), ()),
    districts=maybe(listed(name_of("district"), least=1, most=LIST_MAX), ()),
    phases=maybe(listed(name_of("phase"), least=1, most=16), ()),
    weather=maybe(listed(word(*WEATHERS), least=1, most=len(WEATHERS)), ()),
    tension=maybe(listed(word(*STATES), least=1, most=len(STATES)), ()),
    realm=maybe(listed(word(*STATES), least=1, most=len(STATES)), ()),
    stage=maybe(whole(0, 100), 0),
    news=maybe(listed(word(*NEWS), least=1, most=len(NEWS)), ()),
    facts=maybe(_CLAIMS, ()),
    lacks=maybe(_CLAIMS, ()),
    seen=maybe(listed(name_of("storylet"), least=1, most=16), ()),
)

_LINE = record(
    Line,
    by=needed(identifier),
    act=needed(word(*ACTS)),
    to=maybe(identifier, PLAYER),
    claims=maybe(listed(claim, most=2), ()),
    manner=maybe(listed(word(*MANNERS), most=4), ()),
)

_SWAY = record(
    Sway,
    faction=needed(name_of("faction")),
    other=maybe(name_of("faction")),
    power=maybe(thousandths(-50, 50), 0),
    regard=maybe(thousandths(-200, 200), 0),
)

_LEAD = record(Lead, to=needed(identifier), facts=maybe(_CLAIMS, ()), lacks=maybe(_CLAIMS, ()))


def _storylet(id_: str) -> Reader[Storylet]:
    class_: dict[str, Field[Any]] = {"class_": needed(word(*CLASSES))}
    return record(
        partial(Storylet, id=id_),
        **class_,
        says=needed(_SAYS),
        when=maybe(WHEN, ALWAYS),
        roles=maybe(_roles, ()),
        lines=maybe(listed(_LINE, most=LINES_MAX), ()),
        sways=maybe(listed(_SWAY, most=4), ()),
        once=maybe(flag, False),
        again=maybe(duration, 0),
        lasts=maybe(_lasts, 300),
        tension=maybe(_LIFT, 0),
        realm=maybe(_LIFT, 0),
        quest=maybe(name_of("quest")),
        arc=maybe(name_of("arc")),
        beat=maybe(identifier),
        leads=maybe(listed(_LEAD, most=8), ()),
    )


def _lasts(value: object, path: str, to: Reading) -> int:
    seconds = duration(value, path, to)
    if seconds > LASTS_MAX_S:
        raise to.fail(Fault("out_of_range", path, f"the scene lasts {value}", "an hour at most"))
    return seconds


def _arc(id_: str) -> Reader[Arc]:
    kind = f"beat or end of {id_}"

    def beat(name: str) -> Reader[Beat]:
        return record(partial(Beat, id=name), within=needed(duration), late=needed(name_of(kind)))

    def end(name: str) -> Reader[ArcEnd]:
        return record(partial(ArcEnd, id=name), outcome=needed(word(*OUTCOMES)), text=needed(_SAYS))

    return record(
        partial(Arc, id=id_),
        name=needed(_NAME),
        roles=maybe(_roles, ()),
        beats=needed(section(kind, beat, most=BEATS_MAX, least=1)),
        ends=needed(section(kind, end, most=BEATS_MAX, least=1)),
        lost=needed(name_of(kind)),
    )


STORYLETS: Callable[[object, str, Reading], tuple[Storylet, ...]] = section(
    "storylet", _storylet, most=STORYLETS_MAX, whole=False
)
ARCS: Callable[[object, str, Reading], tuple[Arc, ...]] = section("arc", _arc, most=ARCS_MAX, whole=False)
