"""What may be asked of a deployment and what happened in it.

Names and versions of events are storage format: they stay in the log for ever.
"""

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.kernel.event import Command, Event
from domain.kernel.vocabulary import ModelId, Operator, Reason, Text, UseCase

Strategy = Annotated[
    Literal["blue_green", "canary", "all_at_once"],
    Field(description="blue_green, canary or all_at_once: which steps the traffic takes by default."),
]

STEPS = {"blue_green": (10, 25, 50, 75, 100), "canary": (5, 25, 50, 100), "all_at_once": (100,)}
"""Percent of the traffic at each step, by strategy; domain.md, section 0."""

DeploymentId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{32}$", description="The deployment's id, 32 hexadecimal digits.")
]
Share = Annotated[int, Field(ge=1, le=100, description="Percent of the players (or conversations).")]
Steps = Annotated[
    list[Share],
    Field(
        min_length=1, max_length=32, description="The candidate's share at each step; rising, 100 at last."
    ),
]
Step = Annotated[int, Field(ge=0, le=31, description="Number of the step, from 0.")]


class Gate(BaseModel):
    """What a step must show before the next one, and what takes the candidate back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["evidence", "threshold"] = Field(
        "evidence",
        description="evidence: an always-valid test of failures, violations, lore and latency "
        "against the current model; threshold: fixed limits over a window.",
    )
    false_alarms: float = Field(
        0.01,
        gt=0,
        le=0.2,
        description="evidence: chance, at most, that a candidate that is no worse is taken back.",
    )
    doubt_max: float | None = Field(
        None,
        gt=1,
        le=1_000_000,
        description="evidence: while the e-value is so high, a step is passed only after turns_min turns in "
        "which it did not rise, as the next one may well accuse the candidate. Nil in a command: the root of "
        "1 / false_alarms, 10 for 1 %; in an event from before there was this rule: no step waited for it.",
    )
    turns_min: int = Field(
        40, ge=1, le=1_000_000, description="Turns that the candidate must answer in each step."
    )
    seconds_min: float = Field(
        0.0,
        ge=0,
        le=604_800,
        description="Shortest time of each step.",
        json_schema_extra={"unit": "s"},
    )
    hold_after_s: float = Field(
        600.0,
        gt=0,
        le=604_800,
        description="Without turns enough to judge by after so long the step is held until it is resumed.",
        json_schema_extra={"unit": "s"},
    )
    failures_max: float = Field(
        0.1, ge=0, le=1, description="threshold: largest share of turns that failed or broke the policy."
    )
    latency_ms_max: float = Field(
        5_000.0,
        gt=0,
        le=600_000,
        description="threshold: largest mean latency.",
        json_schema_extra={"unit": "ms"},
    )
    window_s: float = Field(
        300.0, gt=0, le=86_400, description="threshold: age of the oldest turn that counts; of slow traffic "
        "the newest turns_min count, however old they are.",
        json_schema_extra={"unit": "s"},
    )  # fmt: skip

    def in_doubt(self, e_value: float, calm_turns: int) -> bool:
        """Say whether the evidence is too high to pass a step, though not high enough to accuse."""
        return (
            self.kind == "evidence"
            and self.doubt_max is not None
            and e_value >= self.doubt_max
            and calm_turns < self.turns_min
        )

    def exceeded(
        self, failures: float | None, latency_ms: float | None
    ) -> Literal["failures", "latency"] | None:
        """Return which fixed limit these figures exceed, or None; what is not known exceeds nothing."""
        if failures is not None and failures > self.failures_max:
            return "failures"
        if latency_ms is not None and latency_ms > self.latency_ms_max:
            return "latency"
        return None


class MeasureFact(BaseModel):
    """One measure as it was when a gate decided."""

    model_config = ConfigDict(frozen=True)

    e_value: float = Field(ge=0, description="Evidence that the candidate is worse; 1 is none.")
    candidate: int = Field(ge=0, description="Faults of the candidate; for latency the turns compared.")
    control: int = Field(ge=0, description="Faults of the current model; for latency 0.")


class EvidenceFact(BaseModel):
    """What a gate knew when it decided; whoever folds the log up to ``position`` gets the same."""

    model_config = ConfigDict(frozen=True)

    position: int = Field(ge=0, description="Position of the last event that was judged.")
    candidate_turns: int = Field(ge=0, description="Turns of the candidate in this deployment.")
    control_turns: int = Field(ge=0, description="Turns of the current model in this deployment.")
    step_turns: int = Field(ge=0, description="Turns of the candidate in this step.")
    calm_turns: int = Field(0, ge=0, description="Turns of the candidate since the e-value rose last.")
    e_value: float = Field(ge=0, description="All measures together, weighted.")
    limit: float = Field(gt=0, description="The e-value at which the candidate is taken back.")
    measures: dict[str, MeasureFact] = Field(
        default_factory=dict,
        max_length=16,
        description="By measure: failures, violations, lore, latency.",
    )
    failures: float | None = Field(
        None,
        ge=0,
        le=1,
        description="threshold: share of turns that failed or broke the policy; before 2026-11-21 of those "
        "that failed.",
    )
    latency_ms: float | None = Field(
        None, ge=0, description="threshold: mean latency.", json_schema_extra={"unit": "ms"}
    )


Found = Annotated[EvidenceFact, Field(description="What the gate knew.")]


Took = Annotated[
    float | None,
    Field(
        ge=0,
        description="From the record of the last turn that was judged to the verdict; null: nobody measured.",
        json_schema_extra={"unit": "ms"},
    ),
]


class CheckFact(BaseModel):
    """One thing that was looked at before a candidate got traffic."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        description="What: evaluation, engine, artefacts, warm_up. More may come.",
    )
    ok: bool = Field(description="Whether it was as it should be.")
    detail: Annotated[Text, Field(max_length=2_000, description="What was found.")]


Checks = Annotated[list[CheckFact], Field(max_length=16, description="What was looked at, in order.")]

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


class Plan(BaseModel):
    """How a deployment goes: what the command asks for and the event keeps."""

    model_config = ConfigDict(frozen=True)

    use_case: UseCase
    model_id: ModelId
    strategy: Strategy
    gate: Gate = Field(default_factory=Gate, description="What each step must show.")
    operator: Operator
    reason: Reason


class OfDeployment(BaseModel):
    """What every event of a deployment names."""

    deployment_id: DeploymentId
    use_case: UseCase
    model_id: ModelId = Field(description="The candidate.")


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


class StartDeployment(Plan, Command, name="deployment.start"):
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
    """What is said to a deployment under way; refused with ``deployment_not_found`` if it is not."""

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
"""What people say."""

GATE_COMMANDS = (ConfirmReady, PassStep, RollBackOnEvidence)
"""What the deployment manager says; never taken from the wire."""

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
