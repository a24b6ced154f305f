"""Who has what there is one of. Money, and goods that are alike, are nobody else's business."""

from collections.abc import Iterable

from domain.beliefs.changes import Begins, Change, Ends, Lines, Told
from domain.beliefs.claims import Claim
from domain.kernel.event import Event
from domain.ledger.messages import Transferred, UnitOpened

OWNERS = ("player", "person", "faction")


def _opened(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, UnitOpened)
    if event.kind == "item":
        told.items.add(event.unit)
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


def _owner(account: str) -> str:
    """Return whose an account is, as claims name them; stall.lamp_yard is a place's."""
    kind, _, rest = account.partition(".")
    owner = rest.partition(".")[0]
    if kind in OWNERS:
        return f"{kind}.{owner}"
    return f"place.{owner}" if kind == "stall" else ""


LINES: Lines = {UnitOpened: _opened, Transferred: _transferred}
