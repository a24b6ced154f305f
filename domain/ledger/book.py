"""The ledger's state: what there is, who has how much of it, and what is promised. Pure, never changed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from domain.clock.units import GameTime, RealTime
from domain.ledger.layers import Layers
from domain.ledger.messages import (
    AccountClosed,
    AccountOpened,
    CreditAllowed,
    Held,
    HoldExpired,
    HoldPosted,
    HoldVoided,
    Led,
    LedgerEvent,
    Moving,
    Reversed,
    Transferred,
    UnitOpened,
    UnitRetired,
)
from domain.ledger.vocabulary import Volume, is_source

STREAM = "ledger-realm"
"""One stream per realm, so that whatever is appended was decided on the newest state of all of it."""

Place = tuple[str, str]
"""Account and unit."""

Amounts = tuple[int, int]
"""Balance, and what of it is held."""

NOTHING: Amounts = (0, 0)


class Now(NamedTuple):
    """The two times at which something is decided."""

    real: RealTime
    game: GameTime | None = None
    """None: game time has not begun, or is not known."""


class Unit(NamedTuple):
    """Something that is counted."""

    opened: UnitOpened
    retired: bool = False


class Account(NamedTuple):
    """An account."""

    opened: AccountOpened
    closed: bool = False


class Book(NamedTuple):
    """Everything that a decision needs."""

    units: Layers[str, Unit] = Layers()
    accounts: Layers[str, Account] = Layers()
    issued: Layers[str, int] = Layers()
    """What sources gave of each unit, less what came back to them."""
    volumes: Layers[Place, Amounts] = Layers()
    floors: Layers[Place, int] = Layers()
    holds: Layers[str, Held] = Layers()
    undone: Layers[str, bool] = Layers()
    """Ids of the events that were reversed."""
    term: int = 0
    leader: str = ""

    def volume(self, account: str, unit: str) -> Amounts:
        """Return what an account has of a unit."""
        return self.volumes.get((account, unit)) or NOTHING


def ended(hold: Held, now: Now) -> bool:
    """Say whether a hold's time is over."""
    real, game = hold.expires_real_us, hold.expires_game_ms
    if real is not None and now.real >= RealTime(real):
        return True
    return game is not None and now.game is not None and now.game >= GameTime(game)


def evolve(book: Book, event: LedgerEvent) -> Book:
    """Return the ledger after ``event``; it never refuses history."""
    match event:
        case Transferred() | Held() | HoldPosted() | HoldVoided() | HoldExpired() | Reversed():
            return _promised(_moved(book, event.after), event)
        case UnitOpened():
            return book._replace(units=book.units.with_({event.unit: Unit(event)}))
        case UnitRetired():
            return _retired(book, event)
        case AccountOpened():
            accounts = book.accounts.with_({event.account: Account(event)})
            return book._replace(accounts=accounts)
        case AccountClosed():
            return _closed(book, event)
        case CreditAllowed():
            return book._replace(floors=book.floors.with_({(event.account, event.unit): event.floor}))
        case Led():
            return book._replace(term=event.term, leader=event.leader)


def _promised(book: Book, event: Moving) -> Book:
    match event:
        case Transferred():  # nearly all are; to find that it is none of the others takes pydantic a while
            return book
        case Held():
            return book._replace(holds=book.holds.with_({event.hold_id: event}))
        case HoldPosted() | HoldVoided() | HoldExpired():
            return book._replace(holds=book.holds.with_({event.hold_id: None}))
        case Reversed():
            return book._replace(undone=book.undone.with_({event.reverses: True}))


def _issued(book: Book, changes: Mapping[Place, Amounts]) -> Layers[str, int]:
    given: dict[str, int] = {}
    for (account, unit), (balance, _) in changes.items():
        if is_source(account):
            before = book.volume(account, unit)[0]
            given[unit] = given.get(unit, book.issued.get(unit) or 0) + before - balance
    return book.issued.with_(given) if given else book.issued


def _moved(book: Book, after: Sequence[Volume]) -> Book:
    changes = {(each.account, each.unit): (each.balance, each.held) for each in after}
    # Each transfer comes by here, and `_replace` would take longer than all the rest.
    return Book(
        book.units,
        book.accounts,
        _issued(book, changes),
        book.volumes.with_(changes),
        book.floors,
        book.holds,
        book.undone,
        book.term,
        book.leader,
    )


def _retired(book: Book, event: UnitRetired) -> Book:
    unit = book.units.get(event.unit)
    return book._replace(units=book.units.with_({event.unit: unit._replace(retired=True)})) if unit else book


def _closed(book: Book, event: AccountClosed) -> Book:
    account = book.accounts.get(event.account)
    if account is None:
        return book
    return book._replace(accounts=book.accounts.with_({event.account: account._replace(closed=True)}))
