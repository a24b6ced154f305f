"""Stalls over many game days without a world: people who buy, hoard and sell again, in a ledger of its own.

Pure and of integers alone: the same stalls, days and seed give the same prices on every machine. People are
paid by a declared source and buy less of what is dear; now and then somebody buys a good out for days and
sells it again. What comes of it shows whether prices stay in their bands, calm down, and whether the money
adds up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise

from domain.clock.units import RealTime
from domain.kernel.decider import Rejected
from domain.ledger.book import Book, Now
from domain.ledger.commands import DeclareFlow, LedgerCommand, OpenAccount, OpenUnit, Transfer
from domain.ledger.ledger import LEDGER, Asked
from domain.ledger.vocabulary import Move, is_sink, is_source
from domain.market.commands import Buy, Order, Sell
from domain.market.deliveries import coffers, deliveries, flows, reason_of
from domain.market.market import MARKET, Closing, Market, open_day
from domain.market.messages import PricesPosted, RanShort, Wanted
from domain.market.orders import Counter, order
from domain.market.stalls import Stall, Terms
from domain.market.vocabulary import WHOLE

WAGES = "source.wages"
PEOPLE = 8
"""Accounts that buy, for each currency."""

HOARDS_EVERY = 40
"""Game days, on average, between two times that somebody buys a good out at a stall."""

HOARD_DAYS = 6
NOW = Now(RealTime(0))


@dataclass(slots=True)
class Year:
    """Stalls, what they posted, and the ledger behind them."""

    stalls: Mapping[str, Stall]
    seed: int
    book: Book = field(default_factory=Book)
    markets: dict[str, Market] = field(default_factory=dict)
    before: dict[str, PricesPosted] = field(default_factory=dict)
    levels: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """By stall and good, each day's level."""
    hoards: dict[tuple[str, str], int] = field(default_factory=dict)
    """By stall and good, the day on which somebody last began to buy it out."""
    shortages: int = 0
    refused: int = 0

    def draw(self, *at: object) -> int:
        """Return 0 to 999, by what is named: no order of calls changes it."""
        text = "/".join(map(str, (self.seed, *at))).encode()
        return int.from_bytes(blake2b(text, digest_size=8).digest()) * WHOLE >> 64

    def run(self, days: int) -> None:
        """Let so many game days pass."""
        self._begin()
        for day in range(days):
            for stall in self.stalls.values():
                self._morning(stall, day)
                for terms in stall.terms.values():
                    self._trade(stall, terms, day)

    @property
    def money(self) -> Mapping[str, tuple[int, int]]:
        """By currency, what sources gave less what sinks have, and what all others have."""
        found: dict[str, list[int]] = {stall.currency: [0, 0] for stall in self.stalls.values()}
        for (account, unit), (balance, _) in self.book.volumes.items():
            if unit in found:
                outside = is_source(account) or is_sink(account)
                found[unit][0 if outside else 1] += -balance if outside else balance
        return {unit: (explained, there) for unit, (explained, there) in found.items()}

    def _begin(self) -> None:
        for unit in sorted({stall.currency for stall in self.stalls.values()}):
            self._tell(OpenUnit(unit=unit, kind="currency", digits=2, says=""))
            for number in range(PEOPLE):
                self._tell(OpenAccount(account=f"person.{unit}_{number}"))
        for good, terms in sorted({(g, t.unique) for s in self.stalls.values() for g, t in s.terms.items()}):
            self._tell(OpenUnit(unit=good, kind="item" if terms else "good", digits=0, says=""))
        for flow, says in {**flows(self.stalls.values()), WAGES: "Wages"}.items():
            self._tell(DeclareFlow(account=flow, says=says))
        for account in [*(stall.account for stall in self.stalls.values()), *coffers(self.stalls.values())]:
            self._tell(OpenAccount(account=account))

    def _morning(self, stall: Stall, day: int) -> None:
        market = self.markets.get(stall.market, MARKET.initial)
        stock = {good: self._has(stall.account, good) for good in stall.terms}
        closing = Closing(day, stock, self._has(stall.account, stall.currency))
        for event in open_day(stall, market, closing):
            market = MARKET.evolve(market, event)
            self.shortages += isinstance(event, RanShort)
            if isinstance(event, PricesPosted):
                before = self.before.get(stall.market)
                for moves in deliveries(stall, before, event):
                    self._tell(Transfer(moves=list(moves), reason=reason_of(before)))
                self.before[stall.market] = event
                for each in event.prices:
                    self.levels.setdefault((stall.market, each.good), []).append(each.level)
        self.markets[stall.market] = market

    def _trade(self, stall: Stall, terms: Terms, day: int) -> None:
        """Have people buy what they need of a good today, or somebody hoard it, or sell the hoard again."""
        at = (stall.market, terms.good)
        level = self.levels[at][-1]
        draw, who = self.draw("need", *at, day), self.draw("who", *at, day) % PEOPLE
        comes = terms.made + terms.carted // 2
        need = (comes * (WHOLE // 2 + draw) * WHOLE // level + WHOLE // 2) // WHOLE
        self._order(Buy, stall, terms, need, f"person.{stall.currency}_{who}")
        if day and not terms.unique and self.draw("hoard", *at, day) < WHOLE // HOARDS_EVERY:
            self.hoards[at] = day
        if at in self.hoards:
            hoarder = f"person.{stall.currency}_{self.draw('hoarder', *at) % PEOPLE}"
            there = self._has(stall.account, terms.good)
            if day - self.hoards[at] < HOARD_DAYS:
                self._order(Buy, stall, terms, there, hoarder)
            elif has := self._has(hoarder, terms.good):
                quantity = min(has, 2 * terms.shelf - there)
                self._order(Sell, stall, terms, quantity, hoarder)

    def _order(self, kind: type[Order], stall: Stall, terms: Terms, quantity: int, who: str) -> None:
        if quantity < 1:
            return
        market = self.markets[stall.market]
        asked = kind(market=stall.market, good=terms.good, quantity=quantity, account=who)
        if kind is Buy:
            self._earn(who, stall.currency, market.posted[terms.good].price * quantity)
        try:
            self._tell(order(asked, Counter(stall, market, self._has)))
        except Rejected as refusal:
            self.refused += 1
            if refusal.code == "sold_out":
                missed = Wanted(**asked.model_dump(exclude={"limit"}), day=market.day or 0)
                self.markets[stall.market] = MARKET.evolve(market, missed)

    def _earn(self, who: str, unit: str, amount: int) -> None:
        """Pay somebody what they lack."""
        if (lacks := amount - self._has(who, unit)) > 0:
            moves = [Move(unit=unit, payer=WAGES, payee=who, amount=lacks)]
            self._tell(Transfer(moves=moves, reason="wages"))

    def _has(self, account: str, unit: str) -> int:
        balance, held = self.book.volume(account, unit)
        return balance - held

    def _tell(self, command: LedgerCommand) -> None:
        for event in LEDGER.decide(Asked(command, NOW, str), self.book):
            self.book = LEDGER.evolve(self.book, event)


def turns_of(levels: Sequence[int]) -> int:
    """Return how often a series of levels goes from rising to falling or back."""
    moves = [after - before for before, after in pairwise(levels) if after != before]
    return sum((one > 0) != (other > 0) for one, other in pairwise(moves))
