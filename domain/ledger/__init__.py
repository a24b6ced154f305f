"""Money and goods: who has how much of what, and where it came from."""

from domain.kernel.context import Context
from domain.ledger.commands import COMMANDS
from domain.ledger.messages import EVENTS
from domain.ledger.queries import BalanceQuery, HistoryQuery, SupplyQuery

CONTEXT = Context(
    "ledger", events=EVENTS, commands=COMMANDS, queries=(BalanceQuery, HistoryQuery, SupplyQuery)
)
