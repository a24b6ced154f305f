"""What people and players promise each other, until an event keeps, breaks or ends it."""

from domain.kernel.context import Context
from domain.promises.messages import COMMANDS, EVENTS

CONTEXT = Context("promises", events=EVENTS, commands=COMMANDS)
