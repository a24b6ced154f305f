"""The moves of one decision, checked one after the other on what the ones before them left."""

from collections.abc import Iterable, Sequence
from typing import NoReturn

from domain.kernel.decider import Rejected
from domain.ledger.book import Account, Amounts, Book, Place, Unit
from domain.ledger.vocabulary import AMOUNT_MAX, Move, Volume, is_sink, is_source


class Draft:
    """Volumes on their way from a `Book` to an event's ``after``; thrown away if a move is refused."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._volumes: dict[Place, Amounts] = {}

    def move(self, moves: Sequence[Move], *, backwards: bool = False) -> None:
        """Make moves; ``backwards`` lets sinks give and sources take, as a reversal needs.

        Raises:
            Rejected: a move breaks a rule; the field is ``moves.{number}`` and below.
        """
        for number, move in enumerate(moves):
            at = f"moves.{number}"
            self._check(move, at, backwards=backwards)
            self._pay(move, at)
            self._credit(move, at)

    def hold(self, moves: Sequence[Move]) -> None:
        """Promise moves; raises as `move` does."""
        for number, move in enumerate(moves):
            at = f"moves.{number}"
            if is_source(move.payer):
                _refuse("source_holds_nothing", f"{move.payer} has no end", f"{at}.payer", "transfer from it")
            self._check(move, at, backwards=False)
            balance, held = self._volume(move.payer, move.unit)
            self._see_enough(move, at, balance - held)
            self._volumes[move.payer, move.unit] = balance, held + move.amount
            self._volumes[move.payee, move.unit] = self._volume(move.payee, move.unit)

    def free(self, moves: Iterable[Move]) -> None:
        """Take back what was promised."""
        for move in moves:
            balance, held = self._volume(move.payer, move.unit)
            self._volumes[move.payer, move.unit] = balance, held - move.amount
            self._volumes[move.payee, move.unit] = self._volume(move.payee, move.unit)

    def keep(self, moves: Sequence[Move]) -> None:
        """Make moves that were promised: whatever was retired, and whatever credit was cut, since.

        Raises:
            Rejected: ``account_closed``, ``balance_overflow``.
        """
        for number, move in enumerate(moves):
            self._take(move)
            self._credit(move, f"moves.{number}")

    @property
    def after(self) -> list[Volume]:
        """What every account that was touched has."""
        return [
            Volume.of_values(account=account, unit=unit, balance=balance, held=held)
            for (account, unit), (balance, held) in self._volumes.items()
        ]

    def _volume(self, account: str, unit: str) -> Amounts:
        return self._volumes.get((account, unit)) or self._book.volume(account, unit)

    def _check(self, move: Move, at: str, *, backwards: bool) -> None:
        """See that a move may be at all, whatever is there."""
        unit = unit_of(self._book, move.unit, f"{at}.unit")
        account_of(self._book, move.payer, f"{at}.payer")
        account_of(self._book, move.payee, f"{at}.payee")
        if move.payer == move.payee:
            _refuse("same_account", f"{move.payer} would pay itself", f"{at}.payee", "name another account")
        if unit.retired and not is_sink(move.payee):
            remedy = "it can go into a sink, or a unit that took its place be moved"
            _refuse("unit_retired", f"{move.unit} is retired", f"{at}.unit", remedy)
        if not backwards and is_source(move.payee):
            remedy = "let it go into a sink, or reverse the transfer that brought it"
            _refuse("source_only_gives", f"{move.payee} takes nothing", f"{at}.payee", remedy)
        if not backwards and is_sink(move.payer):
            remedy = "bring it in from a source, or reverse the transfer that it went by"
            _refuse("sink_keeps", f"{move.payer} gives nothing", f"{at}.payer", remedy)
        if unit.opened.kind == "item" and move.amount != 1:
            _refuse("item_is_one", f"there is one {move.unit}", f"{at}.amount", "move 1")

    def _pay(self, move: Move, at: str) -> None:
        if is_source(move.payer):
            self._see_may_come(move, at)
        else:
            balance, held = self._volume(move.payer, move.unit)
            self._see_enough(move, at, balance - held)
        self._take(move)

    def _take(self, move: Move) -> None:
        balance, held = self._volume(move.payer, move.unit)
        self._volumes[move.payer, move.unit] = balance - move.amount, held

    def _credit(self, move: Move, at: str) -> None:
        account_of(self._book, move.payee, f"{at}.payee")
        balance, held = self._volume(move.payee, move.unit)
        if balance + move.amount > AMOUNT_MAX:
            what = f"{move.payee} has {balance:,} {move.unit}, with {move.amount:,} more it were too many"
            _refuse("balance_overflow", what, f"{at}.amount", f"an account holds at most {AMOUNT_MAX:,}")
        self._volumes[move.payee, move.unit] = balance + move.amount, held

    def _see_enough(self, move: Move, at: str, free: int) -> None:
        has = free - (self._book.floors.get((move.payer, move.unit)) or 0)
        if has < move.amount:
            what = f"{move.payer} has {max(has, 0):,} {move.unit} to give, not {move.amount:,}"
            _refuse("insufficient", what, f"{at}.amount", "ask ledger.balance for what is there and held")

    def _see_may_come(self, move: Move, at: str) -> None:
        """See that so much more may come into the world."""
        issued = (self._book.issued.get(move.unit) or 0) + sum(
            self._book.volume(account, unit)[0] - balance
            for (account, unit), (balance, _) in self._volumes.items()
            if unit == move.unit and is_source(account)
        )
        unit = self._book.units.get(move.unit)
        if unit and unit.opened.kind == "item" and issued:
            what = f"{move.unit} was brought into the world before"
            _refuse("item_exists", what, f"{at}.unit", "move it from its owner, or open another item")
        if issued + move.amount > AMOUNT_MAX:
            what = f"there are {issued:,} {move.unit}, with {move.amount:,} more it were too many"
            _refuse("balance_overflow", what, f"{at}.amount", f"the world holds at most {AMOUNT_MAX:,}")


def unit_of(book: Book, name: str, field: str) -> Unit:
    """Return a unit.

    Raises:
        Rejected: ``unit_unknown``.
    """
    if (unit := book.units.get(name)) is None:
        _refuse("unit_unknown", f"there is no unit {name}", field, "open it with ledger.open_unit")
    return unit


def account_of(book: Book, name: str, field: str) -> Account:
    """Return an account that is open.

    Raises:
        Rejected: ``account_unknown``, ``account_closed``.
    """
    if (account := book.accounts.get(name)) is None:
        remedy = "open it with ledger.open_account; sources and sinks with ledger.declare_flow"
        _refuse("account_unknown", f"there is no account {name}", field, remedy)
    if account.closed:
        _refuse("account_closed", f"account {name} is closed", field, "use another account")
    return account


def _refuse(code: str, message: str, field: str, remedy: str) -> NoReturn:
    raise Rejected(code, message, field=field, remedy=remedy)
