"""What an order comes to: one transfer at the posted price, or a refusal that says why. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from domain.kernel.decider import Rejected
from domain.ledger.commands import Transfer
from domain.ledger.vocabulary import AMOUNT_MAX, Move
from domain.market.commands import Buy, Order, Sell
from domain.market.deliveries import EATEN
from domain.market.market import Market
from domain.market.stalls import Stall, Terms, account_of
from domain.market.vocabulary import Posted

BOUGHT, SOLD = "market_bought", "market_sold"
FULL = 2
"""A stall buys until it has so many times what its shelf takes."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A stall at the moment of an order.

    Attributes:
        stall, market: the stall, and what it has posted.
        amounts: what an account has of a unit to give.
        shut: why nobody is served; "": somebody is.
    """

    stall: Stall
    market: Market
    amounts: Callable[[str, str], int]
    shut: str = ""


def order(command: Order, counter: Counter) -> Transfer:
    """Return the transfer that an order is.

    Raises:
        Rejected: as the command's declaration tells.
    """
    stall = counter.stall
    terms, posted = stall.terms.get(command.good), counter.market.posted.get(command.good)
    if terms is None or posted is None:
        goods = ", ".join(sorted(counter.market.posted)) or "nothing yet"
        what = f"{stall.name} does not sell {command.good}"
        raise Rejected("not_sold_here", what, field="good", remedy=f"it has {goods}")
    if counter.shut:
        remedy = "come again when it is open, or to another stall: market.markets"
        raise Rejected("market_shut", f"{stall.name}: {counter.shut}", field="market", remedy=remedy)
    match command:
        case Buy():
            return _buy(command, counter, posted)
        case Sell():
            return _sell(command, counter, terms, posted)


def _buy(command: Buy, counter: Counter, posted: Posted) -> Transfer:
    if command.limit is not None and posted.price > command.limit:
        what = f"{command.good} costs {posted.price}"
        raise Rejected("over_limit", what, field="limit", remedy="raise the limit, or wait for another day")
    stock = counter.amounts(counter.stall.account, command.good)
    if stock < command.quantity:
        when = "the carter is sent for" if posted.coming else "ask another stall"
        what = f"{counter.stall.name} has {stock} {command.good}"
        raise Rejected("sold_out", what, field="quantity", remedy=f"take as many; {when}")
    return _trade(command, counter.stall, posted.price * command.quantity, BOUGHT)


def _sell(command: Sell, counter: Counter, terms: Terms, posted: Posted) -> Transfer:
    stall, coins = counter.stall, terms.pays(posted.level, command.quantity)
    if command.limit is not None and coins < command.limit * command.quantity:
        what = f"{stall.name} pays {coins} for {command.quantity}"
        raise Rejected("under_limit", what, field="limit", remedy="lower the limit, or wait for another day")
    if not coins:
        what = f"{command.quantity} {command.good} are not worth one coin"
        raise Rejected("worth_nothing", what, field="quantity", remedy="sell more of them at once")
    if counter.amounts(stall.account, command.good) + command.quantity > FULL * terms.shelf:
        what = f"{stall.name} has {counter.amounts(stall.account, command.good)} {command.good} already"
        raise Rejected("too_many", what, field="quantity", remedy="sell fewer, or at another stall")
    if counter.amounts(stall.account, stall.currency) < coins:
        what = f"{stall.name} has not {coins} {stall.currency}"
        raise Rejected("stall_is_short", what, field="quantity", remedy="sell fewer, or at another stall")
    return _trade(command, stall, coins, SOLD)


def _trade(command: Order, stall: Stall, coins: int, reason: str) -> Transfer:
    """Return coins one way and goods the other; the coins first, so that they are what is missed first."""
    bought = isinstance(command, Buy)
    payer, payee = (command.account, stall.account) if bought else (stall.account, command.account)
    if coins > AMOUNT_MAX:
        raise Rejected(
            "too_much", f"{coins} is more than there can be", field="quantity", remedy="take fewer"
        )
    return Transfer(
        moves=[
            Move(unit=stall.currency, payer=payer, payee=payee, amount=coins),
            Move(unit=command.good, payer=payee, payee=_taker(command), amount=command.quantity),
        ],
        reason=reason,
    )


def _taker(command: Order) -> str:
    """Return who gets the goods of an order."""
    if isinstance(command, Sell):
        return account_of(command.market)
    return EATEN if command.used_up else command.account


def is_of(command: Order, moves: list[Move], reason: str) -> bool:
    """Say whether a recorded transfer is what an order came to, at whatever price."""
    bought, stall = isinstance(command, Buy), account_of(command.market)
    if reason != (BOUGHT if bought else SOLD) or len(moves) != 2:
        return False
    coins, goods = moves
    customer = coins.payer if bought else coins.payee
    found = customer, goods.payer, goods.payee, goods.unit, goods.amount
    giver = stall if bought else command.account
    return found == (command.account, giver, _taker(command), command.good, command.quantity)
