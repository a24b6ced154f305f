"""The factions of the world: power, territory, alliances, crises, and what comes of what. Pure."""

from domain.factions.messages import COMMANDS, EVENTS
from domain.factions.queries import EmergedQuery, FactionsQuery
from domain.kernel.context import Context

CONTEXT = Context("factions", events=EVENTS, commands=COMMANDS, queries=(FactionsQuery, EmergedQuery))
