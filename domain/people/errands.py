"""What is to be bought and paid between two minutes: each once, before its person decides again. Pure.

A decision says what is bought and what a shift has earned; what came of it the person's next decision says.
So whoever goes on after a death finds in the log alone what may not have been done yet, and does it again
under the same ids (`domain.people.agenda.Agenda`, `handlers.people.purser`).
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from domain.kernel.event import Event
from domain.people.cast import Cast
from domain.people.lives import Life, People
from domain.people.living import Wage
from domain.people.messages import PersonDecided
from domain.people.purchases import Order, Outcome, Pockets
from domain.people.rules import RULES

Errand = Order | Wage

Purses = Callable[[str], int | None]
"""What somebody has to spend now; None: they have no purse."""


def NoPurses(_: str) -> int | None:  # noqa: N802 - stands for a value
    """Say that nobody has a purse."""
    return None


class Errands:
    """What waits to be bought or paid.

    Attributes:
        fresh: what has come up since it was taken last (`take`).
        pockets: what people have, and got; weighed and told of by their next decision.
    """

    def __init__(self, people: People, cast: Cast, purses: Purses) -> None:
        """Take up whatever may not have been done before."""
        self.people, self.cast, self.purses = people, cast, purses
        self.pockets = Pockets()
        self.fresh: list[Errand] = []
        self._open: dict[Errand, None] = {}
        for life in sorted(people.lives.values(), key=lambda life: life.person):
            self._add(chain(self._wage(life), self._order(life) if self._begun(life) else ()))

    @property
    def waiting(self) -> set[str]:
        """Those who wait to be served or paid."""
        return {errand.person for errand in self._open}

    def take(self) -> Sequence[Errand]:
        """Return what has come up since the last time: wages first, so that one can spend them."""
        found, self.fresh = sorted(self.fresh, key=lambda errand: isinstance(errand, Order)), []
        return found

    def take_in(self, cast: Cast) -> None:
        """Go on with other people; what was to be done for who is gone, or does something else, is not."""
        self.cast = cast
        for errand in list(self._open):
            life = self.people.lives.get(errand.person)
            stays = life is not None and life.number == errand.number and errand.person in cast.rows
            if not stays or (isinstance(errand, Order) and life is not None and not life.market):
                self._forget(errand)
        for person in [each for each in self.pockets.outcomes if each not in self.people.lives]:
            del self.pockets.outcomes[person]

    def look(self, lives: Iterable[Life]) -> None:
        """Find out what some people have to spend now."""
        for life in lives:
            coins = self.purses(life.person) if self.cast.living.purses[self.cast.rows[life.person]] else None
            if coins is None:
                self.pockets.coins.pop(life.person, None)
            else:
                self.pockets.coins[life.person] = max(0, coins)

    def add(self, decided: Iterable[Event], begin: Iterable[Life]) -> None:
        """Note what decisions have earned, and what is bought for what begins now."""
        ended = sorted(event.person for event in decided if isinstance(event, PersonDecided) and event.earned)
        self._add(chain.from_iterable(self._wage(self.people.lives[person]) for person in ended))
        starting = sorted(begin, key=lambda life: life.person)
        self._add(chain.from_iterable(self._order(life) for life in starting))

    def settle(self, errand: Errand, outcome: Outcome | None) -> Life | None:
        """Take in what came of an errand; return whose it was, if they live still as they did."""
        if errand not in self._open:
            return None
        self._forget(errand)
        if isinstance(errand, Order) and outcome is not None:
            self.pockets.outcomes[errand.person] = outcome
        return self.people.lives.get(errand.person)

    def _forget(self, errand: Errand) -> None:
        self._open.pop(errand, None)
        self.fresh = [each for each in self.fresh if each != errand]

    def _add(self, errands: Iterable[Errand]) -> None:
        for errand in errands:
            self._open[errand] = None
            self.fresh.append(errand)

    def _begun(self, life: Life) -> bool:
        return life.begins_ms <= self.people.tick_ms

    def _order(self, life: Life) -> Iterable[Order]:
        act = self.cast.act_rows.get(life.action)
        if life.orders and act is not None and life.person in self.cast.rows:
            goods = self.cast.living.goods[act]
            ready = int(self.cast.living.purses[self.cast.rows[life.person]]) // RULES.ready
            yield Order(life.person, life.number, life.market, goods, life.pieces, ready)

    def _wage(self, life: Life) -> Iterable[Wage]:
        row = self.cast.rows.get(life.person)
        if life.earned and row is not None and life.shift is not None:
            living, (activity, place) = self.cast.living, life.shift
            yield Wage(
                person=life.person,
                number=life.number,
                activity=activity,
                place=place,
                currency=living.currencies[row],
                coins=life.earned,
                has=life.coins or 0,
                likes=int(living.purses[row]),
                dues=int(living.dues[row]),
            )
