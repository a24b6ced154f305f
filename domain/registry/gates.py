"""The process that judges deployments: folds turns into evidence, says when a step is passed or failed.

It hears the registry from the beginning of the log, and turns from the start of the oldest deployment under
way: a long log has too many of them. Several, in several processes, come to the same verdicts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never, get_args
from uuid import UUID

from domain.guardrails.messages import ViolationDetected
from domain.inference.messages import (
    InferenceCancelled,
    InferenceCompleted,
    InferenceFailed,
    InferenceRefused,
    InferenceRequested,
)
from domain.kernel.event import Command
from domain.kernel.process import Due, Heard, Moment, Process
from domain.registry.deployment_facts import DeploymentId
from domain.registry.deployment_messages import (
    DeploymentEvent,
    DeploymentResumed,
    DeploymentStarted,
    HoldDeployment,
    PassStep,
    RollBackOnEvidence,
    StepStarted,
)
from domain.registry.rollback import GATE
from domain.registry.use_cases import USE_CASE_TYPES, UseCases
from domain.registry.watch import Accused, Passed, Starved, Verdict, Watch

TICK_S = 0.25
"""How often the clock is looked at; evidence is looked at with every turn."""

TURNS = (
    InferenceRequested,
    InferenceCompleted,
    InferenceFailed,
    InferenceCancelled,
    InferenceRefused,
    ViolationDetected,
)
OWN: tuple[type[DeploymentEvent], ...] = get_args(DeploymentEvent)
TURN_TYPES = tuple(kind.event_name for kind in TURNS)


@dataclass(slots=True)
class Run:
    """A deployment under way."""

    started: DeploymentStarted
    watch: Watch
    correlation: UUID
    """Of the command that started it: all that follows is one conversation."""
    began: UUID
    """The event that started it."""
    since: UUID
    """The event since when turns are waited for: the start of a step, or that it was resumed."""
    cause: UUID
    """The event that was taken in last: the deployment's own, or one of its use case's turns."""

    def due(self, what: str, command: Command, cause: UUID) -> Due:
        """Return a command about this deployment; ``what`` is said once."""
        of = UUID(self.started.deployment_id)
        return Due(command, of, f"deployment.{what}", cause, self.correlation, GATE)

    @property
    def address(self) -> Mapping[str, Any]:
        """Return the fields that say which deployment a command is about."""
        return {"use_case": self.started.use_case, "deployment_id": self.started.deployment_id}


@dataclass(slots=True)
class Deployments:
    """The use cases as the log tells of them, and the deployments under way."""

    use_cases: UseCases = field(default_factory=UseCases)
    runs: dict[DeploymentId, Run] = field(default_factory=dict)
    starts: dict[DeploymentId, int] = field(default_factory=dict)
    """Positions at which the deployments under way began."""
    changes: int = 0
    """How often a use case changed: other engines may be called for."""


def _evolve(state: Deployments, heard: Heard) -> Deployments:
    if not isinstance(heard.event, TURNS):
        _moved(state, heard)
        return state
    for run in state.runs.values():
        run.watch.observe(heard.event, heard.position, heard.at_us)
        if heard.event.use_case == run.started.use_case:
            run.cause = heard.id
    return state


def _moved(state: Deployments, heard: Heard) -> None:
    """Take in what happened to a use case."""
    event = heard.event
    if state.use_cases.take(event) is None:
        return
    state.changes += 1
    if isinstance(event, DeploymentStarted):
        id_, at = heard.id, heard.position
        state.runs[event.deployment_id] = Run(event, Watch(event), heard.correlation, id_, id_, id_)
        state.starts[event.deployment_id] = at
    under_way = {s.deployment.started.deployment_id for s in state.use_cases.values() if s.deployment}
    for ended in [known for known in state.runs if known not in under_way]:
        del state.runs[ended], state.starts[ended]
    if isinstance(event, OWN) and (run := state.runs.get(event.deployment_id or "")):
        run.watch.moved(event, heard.at_us)
        run.cause = heard.id
        if isinstance(event, (StepStarted, DeploymentResumed)):
            run.since = heard.id


def _since(state: Deployments, head: int) -> int:
    """Return the position before the oldest deployment under way began."""
    return min(state.starts.values()) - 1 if state.starts else head


def _react(state: Deployments, moment: Moment) -> Iterator[Due]:
    for run in list(state.runs.values()):
        verdict = run.watch.verdict(moment.at_us)
        if verdict is not None:
            yield _follows(state, run, verdict, moment)


def _follows(state: Deployments, run: Run, verdict: Verdict, moment: Moment) -> Due:
    match verdict:
        case Passed():
            passed = PassStep(**run.address, step=verdict.step, evidence=verdict.evidence)
            return run.due(f"pass {verdict.step}", passed, run.cause)
        case Accused():
            accuse = RollBackOnEvidence(
                **run.address,
                measure=verdict.measure,
                evidence=verdict.evidence,
                decided_ms=max(0.0, round((moment.now_us - moment.at_us) / 1e3, 3)),
                reason=verdict.reason,
            )
            return run.due("accuse", accuse, run.cause)
        case Starved():
            found = state.use_cases[run.started.use_case].deployment
            step = found.step if found else 0
            hold = HoldDeployment(**run.address, operator=GATE, reason=verdict.reason)
            return run.due(f"hold {step} {verdict.since_us}", hold, run.since)
        case _:
            assert_never(verdict)


GATES: Process[Deployments] = Process(
    name="gates",
    types=USE_CASE_TYPES,
    initial=lambda _: Deployments(),
    evolve=_evolve,
    react=_react,
    recent=TURN_TYPES,
    since=_since,
    tick_s=TICK_S,
)
