"""What people and players remember: of what they perceived, and what was promised."""

from domain.kernel.context import Context
from domain.memories.queries import PromisesQuery, RecallQuery, SummaryQuery

CONTEXT = Context("memories", queries=(RecallQuery, SummaryQuery, PromisesQuery))
