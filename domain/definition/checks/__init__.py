"""What may be wrong between the parts of a definition, each of which is right by itself.

A check yields faults at paths; it passes over what could not be read. A check that looks at all of a kind at
once (can one get everywhere?) is left out while something of that kind could not be read: its faults would
only follow.
"""

from collections.abc import Callable, Iterator

from domain.definition.checks.arcs import ARC_CHECKS
from domain.definition.checks.goods import GOODS_CHECKS
from domain.definition.checks.livings import LIVING_CHECKS
from domain.definition.checks.people import PEOPLE_CHECKS
from domain.definition.checks.places import PLACE_CHECKS
from domain.definition.checks.predicates import PREDICATE_CHECKS
from domain.definition.checks.quests import QUEST_CHECKS
from domain.definition.checks.speech import SPEECH_CHECKS
from domain.definition.checks.storylets import STORYLET_CHECKS
from domain.definition.checks.traces import TRACE_CHECKS
from domain.definition.checks.walks import WALK_CHECKS
from domain.definition.checks.ways import WAY_CHECKS
from domain.definition.checks.world import WORLD_CHECKS
from domain.definition.definition import Definition
from domain.definition.faults import Fault
from domain.definition.index import Index

Check = tuple[tuple[str, ...], Callable[[Index], Iterator[Fault]]]
"""Kinds that must be there completely, and the check."""

CHECKS: tuple[Check, ...] = (
    *WORLD_CHECKS,
    *PLACE_CHECKS,
    *WAY_CHECKS,
    *PEOPLE_CHECKS,
    *LIVING_CHECKS,
    *WALK_CHECKS,
    *GOODS_CHECKS,
    *QUEST_CHECKS,
    *PREDICATE_CHECKS,
    *TRACE_CHECKS,
    *STORYLET_CHECKS,
    *ARC_CHECKS,
    *SPEECH_CHECKS,
)

KINDS = frozenset(kind for kinds, _ in CHECKS for kind in kinds)
"""Kinds that some check must know completely."""


def faults_of(definition: Definition, incomplete: frozenset[str] = frozenset()) -> tuple[Fault, ...]:
    """Return what is wrong between the parts of a definition, apart from what needs an incomplete kind."""
    index = Index(definition, incomplete)
    return tuple(fault for kinds, check in CHECKS if not incomplete & set(kinds) for fault in check(index))
