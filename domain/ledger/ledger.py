"""What may happen in the ledger: from a command, and what it was asked with, to the events that follow.

Times, ids and the events that a reversal names come along in `Asked`. A transfer is no state that could be
"already so": whoever runs this knows by the command's id that it was made (`handlers.ledger.desk`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.clock.units import GameSpan, RealSpan
from domain.kernel.decider import Decider, Rejected
from domain.kernel.event import Event
from domain.ledger.book import Account, Book, Now, Unit, ended, evolve
from domain.ledger.commands import (
    AllowCredit,
    CloseAccount,
    DeclareFlow,
    Holding,
    LedgerCommand,
    Link,
    OpenAccount,
    OpenUnit,
    Posting,
    RetireUnit,
    Reversing,
    Single,
    Transfer,
    Transferring,
    Voiding,
)
from domain.ledger.draft import Draft, account_of, unit_of
from domain.ledger.messages import (
    AccountClosed,
    AccountOpened,
    CreditAllowed,
    Held,
    HoldExpired,
    HoldPosted,
    HoldVoided,
    LedgerEvent,
    Reversed,
    Transferred,
    UnitOpened,
    UnitRetired,
)
from domain.ledger.vocabulary import AMOUNT_MAX, Move, is_sink, is_source


@dataclass(frozen=True, slots=True)
class Asked:
    """A command with its circumstances.

    Attributes:
        command: what is asked.
        now: when.
        id_of: the id that its event of that number, from 0, will have.
        originals: by id, the events that its reversals name; what is missing there is in no log.
    """

    command: LedgerCommand
    now: Now
    id_of: Callable[[int], str]
    originals: Mapping[str, Event] = field(default_factory=dict)


def decide(asked: Asked, book: Book) -> Sequence[LedgerEvent]:
    """Return what follows from a command.

    Raises:
        Rejected: as the command's declaration tells.
    """
    match asked.command:
        case Transfer():  # nearly all are; to find that it is none of the others takes pydantic a while
            return [_transfer(asked.command, book)]
        case Link():
            return _link(asked, asked.command, book)
        case Transferring() | Holding() | Posting() | Voiding() | Reversing():
            return [_single(asked, asked.command, 0, book)]
        case OpenUnit():
            return _open_unit(asked.command, book)
        case RetireUnit():
            unit = unit_of(book, asked.command.unit, "unit")
            return [] if unit.retired else [UnitRetired(unit=asked.command.unit)]
        case OpenAccount():
            return _open_account(asked.command, book)
        case DeclareFlow():
            return _declare_flow(asked.command, book)
        case CloseAccount():
            return _close_account(asked.command, book)
        case AllowCredit():
            return _allow_credit(asked.command, book)


LEDGER: Decider[Asked, LedgerEvent, Book] = Decider(Book(), decide, evolve)


def expire(hold: Held, book: Book) -> HoldExpired:
    """Return the end of a hold whose time is over."""
    draft = Draft(book)
    draft.free(hold.moves)
    return HoldExpired(hold_id=hold.hold_id, after=draft.after)


def _link(asked: Asked, command: Link, book: Book) -> Sequence[LedgerEvent]:
    events: list[LedgerEvent] = []
    for number, step in enumerate(command.steps):
        try:
            event = _single(asked, step, number, book)
        except Rejected as refusal:
            field_ = f"steps.{number}.{refusal.field}".rstrip(".")
            raise Rejected(refusal.code, refusal.message, field=field_, remedy=refusal.remedy) from None
        events.append(event)
        book = evolve(book, event)
    return events


def _single(asked: Asked, command: Single, number: int, book: Book) -> LedgerEvent:
    match command:
        case Transferring():
            return _transfer(command, book)
        case Holding():
            return _hold(command, asked.id_of(number), asked.now, book)
        case Posting():
            return _post(command, asked.now, book)
        case Voiding():
            hold, draft = _open_hold(command.hold_id, book), Draft(book)
            draft.free(hold.moves)
            return HoldVoided(hold_id=command.hold_id, reason=command.reason, after=draft.after)
        case Reversing():
            return _reverse(command, asked.originals.get(command.reverses), book)


def _transfer(command: Transferring, book: Book) -> Transferred:
    draft = Draft(book)
    draft.move(command.moves)
    return Transferred.of_values(moves=command.moves, reason=command.reason, after=draft.after)


def _hold(command: Holding, id_: str, now: Now, book: Book) -> Held:
    game = None
    if command.game_ms is not None:
        if now.game is None:
            remedy = "start the realm's clock, or let the hold end by real time"
            raise Rejected("no_clock", "game time has not begun", field="game_ms", remedy=remedy)
        game = min((now.game + GameSpan(command.game_ms)).ms, AMOUNT_MAX)
    draft = Draft(book)
    draft.hold(command.moves)
    real = None if command.real_ms is None else (now.real + RealSpan(1_000 * command.real_ms)).us
    return Held(
        hold_id=id_,
        moves=command.moves,
        reason=command.reason,
        expires_game_ms=game,
        expires_real_us=real,
        after=draft.after,
    )


def _post(command: Posting, now: Now, book: Book) -> HoldPosted:
    hold = _open_hold(command.hold_id, book)
    if ended(hold, now):
        what = f"hold {command.hold_id} has ended by itself"
        raise Rejected("hold_expired", what, field="hold_id", remedy="hold it anew")
    moves = _part(command, hold)
    draft = Draft(book)
    draft.free(hold.moves)
    draft.keep(moves)
    return HoldPosted(hold_id=command.hold_id, moves=moves, reason=hold.reason, after=draft.after)


def _part(command: Posting, hold: Held) -> list[Move]:
    """Return the moves to make of a hold."""
    amounts = command.amounts
    if amounts is None:
        return hold.moves
    most = [move.amount for move in hold.moves]
    if (
        len(amounts) != len(most)
        or not any(amounts)
        or any(a > b for a, b in zip(amounts, most, strict=True))
    ):
        what = f"the hold has {most}; {amounts} is no part of that"
        remedy = "give an amount for each move, at most what is held; to move nothing, void the hold"
        raise Rejected("invalid_part", what, field="amounts", remedy=remedy)
    wanted = zip(hold.moves, amounts, strict=True)
    return [move.model_copy(update={"amount": amount}) for move, amount in wanted if amount]


def _open_hold(hold_id: str, book: Book) -> Held:
    if (hold := book.holds.get(hold_id)) is None:
        what = f"no hold {hold_id} is open"
        remedy = "it was posted, voided or has ended, or never was; ledger.history tells"
        raise Rejected("hold_not_open", what, field="hold_id", remedy=remedy)
    return hold


def _reverse(command: Reversing, original: Event | None, book: Book) -> Reversed:
    id_ = command.reverses
    if original is None:
        what, remedy = f"there is no event {id_}", "name the event that the transfer's reply named"
        raise Rejected("original_unknown", what, field="reverses", remedy=remedy)
    if not isinstance(original, Transferred | HoldPosted):
        what = f"{id_} is {original.event_name}; only a transfer or a hold's posting is undone"
        raise Rejected("not_reversible", what, field="reverses", remedy="make a transfer that sets it right")
    if book.undone.get(id_):
        what, remedy = f"{id_} was reversed before", "make a transfer if it is to happen again"
        raise Rejected("already_reversed", what, field="reverses", remedy=remedy)
    moves = [
        Move(unit=move.unit, payer=move.payee, payee=move.payer, amount=move.amount)
        for move in reversed(original.moves)
    ]
    draft = Draft(book)
    draft.move(moves, backwards=True)
    return Reversed(reverses=id_, moves=moves, reason=command.reason, after=draft.after)


# --- units and accounts -------------------------------------------------------------------------------------


def _open_unit(command: OpenUnit, book: Book) -> Sequence[LedgerEvent]:
    opened = UnitOpened(**command.model_dump())
    match book.units.get(command.unit):
        case None:
            return [opened]
        case Unit(opened=before) if before == opened:
            return []
        case Unit(opened=before):
            what = f"{command.unit} is a {before.kind} with {before.digits} digits: {before.says!r}"
            raise Rejected("unit_exists", what, field="unit", remedy="choose another name")


def _open_account(command: OpenAccount, book: Book) -> Sequence[LedgerEvent]:
    if is_source(command.account) or is_sink(command.account):
        remedy = "an operator declares it with ledger.declare_flow"
        raise Rejected("flow", f"{command.account} is a source or a sink", field="account", remedy=remedy)
    return _opened(command, book)


def _declare_flow(command: DeclareFlow, book: Book) -> Sequence[LedgerEvent]:
    if not (is_source(command.account) or is_sink(command.account)):
        remedy = "begin its name with source. or sink., or use ledger.open_account"
        raise Rejected("no_flow", f"{command.account} is an account", field="account", remedy=remedy)
    return _opened(command, book)


def _opened(command: OpenAccount | DeclareFlow, book: Book) -> Sequence[LedgerEvent]:
    match book.accounts.get(command.account):
        case None:
            return [AccountOpened(account=command.account, says=command.says)]
        case Account(closed=True):
            what = f"account {command.account} was closed"
            raise Rejected("account_closed", what, field="account", remedy="choose another name")
        case _:
            return []


def _close_account(command: CloseAccount, book: Book) -> Sequence[LedgerEvent]:
    name = command.account
    if (account := book.accounts.get(name)) is not None and account.closed:
        return []
    account_of(book, name, "account")
    for unit in book.units:
        balance, held = book.volume(name, unit)
        if balance or held:
            what, remedy = f"account {name} has {balance:,} {unit}", "empty it first"
            raise Rejected("account_in_use", what, field="account", remedy=remedy)
    for hold_id, hold in book.holds.items():
        if any(name in (move.payer, move.payee) for move in hold.moves):
            what = f"hold {hold_id} names account {name}"
            raise Rejected("account_in_use", what, field="account", remedy="post or void the hold first")
    return [AccountClosed(account=name)]


def _allow_credit(command: AllowCredit, book: Book) -> Sequence[LedgerEvent]:
    name, unit = command.account, unit_of(book, command.unit, "unit")
    account_of(book, name, "account")
    if is_source(name) or is_sink(name) or unit.opened.kind == "item":
        what = f"{name} has no credit in {command.unit}"
        remedy = "a source needs none, a sink gives nothing, and an item is there or is not"
        raise Rejected("no_credit", what, field="account", remedy=remedy)
    if (book.floors.get((name, command.unit)) or 0) == command.floor:
        return []
    return [CreditAllowed(**command.model_dump())]
