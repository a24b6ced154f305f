"""What people buy for what they do, and what came of it. Pure.

An order is made once, when what it is for begins; which good it is they see at the stall.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from domain.market.commands import Buy
from domain.market.market import Market
from domain.market.vocabulary import Posted
from domain.people.living import account_of
from domain.people.messages import Bought, Missed

MISSED: Mapping[str, Missed] = {
    "sold_out": "sold_out",
    "not_sold_here": "sold_out",
    "insufficient": "no_coin",
    "account_unknown": "no_coin",
    "account_closed": "no_coin",
}
"""What a refused order means for who made it; all else: nobody serves them."""

Outcome = Bought | Missed

LEVEL_MAX = 2**62
"""Above any level of a price."""


@dataclass(frozen=True, slots=True)
class Order:
    """Something that is to be bought.

    Attributes:
        number: of the decision that it is of (`Life.number`).
        goods: any of these. pieces: as many at most.
        ready: coins that they readily spend on a piece.
    """

    person: str
    number: int
    market: str
    goods: tuple[str, ...]
    pieces: int
    ready: int


@dataclass(slots=True)
class Pockets:
    """What is known of purses now, and came of orders since somebody decided last; by person."""

    coins: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def missed(self, person: str) -> Missed | None:
        """Return why somebody got nothing; None: they did, or ordered nothing."""
        found = self.outcomes.get(person)
        return None if found is None or isinstance(found, Bought) else found


def missed_by(code: str) -> Missed:
    """Return what a refusal means for who ordered."""
    return MISSED.get(code, "closed")


def choose(order: Order, market: Market, amounts: Callable[[str], int], coins: int) -> Buy | None:
    """Return what somebody orders who sees a stall's board; None: it sells nothing of the kind.

    Of what is there and costs no more than they readily spend, the good that is cheapest against what it
    usually costs; else the cheapest that they can pay. If there is nothing left they ask for what they would
    have taken, so that it is known to be wanted. Of equals the lower id. Who stocks up spends half of the
    purse at most.

    Args:
        order: what they want.
        market: what the stall has posted.
        amounts: pieces of a good that it has.
        coins: what they have.
    """
    posted = [market.posted[good] for good in order.goods if good in market.posted]
    if not posted:
        return None

    def rank(each: Posted) -> tuple[bool, bool, int, int, str]:
        dear, gone = each.price > coins, amounts(each.good) < 1
        level = each.level if each.price <= min(order.ready, coins) else LEVEL_MAX
        return dear, gone, level, each.price, each.good

    best = min(posted, key=rank)
    most = coins // best.price // 2 if best.price <= order.ready else 1
    quantity = max(1, min(order.pieces, most, amounts(best.good)))
    return Buy(
        market=order.market,
        good=best.good,
        quantity=quantity,
        account=account_of(order.person),
        used_up=True,
    )
