"""A stall as its stream tells it, and what becomes of it: the next morning, who keeps it. Pure.

One stream per stall, ``market-{place}``; mornings are appended at its exact version by the one who leads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.kernel.decider import Decider
from domain.ledger.vocabulary import UnitId
from domain.market.commands import Keeping, ShutStall, TakeOverStall
from domain.market.messages import (
    MarketEvent,
    PricesPosted,
    RanShort,
    Recovered,
    StallShut,
    StallTakenOver,
    Wanted,
)
from domain.market.pricing import ENOUGH, SHORT, Shelf, morning, salience
from domain.market.stalls import Stall
from domain.market.vocabulary import WHOLE, Posted

SHUT_SALIENCE = 500
CAUSE_MAX = 200
"""Characters of `StallShut.cause`."""


@dataclass(frozen=True, slots=True)
class Market:
    """What is known of a stall.

    Attributes:
        day: game day of the last posting; None: there was none.
        posted: what it asks, by good.
        short: goods of which there is a shortage.
        wanted: pieces asked for in vain since the last posting, by good.
        shut: why nobody keeps it; "": somebody does.
        keeper: who took it over; "": those keep it whom the definition tells of.
    """

    day: int | None = None
    posted: Mapping[UnitId, Posted] = field(default_factory=dict)
    short: frozenset[UnitId] = frozenset()
    wanted: Mapping[UnitId, int] = field(default_factory=dict)
    shut: str = ""
    keeper: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """The end of a game day at a stall, as the ledger has it.

    Attributes:
        day: the game day that begins.
        stock: pieces by good.
        coins: in the till, less what is held.
        bought, sold: pieces by good since the last posting: by owners who bought more than they sold, and by
            those who sold more than they bought.
    """

    day: int
    stock: Mapping[UnitId, int]
    coins: int
    bought: Mapping[UnitId, int] = field(default_factory=dict)
    sold: Mapping[UnitId, int] = field(default_factory=dict)


def evolve(market: Market, event: MarketEvent) -> Market:
    """Return the stall after ``event``; it never refuses history."""
    match event:
        case PricesPosted():
            posted = {each.good: each for each in event.prices}
            short = market.short & posted.keys()
            return replace(market, day=event.day, posted=posted, wanted={}, short=short)
        case RanShort():
            return replace(market, short=market.short | {event.good})
        case Recovered():
            return replace(market, short=market.short - {event.good})
        case Wanted():
            wanted = market.wanted.get(event.good, 0) + event.quantity
            return replace(market, wanted={**market.wanted, event.good: wanted})
        case StallShut():
            return replace(market, shut=event.cause)
        case StallTakenOver():
            return replace(market, shut="", keeper=event.keeper)


def open_day(stall: Stall, market: Market, closing: Closing) -> Sequence[MarketEvent]:
    """Return what a stall begins a game day with, and the shortages that begin or end.

    The first time it is given what its shelves take, and coins to begin with (`Stall.till`).
    """
    if market.day is not None and closing.day <= market.day:
        return []
    coins, prices, tidings = closing.coins, list[Posted](), list[MarketEvent]()
    for good, terms in stall.terms.items():
        before = market.posted.get(good)
        shelf = Shelf(
            closing.stock.get(good, 0),
            min(market.wanted.get(good, 0), terms.shelf),
            before.coming if before else 0,
        )
        if before is None:
            lacks = max(0, terms.shelf - shelf.stock)
            level, arrives, coming, missing = WHOLE, lacks, 0, 0
        else:
            level, arrives, coming, missing = morning(terms, before.level, shelf, max(0, coins))
            coins -= arrives * terms.cost
        price = terms.price(level)
        prices.append(
            Posted(
                good=good,
                level=level,
                price=price,
                stock=shelf.stock,
                bought=closing.bought.get(good, 0),
                sold=closing.sold.get(good, 0),
                wanted=market.wanted.get(good, 0),
                arrives=arrives,
                coming=coming,
            )
        )
        if terms.unique:
            continue  # that there is one only is no shortage
        if missing >= SHORT and good not in market.short:
            of = salience(terms, level)
            tidings.append(RanShort(market=stall.market, good=good, price=price, salience=of))
        elif missing < ENOUGH and good in market.short:
            tidings.append(Recovered(market=stall.market, good=good, price=price))
    return [PricesPosted(market=stall.market, day=closing.day, prices=prices), *tidings]


def kept_by(stall: Stall, market: Market) -> Mapping[str, str]:
    """Return the names of those who keep a stall, by person: who took it over, or whom its place has."""
    return (
        {market.keeper: stall.keepers.get(market.keeper, market.keeper)} if market.keeper else stall.keepers
    )


def bereft(stall: Stall, market: Market, deaths: Mapping[str, str]) -> Sequence[MarketEvent]:
    """Return what follows when all are dead who keep a stall: it shuts, until somebody takes it over.

    Args:
        stall: the stall.
        market: what is known of it.
        deaths: of what people died, by person.
    """
    keepers = kept_by(stall, market)
    if market.shut or not keepers or not keepers.keys() <= deaths.keys():
        return []
    cause = " and ".join(f"{name} died of {deaths[person]}" for person, name in keepers.items())[:CAUSE_MAX]
    return [StallShut(market=stall.market, cause=cause, salience=SHUT_SALIENCE)]


def decide(command: Keeping, market: Market) -> Sequence[MarketEvent]:
    """Return what follows from who keeps a stall: nothing if it is so already."""
    match command:
        case ShutStall():
            if market.shut == command.cause:
                return []
            return [StallShut(market=command.market, cause=command.cause, salience=SHUT_SALIENCE)]
        case TakeOverStall():
            if not market.shut:
                return []
            return [StallTakenOver(market=command.market, keeper=command.keeper)]


MARKET: Decider[Keeping, MarketEvent, Market] = Decider(Market(), decide, evolve)
