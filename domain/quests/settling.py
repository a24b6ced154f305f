"""What the ledger does for a quest: what is handed over and what is paid, in the same append. Pure.

What is missing (a unit that nobody opened, an account of a new player) is opened along with it. A handover
that cannot be is refused; pay that cannot be moved does not keep a quest from its end: it is told as unpaid.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from domain.definition.definition import Definition
from domain.kernel.decider import Rejected
from domain.ledger.book import Book, Now, evolve
from domain.ledger.commands import DeclareFlow, LedgerCommand, OpenAccount, OpenUnit, Transfer
from domain.ledger.ledger import LEDGER, Asked
from domain.ledger.messages import LedgerEvent
from domain.ledger.vocabulary import MOVES_MAX, Move
from domain.quests.messages import Completed, Progressed, QuestEvent
from domain.quests.vocabulary import SOURCE, Paid, kept_by

HANDED_OVER, REWARD = "quest_handover", "quest_reward"


@dataclass(frozen=True, slots=True)
class Units:
    """What the world's money and goods are in the ledger, by id."""

    opened: Mapping[str, OpenUnit] = field(default_factory=dict)


def units_of(definition: Definition) -> Units:
    """Return the units of a definition: currencies in hundredths, goods, and what there is one of."""
    units = [
        OpenUnit(unit=each.id, kind="currency", digits=2, says=each.id) for each in definition.currencies
    ] + [
        OpenUnit(unit=each.id, kind="item" if each.unique else "good", says=each.name[:200])
        for each in definition.goods
    ]
    return Units({unit.unit: unit for unit in units})


@dataclass(slots=True)
class Settlement:
    """The ledger's part, on a draft that grows."""

    book: Book
    now: Now
    units: Units
    events: list[LedgerEvent] = field(default_factory=list)

    def hand_over(self, event: Progressed) -> None:
        """Move what an objective hands over.

        Raises:
            Rejected: as ledger.transfer is.
        """
        assert event.to is not None
        to = kept_by(event.to)
        self._open(event.given, [to])
        moves = [Move(unit=each.unit, payer=_of(each), payee=to, amount=each.amount) for each in event.given]
        self._do(Transfer(moves=moves, reason=HANDED_OVER))

    def pay(self, event: Completed) -> Completed:
        """Move what a quest brings; return the event with what could be."""
        paid, unpaid = list[Paid](), list[Paid]()
        moves: list[Move] = []
        for each in event.paid:
            move = Move(unit=each.unit, payer=SOURCE, payee=_of(each), amount=each.amount)
            try:
                self._open([each], [])
                self._try(Transfer(moves=[*moves, move], reason=REWARD))
            except Rejected:
                unpaid.append(each)
                continue
            paid.append(each)
            moves.append(move)
            if len(moves) == MOVES_MAX:
                self._do(Transfer(moves=moves, reason=REWARD))
                moves = []
        if moves:
            self._do(Transfer(moves=moves, reason=REWARD))
        return event.model_copy(update={"paid": paid, "unpaid": unpaid}) if unpaid else event

    def _open(self, paid: Sequence[Paid], accounts: Sequence[str]) -> None:
        for command in self._openings(paid, accounts):
            self._do(command)

    def _openings(self, paid: Sequence[Paid], accounts: Sequence[str]) -> Iterator[LedgerCommand]:
        for unit in dict.fromkeys(each.unit for each in paid):
            if self.book.units.get(unit) is None and (opened := self.units.opened.get(unit)):
                yield opened
        if self.book.accounts.get(SOURCE) is None:
            yield DeclareFlow(account=SOURCE, says="Pay for quests")
        for account in dict.fromkeys([*(_of(each) for each in paid), *accounts]):
            if self.book.accounts.get(account) is None:
                yield OpenAccount(account=account)

    def _do(self, command: LedgerCommand) -> None:
        for event in self._try(command):
            self.book = evolve(self.book, event)
            self.events.append(event)

    def _try(self, command: LedgerCommand) -> Sequence[LedgerEvent]:
        return LEDGER.decide(Asked(command, self.now, lambda _: ""), self.book)


def settled(
    events: Sequence[QuestEvent], book: Book, now: Now, units: Units
) -> tuple[list[QuestEvent], list[LedgerEvent]]:
    """Return a decision's events, and those of the ledger that go with them.

    Raises:
        Rejected: what is handed over is not there.
    """
    draft, found = Settlement(book, now, units), list[QuestEvent]()
    for event in events:
        match event:
            case Progressed() if event.given:
                draft.hand_over(event)
                found.append(event)
            case Completed() if event.paid:
                found.append(draft.pay(event))
            case _:
                found.append(event)
    return found, draft.events


def _of(paid: Paid) -> str:
    return f"player.{paid.player}"
