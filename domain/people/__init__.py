"""People: what they need, what they decide, and why. Pure."""

from domain.kernel.context import Context
from domain.people.messages import COMMANDS, EVENTS
from domain.people.queries import KnownQuery, PeopleHereQuery, PersonQuery

CONTEXT = Context(
    "people", events=EVENTS, commands=COMMANDS, queries=(PersonQuery, PeopleHereQuery, KnownQuery)
)
