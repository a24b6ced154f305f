"""What the ledger is told at a stall's morning: goods from their makers and the carter, paid for. Pure.

Nothing comes from nowhere: each source is declared with its reason, and what a stall pays leaves the world
by a sink until somebody lives of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from domain.ledger.vocabulary import MOVES_MAX, Move
from domain.market.messages import PricesPosted
from domain.market.stalls import Stall
from domain.market.vocabulary import Posted

OPENING, CARTERS, TILLS = "source.openings", "source.carters", "source.tills"
COSTS = "sink.deliveries"
EATEN = "sink.eaten"
BROUGHT, BEGUN = "delivery", "opening"
FLOWS = {
    OPENING: "What is on the shelves when the world begins",
    CARTERS: "What carters bring from elsewhere",
    TILLS: "Coins in the tills when the world begins",
    COSTS: "What stalls pay to makers and carters",
    EATEN: "What people eat, drink and burn",
}


def makers(place: str) -> str:
    """Return the source of what is made at a place."""
    return f"source.makers.{place}"


def flows(stalls: Iterable[Stall]) -> Mapping[str, str]:
    """Return every source and sink that stalls need, with what for."""
    places = {terms.maker for stall in stalls for terms in stall.terms.values() if terms.made}
    return {**FLOWS, **{makers(place): f"What is made at {place}" for place in sorted(places)}}


def deliveries(stall: Stall, before: PricesPosted | None, posted: PricesPosted) -> Sequence[Sequence[Move]]:
    """Return the transfers of a morning, each with as many moves as one takes; reason: `reason_of`.

    Args:
        stall: the stall.
        before: its posting before that; None: it is the first, and the shelves are filled and a till given.
        posted: what was posted.
    """
    coming = {each.good: each.coming for each in before.prices} if before else {}
    moves, alone = list[Move](), list[Sequence[Move]]()
    for each in posted.prices:
        found = list(_moves(stall, coming.get(each.good), each))
        if found and stall.terms[each.good].unique:
            alone.append(found)  # should somebody have it, the others come all the same
        else:
            moves += found
    if before is None:
        moves.append(Move(unit=stall.currency, payer=TILLS, payee=stall.account, amount=stall.till))
    return [*_in_parts(moves), *alone]


def reason_of(before: PricesPosted | None) -> str:
    """Return the reason of a morning's transfers."""
    return BROUGHT if before else BEGUN


def _moves(stall: Stall, coming: int | None, posted: Posted) -> Iterator[Move]:
    terms = stall.terms.get(posted.good)
    if terms is None or not posted.arrives:
        return
    good, to = posted.good, stall.account
    if coming is None:  # it was not sold here before
        yield Move(unit=good, payer=OPENING, payee=to, amount=posted.arrives)
        return
    carted = min(coming, posted.arrives)
    cost = posted.arrives * terms.cost
    yield Move(unit=stall.currency, payer=to, payee=COSTS, amount=cost)
    if carted:
        yield Move(unit=good, payer=CARTERS, payee=to, amount=carted)
    if posted.arrives > carted:
        yield Move(
            unit=good,
            payer=makers(terms.maker) if terms.maker else CARTERS,
            payee=to,
            amount=posted.arrives - carted,
        )


def _in_parts(moves: Sequence[Move]) -> Sequence[Sequence[Move]]:
    """Return moves in order, a good's coins and pieces together: nobody brings what is not paid for."""
    parts: list[list[Move]] = []
    for move in moves:
        paid = move.payee == COSTS
        if not parts or len(parts[-1]) >= MOVES_MAX or (paid and len(parts[-1]) > MOVES_MAX - 3):
            parts.append([])
        parts[-1].append(move)
    return parts
