"""A ledger kept twice: as the decider does, and naively from the moves alone; compared after each step."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from domain.clock.units import GameSpan, GameTime, RealSpan
from domain.kernel.decider import Rejected
from domain.ledger.book import Now, ended, evolve
from domain.ledger.commands import (
    AllowCredit,
    Hold,
    LedgerCommand,
    Link,
    PostHold,
    Reverse,
    Transfer,
    VoidHold,
)
from domain.ledger.ledger import expire
from domain.ledger.messages import (
    CreditAllowed,
    Held,
    HoldExpired,
    HoldPosted,
    HoldVoided,
    LedgerEvent,
    Reversed,
    Transferred,
)
from domain.ledger.vocabulary import Move
from tests.unit.ledger.kit import Ledger

SOURCES = ("source.mint", "source.wells")
PEOPLE = ("player.ann", "player.ben", "stall.lamps")
ACCOUNTS = (*SOURCES, *PEOPLE, "sink.tolls")
UNITS = ("crown", "oil", "tin_crown")
OPERATIONS = ("transfer", "transfer", "hold", "hold", "post", "void", "reverse", "link", "credit", "time")
EVENTS_MAX = 300
"""Events that may still be reversed: a million kept would be what the time goes into."""

OPEN_MAX = 40
"""Holds that are open at once: beyond that one is voided, so that each check stays short."""


T = TypeVar("T")


@dataclass
class Dice:
    """Numbers that somebody drew."""

    draw: Callable[[int], int]
    """A number below its argument."""

    def of(self, items: Sequence[T]) -> T:
        return items[self.draw(len(items))]


class Shadow:
    """A ledger and its naive twin."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.balances: Counter[tuple[str, str]] = Counter()
        self.held: Counter[tuple[str, str]] = Counter()
        self.holds: dict[str, Held] = {}
        self.floors: Counter[tuple[str, str]] = Counter()
        self.reversed: set[str] = set()
        self.done: Counter[str] = Counter()

    def operate(self, name: str, dice: Dice) -> None:
        """Do one operation and compare."""
        if name == "time" or len(self.holds) > OPEN_MAX:
            self._later(dice)
        else:
            self._ask(name, self._command(name, dice))
        self.check()
        while len(self.ledger.events) > EVENTS_MAX:
            del self.ledger.events[next(iter(self.ledger.events))]

    def _ask(self, name: str, command: LedgerCommand) -> None:
        known = len(self.ledger.ids())
        try:
            events = self.ledger.ask(command)
        except Rejected as refusal:
            self.done[refusal.code] += 1
            return
        self.done[name] += 1
        for id_, event in zip(self.ledger.ids()[known:], events, strict=True):
            self._take(id_, event)

    def _later(self, dice: Dice) -> None:
        now = self.ledger.now
        game = (now.game or GameTime(0)) + GameSpan(dice.draw(40))
        self.ledger.now = Now(now.real + RealSpan(dice.draw(40_000)), game)
        for hold in [hold for hold in self.holds.values() if ended(hold, self.ledger.now)]:
            event = expire(hold, self.ledger.book)
            self.ledger.book = evolve(self.ledger.book, event)
            self._take(hold.hold_id, event)
            self.done["expired"] += 1

    def _command(self, name: str, dice: Dice) -> LedgerCommand:
        match name:
            case "transfer":
                return Transfer(moves=self._moves(dice), reason="trade")
            case "hold":
                ends = {"game_ms": 1 + dice.draw(90)} if dice.draw(2) else {"real_ms": 1 + dice.draw(90)}
                return Hold(moves=self._moves(dice), reason="trade", **ends)
            case "post":
                hold_id = self._hold(dice)
                whole = [move.amount for move in self.holds[hold_id].moves] if hold_id in self.holds else [1]
                part = [dice.draw(amount + 1) for amount in whole] if dice.draw(2) else None
                return PostHold(hold_id=hold_id, amounts=part)
            case "void":
                return VoidHold(hold_id=self._hold(dice), reason="no_deal")
            case "reverse":
                ids = self.ledger.ids()[-200:]
                return Reverse(reverses=dice.of([*ids]) if ids else self._hold(dice), reason="refund")
            case "credit":
                account, unit = dice.of(ACCOUNTS), dice.of(UNITS)
                return AllowCredit(account=account, unit=unit, floor=-dice.draw(50))
            case _:
                steps = [self._step(dice) for _ in range(1 + dice.draw(3))]
                return Link.model_validate({"steps": steps})

    def _step(self, dice: Dice) -> dict[str, object]:
        do = dice.of(("transfer", "hold", "post", "void", "reverse"))
        kind = {"post": "post_hold", "void": "void_hold"}.get(do, do)
        return {"do": kind, **self._command(do, dice).model_dump()}

    def _moves(self, dice: Dice) -> list[Move]:
        return [self._one_move(dice) for _ in range(dice.of((1, 1, 1, 2, 4)))]

    def _one_move(self, dice: Dice) -> Move:
        """Return a move that is mostly possible."""
        anybody = dice.draw(10) == 0
        return Move(
            unit=(unit := dice.of((*UNITS, "crown", "oil"))),
            payer=dice.of(ACCOUNTS if anybody else (*SOURCES, *PEOPLE, *PEOPLE)),
            payee=dice.of(ACCOUNTS if anybody else (*PEOPLE, *PEOPLE, "sink.tolls")),
            amount=1 if unit == "tin_crown" else 1 + dice.draw(60),
        )

    def _hold(self, dice: Dice) -> str:
        ids = list(self.holds)
        return dice.of(ids) if ids and dice.draw(8) else "0" * 8 + "-0000" * 3 + "-" + "0" * 12

    # --- the naive twin: from moves alone -------------------------------------------------------------------

    def _take(self, id_: str, event: LedgerEvent) -> None:
        match event:
            case Transferred():
                self._move(event.moves)
            case Reversed():
                assert event.reverses not in self.reversed
                self.reversed.add(event.reverses)
                self._move(event.moves)
            case Held():
                assert event.hold_id == id_
                self.holds[id_] = event
                self._hold_more(event.moves, 1)
            case HoldPosted():
                self._hold_more(self.holds.pop(event.hold_id).moves, -1)
                self._move(event.moves, promised=True)
            case HoldVoided() | HoldExpired():
                self._hold_more(self.holds.pop(event.hold_id).moves, -1)
            case CreditAllowed():
                self.floors[event.account, event.unit] = event.floor
            case _:
                raise AssertionError(event)

    def _move(self, moves: list[Move], *, promised: bool = False) -> None:
        for move in moves:
            self.balances[move.payer, move.unit] -= move.amount
            self.balances[move.payee, move.unit] += move.amount
            if not promised:
                self._affords(move)

    def _hold_more(self, moves: list[Move], sign: int) -> None:
        for move in moves:
            self.held[move.payer, move.unit] += sign * move.amount
            if sign > 0:
                self._affords(move)

    def _affords(self, move: Move) -> None:
        place = move.payer, move.unit
        free = self.balances[place] - self.held[place]
        assert move.payer.startswith("source.") or free >= self.floors.get(place, 0)

    def check(self) -> None:
        """Compare, and see every rule kept."""
        lowest = self.ledger.book
        for unit in UNITS:
            has = {account: lowest.volume(account, unit) for account in ACCOUNTS}
            assert {a: (self.balances[a, unit], self.held[a, unit]) for a in ACCOUNTS} == has
            assert sum(balance for balance, _ in has.values()) == 0
            for account, (balance, held) in has.items():
                assert held >= 0
                credit = account.startswith("source.") or (account, unit) in self.floors
                assert credit or balance - held >= 0
        owners = [a for a in ACCOUNTS if self.balances[a, "tin_crown"] and not a.startswith("source.")]
        assert len(owners) <= 1
        assert {hold_id for hold_id, _ in lowest.holds.items()} == self.holds.keys()
