"""The hamlet's people, stalls and ledger on one log, and processes that lead its people and die."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bus.memory import MemoryLead
from bus.ports import EventLog
from domain.definition.definition import Definition
from domain.kernel.event import Event
from domain.ledger.book import STREAM as LEDGER
from domain.ledger.messages import Transferred
from domain.market.deliveries import EATEN
from domain.market.orders import BOUGHT
from domain.market.stalls import stalls_of
from domain.people.lives import People
from domain.people.living import PAID, SAVED, account_of
from domain.people.messages import PeopleLed, PersonJoined
from domain.people.rules import HOUR_MS
from handlers.ledger.authority import Holders
from handlers.ledger.desk import Desk
from handlers.ledger.known import Known
from handlers.market.access import Access
from handlers.market.keeper import StallKeeper
from handlers.market.orders import Orders
from handlers.market.view import Stalls
from handlers.people.purser import Purser
from protocol.messages import CommandMessage, Reply
from tests.unit.kit import until
from tests.unit.ledger.desk_kit import leading as deciding
from tests.unit.market.kit import Around
from tests.unit.people.hamlet import entry, person
from tests.unit.people.kit import START_MS, decisions
from tests.unit.people.realm import CODEC, SECOND_US, Realm, leading
from tests.unit.people.village import definition, world

ADA = person("ada", entry(8, 9, "inn", "eat"))
BEA = person("bea", entry(8, 10, "market", "trade"))
CAY = person("cay", entry(8, 9, "inn", "eat"))
HOURS = 5
Cut = Callable[[CommandMessage], Awaitable[Reply]]


def village() -> Definition:
    return definition(ADA, BEA, CAY)


@dataclass
class Way:
    """To the desk, as it is cut."""

    desk: Desk
    cut: Cut

    async def __call__(self, message: CommandMessage) -> Reply:
        return await self.cut(message)

    async def see_may_give(self, account: str, by: str) -> None:
        await self.desk.see_may_give(account, by)


class Hamlet(Realm):
    """A realm with the hamlet's stalls and a ledger."""

    def __init__(self, log: EventLog | None = None) -> None:
        """Prepare, on a log of its own, or on ``log``, whose time goes on by itself."""
        self.began_us = self._passed_us = 0
        super().__init__()
        if log is not None:
            self.log = log  # type: ignore[assignment]
        known = Known(self.log, CODEC, lambda: None)
        self.desk = Desk(known, Holders(self.log, CODEC), MemoryLead(), realm="unit", name="quay:1")
        self.view = Stalls(self.log, decode=CODEC.decode)
        self.view.stalls = stalls_of(village())

    @property
    def now_us(self) -> int:
        """The time that all processes have: since the hamlet began as much as a test lets pass."""
        return self.began_us + self._passed_us

    @now_us.setter
    def now_us(self, passed_us: int) -> None:
        self._passed_us = passed_us

    def purser(self, cut: Cut | None = None) -> Purser:
        """Return another process's purser, whose commands go by ``cut``."""
        way = Way(self.desk, cut) if cut else self.desk
        access = Access(self.log, CODEC, self.view, way)
        return Purser(access, Orders(access, Around(minute=12 * 60)), realm="unit")

    async def transfers(self, reason: str) -> list[Transferred]:
        found = [CODEC.decode(each) for each in await self.recorded(LEDGER)]
        return [event for event in found if isinstance(event, Transferred) and event.reason == reason]

    async def lived(self) -> list[Event]:
        """Return what people did, whoever led them."""
        return [event for event in await self.events() if not isinstance(event, PeopleLed)]

    async def tick_ms(self) -> int:
        people = People()
        people.evolve_all(await self.events())
        return people.tick_ms


@asynccontextmanager
async def hamlet(log: EventLog | None = None) -> AsyncIterator[Hamlet]:
    """Yield a hamlet on its first morning, with open stalls and a purse for everybody, before people live."""
    there = Hamlet(log)
    async with deciding(there.desk):
        following = asyncio.ensure_future(there.view.run())
        keeper = StallKeeper(there.purser()._access, today=lambda: 0, realm="unit")
        await keeper.turn()
        await there.purser().furnish(world(ADA, BEA, CAY).cast)
        await there.begin()
        there.began_us = log.now_us() if log else 0
        yield there
        following.cancel()


async def live(
    there: Hamlet, by: Purser, *, name: str = "quay:1", ends: Callable[[], bool] = lambda: False
) -> None:
    """Lead until some hours have passed, or ``ends``."""
    async with leading(there, name, definition=village, purser=by) as (_, task):
        await until(lambda: joined(there))
        there.now_us = HOURS * 60 * SECOND_US

        async def over() -> bool:
            return ends() or (
                await there.tick_ms() > START_MS + (HOURS - 2) * HOUR_MS and await all_done(there)
            )

        await until(over)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def all_done(there: Hamlet) -> bool:
    """Say whether all is paid, and bought, that was to be in the first two hours."""
    told = list(decisions(await there.lived()))
    earned = sum(event.earned > 0 for event in told)
    wanted = [event for event in told if event.market and event.begins_ms <= START_MS + 2 * HOUR_MS]
    missed = sum(event.missed is not None for event in told)
    bought = len(await there.transfers(BOUGHT))
    return len(await there.transfers(PAID)) >= earned and bought + missed >= len(wanted)


async def joined(there: Hamlet) -> bool:
    return any(isinstance(event, PersonJoined) for event in await there.events())


async def see_that_it_adds_up(there: Hamlet) -> None:
    """See that what people say of their purses is what the ledger has, each once."""
    told = list(decisions(await there.lived()))
    bought, wages = await there.transfers(BOUGHT), await there.transfers(PAID)
    assert len(await there.transfers(SAVED)) == 3
    said = [event.bought for event in told if event.bought]
    assert len(said) <= len(bought) <= len(said) + 3
    assert len(wages) == len([event for event in told if event.earned]) >= 1
    costs = [(event.moves[0].amount, event.moves[1].unit, event.moves[1].amount) for event in bought]
    for each in said:
        assert (each.coins, each.good, each.quantity) in costs
    eaten = sum(event.moves[1].amount for event in bought if event.moves[1].payee == EATEN)
    assert eaten == sum(event.moves[1].amount for event in bought) >= 2
    last = {event.person: event for event in told}
    for who, event in last.items():
        assert event.coins is not None
        purse = there.view.known(account_of(who), "crowns")
        later = [each for each in bought if each.moves[0].payer == account_of(who)]
        assert purse is not None
        assert purse <= event.coins + event.earned or later
