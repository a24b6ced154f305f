"""What people live of: whether who pays for their meals earns something, and can buy them."""

from collections.abc import Iterator, Sequence

from domain.definition.faults import Fault
from domain.definition.goods import Money
from domain.definition.index import Index
from domain.definition.people import Person


def _twice(index: Index) -> Iterator[Fault]:
    """One amount in each money: nobody could say which of two counts."""
    amounts: list[tuple[str, Sequence[Money]]] = [
        (f"activities.{activity.id}.wage", activity.wage) for activity in index.all.activities
    ]
    amounts += [(f"archetypes.{sort.id}.purse", sort.purse) for sort in index.all.archetypes]
    for path, moneys in amounts:
        known: dict[str, int] = {}
        for at, money in enumerate(moneys):
            if money.currency in known:
                clause = f"there is an amount in {money.currency} already"
                there = f"{path}[{known[money.currency]}]"
                allowed = "one amount in the money of each side"
                yield Fault("same_currency", f"{path}[{at}]", clause, allowed, other=there)
            known.setdefault(money.currency, at)


def _bought(index: Index) -> Iterator[Fault]:
    for activity in index.all.activities:
        for at, name in enumerate(activity.buys):
            path, good = f"activities.{activity.id}.buys[{at}]", index.goods.get(name)
            if good is not None and good.unique:
                clause, there = f"there is only one of {name}", f"goods.{name}.unique"
                yield Fault("not_unique", path, clause, "what there is enough of", other=there)
            elif good is not None and not good.sold_at:
                clause = f"nobody sells {name}"
                yield Fault("unobtainable", path, clause, "a good with sold_at", other=f"goods.{name}")


def _wages(index: Index) -> Iterator[Fault]:
    for person in index.all.people:
        for pay in person.wages:
            side, currency = _side(index, person), index.currencies.get(pay.hour.currency)
            if currency is not None and side and currency.side != side:
                clause = f"{currency.id} are taken on the {currency.side} side, they live on the {side} side"
                path = f"people.{person.id}.wages.{pay.activity}"
                yield Fault("wrong_side", path, clause, f"money of the {side} side")


def _incomes(index: Index) -> Iterator[Fault]:
    """Who has a purse earns something, or it is empty one day and stays so."""
    for person in index.all.people:
        money = _purse(index, person)
        if money is None or any(_paid(index, person, each.do, money) for each in person.schedule):
            continue
        clause = f"they spend {money}, and earn none: nothing of their schedule is paid"
        allowed = "wages of their own, or an activity with a wage in their schedule"
        path = f"people.{person.id}"
        yield Fault("no_income", path, clause, allowed, other=f"archetypes.{person.archetype}.purse")


def _stalls(index: Index) -> Iterator[Fault]:
    """Where somebody pays for what they do, somebody sells it."""
    for activity in index.all.activities:
        sold = {
            good.price.currency for name in activity.buys if (good := index.goods.get(name)) and good.sold_at
        }
        for person in index.all.people if activity.buys else ():
            money = _purse(index, person)
            if money is not None and money not in sold:
                clause = f"nothing of it is sold for {money}, which is what {person.id} has"
                path = f"activities.{activity.id}.buys"
                allowed = "goods that somebody sells in the money of each side where people live"
                yield Fault("not_sold", path, clause, allowed, other=f"people.{person.id}.home")
                break


def _side(index: Index, person: Person) -> str:
    home = index.places.get(person.home)
    return home.side if home else ""


def _purse(index: Index, person: Person) -> str | None:
    """Return the money that somebody spends; None: they have no purse."""
    sort, side = index.archetypes.get(person.archetype), _side(index, person)
    for money in sort.purse if sort else ():
        currency = index.currencies.get(money.currency)
        if currency is not None and currency.side == side:
            return currency.id
    return None


def _paid(index: Index, person: Person, do: str, money: str) -> bool:
    own = [pay.hour.currency for pay in person.wages if pay.activity == do]
    activity = index.activities.get(do)
    return money in (own or [each.currency for each in (activity.wage if activity else ())])


LIVING_CHECKS = (
    ((), _twice),
    ((), _bought),
    (("currency", "place"), _wages),
    (("activity", "archetype", "currency", "place"), _incomes),
    (("archetype", "currency", "good", "place"), _stalls),
)
