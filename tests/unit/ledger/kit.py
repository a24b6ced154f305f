"""A small ledger, and how to ask it."""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid5

import pytest

from domain.clock.units import GameTime, RealTime
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.ledger.book import Book, Now, evolve
from domain.ledger.commands import LedgerCommand
from domain.ledger.ledger import LEDGER, Asked
from domain.ledger.messages import AccountOpened, LedgerEvent, Transferred, UnitOpened
from domain.ledger.vocabulary import Move, Volume

ROOT = UUID(int=7)
NOW = Now(RealTime(1_000_000), GameTime(5_000))

START: Sequence[LedgerEvent] = (
    UnitOpened(unit="crown", kind="currency", digits=2, says="Coin"),
    UnitOpened(unit="oil", kind="good", digits=0, says="Lamp oil"),
    UnitOpened(unit="tin_crown", kind="item", digits=0, says="The Tin Crown"),
    *(
        AccountOpened(account=name, says="")
        for name in ("source.mint", "source.wells", "sink.tolls", "player.ann", "player.ben", "stall.lamps")
    ),
)


def id_of(number: int) -> str:
    """Return the id of a command's event."""
    return str(uuid5(ROOT, str(number)))


def move(payer: str, payee: str, amount: int, unit: str = "crown") -> Move:
    """Return a move."""
    return Move(unit=unit, payer=payer, payee=payee, amount=amount)


def paid(*moves: Move, after: Mapping[tuple[str, str], int]) -> Transferred:
    """Return a transfer of before."""
    volumes = [Volume(account=account, unit=unit, balance=b) for (account, unit), b in after.items()]
    return Transferred(moves=list(moves), reason="start", after=volumes)


RICH = paid(
    move("source.mint", "player.ann", 100),
    after={("source.mint", "crown"): -100, ("player.ann", "crown"): 100},
)


class Ledger:
    """A ledger that is asked one thing after the other."""

    def __init__(self, *events: LedgerEvent) -> None:
        self.book: Book = LEDGER.fold([*START, *events])
        self.now = NOW
        self.events: dict[str, Event] = {}
        self.asked = 0

    def ask(self, command: LedgerCommand) -> Sequence[LedgerEvent]:
        """Return what follows; raises as the decider does."""
        self.asked += 1
        cause = uuid5(ROOT, f"command {self.asked}")
        asked = Asked(command, self.now, lambda number: str(uuid5(cause, str(number))), self.events)
        events = LEDGER.decide(asked, self.book)
        for number, event in enumerate(events):
            self.events[asked.id_of(number)] = event
            self.book = evolve(self.book, event)
        return events

    def ids(self) -> Sequence[str]:
        """Return the ids of all that happened."""
        return list(self.events)

    def refuses(self, command: LedgerCommand, code: str, field: str, says: str = "") -> None:
        """See a command refused, and nothing changed by it."""
        before = self.book
        with pytest.raises(Rejected) as refusal:
            self.ask(command)
        assert (refusal.value.code, refusal.value.field) == (code, field)
        assert says in f"{refusal.value.message} | {refusal.value.remedy}"
        assert refusal.value.remedy
        assert self.book is before

    def has(self, account: str, unit: str = "crown") -> tuple[int, int]:
        """Return balance and held."""
        return self.book.volume(account, unit)
