"""The shape of every aggregate: decide what happens, evolve from what happened.

After Jérémie Chassaing's decider (dddeu-2023-deciders) and Equinox's `interpret`. An empty decision means
"already so": a command repeated on its own result yields no events.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Generic, TypeVar

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


class Rejected(Exception):
    """A command that the rules refuse.

    Attributes:
        code: problem code on the wire, lower snake case, e.g. ``model_not_found``.
        message: the fact, with values, for a person.
        field: dotted path of the command's field at fault, or "".
        remedy: the way out, for a person, or "".
        retry_after_ms: when the same command may pass; None if waiting does not help.
    """

    retry_after_ms: int | None = None

    def __init__(self, code: str, message: str, *, field: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.remedy = remedy


class Waits(Rejected):
    """A command that has no effect yet, and is recorded: it takes effect later without being sent again."""


@dataclass(frozen=True, slots=True)
class Decider(Generic[C, E, S]):
    """Pure rules of one aggregate: ``decide`` may raise `Rejected`; ``evolve`` never rejects history."""

    initial: S
    decide: Callable[[C, S], Sequence[E]]
    evolve: Callable[[S, E], S]

    def fold(self, events: Iterable[E], state: S | None = None) -> S:
        """Return the state after ``events``, from ``state`` or from the beginning."""
        return reduce(self.evolve, events, self.initial if state is None else state)
