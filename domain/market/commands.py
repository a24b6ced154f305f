"""What may be asked of stalls."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from domain.kernel.event import Command
from domain.kernel.roles import GRANTED, OPERATOR
from domain.ledger.vocabulary import AccountId
from domain.market.messages import Cause, Who
from domain.market.vocabulary import GoodRef, MarketRef, Price, Quantity

Limit = Annotated[Price | None, Field(description="The worst price of one piece that is taken; nil: any.")]


class Buy(Command, name="market.buy", may=(GRANTED, OPERATOR)):
    """Buy at the posted price, all of it or nothing: one transfer of the ledger, coins for goods.

    Refused with ``market_unknown``, ``not_sold_here``, ``market_shut``, ``not_there`` (a player who stands
    somewhere else), ``over_limit``, ``sold_out``, ``too_much``, and as ``ledger.transfer`` is:
    ``insufficient``, ``account_unknown``, ``not_your_player``; and with ``over_allowance``. Sent again, it
    gives its first result, whatever it costs by now.
    """

    market: MarketRef
    good: GoodRef
    quantity: Quantity
    account: Annotated[AccountId, Field(description="Whose coins, and whose goods they are then.")]
    limit: Limit = None
    used_up: Annotated[
        bool, Field(description="Eaten, drunk or burnt at once: the goods go into sink.eaten.")
    ] = False

    example: ClassVar[Any] = {
        "market": "lamp_yard",
        "good": "lamp_oil",
        "quantity": 2,
        "account": "player.ann",
        "limit": 45,
        "used_up": False,
    }


class Sell(Command, name="market.sell", may=(GRANTED, OPERATOR)):
    """Sell to a stall for the posted price less its margin, all of it or nothing.

    Refused as ``market.buy`` is, with ``under_limit`` for ``over_limit``, ``too_many`` where the stall's
    shelves are full, ``stall_is_short`` where its coins do not suffice, and ``worth_nothing``.
    """

    market: MarketRef
    good: GoodRef
    quantity: Quantity
    account: Annotated[AccountId, Field(description="Whose goods, and whose coins they are then.")]
    limit: Limit = None

    example: ClassVar[Any] = {
        "market": "lamp_yard",
        "good": "lamp_oil",
        "quantity": 2,
        "account": "player.ann",
        "limit": None,
    }


class ShutStall(Command, name="market.shut_stall"):
    """Say that nobody keeps a stall any more. Refused with ``market_unknown``."""

    market: MarketRef
    cause: Cause

    example: ClassVar[Any] = {"market": "lamp_yard", "cause": "Hob Lantry is dead"}


class TakeOverStall(Command, name="market.take_over_stall"):
    """Say who keeps a stall that was shut. Refused with ``market_unknown``."""

    market: MarketRef
    keeper: Who

    example: ClassVar[Any] = {"market": "lamp_yard", "keeper": "Wen Lantry"}


Order = Buy | Sell
Keeping = ShutStall | TakeOverStall
COMMANDS: tuple[type[Order | Keeping], ...] = (Buy, Sell, ShutStall, TakeOverStall)
