"""One violation: detected once, reviewed any number of times. Its stream: ``violation-{violation_id}``.

The detection comes through the spool with the turn's record, under an id made of what was found; no command
makes one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID, uuid5

from domain.guardrails.messages import (
    RevealViolation,
    ReviewViolation,
    ViolationCommand,
    ViolationDetected,
    ViolationEvent,
    ViolationRevealed,
    ViolationReviewed,
)
from domain.kernel.decider import Decider, Rejected
from domain.kernel.visibility import shown


def stream_of(violation_id: str) -> str:
    """Return the stream of a violation."""
    return f"violation-{violation_id}"


def violation_id_of(*, command_id: UUID, facts: Mapping[str, str | int]) -> str:
    """Return the id of what was found in the turn that a command asked for.

    It is made of all that the violation says. So the same one, said again after a crash, is the same event;
    and where a question that is asked again is answered otherwise, what is found there is another one.
    """
    return str(uuid5(command_id, f"violation {json.dumps(facts, sort_keys=True)}"))


def place_of(*, side: str, start: int, end: int) -> str:
    """Return where in a turn something was found, as it is sealed along with the words."""
    return f"{side}:{start}-{end}"


@dataclass(frozen=True, slots=True)
class Violation:
    """A violation as it is known now."""

    detected: ViolationDetected | None = None
    reviewed: ViolationReviewed | None = None
    """The latest review."""


def evolve(state: Violation, event: ViolationEvent) -> Violation:
    """Return the state after ``event``."""
    match event:
        case ViolationDetected():
            return replace(state, detected=event)
        case ViolationReviewed():
            return replace(state, reviewed=event)
        case ViolationRevealed():
            return state
        case _:
            assert_never(event)


def decide(command: ViolationCommand, state: Violation) -> Sequence[ViolationEvent]:
    """Return what follows from ``command``: nothing if it is already so.

    Raises:
        Rejected: a rule refuses it; see each command's description.
    """
    match command:
        case ReviewViolation():
            return _review(command, state)
        case RevealViolation():
            return _reveal(command, state)
        case _:
            assert_never(command)


def _found(violation_id: str, state: Violation) -> ViolationDetected:
    if state.detected is None:
        raise Rejected(
            "violation_not_found",
            f"there is no violation {violation_id}",
            field="violation_id",
            remedy="ask the query guardrails.violations for the ids",
        )
    return state.detected


def _reveal(command: RevealViolation, state: Violation) -> Sequence[ViolationEvent]:
    if not shown(_found(command.violation_id, state).sealed, ""):
        raise Rejected(
            "nothing_sealed",
            f"violation {command.violation_id} holds no sealed words",
            field="violation_id",
            remedy="only personal data are sealed, only while the services have an AICORE_PERSONAL_KEY, and "
            "only until the player's data are erased",
        )
    # Never "already so": each look counts. A retry, which has the same command id, is not decided again.
    return [ViolationRevealed(**command.model_dump())]


def _review(command: ReviewViolation, state: Violation) -> Sequence[ViolationEvent]:
    _found(command.violation_id, state)
    if (command.verdict == "adjusted") != (command.severity is not None):
        raise Rejected(
            "severity_missing" if command.severity is None else "severity_unexpected",
            f"the verdict {command.verdict} {'needs a' if command.severity is None else 'has no'} severity",
            field="severity",
            remedy="give a severity with adjusted, and only then",
        )
    reviewed = ViolationReviewed(**command.model_dump())
    return [] if state.reviewed == reviewed else [reviewed]


VIOLATION: Decider[ViolationCommand, ViolationEvent, Violation] = Decider(Violation(), decide, evolve)
