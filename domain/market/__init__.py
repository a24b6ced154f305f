"""Markets: stalls whose prices follow what people really buy and sell."""

from domain.kernel.context import Context
from domain.market.commands import COMMANDS
from domain.market.messages import EVENTS
from domain.market.queries import BoardQuery, MarketsQuery, PricesQuery

CONTEXT = Context("market", events=EVENTS, commands=COMMANDS, queries=(MarketsQuery, BoardQuery, PricesQuery))
