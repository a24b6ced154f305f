"""Queries of the optimiser."""

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.vocabulary import IdPrefix, UseCase


class ProposalsQuery(Query, name="optimisation.proposals"):
    """Ask for what the optimiser proposed lately, of one use case or of all, and for what turns cost now.

    The result is a map: ``proposals`` (a list, the newest first: the fields of the proposal's event, and
    ``status``) and ``costs`` (by use case: ``seconds`` looked at, ``turns``, ``tokens``, ``players``, and
    micro-dollars in all, per turn, per 1,000 tokens and per player's hour).
    """

    use_case: UseCase | None = None
    proposal_id: IdPrefix = Field("", description="Only those whose id begins so.")
    limit: int = Field(200, ge=1, le=500, description="At most so many, the newest.")
