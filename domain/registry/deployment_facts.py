"""Plan, gate and evidence of a deployment: the fields that commands and events share."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from domain.kernel.declared import Declared
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


class Gate(Declared):
    """The conditions of a next step, and of the candidate's rollback."""

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


class MeasureFact(Declared):
    """One measure as it was when a gate decided."""

    model_config = ConfigDict(frozen=True)

    e_value: float = Field(ge=0, description="Evidence that the candidate is worse; 1 is none.")
    candidate: int = Field(ge=0, description="Faults of the candidate; for latency the turns compared.")
    control: int = Field(ge=0, description="Faults of the current model; for latency 0.")


class EvidenceFact(Declared):
    """The gate's knowledge when it decided; a fold of the log up to ``position`` gives the same."""

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


class CheckFact(Declared):
    """One thing that was looked at before a candidate got traffic."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        description="What: evaluation, engine, artefacts, warm_up. More may come.",
    )
    ok: bool = Field(description="Whether it was as it should be.")
    detail: Annotated[Text, Field(max_length=2_000, description="What was found.")]


Checks = Annotated[list[CheckFact], Field(max_length=16, description="What was looked at, in order.")]


class Plan(Declared):
    """How a deployment goes: what the command asks for and the event keeps."""

    model_config = ConfigDict(frozen=True)

    use_case: UseCase
    model_id: ModelId
    strategy: Strategy
    gate: Gate = Field(default_factory=Gate, description="What each step must show.")
    operator: Operator
    reason: Reason


class OfDeployment(Declared):
    """The ids that every event of a deployment names."""

    deployment_id: DeploymentId
    use_case: UseCase
    model_id: ModelId = Field(description="The candidate.")
