"""What may be asked of the optimiser and what it did.

Names and versions of events are storage format: they stay in the log for ever.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.vocabulary import ModelId, Operator, Reason, Text, Tier, UseCase

INPUTS_MAX = 32

WINDOW_S_MIN, WINDOW_S_MAX = 20.0, 43_200.0
"""Turns are summed up by ten seconds, and remembered for a day, of which half is the past to compare with."""

Kind = Literal["deploy_candidate", "roll_back", "move_tier", "scale_engine", "change_budget", "retrain"]

Priority = Annotated[Literal["low", "medium", "high", "critical"], Field(description="How soon it matters.")]
ProposalId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{32}$", description="The proposal's id, 32 hexadecimal digits.")
]
Inputs = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")],
        Annotated[float, Field(allow_inf_nan=False)],
    ],
    Field(
        max_length=INPUTS_MAX,
        description="The figures that led to it, by name; times in ms, money in micro-dollars.",
    ),
]
Seconds = Annotated[float, Field(gt=0, le=2_592_000, json_schema_extra={"unit": "s"})]


class Action(Declared):
    """A proposed action."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind = Field(description="What to do.")
    model_id: ModelId | None = Field(None, description="Of which model; null: of none.")
    tier: Tier | None = Field(None, description="move_tier: where to; scale_engine: which tier.")
    value: float | None = Field(
        None,
        allow_inf_nan=False,
        description="scale_engine: by which factor; change_budget: tokens that the template's budget lacks.",
    )


class OptimiserPolicy(Declared):
    """Policy of the optimiser: limits, and actions that it may take by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    automatic: list[Kind] = Field(
        default_factory=list, max_length=6, description="What it does without asking; the rest waits."
    )
    window_s: Seconds = Field(
        300.0, description="What counts as now: 20 to 43,200; another one of before 2026-11-21 is cut to it."
    )
    cooldown_s: Seconds = Field(
        600.0,
        description="Between two actions for a use case; never less than the window, which saw the first.",
    )
    turns_min: int = Field(
        50,
        ge=1,
        le=1_000_000,
        description="Turns without which nothing is said; as many before, to be compared with.",
    )
    failures_factor: float = Field(1.5, ge=1, le=100, description="Failures this many times the usual.")
    failures_min: float = Field(0.05, ge=0, le=1, description="Share of failures below which all is well.")
    latency_factor: float = Field(1.5, ge=1, le=100, description="Mean latency this many times the usual.")
    quality_factor: float = Field(0.8, gt=0, le=1, description="Mean rating below this share of the usual.")
    refused_max: float = Field(0.05, ge=0, le=1, description="Share of turns refused for want of room.")
    violations_max: float = Field(0.02, ge=0, le=1, description="Share of turns whose line broke the policy.")
    critical_min: int = Field(
        3, ge=1, le=1_000_000, description="Turns with a critical violation below which none is judged."
    )
    critical_max: float = Field(0.001, ge=0, le=1, description="Share of turns with a critical violation.")
    cut_max: float = Field(
        0.5, ge=0, le=1, description="Share of turns whose prompt was cut by its template's budget."
    )
    cost_per_turn_micro_max: float | None = Field(
        None, gt=0, le=10**12, description="Cost of a turn above which a lower tier is proposed; null: never."
    )
    engine_hour_micro: int = Field(
        0, ge=0, le=10**12, description="What an own engine costs an hour, in micro-dollars."
    )


_ACTION = {
    "kind": "roll_back",
    "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
    "tier": None,
    "value": None,
}
_ID = "5d41402abc4b2a76b9719d911017c592"

# --- what happened ------------------------------------------------------------------------------------------


class PolicySet(Event, name="optimisation.policy_set", version=1):
    """What the optimiser looks at and may do, for one use case, from now on."""

    use_case: UseCase
    policy: Annotated[OptimiserPolicy, Field(description="All of it.")]
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "policy": {**OptimiserPolicy().model_dump(), "automatic": ["roll_back"]},
        "operator": "mira",
        "reason": "nobody is awake at four",
    }


class Proposed(Event, name="optimisation.proposed", version=1):
    """Something should be done, for these reasons."""

    proposal_id: ProposalId
    use_case: UseCase
    action: Annotated[Action, Field(description="What.")]
    priority: Priority
    reason: Reason
    inputs: Inputs
    automatic: bool = Field(description="Whether the policy lets it be done without an operator.")
    at_us: int = Field(ge=0, description="When, µs since 1970.", json_schema_extra={"unit": "µs"})

    example: ClassVar = {
        "proposal_id": _ID,
        "use_case": "npc_dialogue",
        "action": _ACTION,
        "priority": "high",
        "reason": "12.0 % of 210 turns failed, usual are 1.1 %",
        "inputs": {"turns": 210.0, "failures": 0.12, "usual_failures": 0.011},
        "automatic": False,
        "at_us": 1_790_000_000_000_000,
    }


class Approved(Event, name="optimisation.approved", version=1):
    """Somebody wants it done; the optimiser's own word if the policy allows it."""

    proposal_id: ProposalId
    use_case: UseCase
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "proposal_id": _ID,
        "use_case": "npc_dialogue",
        "operator": "mira",
        "reason": "players complain, too",
    }


class ProposalRejected(Event, name="optimisation.rejected", version=1):
    """Somebody does not want it: not before the cool-down is over; a candidate never with that evaluation."""

    proposal_id: ProposalId
    use_case: UseCase
    operator: Operator
    reason: Reason

    example: ClassVar = dict(Approved.example)


class ProposalWithdrawn(Event, name="optimisation.withdrawn", version=1):
    """It waits for nobody any more: something more urgent took its place, or it is no longer true."""

    proposal_id: ProposalId
    use_case: UseCase
    reason: Reason

    example: ClassVar = {
        "proposal_id": _ID,
        "use_case": "npc_dialogue",
        "reason": "roll_back (critical) is more urgent",
    }


class CarriedOut(Event, name="optimisation.carried_out", version=1):
    """What was approved is done, or was refused or handed to a person."""

    proposal_id: ProposalId
    use_case: UseCase
    outcome: Literal["done", "refused", "handed_over"] = Field(
        description="done: by the optimiser; refused: by a rule; handed_over: a person has to. See detail."
    )
    detail: Annotated[Text, Field(max_length=2_000, description="What came of it, or what to do.")]

    example: ClassVar = {
        "proposal_id": _ID,
        "use_case": "npc_dialogue",
        "outcome": "done",
        "detail": "deployment.roll_back: events 1207 and 1208",
    }


OptimisationEvent = PolicySet | Proposed | Approved | ProposalRejected | ProposalWithdrawn | CarriedOut

# --- what may be asked --------------------------------------------------------------------------------------


class SetPolicy(Command, name="optimisation.set_policy", four_eyes=True):
    """Say what the optimiser looks at and may do for a use case.

    Refused with ``unknown_use_case``, or with ``window_unusable`` for a window that cannot be looked at.
    """

    use_case: UseCase
    policy: Annotated[OptimiserPolicy, Field(description="All of it; what is left out has its default.")]
    operator: Operator
    reason: Reason

    example: ClassVar = dict(PolicySet.example)


class Propose(Command, name="optimisation.propose"):
    """Propose something.

    It takes the place of an open proposal of less weight; beside one of the same or more nothing is proposed.
    Refused with ``cooling_down`` soon after one of the same or more. A candidate that was rejected or refused
    is not proposed again with the same evaluation.
    """

    use_case: UseCase
    action: Annotated[Action, Field(description="What.")]
    priority: Priority
    reason: Reason
    inputs: Inputs
    at_us: int = Field(ge=0, description="When, µs since 1970.", json_schema_extra={"unit": "µs"})

    example: ClassVar = {
        key: value for key, value in Proposed.example.items() if key not in ("proposal_id", "automatic")
    }


class _OnProposal(Command):
    use_case: UseCase
    proposal_id: ProposalId
    operator: Operator
    reason: Reason


class ApproveProposal(_OnProposal, name="optimisation.approve"):
    """Have it done. Refused with ``proposal_not_found`` or ``proposal_decided``.

    What is then refused is told by optimisation.carried_out: by the registry, or with ``tier_not_served`` or
    ``no_way_back``.
    """

    example: ClassVar = dict(Approved.example)


class RejectProposal(_OnProposal, name="optimisation.reject"):
    """Have it not done. Refused with ``proposal_not_found`` or ``proposal_decided``."""

    example: ClassVar = dict(Approved.example)


class WithdrawProposal(Command, name="optimisation.withdraw"):
    """Take back a proposal that nobody decided about and that is no longer true."""

    use_case: UseCase
    proposal_id: ProposalId
    reason: Reason

    example: ClassVar = dict(ProposalWithdrawn.example)


class RecordOutcome(Command, name="optimisation.record_outcome"):
    """Say what came of an approved proposal."""

    use_case: UseCase
    proposal_id: ProposalId
    outcome: Literal["done", "refused", "handed_over"] = Field(description="See the event.")
    detail: Annotated[Text, Field(max_length=2_000, description="What came of it.")]

    example: ClassVar = dict(CarriedOut.example)


OptimisationCommand = (
    SetPolicy | Propose | ApproveProposal | RejectProposal | WithdrawProposal | RecordOutcome
)
