"""given / when / then for deciders: a test reads as the rule it checks.

``given(decider, *events).when(command).then(*events)`` asserts the events and then the law of every decider:
the same command on its own result yields nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pytest

from domain.kernel.decider import Decider, Rejected

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")


@dataclass(frozen=True)
class When(Generic[C, E, S]):
    decider: Decider[C, E, S]
    history: Sequence[E]
    command: C

    def then(self, *events: E) -> None:
        """The command yields exactly ``events``, and nothing when it comes again."""
        state = self.decider.fold(self.history)
        decided = list(self.decider.decide(self.command, state))

        assert decided == list(events)
        assert list(self.decider.decide(self.command, self.decider.fold(decided, state))) == []

    def then_nothing(self) -> None:
        """It is already so."""
        self.then()

    def then_rejected(self, code: str, *, field: str = "", says: str = "") -> Rejected:
        """The rules refuse the command, and say why and what to do."""
        with pytest.raises(Rejected) as refusal:
            self.decider.decide(self.command, self.decider.fold(self.history))

        assert refusal.value.code == code
        assert refusal.value.field == field
        assert says in f"{refusal.value.message} | {refusal.value.remedy}"
        assert refusal.value.remedy, "a refusal names the way out"
        return refusal.value


@dataclass(frozen=True)
class Given(Generic[C, E, S]):
    decider: Decider[C, E, S]
    history: Sequence[E]

    def when(self, command: C) -> When[C, E, S]:
        return When(self.decider, self.history, command)


def given(decider: Decider[C, E, S], *history: E) -> Given[C, E, S]:
    return Given(decider, history)


def changed(message: Any, /, **changes: object) -> Any:
    """Return a copy of an event or command with other values, checked like the original."""
    return type(message).model_validate({**message.model_dump(), **changes})
