"""Whether people live or rest, as operators say. Pure."""

from collections.abc import Sequence

from domain.kernel.decider import Decider
from domain.people.messages import BeginPeople, CourseEvent, PeopleBegun, PeopleRested, RestPeople


def evolve(_: bool, event: CourseEvent) -> bool:
    """Return whether they live after an event."""
    return isinstance(event, PeopleBegun)


def decide(command: BeginPeople | RestPeople, alive: bool) -> Sequence[CourseEvent]:
    """Return what follows from a command; nothing if it is so already."""
    if isinstance(command, BeginPeople) == alive:
        return []
    kind = PeopleRested if alive else PeopleBegun
    return [kind(operator=command.operator, reason=command.reason)]


PEOPLE_COURSE: Decider[BeginPeople | RestPeople, CourseEvent, bool] = Decider(False, decide, evolve)
