"""Goods and money as a definition says them. Prices are whole numbers of the smallest coin, a hundredth."""

from dataclasses import dataclass
from typing import Literal

from domain.definition.places import GoodId, Id, PlaceId, Side

GOOD_KINDS = ("relic", "draught", "food", "fuel", "tool", "cloth", "medicine", "paper", "raw", "key", "curio")
GoodKind = Literal[
    "relic", "draught", "food", "fuel", "tool", "cloth", "medicine", "paper", "raw", "key", "curio"
]


@dataclass(frozen=True, slots=True)
class Currency:
    """A kind of money; its id is what prices are written in ("crowns").

    Attributes:
        coin: the name of one ("crown").
        minor: the name of its hundredths ("pence"), the smallest coins there are.
        side: where it is taken.
    """

    id: Id
    coin: str
    minor: str
    side: Side


@dataclass(frozen=True, slots=True)
class Money:
    """An amount, in hundredths of a currency."""

    currency: Id
    amount: int


@dataclass(frozen=True, slots=True)
class Trade:
    """How stalls trade in one sort of good; its id is the sort.

    Attributes:
        shelf: how many of a good a stall likes to have.
        made: how many come in a game day from the places that make it, to each stall.
        carted: how many a carter brings in a game day at most.
        step: thousandths of itself by which a price moves in a game day at most.
        margin: thousandths of the price that a stall keeps when it buys; two steps at least.
        vital: whether people suffer when there is none.
    """

    id: GoodKind
    shelf: int
    made: int
    carted: int
    step: int = 80
    margin: int = 200
    vital: bool = False


@dataclass(frozen=True, slots=True)
class Good:
    """Something that can be owned, carried and traded.

    Attributes:
        name: as a sentence has it ("a jar of harbour glass").
        kind: what sort of thing.
        price: what one costs where nothing has moved the price.
        band: thousandths of the price between which the market keeps it.
        grams: what one weighs.
        keeps: game seconds until it spoils; None: it does not.
        unique: whether there is only one.
        sold_at: places where it is for sale when the world begins.
        made_at: places where it comes from; empty: from elsewhere, or it is found.
        about: what it is, for people who write and models that speak.
    """

    id: GoodId
    name: str
    kind: GoodKind
    price: Money
    grams: int
    band: tuple[int, int] = (500, 2_000)
    keeps: int | None = None
    unique: bool = False
    sold_at: tuple[PlaceId, ...] = ()
    made_at: tuple[PlaceId, ...] = ()
    about: str = ""
