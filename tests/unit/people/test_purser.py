"""Purses in a world that runs: each order and wage once, whoever dies between which two steps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from aicore.audit.people import explain_person
from bus.memory import MemoryLead
from bus.ports import LogUnavailable
from domain.definition.definition import Definition
from domain.kernel.event import Event
from domain.ledger.book import STREAM as LEDGER
from domain.ledger.messages import Transferred
from domain.market.deliveries import EATEN
from domain.market.orders import BOUGHT
from domain.market.stalls import stalls_of
from domain.people.lives import People
from domain.people.living import PAID, SAVED, account_of
from domain.people.messages import PeopleLed, PersonDecided, PersonJoined
from domain.people.rules import HOUR_MS
from handlers.ledger.authority import Holders
from handlers.ledger.desk import Desk
from handlers.ledger.known import Known
from handlers.market.access import Access
from handlers.market.keeper import StallKeeper
from handlers.market.orders import Orders
from handlers.market.view import Stalls
from handlers.people import leader, purser
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


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader, "REST_S_MAX", 0.002)
    monkeypatch.setattr(leader, "REFUSED_S", 0.002)
    monkeypatch.setattr(leader, "SETTLE_S", 10.0)
    monkeypatch.setattr(purser, "AGAIN_S", 0.002)
    monkeypatch.setattr(purser, "LOOK_S", 0.0)
    monkeypatch.setattr("handlers.kernel.follow.CAUGHT_UP_S", 0.001)
    monkeypatch.setattr("handlers.kernel.follow.MemoryView.pause_s", 0.001)


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

    def __init__(self) -> None:
        super().__init__()
        known = Known(self.log, CODEC, lambda: None)
        self.desk = Desk(known, Holders(self.log, CODEC), MemoryLead(), realm="unit", name="quay:1")
        self.view = Stalls(self.log, decode=CODEC.decode)
        self.view.stalls = stalls_of(village())

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
async def hamlet() -> AsyncIterator[Hamlet]:
    """Yield a hamlet on its first morning, with open stalls and a purse for everybody, before people live."""
    there = Hamlet()
    async with deciding(there.desk):
        following = asyncio.ensure_future(there.view.run())
        keeper = StallKeeper(there.purser()._access, today=lambda: 0, realm="unit")
        await keeper.turn()
        await there.purser().furnish(world(ADA, BEA, CAY).cast)
        await there.begin()
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
                await there.tick_ms() > START_MS + (HOURS - 2) * HOUR_MS and await all_paid(there)
            )

        await until(over)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def all_paid(there: Hamlet) -> bool:
    earned = sum(event.earned > 0 for event in decisions(await there.lived()))
    return len(await there.transfers(PAID)) >= earned


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


async def test_people_buy_and_are_paid_and_each_decision_is_explained_by_the_log() -> None:
    async with hamlet() as there:
        await live(there, there.purser())
        await see_that_it_adds_up(there)
        found = [each for each in await there.recorded() if each.type == PersonDecided.event_name]
        for recorded in found:
            event = CODEC.decode(recorded)
            assert isinstance(event, PersonDecided)
            told = await explain_person(
                there.log,
                CODEC,
                event.person,
                at=recorded.position,
                otherwise=village,
            )
            assert told.explained.differs == []
        assert sum(event.market is not None for event in decisions(await there.lived())) >= 2


async def test_who_dies_between_decision_and_transfer_leaves_nothing_out_and_nothing_twice() -> None:
    async with hamlet() as there:
        await live(there, there.purser())
        once = await there.lived()
    for at in range(1, 6):
        for when in ("before", "after", "lost"):
            async with hamlet() as other:
                seen, dead = [0], asyncio.Event()

                async def cut(
                    sent: CommandMessage, other: Hamlet = other, at: int = at, when: str = when,
                    seen: list[int] = seen, dead: asyncio.Event = dead,
                ) -> Reply:  # fmt: skip
                    seen[0] += 1
                    if seen[0] != at:
                        return await other.desk(sent)
                    if when == "lost":
                        await other.desk(sent)
                        raise LogUnavailable("the answer was lost")
                    if when == "after":
                        await other.desk(sent)
                    dead.set()
                    return await asyncio.Future()

                await live(other, other.purser(cut), name="first", ends=dead.is_set)
                await live(other, other.purser(), name="second")
                await see_that_it_adds_up(other)
                assert (await other.lived())[: len(once)] == once[: len(await other.lived())], (at, when)


async def test_while_the_ledger_is_away_who_wants_to_buy_waits_and_the_others_live(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leader, "SETTLE_S", 0.01)
    async with hamlet() as there:
        asked: list[str] = []

        async def away(sent: CommandMessage) -> Reply:
            asked.append(sent.command)
            raise LogUnavailable("nobody leads the ledger")

        await live(there, there.purser(away), name="first", ends=lambda: len(asked) > 50)
        told = list(decisions(await there.lived()))
        waits = {event.person for event in told if event.market}
        assert waits
        assert {event.person for event in told[-3:]} - waits, "who buys nothing goes on"
        assert await there.transfers(BOUGHT) == []
        await live(there, there.purser(), name="second")
        await see_that_it_adds_up(there)
