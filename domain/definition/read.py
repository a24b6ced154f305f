"""From the plain data of a world's files to its definition, or every fault of them at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from domain.clock.calendar import Calendar, DayPhase, Month, Season
from domain.definition import schema
from domain.definition.calendar import calendar
from domain.definition.checks import KINDS, faults_of
from domain.definition.definition import Definition, World
from domain.definition.faults import Fault, nearest
from domain.definition.predicates_schema import PREDICATES
from domain.definition.quests_schema import QUESTS
from domain.definition.reading import Reader, Reading, Unreadable, unknown_references
from domain.definition.storylets_schema import ARCS, STORYLETS
from domain.definition.traces_schema import TRACES

SECTIONS: Mapping[str, Reader[object]] = {
    "world": schema.WORLD,
    "calendar": calendar,
    "zones": schema.ZONES,
    "districts": schema.DISTRICTS,
    "territories": schema.TERRITORIES,
    "means": schema.MEANS,
    "needs": schema.NEEDS,
    "activities": schema.ACTIVITIES,
    "kinds": schema.KINDS,
    "places": schema.PLACES,
    "ways": schema.ways({}),
    "factions": schema.FACTIONS,
    "currencies": schema.CURRENCIES,
    "archetypes": schema.ARCHETYPES,
    "people": schema.PEOPLE,
    "trades": schema.TRADES,
    "goods": schema.GOODS,
    "quests": QUESTS,
    "facts": schema.FACTS,
    "documents": schema.DOCUMENTS,
    "predicates": PREDICATES,
    "traces": TRACES,
    "arcs": ARCS,
    "storylets": STORYLETS,
    "speech": schema.speech,
    "trained": schema.TRAINED,
}
"""How each section of the files is read, in the order in which they are."""

NEEDED = ("world", "calendar")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of reading.

    Attributes:
        definition: the world; None if there is a fault.
        faults: what is wrong, in the order of the sections.
    """

    definition: Definition | None
    faults: tuple[Fault, ...]


def read(data: Mapping[str, object], unread: frozenset[str] = frozenset(), *, whole: bool = True) -> Result:
    """Return the definition that ``data`` says, or what is wrong with it.

    Args:
        data: the sections by name, each as plain maps, lists, texts, numbers.
        unread: names that may stand in files that could not be read, so that nobody misses them.
        whole: whether all files could be read; if not, what is missing may stand in the others.
    """
    to = Reading()
    found: dict[str, object] = {}
    for name in data:
        if name not in SECTIONS:
            clause, allowed = f"there is no section {name!r}", ", ".join(SECTIONS)
            near = nearest(str(name), SECTIONS)
            to.faults.append(Fault("unknown_field", str(name), clause, allowed, near, at_key=True))
    for name, reader in SECTIONS.items():
        if name in data:
            if name == "ways":
                reader = schema.ways({each.id: each for each in found.get("means", ())})  # type: ignore[attr-defined] # noqa: PLW2901
            try:
                found[name] = reader(data[name], name, to)
            except Unreadable:
                continue
        elif name in NEEDED and whole:
            clause = f"the section {name!r} is missing"
            to.faults.append(Fault("missing_field", "", clause, f"write {name}: in one of the files"))
    missing = unknown_references(to, unread)
    to.faults.extend(missing)
    definition = Definition(**{"world": UNREAD_WORLD, "calendar": UNREAD_CALENDAR, **found})  # type: ignore[arg-type]
    if "calendar" not in found:
        to.incomplete.add("season")
    to.incomplete |= {kind for fault in missing for kind in _spoiled(fault.path)}
    incomplete = to.incomplete if whole else to.incomplete | set(KINDS)
    to.faults.extend(faults_of(definition, frozenset(incomplete)))
    return Result(None if to.faults or not whole else definition, tuple(to.faults))


def _spoiled(path: str) -> Iterator[str]:
    """Yield the kinds that a check of the whole must not look at, as a name in one of them is of nothing."""
    section, _, rest = path.partition(".")
    if section in ("ways", "zones"):
        yield section.removesuffix("s")
    if section == "storylets" and rest.endswith(".arc"):
        yield "arc"
    if section == "quests":
        yield f"stage or end of {rest.partition('.')[0]}"


UNREAD_WORLD = World("unread", "unread", 0)
UNREAD_CALENDAR = Calendar(
    name="unread",
    months=[Month(id="unread", name="unread", days=1)],
    weekdays=["unread"],
    seasons=[Season(id="unread", name="unread", month="unread", day=1, sunrise_s=1, sunset_s=2)],
    phases=[DayPhase(id="unread", name="unread", anchor="midnight", offset_s=0)],
)
"""What stands in for a section that could not be read, while the others are checked."""
