"""The optimiser's proposals for one use case. Stream: ``optimisation-{use_case}``.

At most one proposal is open at a time, and between two there is a cool-down, so that the effect of one action
is seen before the next.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never
from uuid import NAMESPACE_URL, uuid5

from domain.decider import Decider, Rejected
from domain.optimisation.messages import (
    Approved,
    ApproveProposal,
    CarriedOut,
    OptimisationCommand,
    OptimisationEvent,
    OptimiserPolicy,
    PolicySet,
    ProposalRejected,
    Propose,
    Proposed,
    RecordOutcome,
    RejectProposal,
    SetPolicy,
)

NAMESPACE = uuid5(NAMESPACE_URL, "urn:aicore:proposal")
OPTIMISER = "optimiser"

Status = Literal["open", "approved", "rejected", "ended"]


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
    status: Status = "open"


@dataclass(frozen=True, slots=True)
class Proposals:
    """All of a use case's, and the policy."""

    policy: OptimiserPolicy = field(default_factory=OptimiserPolicy)
    known: Mapping[str, Proposal] = field(default_factory=dict)

    @property
    def newest(self) -> Proposal | None:
        """The last one proposed."""
        return list(self.known.values())[-1] if self.known else None


def evolve(state: Proposals, event: OptimisationEvent) -> Proposals:
    """Return the state after ``event``."""
    match event:
        case PolicySet():
            return replace(state, policy=event.policy)
        case Proposed():
            return replace(state, known={**state.known, event.proposal_id: Proposal(event)})
        case Approved():
            return _now(state, event.proposal_id, "approved")
        case ProposalRejected():
            return _now(state, event.proposal_id, "rejected")
        case CarriedOut():
            return _now(state, event.proposal_id, "ended")
        case _:
            assert_never(event)


def _now(state: Proposals, id_: str, status: Status) -> Proposals:
    known = state.known.get(id_)
    return replace(state, known={**state.known, id_: replace(known, status=status)}) if known else state


def decide(command: OptimisationCommand, state: Proposals) -> Sequence[OptimisationEvent]:
    """Return what follows from ``command``: nothing if it is already so.

    Raises:
        Rejected: a rule refuses it; see each command's description.
    """
    match command:
        case SetPolicy():
            return [] if command.policy == state.policy else [PolicySet(**command.model_dump())]
        case Propose():
            return _propose(command, state)
        case ApproveProposal():
            return [Approved(**command.model_dump())] if _decidable(command, state, "approved") else []
        case RejectProposal():
            return (
                [ProposalRejected(**command.model_dump())] if _decidable(command, state, "rejected") else []
            )
        case RecordOutcome():
            found = _found(command.use_case, command.proposal_id, state)
            return [CarriedOut(**command.model_dump())] if found.status == "approved" else []
        case _:
            assert_never(command)


def _propose(command: Propose, state: Proposals) -> Sequence[OptimisationEvent]:
    newest = state.newest
    if newest is not None:
        same = newest.proposed.action == command.action and newest.proposed.at_us == command.at_us
        if same or newest.status in ("open", "approved"):
            return []
        if (wait_s := cooling_s(state, command.at_us)) > 0:
            raise Rejected(
                "cooling_down",
                f"the last proposal for {command.use_case} is {state.policy.cooldown_s - wait_s:.0f} s old",
                field="at_us",
                remedy=f"wait {wait_s:.0f} s; the effect of one action is seen before the next",
            )
    automatic = command.action.kind in state.policy.automatic
    id_ = proposal_id_of(use_case=command.use_case, number=len(state.known))
    proposed = Proposed(**command.model_dump(), proposal_id=id_, automatic=automatic)
    if not automatic:
        return [proposed]
    word = "the policy allows it"
    return [
        proposed,
        Approved(proposal_id=id_, use_case=command.use_case, operator=OPTIMISER, reason=word),
    ]


def cooling_s(state: Proposals, at_us: int) -> float:
    """Return how long nothing is proposed yet; 0 or less: it may be."""
    newest = state.newest
    if newest is None:
        return 0.0
    return state.policy.cooldown_s - (at_us - newest.proposed.at_us) / 1e6


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
        remedy="aicore proposals list shows what is open",
    )


def _found(use_case: str, id_: str, state: Proposals) -> Proposal:
    if found := state.known.get(id_):
        return found
    raise Rejected(
        "proposal_not_found",
        f"{use_case} has no proposal {id_}",
        field="proposal_id",
        remedy="aicore proposals list shows all",
    )


PROPOSALS: Decider[OptimisationCommand, OptimisationEvent, Proposals] = Decider(Proposals(), decide, evolve)
