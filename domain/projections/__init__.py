"""Progress of the read models."""

from domain.kernel.context import Context
from domain.projections.queries import StatusQuery

CONTEXT = Context(
    "projections",
    queries=(StatusQuery,),
)
