"""The realm's clock: game time, calendar and alarms. Pure."""

from domain.clock.messages import COMMANDS, EVENTS
from domain.clock.queries import AlarmsQuery, ClockQuery
from domain.kernel.context import Context

CONTEXT = Context("clock", events=EVENTS, commands=COMMANDS, queries=(ClockQuery, AlarmsQuery))
