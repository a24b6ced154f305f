"""Every question that the services answer: `aicore.app` serves them, `aicore events` describes them."""

from domain.event import Query
from handlers.batches import BatchesQuery, ResultsQuery
from handlers.deployment_board import DeploymentsQuery
from handlers.guard_board import PolicyQuery, ViolationsQuery
from handlers.optimiser import ProposalsQuery
from handlers.registry_view import CurrentQuery, TemplatesQuery
from handlers.tier_board import TiersQuery
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
