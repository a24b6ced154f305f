"""What an operator says is gone, where no other event says so. One stream: ``quests-gone``."""

from collections.abc import Sequence

from domain.kernel.decider import Decider
from domain.quests.commands import TellGone
from domain.quests.messages import GoneTold
from domain.quests.vocabulary import Thing

STREAM = "quests-gone"


def decide(command: TellGone, state: frozenset[Thing]) -> Sequence[GoneTold]:
    """Return what follows: nothing, if it was said before."""
    if Thing(command.kind, command.thing) in state:
        return []
    return [GoneTold(kind=command.kind, thing=command.thing)]


def evolve(state: frozenset[Thing], event: GoneTold) -> frozenset[Thing]:
    """Return what is gone after an event."""
    return state | {Thing(event.kind, event.thing)}


GONE: Decider[TellGone, GoneTold, frozenset[Thing]] = Decider(frozenset(), decide, evolve)
