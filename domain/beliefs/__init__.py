"""What is true in a world, who knows it, and by what evidence."""

from domain.beliefs.messages import EVENTS
from domain.beliefs.queries import BelievedQuery, FactsQuery, WhyQuery
from domain.kernel.context import Context

CONTEXT = Context("beliefs", events=EVENTS, queries=(FactsQuery, BelievedQuery, WhyQuery))
