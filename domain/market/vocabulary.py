"""The words of markets: stalls, goods, prices, and what a day at a stall comes to."""

from typing import Annotated

from pydantic import ConfigDict, Field

from domain.kernel.visibility import Discreet
from domain.ledger.vocabulary import AMOUNT_MAX, UnitId

WHOLE = 1_000
"""Thousandths."""

QUANTITY_MAX = 10_000
DAY_MAX = 10**9

MarketRef = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="The place where the stall is, e.g. lamp_yard."),
]
GoodRef = Annotated[UnitId, Field(description="What is sold, e.g. lamp_oil.")]
Quantity = Annotated[
    int, Field(ge=1, le=QUANTITY_MAX, description="How many.", json_schema_extra={"unit": "pieces"})
]
Pieces = Annotated[int, Field(ge=0, json_schema_extra={"unit": "pieces"})]
Price = Annotated[
    int,
    Field(
        ge=1,
        le=AMOUNT_MAX,
        description="Of one piece, in the smallest coin.",
        json_schema_extra={"unit": "minor units"},
    ),
]
Level = Annotated[
    int,
    Field(
        ge=1, description="Thousandths of what it usually costs.", json_schema_extra={"unit": "thousandths"}
    ),
]
Day = Annotated[
    int,
    Field(
        ge=-DAY_MAX, le=DAY_MAX, description="Game day, counted from day 0.", json_schema_extra={"unit": "d"}
    ),
]
Salience = Annotated[
    int,
    Field(
        ge=0,
        le=WHOLE,
        description="How much it matters to people.",
        json_schema_extra={"unit": "thousandths"},
    ),
]


class Posted(Discreet):
    """What a stall asks for a good from now on, and what it is made of."""

    model_config = ConfigDict(frozen=True)

    good: GoodRef
    level: Level
    price: Price
    stock: Pieces = Field(description="There before anything came.")
    bought: Pieces = Field(description="By whom who bought more than they sold, since the last posting.")
    sold: Pieces = Field(description="By whom who sold more than they bought.")
    wanted: Pieces = Field(description="Asked for in vain, by people who could have paid.")
    arrives: Pieces = Field(description="Comes now, from makers and with the carter.")
    coming: Pieces = Field(description="The carter is sent for; comes with the next posting.")
