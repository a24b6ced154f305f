"""The optimiser: watches how use cases go, proposes what to do with its reasons, and does what it may.

Rules compare what was seen in a window with what is usual (`rules`); a proposal is a small state machine
(`proposals`) that an operator approves or rejects, unless the policy lets the optimiser act by itself.
"""

from domain.kernel.context import Context
from domain.optimisation.messages import (
    Approved,
    ApproveProposal,
    CarriedOut,
    PolicySet,
    ProposalRejected,
    ProposalWithdrawn,
    Propose,
    Proposed,
    RecordOutcome,
    RejectProposal,
    SetPolicy,
    WithdrawProposal,
)
from domain.optimisation.queries import ProposalsQuery

CONTEXT = Context(
    "optimisation",
    events=(
        PolicySet,
        Proposed,
        Approved,
        ProposalRejected,
        ProposalWithdrawn,
        CarriedOut,
    ),
    commands=(
        SetPolicy,
        ApproveProposal,
        RejectProposal,
    ),
    internal=(
        Propose,
        WithdrawProposal,
        RecordOutcome,
    ),
    queries=(ProposalsQuery,),
)
