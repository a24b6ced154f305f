"""What happens at stalls. Names and versions of events are storage format: they stay in the log for ever.

A trade is no event of this context: it is one `ledger.transferred`, coins one way and goods the other, with
the reason ``market_bought`` or ``market_sold``.
"""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from domain.kernel.event import Event
from domain.kernel.vocabulary import Text
from domain.ledger.vocabulary import AccountId
from domain.market.vocabulary import Day, GoodRef, MarketRef, Posted, Price, Quantity, Salience

Cause = Annotated[Text, Field(min_length=1, max_length=200, description="Why, for a person.")]
Who = Annotated[
    Text, Field(min_length=1, max_length=128, description="Who keeps the stall, as the world knows them.")
]

POSTED: dict[str, Any] = {
    "good": "lamp_oil",
    "level": 1080,
    "price": 43,
    "stock": 0,
    "bought": 40,
    "sold": 0,
    "wanted": 6,
    "arrives": 8,
    "coming": 12,
}


class PricesPosted(Event, name="market.prices_posted", version=1):
    """A stall has begun a game day: what it asks for each good, by what was really traded before."""

    market: MarketRef
    day: Day
    prices: Annotated[list[Posted], Field(max_length=200, description="Each good that is sold there.")]

    example: ClassVar[Any] = {"market": "lamp_yard", "day": 12, "prices": [POSTED]}


class RanShort(Event, name="market.ran_short", version=1):
    """There is hardly any of a good left, or none; people complain."""

    market: MarketRef
    good: GoodRef
    price: Price
    salience: Salience

    example: ClassVar[Any] = {"market": "lamp_yard", "good": "lamp_oil", "price": 43, "salience": 760}


class Recovered(Event, name="market.recovered", version=1):
    """There is enough of a good again."""

    market: MarketRef
    good: GoodRef
    price: Price

    example: ClassVar[Any] = {"market": "lamp_yard", "good": "lamp_oil", "price": 51}


class Wanted(Event, name="market.wanted", version=1):
    """Somebody who could have paid was sent away without a good; told once a day of each."""

    market: MarketRef
    good: GoodRef
    quantity: Quantity
    account: AccountId
    day: Day

    example: ClassVar[Any] = {
        "market": "lamp_yard",
        "good": "lamp_oil",
        "quantity": 6,
        "account": "player.ann",
        "day": 12,
    }


class StallShut(Event, name="market.stall_shut", version=1):
    """Nobody keeps the stall any more; it stays shut until somebody takes it over."""

    market: MarketRef
    cause: Cause
    salience: Salience

    example: ClassVar[Any] = {"market": "lamp_yard", "cause": "Hob Lantry is dead", "salience": 600}


class StallTakenOver(Event, name="market.stall_taken_over", version=1):
    """Somebody keeps the stall again."""

    market: MarketRef
    keeper: Who

    example: ClassVar[Any] = {"market": "lamp_yard", "keeper": "Wen Lantry"}


MarketEvent = PricesPosted | RanShort | Recovered | Wanted | StallShut | StallTakenOver
EVENTS: tuple[type[MarketEvent], ...] = (
    PricesPosted,
    RanShort,
    Recovered,
    Wanted,
    StallShut,
    StallTakenOver,
)
