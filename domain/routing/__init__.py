"""Routing: which engine answers a turn, when to refuse, when to give up on one. Pure."""

from domain.kernel.context import Context
from domain.routing.messages import EngineStateChanged
from domain.routing.queries import TiersQuery

CONTEXT = Context(
    "routing",
    events=(EngineStateChanged,),
    queries=(TiersQuery,),
)
