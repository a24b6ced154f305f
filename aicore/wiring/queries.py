"""Every question that the services answer: `app` serves them, `aicore events` describes them."""

from domain.kernel.event import Query
from handlers.batch.batches import BatchesQuery, ResultsQuery
from handlers.guardrails.board import PolicyQuery, ViolationsQuery
from handlers.optimisation.optimiser import ProposalsQuery
from handlers.registry.deployment_board import DeploymentsQuery
from handlers.registry.models import CurrentQuery, TemplatesQuery
from handlers.routing.tier_board import TiersQuery
from projections.queries import ModelsQuery, StatsQuery, StatusQuery

QUERIES: tuple[type[Query], ...] = (
    CurrentQuery,
    ModelsQuery,
    DeploymentsQuery,
    TemplatesQuery,
    StatsQuery,
    TiersQuery,
    BatchesQuery,
    ResultsQuery,
    ViolationsQuery,
    PolicyQuery,
    ProposalsQuery,
    StatusQuery,
)
