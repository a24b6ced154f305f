"""The use cases as a log's events tell of them: the one fold for all that follow the registry."""

from typing import get_args

from domain.kernel.event import Event
from domain.registry.state import UseCaseEvent, UseCaseModels
from domain.registry.use_case import USE_CASE

KINDS: tuple[type[UseCaseEvent], ...] = get_args(UseCaseEvent)
USE_CASE_TYPES = tuple(kind.event_name for kind in KINDS)


class UseCases(dict[str, UseCaseModels]):
    """States by the use case's name."""

    def take(self, event: Event) -> UseCaseModels | None:
        """Take in an event; return what its use case is then, None if it tells of none."""
        if not isinstance(event, KINDS):
            return None
        state = USE_CASE.evolve(self.get(event.use_case, USE_CASE.initial), event)
        self[event.use_case] = state
        return state
