"""What is true in a world, who knows it, and by what evidence."""

from domain.beliefs.messages import COMMANDS, EVENTS
from domain.beliefs.queries import BelievedQuery, FactsQuery, WhyQuery
from domain.kernel.context import Context

CONTEXT = Context("beliefs", events=EVENTS, commands=COMMANDS, queries=(FactsQuery, BelievedQuery, WhyQuery))
