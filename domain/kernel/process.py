"""A process: what the log tells it, and the commands that follow. Pure; `handlers.kernel.follow` runs it.

After J. Chassaing's third function beside decide and evolve. ``react`` looks at the state alone and says all
that is due by it, not only what the last event brings. So nothing has to be remembered about what was said: a
new process folds the same events and finds the same things due, and their ids make it harmless to say one
twice.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from domain.kernel.event import Command, Event

S = TypeVar("S")


class Heard(NamedTuple):
    """An event as a process hears it."""

    event: Event
    id: UUID
    position: int
    at_us: int
    correlation: UUID
    """Of the conversation that the event belongs to; its own id, if it began one."""
    actor: str
    """The actor that caused it."""


class Moment(NamedTuple):
    """Moment at which a process is asked what is due, in µs since 1970."""

    at_us: int
    """Up to when things have happened: the time of the event that was heard, or of the tick."""
    now_us: int
    tick: bool
    """True if time asks, and no event."""


class Due(NamedTuple):
    """A command that is to be said. ``of`` and ``what`` make its id: the same for whoever finds it due."""

    command: Command
    of: UUID
    what: str
    cause: UUID | None
    """The event that it follows from; None: no single one."""
    correlation: UUID | None
    actor: str


@dataclass(frozen=True, slots=True)
class Process(Generic[S]):
    """A fold of events, and the commands that are due by it.

    Attributes:
        name: who acts, in logs.
        types: names of the events that it hears, from the beginning of the log.
        initial: makes the state before the first event, given the position after which ``recent`` is heard
            (0: from the beginning); ``evolve`` may change a state in place.
        evolve: the state after an event; total over history.
        react: what is due by the state, after each event and at each tick; what came to nothing is due again.
        recent: names of events that it hears from ``since`` on only, as there are too many of them.
        tick_s: how often time alone may make something due; None: never.
        insists: whether a refused command that is still due is said again once something else has happened.
        next_ms: by the state, the game time at which time alone makes something due next; None: no time does.
        since: by the state that ``types`` alone give and the log's last position, where to begin.
    """

    name: str
    types: tuple[str, ...]
    initial: Callable[[int], S]
    evolve: Callable[[S, Heard], S]
    react: Callable[[S, Moment], Iterable[Due]]
    recent: tuple[str, ...] = ()
    since: Callable[[S, int], int] = lambda _, head: head
    tick_s: float | None = None
    insists: bool = True
    next_ms: Callable[[S], int | None] | None = None
