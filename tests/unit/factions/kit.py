"""The sample world's factions, and days of theirs."""

from collections.abc import Iterator
from functools import lru_cache

from aicore.content.sample_world import sample_definition
from domain.factions.factions import NOBODY, Factions, evolve
from domain.factions.ground import ground_of
from domain.factions.messages import Emerged, FactionsEvent
from domain.factions.simulation import day_of

DEFINITION = sample_definition()
GROUND = ground_of(DEFINITION)


def begun(seed: int = 1) -> Factions:
    return evolve(NOBODY, GROUND.model_copy(update={"seed": seed}))


def lived(state: Factions, days: int) -> Iterator[tuple[Factions, list[FactionsEvent]]]:
    """Yield each day's end, and what it brought."""
    for _ in range(days):
        events = day_of(state, state.day + 1)
        for event in events:
            state = evolve(state, event)
        yield state, events


@lru_cache(4)
def year(seed: int) -> list[tuple[Factions, list[FactionsEvent]]]:
    """Return the 365 days of a seed, for all who look at them."""
    return list(lived(begun(seed), 365))


def emerged(events: list[FactionsEvent]) -> list[Emerged]:
    return [event for event in events if isinstance(event, Emerged)]
