"""The story: what is said in the world, and how. What is true and known stands in `domain.beliefs`."""

from domain.kernel.context import Context
from domain.story.messages import COMMANDS, EVENTS, LineSaid, of_no_scene
from domain.story.pin_queries import PinsQuery
from domain.story.queries import ExplainQuery
from domain.story.verdicts import VERDICTS, Approve, Reject, VerdictsQuery

CONTEXT = Context(
    "story",
    events=(*EVENTS, *VERDICTS),
    commands=(*COMMANDS, Approve, Reject),
    queries=(PinsQuery, ExplainQuery, VerdictsQuery),
    upcasters={(LineSaid.event_name, 1): of_no_scene},
)
