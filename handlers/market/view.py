"""The stalls in memory: what is sold on which terms, what is posted, what is there, what was traded."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import ClassVar

from bus.ports import EventLog, RecordedEvent
from domain.definition.loading import LOADED, definition_of, evolve
from domain.definition.messages import EntryDefined, EntryRetired, VersionPublished
from domain.kernel.event import Event
from domain.ledger.messages import (
    AccountOpened,
    Held,
    HoldExpired,
    HoldPosted,
    HoldVoided,
    Moving,
    Reversed,
    Transferred,
    UnitOpened,
)
from domain.ledger.vocabulary import owner_of
from domain.market.market import MARKET, Closing, Market
from domain.market.messages import EVENTS, MarketEvent, PricesPosted
from domain.market.orders import BOUGHT, SOLD
from domain.market.stalls import Stall, stalls_of
from domain.people.harm_messages import Died
from handlers.kernel.follow import Decode, MemoryView

DEFINING = (EntryDefined, EntryRetired, VersionPublished)
MOVING = (Transferred, Held, HoldPosted, HoldVoided, HoldExpired, Reversed)
HEARD = (*DEFINING, *MOVING, UnitOpened, AccountOpened, Died, *EVENTS)

STALL = "stall."
CUSTOMERS_MAX = 100_000
"""Whose trades of a day are told apart at a stall; those of others are not counted as bought or sold."""


class Stalls(MemoryView):
    """Run `run` in a task. Without a world that was loaded there are no stalls."""

    name: ClassVar[str] = "stalls"
    types: ClassVar[tuple[str, ...]] = tuple(kind.event_name for kind in HEARD)

    def __init__(self, log: EventLog, *, decode: Decode) -> None:
        super().__init__(log, decode=decode)
        self.stalls: Mapping[str, Stall] = {}
        self.markets: dict[str, Market] = {}
        self.versions: dict[str, int] = {}
        """Of each stall's stream."""
        self.postings: dict[str, tuple[PricesPosted | None, PricesPosted]] = {}
        """Each stall's last two."""
        self.units: set[str] = set()
        self.accounts: set[str] = set()
        """Units, and accounts that are no player's, that the ledger has."""
        self.deaths: dict[str, str] = {}
        """Of what people died, by person."""
        self._currencies: set[str] = set()
        self._amounts: dict[tuple[str, str], int] = {}
        self._traded: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
        """By stall, for each good and owner, pieces bought less pieces sold since the last posting."""
        self._defined = LOADED
        self._redefined = False

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        match event:
            case Transferred() | Held() | HoldPosted() | HoldVoided() | HoldExpired() | Reversed():
                self._take_amounts(event)
            case UnitOpened():
                self.units.add(event.unit)
                if event.kind == "currency":
                    self._currencies.add(event.unit)
            case AccountOpened():
                if not event.account.startswith("player."):
                    self.accounts.add(event.account)
            case Died():
                self.deaths[event.person] = event.cause
            case EntryDefined() | EntryRetired() | VersionPublished():
                self._defined = evolve(self._defined, event)
                self._redefined = self._redefined or isinstance(event, VersionPublished)
            case _ if isinstance(event, EVENTS):
                self._happened(event, recorded.version)
            case _:
                pass

    def _take_amounts(self, event: Moving) -> None:
        for each in event.after:
            if each.account.startswith(STALL) or each.unit in self._currencies:
                self._amounts[each.account, each.unit] = each.balance - each.held
        if isinstance(event, Transferred) and event.reason in (BOUGHT, SOLD):
            self._trades(event)

    def _happened(self, event: MarketEvent, version: int) -> None:
        self.versions[event.market] = version
        self.markets[event.market] = MARKET.evolve(self.market(event.market), event)
        if isinstance(event, PricesPosted):
            _, before = self.postings.get(event.market, (None, None))
            self.postings[event.market] = before, event
            self._traded.pop(event.market, None)

    async def settle(self) -> None:
        """Read a new definition once for a batch."""
        if self._redefined:
            definition = await asyncio.to_thread(definition_of, self._defined)
            self.stalls = stalls_of(definition) if definition else {}
            self._redefined = False

    def market(self, market: str) -> Market:
        """Return what is known of a stall."""
        return self.markets.get(market, MARKET.initial)

    def amount(self, account: str, unit: str) -> int:
        """Return what a stall has to give of a unit, or anybody of a currency."""
        return self._amounts.get((account, unit), 0)

    def known(self, account: str, unit: str) -> int | None:
        """Return as `amount` does; None: the account never had any of it."""
        return self._amounts.get((account, unit))

    def closing(self, stall: Stall, day: int) -> Closing:
        """Return the end of the day before ``day`` at a stall."""
        bought: dict[str, int] = {}
        sold: dict[str, int] = {}
        for (good, _), net in self._traded.get(stall.market, {}).items():
            into = bought if net > 0 else sold
            into[good] = into.get(good, 0) + abs(net)
        stock = {good: self.amount(stall.account, good) for good in stall.terms}
        return Closing(day, stock, self.amount(stall.account, stall.currency), bought, sold)

    def _trades(self, event: Transferred) -> None:
        """Count a trade for whose it is: who buys and sells the same has done neither."""
        coins, goods = event.moves[0], event.moves[-1]
        bought = event.reason == BOUGHT
        stall, customer = (coins.payee, coins.payer) if bought else (coins.payer, coins.payee)
        traded, key = self._traded[stall.removeprefix(STALL)], (goods.unit, owner_of(customer))
        if key in traded or len(traded) < CUSTOMERS_MAX:
            traded[key] = traded.get(key, 0) + (goods.amount if bought else -goods.amount)
