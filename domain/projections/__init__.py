"""How far the read models are."""

from domain.kernel.context import Context
from domain.projections.queries import StatusQuery

CONTEXT = Context(
    "projections",
    queries=(StatusQuery,),
)
