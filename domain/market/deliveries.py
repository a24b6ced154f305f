"""What the ledger is told at a stall's morning: goods from their makers and the carter, paid for. Pure.

Nothing comes from nowhere: each source is declared with its reason. What a stall pays goes to the coffer of
the place where a thing is made, out of which those are paid who work there; what carters get, and makers whom
nobody knows, leaves the world by a sink.
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
    COSTS: "What stalls pay to carters, and to makers whom nobody knows",
    EATEN: "What people eat, drink and burn",
}


def makers(place: str) -> str:
    """Return the source of what is made at a place."""
    return f"source.makers.{place}"


def coffer(place: str) -> str:
    """Return the account out of which those are paid who make something at a place."""
    return f"works.{place}"


def coffers(stalls: Iterable[Stall]) -> Mapping[str, str]:
    """Return every such account that stalls pay into, with what for."""
    terms = [each for stall in stalls for each in stall.terms.values()]
    places = {each.maker for each in terms if each.made and each.worked}
    return {coffer(place): f"What is paid for what is made at {place}" for place in sorted(places)}


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
    goods, alone = list[Sequence[Move]](), list[Sequence[Move]]()
    for each in posted.prices:
        if found := list(_moves(stall, coming.get(each.good), each)):
            # Should somebody have what there is one of, the others come all the same.
            (alone if stall.terms[each.good].unique else goods).append(found)
    if before is None:
        goods.append([Move(unit=stall.currency, payer=TILLS, payee=stall.account, amount=stall.till)])
    return [*_in_parts(goods), *alone]


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
    made = posted.arrives - carted
    theirs = made * terms.cost if terms.worked else 0
    cost = posted.arrives * terms.cost - theirs
    if cost:
        yield Move(unit=stall.currency, payer=to, payee=COSTS, amount=cost)
    if theirs:
        yield Move(unit=stall.currency, payer=to, payee=coffer(terms.maker), amount=theirs)
    if carted:
        yield Move(unit=good, payer=CARTERS, payee=to, amount=carted)
    if made:
        payer = makers(terms.maker) if terms.maker else CARTERS
        yield Move(unit=good, payer=payer, payee=to, amount=made)


def _in_parts(goods: Sequence[Sequence[Move]]) -> Sequence[Sequence[Move]]:
    """Return moves in order, a good's coins and pieces together: nobody brings what is not paid for."""
    parts: list[list[Move]] = []
    for moves in goods:
        if not parts or len(parts[-1]) + len(moves) > MOVES_MAX:
            parts.append([])
        parts[-1] += moves
    return parts
