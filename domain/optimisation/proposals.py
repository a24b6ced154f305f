"""The optimiser's proposals for one use case. Stream: ``optimisation-{use_case}``.

At most one proposal is open at a time, and between two there is a cool-down, so that the effect of one action
is seen before the next. Neither holds up what weighs more: a proposal that nobody read must not keep a
failing model with its players.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, assert_never
from uuid import NAMESPACE_URL, uuid5

from domain.kernel.decider import Decider, Rejected
from domain.optimisation.messages import (
    WINDOW_S_MAX,
    WINDOW_S_MIN,
    Approved,
    ApproveProposal,
    CarriedOut,
    OptimisationCommand,
    OptimisationEvent,
    OptimiserPolicy,
    PolicySet,
    Priority,
    ProposalRejected,
    ProposalWithdrawn,
    Propose,
    Proposed,
    RecordOutcome,
    RejectProposal,
    SetPolicy,
    WithdrawProposal,
)

NAMESPACE = uuid5(NAMESPACE_URL, "urn:aicore:proposal")
OPTIMISER = "optimiser"

PRIORITIES: tuple[Priority, ...] = ("low", "medium", "high", "critical")

Status = Literal["open", "approved", "rejected", "withdrawn", "ended"]
DECIDED: Mapping[type, Status] = {
    Approved: "approved",
    ProposalRejected: "rejected",
    ProposalWithdrawn: "withdrawn",
}


def stream_of(use_case: str) -> str:
    """Return the stream of a use case's proposals."""
    return f"optimisation-{use_case}"


def proposal_id_of(*, use_case: str, number: int) -> str:
    """Return the id of a use case's proposal; they are counted from 0."""
    return uuid5(NAMESPACE, f"{use_case}/{number}").hex


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as it is now."""

    proposed: Proposed
    decided: Approved | ProposalRejected | ProposalWithdrawn | None = None
    outcome: CarriedOut | None = None

    @property
    def status(self) -> Status:
        """Where it is on its way: open, then approved, rejected or withdrawn; an approved one is ended."""
        if self.outcome:
            return "ended"
        return DECIDED[type(self.decided)] if self.decided else "open"

    @property
    def shown(self) -> Mapping[str, Any]:
        """What a person may want to know of it."""
        decided, outcome = self.decided, self.outcome
        return {
            **self.proposed.model_dump(),
            "status": self.status,
            "decided_by": OPTIMISER
            if isinstance(decided, ProposalWithdrawn)
            else decided and decided.operator,
            "decided_reason": decided and decided.reason,
            "outcome": outcome and outcome.outcome,
            "detail": outcome and outcome.detail,
        }

    @property
    def weight(self) -> tuple[int, bool]:
        """How much it has to say beside others; see `weight_of`."""
        return weight_of(self.proposed.priority, automatic=self.proposed.automatic)


@dataclass(frozen=True, slots=True)
class Proposals:
    """All of a use case's, and the policy."""

    policy: OptimiserPolicy = field(default_factory=OptimiserPolicy)
    known: Mapping[str, Proposal] = field(default_factory=dict)


def weight_of(priority: Priority, *, automatic: bool) -> tuple[int, bool]:
    """Return what is compared: the priority, then whether it is done without waiting for a person."""
    return PRIORITIES.index(priority), automatic


def evolve(state: Proposals, event: OptimisationEvent) -> Proposals:
    """Return the state after ``event``."""
    match event:
        case PolicySet():
            window_s = min(max(event.policy.window_s, WINDOW_S_MIN), WINDOW_S_MAX)
            return replace(state, policy=event.policy.model_copy(update={"window_s": window_s}))
        case Proposed():
            return replace(state, known={**state.known, event.proposal_id: Proposal(event)})
        case Approved() | ProposalRejected() | ProposalWithdrawn():
            return _now(state, event.proposal_id, decided=event)
        case CarriedOut():
            return _now(state, event.proposal_id, outcome=event)
        case _:
            assert_never(event)


def _now(state: Proposals, id_: str, **changes: object) -> Proposals:
    known = state.known.get(id_)
    if known is None:
        return state
    return replace(state, known={**state.known, id_: replace(known, **changes)})  # type: ignore[arg-type]  # field names are checked by replace


def decide(command: OptimisationCommand, state: Proposals) -> Sequence[OptimisationEvent]:
    """Return what follows from ``command``: nothing if it is already so.

    Raises:
        Rejected: a rule refuses it; see each command's description.
    """
    match command:
        case SetPolicy():
            return _set_policy(command, state)
        case Propose():
            return _propose(command, state)
        case ApproveProposal():
            return [Approved(**command.model_dump())] if _decidable(command, state, "approved") else []
        case RejectProposal():
            return (
                [ProposalRejected(**command.model_dump())] if _decidable(command, state, "rejected") else []
            )
        case WithdrawProposal():
            found = _found(command.use_case, command.proposal_id, state)
            return [ProposalWithdrawn(**command.model_dump())] if found.status == "open" else []
        case RecordOutcome():
            found = _found(command.use_case, command.proposal_id, state)
            return [CarriedOut(**command.model_dump())] if found.status == "approved" else []
        case _:
            assert_never(command)


def _set_policy(command: SetPolicy, state: Proposals) -> Sequence[OptimisationEvent]:
    if not WINDOW_S_MIN <= command.policy.window_s <= WINDOW_S_MAX:
        raise Rejected(
            "window_unusable",
            f"the window is {command.policy.window_s:g} s; turns are summed up by ten seconds and remembered "
            "for a day, of which half must be left to compare with",
            field="policy.window_s",
            remedy=f"give {WINDOW_S_MIN:g} to {WINDOW_S_MAX:g} s",
        )
    return [] if command.policy == state.policy else [PolicySet(**command.model_dump())]


def _propose(command: Propose, state: Proposals) -> Sequence[OptimisationEvent]:
    automatic = command.action.kind in state.policy.automatic
    weight = weight_of(command.priority, automatic=automatic)
    for found in state.known.values():
        same = found.proposed.action == command.action and found.proposed.at_us == command.at_us
        if (
            same
            or _answered(command, found)
            or (found.status in ("open", "approved") and found.weight >= weight)
        ):
            return []
    _check_cool(command, state, weight)
    id_ = proposal_id_of(use_case=command.use_case, number=len(state.known))
    of = {"proposal_id": id_, "use_case": command.use_case}
    why = f"{command.action.kind} ({command.priority}) is more urgent"
    withdrawn = [
        ProposalWithdrawn(proposal_id=other, use_case=command.use_case, reason=why)
        for other, found in state.known.items()
        if found.status == "open"
    ]
    proposed = Proposed(**command.model_dump(), proposal_id=id_, automatic=automatic)
    word = Approved(**of, operator=OPTIMISER, reason="the policy allows it")
    return [*withdrawn, proposed, *([word] if automatic else [])]


def _answered(command: Propose, found: Proposal) -> bool:
    """Say whether a person or a rule said no to the very same.

    Only a candidate is proposed for what stands for ever, its evaluation, which the reason names; the others
    have figures of the moment for reasons, and may be true again.
    """
    same = found.proposed.action == command.action and found.proposed.reason == command.reason
    refused = found.outcome is not None and found.outcome.outcome == "refused"
    return command.action.kind == "deploy_candidate" and same and (found.status == "rejected" or refused)


def _check_cool(command: Propose, state: Proposals, weight: tuple[int, bool]) -> None:
    """Refuse what comes too soon after a proposal of the same weight or more."""
    for found in state.known.values():
        age_s = (command.at_us - found.proposed.at_us) / 1e6
        # Figures of before an action say nothing of its effect.
        wait_s = max(state.policy.cooldown_s, state.policy.window_s) - age_s
        if found.weight >= weight and wait_s > 0:
            raise Rejected(
                "cooling_down",
                f"the last proposal for {command.use_case} of this weight is {age_s:.0f} s old",
                field="at_us",
                remedy=f"wait {wait_s:.0f} s; the effect of one action is seen before the next",
            )


def _decidable(command: ApproveProposal | RejectProposal, state: Proposals, wanted: Status) -> bool:
    """Say whether a proposal is open; False if it is already so."""
    found = _found(command.use_case, command.proposal_id, state)
    if found.status == "open":
        return True
    if found.status == wanted or (wanted == "approved" and found.status == "ended"):
        return False
    raise Rejected(
        "proposal_decided",
        f"the proposal was {found.status} already",
        field="proposal_id",
        remedy="ask the query optimisation.proposals for the open ones",
    )


def _found(use_case: str, id_: str, state: Proposals) -> Proposal:
    if found := state.known.get(id_):
        return found
    raise Rejected(
        "proposal_not_found",
        f"{use_case} has no proposal {id_}",
        field="proposal_id",
        remedy="ask the query optimisation.proposals for the ids",
    )


PROPOSALS: Decider[OptimisationCommand, OptimisationEvent, Proposals] = Decider(Proposals(), decide, evolve)
