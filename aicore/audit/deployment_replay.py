"""Repeats a deployment's gate from the log: the same verdicts must come out; shows how the evidence moved.

For an auditor: nothing but the log is read, and the class that judged then judges again.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_args

from aicore.audit.reading import events_until
from aicore.audit.rejudge import Check, Rejudge
from bus.codec import EventCodec
from bus.ports import EventLog, RecordedEvent
from domain.kernel.event import Event
from domain.kernel.visibility import Erased
from domain.registry.deployment_facts import EvidenceFact
from domain.registry.deployment_messages import (
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentEvent,
    DeploymentFailed,
    DeploymentRolledBack,
    DeploymentStarted,
    StepStarted,
)
from domain.registry.gates import TURN_TYPES, TURNS
from domain.registry.use_cases import USE_CASE_TYPES
from domain.registry.watch import Watch

ENDS = (DeploymentAborted, DeploymentCompleted, DeploymentFailed, DeploymentRolledBack)
KINDS: tuple[type[Event], ...] = get_args(DeploymentEvent)
BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Point:
    """The evidence after one turn."""

    turns: int
    """Turns of both models so far."""
    wealth: dict[str, float]
    """E-values by measure, and all together."""


@dataclass(slots=True)
class Replay:
    """A deployment, folded again."""

    deployment_id: str
    limit: float = 0.0
    """The e-value at which the candidate is taken back."""
    points: list[Point] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)
    """Turns at which a step began, and its share in percent."""
    checks: list[Check] = field(default_factory=list)
    erased: int = 0
    """Turns whose answers are erased: whether they said their lore is known no more; evidence may differ."""

    @property
    def same(self) -> bool:
        """Whether every verdict came out again, in its moment; without any there is nothing to agree on."""
        return bool(self.checks) and all(check.same for check in self.checks)


async def replay(
    log: EventLog,
    codec: EventCodec,
    deployment_id: str,
    *,
    gate: Callable[[DeploymentStarted], Watch] = Watch,
) -> Replay:
    """Judge a deployment again after each of its turns, from its start to its end.

    ``gate`` makes the gate that is asked.
    """
    found, again = Replay(deployment_id), None
    async for recorded in events_until(log, (*USE_CASE_TYPES, *TURN_TYPES), None):
        event = codec.decode(recorded)
        if isinstance(event, DeploymentStarted) and event.deployment_id == deployment_id:
            again = Rejudge(event, gate)
            found.checks = again.checks
            found.limit = again.watch.evidence.limit
        if again is None:
            continue
        if isinstance(event, TURNS):
            _turned(found, again, event, recorded)
        elif isinstance(event, KINDS) and getattr(event, "deployment_id", None) == deployment_id:
            if isinstance(event, StepStarted):
                found.steps.append((sum(again.watch.evidence.turns.values()), event.share))
            again.moved(event, recorded.position, recorded.recorded_us)  # type: ignore[arg-type]  # one of KINDS
            if isinstance(event, ENDS):
                return found
    if again is not None:
        again.never()
    return found


def _turned(found: Replay, again: Rejudge, event: Event, recorded: RecordedEvent) -> None:
    """Take in a turn, and note the evidence if it counted."""
    evidence = again.watch.evidence
    before = sum(evidence.turns.values())
    again.observe(event, recorded.position, recorded.recorded_us)
    if (turns := sum(evidence.turns.values())) > before:
        found.erased += isinstance(getattr(event, "text", ""), Erased)
        wealth: dict[str, float] = dict(evidence.wealth().items())
        found.points.append(Point(turns, {**wealth, "together": evidence.e_value}))


def sparkline(found: Replay, width: int = 60) -> str:
    """Return the most that all the evidence came to in each of some groups of turns; the top is the limit."""
    most = [math.log10(max(1.0, point.wealth["together"])) for point in found.points]
    count, top = min(width, len(most)), math.log10(found.limit)
    groups = [most[n * len(most) // count : (n + 1) * len(most) // count] for n in range(count)]
    return "".join(
        BLOCKS[min(len(BLOCKS) - 1, int(max(group) / top * (len(BLOCKS) - 1)))] for group in groups
    )


def as_row(check: Check) -> dict[str, Any]:
    """Return a check for a program."""
    return {
        "event": check.what,
        "same": check.same,
        "why": check.why,
        "then": check.then and check.then.model_dump(),
        "now": check.now and check.now.model_dump(),
    }


def words_of(check: Check) -> str:
    """Return what a check came to, for people."""
    told = f"e-value {e_value_of(check.then)} then, {e_value_of(check.now)} now"
    return f"{told} ({check.why})" if check.why else told


def e_value_of(fact: EvidenceFact | None) -> str:
    """Return the e-value, for people."""
    return "none" if fact is None else f"{fact.e_value:g}"


def turns_of(fact: EvidenceFact | None) -> str:
    """Return the turns of candidate and control, for people."""
    return "" if fact is None else f"{fact.candidate_turns} / {fact.control_turns}"
