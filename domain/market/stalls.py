"""The stalls of a definition: what each sells, on which terms, and when it is open. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.definition.definition import Definition
from domain.definition.goods import Good, Trade
from domain.definition.places import Hours, Place
from domain.ledger.vocabulary import UnitId
from domain.market.vocabulary import WHOLE

COST = 600
"""Thousandths of the usual price that makers and carters get for what they bring."""

KEEPS = "trade"
"""The activity of those who keep a stall."""

FLOAT_PIECES = 200
"""A stall begins with coins for so many pieces of what it sells."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How one stall trades in one good. Shares are thousandths, prices the smallest coin.

    Attributes:
        usual: price where nothing has moved it.
        low, high: of the level, between which it always is.
        maker: place that makes it; "": none does.
        made: pieces a game day that come from there.
        unique: whether there is only one.
        worked: whether people are paid for their work where it is made: then what it costs is theirs.
    """

    good: UnitId
    name: str
    usual: int
    low: int
    high: int
    shelf: int
    maker: str
    made: int
    carted: int
    step: int
    margin: int
    vital: bool = False
    unique: bool = False
    worked: bool = False

    @property
    def cost(self) -> int:
        """What one piece costs the stall."""
        return max(1, self.usual * COST // WHOLE)

    def price(self, level: int) -> int:
        """Return the price at a level, in whole coins: the nearest, at least 1."""
        return max(1, (self.usual * level + WHOLE // 2) // WHOLE)

    def pays(self, level: int, quantity: int) -> int:
        """Return what a stall pays for so many pieces at a level: what one is worth, less its margin.

        Whole coins, rounded down: with a margin of two steps nobody sells a thing for more than it cost the
        day before, however few coins that was.
        """
        return (self.usual * level // WHOLE) * quantity * (WHOLE - self.margin) // WHOLE


@dataclass(frozen=True, slots=True)
class Stall:
    """The stall of a place: one owner in the ledger, one currency, one price board."""

    market: str
    name: str
    side: str
    currency: UnitId
    hours: Hours
    terms: Mapping[UnitId, Terms]
    keepers: Mapping[str, str] = field(default_factory=dict)
    """Names of those who keep it, by person: whose place it is, and who is there to trade."""

    @property
    def account(self) -> str:
        """Its account in the ledger."""
        return account_of(self.market)

    @property
    def till(self) -> int:
        """Coins that it begins with."""
        return max(1, sum(each.usual for each in self.terms.values()) * FLOAT_PIECES // len(self.terms))


def account_of(market: str) -> str:
    """Return a stall's account."""
    return f"stall.{market}"


def stream_of(market: str) -> str:
    """Return a stall's stream."""
    return f"market-{market}"


def stalls_of(definition: Definition) -> Mapping[str, Stall]:
    """Return every stall, by market: one for each place where something is sold, in one currency each.

    Goods whose price is in another currency than the first good's of the place are not sold there: a stall
    has one till. (`world check` refuses money of the other side, so with a currency a side there are none.)
    """
    trades = {trade.id: trade for trade in definition.trades}
    working = _working(definition)
    places = {place.id: place for place in definition.places}
    found: dict[str, dict[str, Terms]] = {}
    currencies: dict[str, str] = {}
    for good in definition.goods:
        for place in good.sold_at:
            if place in places and currencies.setdefault(place, good.price.currency) == good.price.currency:
                found.setdefault(place, {})[good.id] = _terms(good, trades.get(good.kind), working)
    return {
        place: Stall(
            place,
            places[place].name,
            places[place].side,
            currencies[place],
            places[place].hours,
            terms,
            _keepers(definition, places[place]),
        )
        for place, terms in sorted(found.items())
    }


def _keepers(definition: Definition, place: Place) -> Mapping[str, str]:
    return {
        person.id: person.name
        for person in definition.people
        if person.id == place.owner
        or any(each.at == place.id and each.do == KEEPS for each in person.schedule)
    }


def _working(definition: Definition) -> frozenset[str]:
    """Return the places where somebody is paid for what their schedule has them do there."""
    paid = {activity.id for activity in definition.activities if activity.wage}
    return frozenset(
        entry.at
        for person in definition.people
        for entry in person.schedule
        if entry.do in paid or any(pay.activity == entry.do for pay in person.wages)
    )


def _terms(good: Good, trade: Trade | None, working: frozenset[str]) -> Terms:
    trade = trade or Trade(good.kind, shelf=1, made=0, carted=0)
    low, high = good.band
    return Terms(
        good.id,
        good.name,
        good.price.amount,
        low,
        high,
        shelf=1 if good.unique else trade.shelf,
        maker=good.made_at[0] if good.made_at else "",
        made=trade.made if good.made_at and not good.unique else 0,
        carted=0 if good.unique else trade.carted,
        step=trade.step,
        margin=trade.margin,
        vital=trade.vital,
        unique=good.unique,
        worked=bool(good.made_at) and good.made_at[0] in working,
    )
