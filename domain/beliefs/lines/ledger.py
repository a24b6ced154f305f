"""Who has what there is one of, and who gave whom what. Other money and goods are nobody else's business."""

from collections.abc import Iterable

from domain.beliefs.changes import Begins, Change, Ends, Lines, Told
from domain.beliefs.claims import Claim
from domain.kernel.event import Event
from domain.ledger.messages import Transferred, UnitOpened
from domain.ledger.vocabulary import Move

OWNERS = ("player", "person", "faction")
GIFT = "gift"
"""Reason of a transfer by which somebody gives something away."""


def _opened(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, UnitOpened)
    if event.kind == "item":
        told.items.add(event.unit)
    elif event.kind == "currency":
        told.money.add(event.unit)
    return ()


def _transferred(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, Transferred)
    for move in event.moves:
        if move.unit in told.items:
            good = f"good.{move.unit}"
            if payer := _owner(move.payer):
                yield Ends(Claim("has", payer, good), told.now_ms)
            if payee := _owner(move.payee):
                yield Begins(Claim("has", payee, good), told.now_ms)
        if event.reason == GIFT and (gift := _gift(move, told)):
            yield gift


def _gift(move: Move, told: Told) -> Begins | None:
    payer, payee = _owner(move.payer), _owner(move.payee)
    if not payer or not payee or payer == payee:
        return None
    value = f"number.{move.amount}" if move.unit in told.money else f"good.{move.unit}"
    return Begins(Claim("gave", payer, payee, value), told.now_ms)


def _owner(account: str) -> str:
    """Return whose an account is, as claims name them; stall.lamp_yard is a place's."""
    kind, _, rest = account.partition(".")
    owner = rest.partition(".")[0]
    if kind in OWNERS:
        return f"{kind}.{owner}"
    return f"place.{owner}" if kind == "stall" else ""


LINES: Lines = {UnitOpened: _opened, Transferred: _transferred}
