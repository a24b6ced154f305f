"""The story: what is said in the world, and how. What is true and known stands in `domain.beliefs`."""

from domain.kernel.context import Context
from domain.story.barks import BARKS, BarksQuery, DeclineBark, ProposeBark, TakeBark
from domain.story.messages import COMMANDS, EVENTS, LineSaid, of_no_scene
from domain.story.pin_queries import PinsQuery
from domain.story.queries import ExplainQuery
from domain.story.verdicts import VERDICTS, Approve, Reject, VerdictsQuery

CONTEXT = Context(
    "story",
    events=(*EVENTS, *VERDICTS, *BARKS),
    commands=(*COMMANDS, Approve, Reject, ProposeBark, TakeBark, DeclineBark),
    queries=(PinsQuery, ExplainQuery, VerdictsQuery, BarksQuery),
    upcasters={(LineSaid.event_name, 1): of_no_scene},
)
