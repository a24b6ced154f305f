"""The story: what is said in the world, and how. What is true and known stands in `domain.beliefs`."""

from domain.kernel.context import Context
from domain.story.messages import COMMANDS, EVENTS
from domain.story.pin_queries import PinsQuery
from domain.story.queries import ExplainQuery

CONTEXT = Context("story", events=EVENTS, commands=COMMANDS, queries=(PinsQuery, ExplainQuery))
