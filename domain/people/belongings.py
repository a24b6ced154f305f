"""What the ledger does for harm: what a thief takes, and what the dead leave; in the same append. Pure.

What somebody has is in the ledger, in accounts of theirs. A dead person's goes into one account, from which
whoever is to have it is given it, so that nothing vanishes. What is promised by a hold stays promised.
"""

from collections.abc import Sequence

from domain.kernel.decider import Rejected
from domain.ledger.book import Book, Now, evolve
from domain.ledger.commands import LedgerCommand, OpenAccount, Transfer
from domain.ledger.ledger import LEDGER, Asked
from domain.ledger.messages import LedgerEvent
from domain.ledger.vocabulary import MOVES_MAX, Move, owner_of
from domain.people.harm import PERSON
from domain.people.harm_messages import Died, HarmEvent, Robbed

STOLEN, LEFT_BEHIND = "stolen", "left_behind"


class Belongings:
    """The ledger's part, on a draft that grows."""

    def __init__(self, book: Book, now: Now) -> None:
        self.book = book
        self.now = now
        self.events: list[LedgerEvent] = []

    def steal(self, event: Robbed) -> None:
        """Move what is taken, from the account that bears the owner's name.

        Raises:
            Rejected: as ledger.transfer is.
        """
        thief = event.by
        move = Move(unit=event.unit, payer=event.of, payee=thief, amount=event.amount)
        if self.book.accounts.get(thief) is None and self.book.accounts.get(event.of) is not None:
            self._do(OpenAccount(account=thief))
        self._do(Transfer(moves=[move], reason=STOLEN))

    def leave(self, event: Died) -> None:
        """Move all that a dead person has into their estate; what the ledger does not let go stays."""
        owner, moves = PERSON + event.person, list[Move]()
        for (account, unit), (balance, held) in sorted(self.book.volumes.items()):
            if owner_of(account) == owner and balance > held:
                moves.append(Move(unit=unit, payer=account, payee=event.estate, amount=balance - held))
        if moves and self.book.accounts.get(event.estate) is None:
            self._do(OpenAccount(account=event.estate))
        movable = [move for move in moves if self._may(move)]
        for start in range(0, len(movable), MOVES_MAX):
            self._do(Transfer(moves=movable[start : start + MOVES_MAX], reason=LEFT_BEHIND))

    def _may(self, move: Move) -> bool:
        """Say whether the ledger lets something go: what is retired, or in a closed account, stays."""
        try:
            self._decided(Transfer(moves=[move], reason=LEFT_BEHIND))
        except Rejected:
            return False
        return True

    def _do(self, command: LedgerCommand) -> None:
        for event in self._decided(command):
            self.book = evolve(self.book, event)
            self.events.append(event)

    def _decided(self, command: LedgerCommand) -> Sequence[LedgerEvent]:
        return LEDGER.decide(Asked(command, self.now, lambda _: ""), self.book)


def moved(events: Sequence[HarmEvent], book: Book, now: Now) -> Sequence[LedgerEvent]:
    """Return the ledger's events that go with what was done.

    Raises:
        Rejected: what is stolen is not there.
    """
    draft = Belongings(book, now)
    for event in events:
        match event:
            case Robbed():
                draft.steal(event)
            case Died():
                draft.leave(event)
            case _:
                pass
    return draft.events
