"""People, their purses and the stalls over many game days, without a log: what the world's money comes to.

Pure and of integers alone, by the same rules as the world that runs: lives (`domain.people.agenda`), orders,
postings and deliveries (`domain.market`), transfers (`domain.ledger`). What is decided in several processes
there happens here in one, in the order of the ids.
"""

from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from domain.clock.units import RealTime
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.ledger.book import Book, Now
from domain.ledger.commands import DeclareFlow, LedgerCommand, OpenAccount, OpenUnit, Transfer
from domain.ledger.ledger import LEDGER, Asked
from domain.ledger.messages import LedgerEvent
from domain.ledger.vocabulary import Move, is_sink, is_source
from domain.market.deliveries import coffers, deliveries, reason_of
from domain.market.deliveries import flows as stall_flows
from domain.market.market import MARKET, Closing, Market, open_day
from domain.market.messages import PricesPosted, Wanted
from domain.market.orders import Counter, order
from domain.market.stalls import Stall
from domain.people.agenda import Agenda
from domain.people.errands import Errand
from domain.people.lives import People
from domain.people.living import PAID, SAVED, SAVINGS, Living, Wage, account_of, flows, pay, tills_of
from domain.people.messages import Bought
from domain.people.purchases import Order, Outcome, choose, missed_by
from domain.people.rules import DAY_MINUTES, MINUTE_MS
from domain.people.scene import World

DAY_MS = DAY_MINUTES * MINUTE_MS
NOW = Now(RealTime(0))


@dataclass(slots=True)
class Town:
    """A world's people and stalls, and the ledger behind them.

    Attributes:
        levels: by stall and good, each day's level.
        transfers: how many people's purchases and wages came to.
        missed: how often people got nothing, by why.
    """

    world: World
    now_ms: int
    book: Book = field(default_factory=Book)
    markets: dict[str, Market] = field(default_factory=dict)
    before: dict[str, PricesPosted] = field(default_factory=dict)
    levels: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    transfers: int = 0
    missed: Tally[str] = field(default_factory=Tally)
    agenda: Agenda = field(init=False)
    begun: Sequence[Event] = field(init=False)
    """What brings everybody into the world."""

    def __post_init__(self) -> None:
        """Open stalls and purses, and have everybody join."""
        self.agenda = Agenda(People(), self.world, purses=self.coins)
        self._furnish()
        self._open_stalls()
        self.begun = self.agenda.outside(self.now_ms)

    @property
    def living(self) -> Living:
        """What people live of."""
        return self.world.cast.living

    def coins(self, person: str) -> int | None:
        """Return what somebody has to spend."""
        currency = self.living.currencies[self.world.cast.rows[person]]
        return self.has(account_of(person), currency) if currency else None

    def has(self, account: str, unit: str) -> int:
        """Return what an account has to give."""
        balance, held = self.book.volume(account, unit)
        return balance - held

    @property
    def money(self) -> dict[str, tuple[int, int]]:
        """By currency, what sources gave less what sinks have, and what all others have."""
        moneys = set(self.living.currencies)
        found = {unit: [0, 0] for unit in moneys if unit}
        for (account, unit), (balance, _) in self.book.volumes.items():
            if unit in found:
                outside = is_source(account) or is_sink(account)
                found[unit][0 if outside else 1] += -balance if outside else balance
        return {unit: (explained, there) for unit, (explained, there) in found.items()}

    def run(self, until_ms: int) -> list[Event]:
        """Let time pass; return what people did. Stalls open their day at midnight."""
        found: list[Event] = []
        while self.now_ms < until_ms:
            midnight = (self.now_ms // DAY_MS + 1) * DAY_MS
            found += self._live(min(until_ms, midnight - MINUTE_MS))
            self.now_ms = min(until_ms, midnight)
            if self.now_ms == midnight:
                self._open_stalls()
        return found

    def _live(self, upto_ms: int) -> Iterator[Event]:
        while True:
            events = self.agenda.run(upto_ms)
            yield from events
            if not (errands := self.agenda.errands.take()):
                return
            at_ms = self.agenda.people.tick_ms
            for errand in errands:
                self.agenda.settle(errand, self._do(errand, at_ms))

    # --- purses ---------------------------------------------------------------------------------------------

    def _do(self, errand: Errand, now_ms: int) -> Outcome | None:
        if isinstance(errand, Wage):
            self._pay(errand)
            return None
        outcome = self._buy(errand, now_ms)
        if not isinstance(outcome, Bought):
            self.missed[outcome] += 1
        return outcome

    def _pay(self, wage: Wage) -> None:
        tills = tills_of(wage, self.living.stalls, self.has)
        self._tell(Transfer(moves=list(pay(wage, tills)), reason=PAID))
        self.transfers += 1

    def _buy(self, wanted: Order, now_ms: int) -> Outcome:
        stall, market = self.living.stalls[wanted.market], self.markets[wanted.market]
        coins = self.coins(wanted.person) or 0
        asked = choose(wanted, market, lambda good: self.has(stall.account, good), coins)
        if asked is None:
            return "sold_out"
        try:
            transfer = order(asked, Counter(stall, market, self.has, self._shut(stall, now_ms)))
            self._tell(transfer)
        except Rejected as refusal:
            if refusal.code == "sold_out":
                missed = Wanted(**asked.model_dump(exclude={"limit", "used_up"}), day=market.day or 0)
                self.markets[wanted.market] = MARKET.evolve(market, missed)
            return missed_by(refusal.code)
        self.transfers += 1
        cost = transfer.moves[0].amount
        return Bought(market=asked.market, good=asked.good, quantity=asked.quantity, coins=cost)

    def _shut(self, stall: Stall, now_ms: int) -> str:
        if not self.world.day(now_ms).opens(stall.hours):
            return "it is shut at this hour"
        lives = [self.agenda.people.lives[each] for each in stall.keepers if each in self.agenda.people.lives]
        there = any(life.place == stall.market and life.journey is None for life in lives)
        return "" if there or not lives else "its keepers are away"

    # --- stalls ---------------------------------------------------------------------------------------------

    def _furnish(self) -> None:
        cast, living = self.world.cast, self.living
        stalls = living.stalls.values()
        for unit in sorted(
            {stall.currency for stall in stalls} | {each for each in living.currencies if each}
        ):
            self._tell(OpenUnit(unit=unit, kind="currency", digits=2, says=""))
        kinds = {good: terms.unique for stall in stalls for good, terms in stall.terms.items()}
        for good, unique in sorted(kinds.items()):
            self._tell(OpenUnit(unit=good, kind="item" if unique else "good", digits=0, says=""))
        for flow, says in {**stall_flows(stalls), **flows(living, cast.acts)}.items():
            self._tell(DeclareFlow(account=flow, says=says))
        for account in [*(stall.account for stall in stalls), *coffers(stalls)]:
            self._tell(OpenAccount(account=account))
        for row, person in enumerate(cast.people):
            if purse := int(living.purses[row]):
                account, unit = account_of(person.id), living.currencies[row]
                self._tell(OpenAccount(account=account))
                move = Move(unit=unit, payer=SAVINGS, payee=account, amount=purse)
                self._tell(Transfer(moves=[move], reason=SAVED))

    def _open_stalls(self) -> None:
        day = self.now_ms // DAY_MS
        for stall in self.living.stalls.values():
            market = self.markets.get(stall.market, MARKET.initial)
            stock = {good: self.has(stall.account, good) for good in stall.terms}
            closing = Closing(day, stock, self.has(stall.account, stall.currency))
            for event in open_day(stall, market, closing):
                market = MARKET.evolve(market, event)
                if isinstance(event, PricesPosted):
                    self._deliver(stall, event)
            self.markets[stall.market] = market

    def _deliver(self, stall: Stall, posted: PricesPosted) -> None:
        before = self.before.get(stall.market)
        for moves in deliveries(stall, before, posted):
            self._tell(Transfer(moves=list(moves), reason=reason_of(before)))
        self.before[stall.market] = posted
        for each in posted.prices:
            self.levels.setdefault((stall.market, each.good), []).append(each.level)

    def _tell(self, command: LedgerCommand) -> None:
        events: Sequence[LedgerEvent] = LEDGER.decide(Asked(command, NOW, str), self.book)
        for event in events:
            self.book = LEDGER.evolve(self.book, event)
