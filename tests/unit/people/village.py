"""The hamlet with money: pies at two inns, a market that pays who trades there, and purses."""

from collections.abc import Sequence
from dataclasses import replace

from domain.definition.definition import Definition
from domain.definition.goods import Currency, Good, Money, Trade
from domain.definition.people import Person
from domain.people.agenda import Agenda
from domain.people.errands import Errand
from domain.people.lives import People
from domain.people.living import Wage
from domain.people.messages import Bought
from domain.people.purchases import Order, Outcome
from domain.people.scene import Times, World
from domain.places.city import city_of
from tests.unit.people import hamlet
from tests.unit.people.kit import day, real_us

LIKES, WAGE = 40, 5
PIE = Good("pie", "a pie", "food", Money("crowns", 6), 300, sold_at=("inn", "far_inn"))
CAKE = Good("cake", "a cake", "food", Money("crowns", 2), 300, sold_at=("inn",))
RAG = Good("rag", "a rag", "raw", Money("crowns", 1), 300, sold_at=("market",))
GOODS = (PIE, CAKE, RAG)


def definition(*people: Person) -> Definition:
    made = hamlet.definition(*people)
    acts = {act.id: act for act in made.activities}
    acts["eat"] = replace(acts["eat"], buys=("pie", "cake"))
    acts["trade"] = replace(acts["trade"], wage=(Money("crowns", WAGE),))
    (plain,) = made.archetypes
    return replace(
        made,
        activities=tuple(acts.values()),
        archetypes=(replace(plain, purse=(Money("crowns", LIKES),)),),
        currencies=(Currency("crowns", "crown", "pence", "light"),),
        goods=GOODS,
        trades=(Trade("food", shelf=4, made=0, carted=2), Trade("raw", shelf=4, made=0, carted=1)),
    )


def world(*people: Person) -> World:
    made = definition(*people)
    return World(made, city_of(made), Times(day, real_us))


class Village:
    """Lives of the hamlet, whose errands a test sees to.

    Attributes:
        coins: what each has; nobody else has a purse.
        got: what comes of the next orders; then they get what they want.
    """

    def __init__(self, made: World, agenda: Agenda, coins: dict[str, int]) -> None:
        self.world = made
        self.coins = coins
        self.got: list[Outcome] = []
        self.errands: list[Errand] = []
        self.agenda = self.goes_on(agenda.people)

    def goes_on(self, people: People) -> Agenda:
        """Return the agenda of another process that knows the same lives."""
        self.agenda = Agenda(people, self.world, purses=self.coins.get)
        return self.agenda

    def run(self, until_ms: int) -> Sequence[object]:
        """Let time pass, and see to all errands."""
        found: list[object] = []
        while True:
            found += self.agenda.run(until_ms)
            errands = self.agenda.errands.take()
            if not errands:
                return found
            for errand in errands:
                self.errands.append(errand)
                self.agenda.settle(errand, self.do(errand))

    def do(self, errand: Errand) -> Outcome | None:
        """Pay, or sell a pie."""
        if isinstance(errand, Wage):
            self.coins[errand.person] += errand.coins
            return None
        if self.got:
            return self.got.pop(0)
        return self.sold(errand)

    def sold(self, wanted: Order) -> Bought:
        """Sell a pie for six coins."""
        self.coins[wanted.person] -= 6
        return Bought(market=wanted.market, good="pie", quantity=1, coins=6)


def village(
    *people: Person, coins: dict[str, int], levels: dict[str, dict[str, int]] | None = None
) -> Village:
    """Everybody at noon, at home, with so many coins."""
    made = world(*people)
    made.watched = frozenset(made.cast.places)
    return Village(made, hamlet.settled(made, levels=levels), coins)
