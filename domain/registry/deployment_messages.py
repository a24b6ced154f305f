"""Commands and events of deployments.

Names and versions of events are storage format: they stay in the log for ever.
"""

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from domain.kernel.event import Command, Event
from domain.kernel.vocabulary import ModelId, Operator, Reason, Text, UseCase
from domain.registry.deployment_facts import (
    STEPS,
    Checks,
    DeploymentId,
    EvidenceFact,
    Found,
    Gate,
    OfDeployment,
    Plan,
    Share,
    Step,
    Steps,
    Took,
)

_EVIDENCE = {
    "position": 1_203,
    "candidate_turns": 44,
    "control_turns": 812,
    "step_turns": 44,
    "calm_turns": 0,
    "e_value": 131.2,
    "limit": 100.0,
    "measures": {
        "failures": {"e_value": 211.3, "candidate": 6, "control": 7},
        "latency": {"e_value": 0.8, "candidate": 38, "control": 0},
    },
    "failures": None,
    "latency_ms": None,
}
_OF: dict[str, object] = {
    "deployment_id": "5d41402abc4b2a76b9719d911017c592",
    "use_case": "npc_dialogue",
    "model_id": "0a3ad1c5-5b0b-5c84-9d0f-55c2fd6cd4f2",
}
_BY: dict[str, object] = {"operator": "mira", "reason": "0.2.0 passed its evaluation"}


# --- what happened ------------------------------------------------------------------------------------------


class DeploymentStarted(Plan, Event, name="deployment.started", version=1):
    """A candidate is on its way; nobody meets it before it is ready."""

    deployment_id: DeploymentId
    previous_model_id: ModelId = Field(description="The model that is current, and kept warm to go back to.")
    steps: Steps
    evaluation_id: str = Field("", max_length=128, description="The evaluation that it passed; or empty.")
    override: str = Field(
        "", max_length=2_000, description="Why it goes without a passed evaluation; empty if it has one."
    )

    example: ClassVar = {
        **_OF,
        **_BY,
        "strategy": "canary",
        "gate": Gate(doubt_max=10.0).model_dump(),
        "previous_model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "steps": [5, 25, 50, 100],
        "evaluation_id": "b1946ac92492d2347c6235b4d2611184",
        "override": "",
    }


class DeploymentReady(OfDeployment, Event, name="deployment.ready", version=1):
    """The candidate's engine runs, holds the registered files and answered; its first step follows."""

    checks: Checks

    example: ClassVar = {
        **_OF,
        "checks": [{"name": "warm_up", "ok": True, "detail": "answered after 8 ms"}],
    }


class DeploymentFailed(OfDeployment, Event, name="deployment.failed", version=1):
    """The candidate could not be made ready; nobody met it."""

    checks: Checks

    example: ClassVar = {
        **_OF,
        "checks": [{"name": "artefacts", "ok": False, "detail": "weights.bin has another digest"}],
    }


class StepStarted(OfDeployment, Event, name="deployment.step_started", version=1):
    """The candidate has a larger share from now on; the split of the traffic follows at once."""

    step: Step
    share: Share

    example: ClassVar = {**_OF, "step": 0, "share": 5}


class StepPassed(OfDeployment, Event, name="deployment.step_passed", version=1):
    """The candidate answered enough turns in this step, and nothing speaks against it."""

    step: Step
    share: Share
    evidence: Found

    example: ClassVar = {**_OF, "step": 0, "share": 5, "evidence": {**_EVIDENCE, "e_value": 0.4}}


class DeploymentHeld(OfDeployment, Event, name="deployment.held", version=1):
    """The traffic stays as it is until somebody resumes; the gate goes on watching."""

    operator: Operator
    reason: Reason

    example: ClassVar = {**_OF, "operator": "gate", "reason": "12 of 40 turns after 600 s"}


class DeploymentResumed(OfDeployment, Event, name="deployment.resumed", version=1):
    """A held deployment goes on."""

    operator: Operator
    reason: Reason

    example: ClassVar = {**_OF, "operator": "mira", "reason": "the evening's players are here"}


class DeploymentCompleted(OfDeployment, Event, name="deployment.completed", version=1):
    """The candidate has everything and is promoted; the model before it stays ready."""

    evidence: Found

    example: ClassVar = {**_OF, "evidence": {**_EVIDENCE, "e_value": 0.2}}


class DeploymentAborted(OfDeployment, Event, name="deployment.aborted", version=1):
    """An operator ended it without a word against the candidate."""

    operator: Operator
    reason: Reason

    example: ClassVar = {**_OF, "operator": "mira", "reason": "the release waits for Friday"}


class DeploymentRolledBack(Event, name="deployment.rolled_back", version=1):
    """A model was taken back: the candidate of a deployment, or the current model after one."""

    deployment_id: DeploymentId | None = Field(description="The deployment that it ended; null: none ran.")
    use_case: UseCase
    model_id: ModelId = Field(description="The model that was taken back; it needs a new evaluation.")
    to_model_id: ModelId | None = Field(
        description="The model that serves now; null: none is left, characters say their authored lines."
    )
    share: int = Field(ge=0, le=100, description="Percent of the traffic that it had.")
    trigger: Literal["evidence", "threshold", "operator"] = Field(description="What took it back.")
    measure: str = Field("", max_length=64, description="evidence: the measure that said most.")
    evidence: EvidenceFact | None = Field(None, description="What the gate knew; null for an operator.")
    decided_ms: Took = None
    operator: Operator
    reason: Reason

    example: ClassVar = {
        **_OF,
        "to_model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "share": 5,
        "trigger": "evidence",
        "measure": "failures",
        "evidence": _EVIDENCE,
        "decided_ms": 2.4,
        "operator": "gate",
        "reason": "6 failures in 44 turns, against 7 in 812",
    }


DeploymentEvent = (
    DeploymentStarted
    | DeploymentReady
    | DeploymentFailed
    | StepStarted
    | StepPassed
    | DeploymentHeld
    | DeploymentResumed
    | DeploymentCompleted
    | DeploymentAborted
    | DeploymentRolledBack
)

# --- what may be asked --------------------------------------------------------------------------------------


class StartDeployment(Plan, Command, name="deployment.start", four_eyes="override"):
    """Bring a candidate to its use case's players, step by step.

    Refused with ``model_not_found``, ``model_retired``, ``model_is_current``, ``deployment_running``,
    ``traffic_is_split``, ``rolled_back``, or, without an ``override``, with ``not_evaluated``,
    ``evaluation_not_passed`` or ``evaluation_outdated``.
    """

    steps: Annotated[
        list[Share],
        Field(max_length=32, description="The candidate's share at each step; empty: the strategy's own."),
    ] = Field(default_factory=list)
    override: Annotated[
        Text,
        Field(max_length=2_000, description="Why it may go without a passed evaluation; empty: it may not."),
    ] = ""

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "model_id": "0a3ad1c5-5b0b-5c84-9d0f-55c2fd6cd4f2",
        "strategy": "canary",
        "steps": [5, 25, 50, 100],
        "gate": {"turns_min": 60},
        **_BY,
    }

    @model_validator(mode="after")
    def _rises(self) -> "StartDeployment":
        steps = self.planned
        if any(after <= before for before, after in pairwise(steps)) or steps[-1] != 100:
            raise ValueError(f"steps are {list(steps)}; make them rise, with 100 at last")
        return self

    @property
    def planned(self) -> list[int]:
        """The steps to be taken."""
        return self.steps or list(STEPS[self.strategy])


class OnDeployment(Command):
    """A command to a deployment under way; refused with ``deployment_not_found`` if it is not."""

    use_case: UseCase
    deployment_id: DeploymentId


class HoldDeployment(OnDeployment, name="deployment.hold"):
    """Let the traffic stay as it is; the gate goes on watching.

    Refused with ``deployment_not_found`` or ``deployment_ended``.
    """

    operator: Operator
    reason: Reason

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "deployment_id": _OF["deployment_id"],
        "operator": "mira",
        "reason": "a raid is on",
    }


class ResumeDeployment(OnDeployment, name="deployment.resume"):
    """Let a held deployment go on. Refused with ``deployment_not_found`` or ``deployment_ended``."""

    operator: Operator
    reason: Reason

    example: ClassVar = dict(HoldDeployment.example)


class AbortDeployment(OnDeployment, name="deployment.abort"):
    """End a deployment: the current model has everything again. No word against the candidate.

    Refused with ``deployment_not_found`` or ``deployment_ended``.
    """

    operator: Operator
    reason: Reason

    example: ClassVar = dict(HoldDeployment.example)


class RollBack(Command, name="deployment.roll_back"):
    """Take a model back: a candidate out of its deployment, or the current model for the one before it.

    It cannot be promoted again before a new evaluation. If the current model is taken back, a deployment
    under way is aborted: there is nothing left to compare its candidate with.
    Refused with ``model_not_found``, ``model_has_no_traffic`` if nobody meets it, or ``no_way_back`` if no
    healthy model served before it, unless ``silence`` says that nobody is to speak.
    """

    use_case: UseCase
    model_id: ModelId
    operator: Operator
    reason: Reason
    silence: bool = Field(
        False,
        description="Whether the use case may fall silent if there is no model to go back to: characters say "
        "their authored lines until one is promoted.",
    )

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "model_id": _OF["model_id"],
        "operator": "mira",
        "reason": "players report that it knows their names",
        "silence": False,
    }


class ConfirmReady(OnDeployment, name="deployment.confirm_ready"):
    """Say what was looked at before the first step; anything that is not well fails the deployment.

    Refused with ``deployment_held``: nobody meets the candidate before it is resumed.
    """

    checks: Checks

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "deployment_id": _OF["deployment_id"],
        "checks": [{"name": "warm_up", "ok": True, "detail": "answered after 8 ms"}],
    }


class PassStep(OnDeployment, name="deployment.pass_step"):
    """Go on to the next step, or complete. Refused with ``evidence_missing`` or ``deployment_held``."""

    step: Step
    evidence: Found

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "deployment_id": _OF["deployment_id"],
        "step": 0,
        "evidence": {**_EVIDENCE, "e_value": 0.4},
    }


class RollBackOnEvidence(OnDeployment, name="deployment.accuse"):
    """Take the candidate back on a gate's evidence. Refused with ``evidence_missing`` below the limit."""

    measure: str = Field(max_length=64, description="The measure that says most.")
    evidence: Found
    decided_ms: Took = None
    reason: Reason

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "deployment_id": _OF["deployment_id"],
        "measure": "failures",
        "evidence": _EVIDENCE,
        "reason": "6 failures in 44 turns, against 7 in 812",
    }


OPERATOR_COMMANDS = (StartDeployment, HoldDeployment, ResumeDeployment, AbortDeployment, RollBack)
"""The commands of people."""

GATE_COMMANDS = (ConfirmReady, PassStep, RollBackOnEvidence)
"""The commands of the deployment manager; never taken from the wire."""

DeploymentCommand = (
    StartDeployment
    | HoldDeployment
    | ResumeDeployment
    | AbortDeployment
    | RollBack
    | ConfirmReady
    | PassStep
    | RollBackOnEvidence
)
