"""People: what they need, what they decide, and why. Pure."""

from domain.kernel.context import Context
from domain.people.harm_messages import HARM_COMMANDS, HARM_EVENTS, HealthQuery
from domain.people.messages import COMMANDS, EVENTS, PersonDecided, with_purse
from domain.people.queries import KnownQuery, PeopleHereQuery, PersonQuery

CONTEXT = Context(
    "people",
    events=(*EVENTS, *HARM_EVENTS),
    commands=(*COMMANDS, *HARM_COMMANDS),
    queries=(PersonQuery, PeopleHereQuery, KnownQuery, HealthQuery),
    upcasters={(PersonDecided.event_name, 1): with_purse},
)
