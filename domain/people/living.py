"""What people live of: what an hour of work is paid, what they spend it on, and where. Pure, whole coins.

Rows are people, columns activities or places, as in `domain.people.cast.Cast`. Amounts are the smallest coin
of the money of somebody's side.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain.definition.definition import Definition
from domain.definition.goods import Money
from domain.definition.people import Person
from domain.ledger.vocabulary import AMOUNT_MAX, Move
from domain.market.deliveries import coffer
from domain.market.stalls import Stall, stalls_of
from domain.people.rules import MILLE, Ints

NOWHERE = -1
PEOPLE = "person."
SAVINGS, RENT, TAXES = "source.savings", "sink.rent", "sink.taxes"
WAGES = "source.wages"
PAID, SAVED = "wage", "savings"
"""Reasons of transfers."""

SPARED = 2
"""A till pays wages of what it has above a half of what it began with."""

SHARED = 20
"""Of what a till has above what it began with, a twentieth goes to who works there, with each wage."""

PLENTY, SURPLUS = 2, 4
"""Of what somebody has above twice the purse that they like, a quarter goes to taxes with each wage."""


@dataclass(frozen=True, eq=False)
class Living:
    """What people of a definition earn and spend.

    Attributes:
        currencies: by person, their side's money; "": it has none.
        purses: by person, what they begin with, and like to have; 0: they have no purse.
        dues: by person, thousandths of a wage.
        wages: [person, activity] coins for an hour.
        goods: by activity, one of which it uses up each time; empty: nothing.
        prices: [activity, place] what the cheapest of those usually costs at a place's stall; -1: none.
        brought: activities that one can do where nothing is sold of what they use up.
        stalls: by place. keepers: for each place of a stall that people keep, who does.
    """

    currencies: tuple[str, ...]
    purses: Ints
    dues: Ints
    wages: Ints
    goods: tuple[tuple[str, ...], ...]
    prices: Ints
    brought: frozenset[str]
    stalls: Mapping[str, Stall]
    keepers: tuple[tuple[int, Ints], ...]

    @property
    def spends(self) -> bool:
        """Whether anybody has a purse."""
        return bool((self.purses > 0).any())


@dataclass(frozen=True, slots=True)
class Wage:
    """A shift that is to be paid.

    Attributes:
        number: of the decision that ended it (`Life.number`).
        place: where they worked.
        coins: what they have earned.
        has, likes: coins that they have, and like to have.
        dues: thousandths.
    """

    person: str
    number: int
    activity: str
    place: str
    currency: str
    coins: int
    has: int
    likes: int
    dues: int


@dataclass(frozen=True, slots=True)
class Till:
    """A till where somebody works: what is in it, and what it began with."""

    account: str
    coins: int
    began: int


def account_of(person: str) -> str:
    """Return a person's account in the ledger."""
    return PEOPLE + person


def living_of(
    definition: Definition, people: Sequence[Person], acts: Sequence[str], places: Sequence[str]
) -> Living:
    """Return what people live of, by the definition; ``places`` are in the order of their numbers."""
    sides = {place.id: place.side for place in definition.places}
    moneys = {currency.side: currency.id for currency in reversed(definition.currencies)}
    currencies = tuple(moneys.get(sides[person.home], "") for person in people)
    sorts = {sort.id: sort for sort in definition.archetypes}
    by_id = {act.id: act for act in definition.activities}
    stalls = stalls_of(definition)
    goods = tuple(by_id[act].buys for act in acts)
    prices = _prices(goods, stalls, places)
    purses, dues = [], []
    for person, currency in zip(people, currencies, strict=True):
        sort = sorts.get(person.archetype)
        purses.append(_in(currency, sort.purse) if sort else 0)
        dues.append(sort.dues if sort else 0)
    return Living(
        currencies=currencies,
        purses=_ints(purses),
        dues=_ints(dues),
        wages=_wages(definition, people, currencies, acts),
        goods=goods,
        prices=prices,
        brought=_brought(definition, acts, prices, places),
        stalls=stalls,
        keepers=_keepers(stalls, people, places),
    )


def _keepers(
    stalls: Mapping[str, Stall], people: Sequence[Person], places: Sequence[str]
) -> tuple[tuple[int, Ints], ...]:
    found = []
    for at, place in enumerate(places):
        keepers = stalls[place].keepers if place in stalls else {}
        if rows := [row for row, person in enumerate(people) if person.id in keepers]:
            found.append((at, _ints(rows)))
    return tuple(found)


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _in(currency: str, amounts: Sequence[Money]) -> int:
    return next((each.amount for each in amounts if each.currency == currency), 0)


def _wages(
    definition: Definition, people: Sequence[Person], currencies: Sequence[str], acts: Sequence[str]
) -> Ints:
    by_id = {act.id: act for act in definition.activities}
    found = np.zeros((len(people), len(acts)), dtype=np.int64)
    for row, person in enumerate(people):
        own = {pay.activity: (pay.hour,) for pay in person.wages}
        for column, act in enumerate(acts):
            found[row, column] = _in(currencies[row], own.get(act, by_id[act].wage))
    return found


def _prices(goods: Sequence[Sequence[str]], stalls: Mapping[str, Stall], places: Sequence[str]) -> Ints:
    found = np.full((len(goods), len(places)), NOWHERE, dtype=np.int64)
    for act, wanted in enumerate(goods):
        for at, place in enumerate(places):
            if place in stalls:
                terms = stalls[place].terms
                costs = [terms[good].usual for good in wanted if good in terms]
                found[act, at] = min(costs, default=NOWHERE)
    return found


def _brought(
    definition: Definition, acts: Sequence[str], prices: Ints, places: Sequence[str]
) -> frozenset[str]:
    kinds = {kind.id: kind.offers for kind in definition.kinds}
    offers = {place.id: {*place.offers, *kinds.get(place.kind, ())} for place in definition.places}
    buys = {activity.id for activity in definition.activities if activity.buys}
    return frozenset(
        act
        for column, act in enumerate(acts)
        if act in buys
        and any(act in offers[place] and prices[column, at] == NOWHERE for at, place in enumerate(places))
    )


def tills_of(wage: Wage, stalls: Mapping[str, Stall], amount: Callable[[str, str], int]) -> Sequence[Till]:
    """Return the tills that a wage may come from: of the stall there, and of what is made there."""
    stall, works = stalls.get(wage.place), coffer(wage.place)
    found = [Till(stall.account, amount(stall.account, wage.currency), stall.till)] if stall else []
    return [*found, Till(works, amount(works, wage.currency), 0)]


def pay(wage: Wage, tills: Sequence[Till]) -> Sequence[Move]:
    """Return the moves of a wage: from the tills, as far as they can spare it, and from the trade's source.

    Rent and taxes go off at once, so a purse comes to rest: what is above twice of what somebody likes to
    have goes back by a quarter with each wage.
    """
    account, unit, left, gets = account_of(wage.person), wage.currency, wage.coins, 0
    found: list[tuple[str, str, int]] = []
    for till in tills:
        shared = max(0, till.coins - till.began) // SHARED
        amount = min(max(0, till.coins - till.began // SPARED), left + shared)
        found.append((till.account, account, amount))
        left, gets = max(0, left - amount), gets + amount
    gets = min(gets + left, AMOUNT_MAX)
    rent = wage.coins * wage.dues // MILLE
    taxes = max(0, wage.has + gets - rent - PLENTY * wage.likes) // SURPLUS
    found += [(f"{WAGES}.{wage.activity}", account, left), (account, RENT, rent), (account, TAXES, taxes)]
    return [
        Move(unit=unit, payer=payer, payee=payee, amount=amount) for payer, payee, amount in found if amount
    ]


def flows(living: Living, acts: Sequence[str]) -> Mapping[str, str]:
    """Return every source and sink that people's purses need, with what for."""
    if not living.spends:
        return {}
    paid = [act for column, act in enumerate(acts) if (living.wages[:, column] > 0).any()]
    return {
        SAVINGS: "What people have when they come into the world",
        RENT: "What people pay for their lodging",
        TAXES: "What people give of what they have over",
        **{f"{WAGES}.{act}": f"What no till pays for: {act}" for act in paid},
    }
