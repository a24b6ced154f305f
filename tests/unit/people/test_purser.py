"""Purses in a world that runs: each order and wage once, whoever dies between which two steps."""

import asyncio
from dataclasses import replace

import pytest

from aicore.audit.people import explain_person
from bus.ports import LogUnavailable
from domain.ledger.commands import Transfer
from domain.ledger.vocabulary import Move
from domain.market.deliveries import COSTS
from domain.market.orders import BOUGHT
from domain.people.living import PAID, Wage
from domain.people.messages import PersonDecided
from domain.people.purchases import Order
from handlers.people import leader, purser
from protocol.messages import CommandMessage, Reply
from tests.unit.ledger.desk_kit import message
from tests.unit.people.kit import decisions
from tests.unit.people.purse_kit import Hamlet, hamlet, live, see_that_it_adds_up, village
from tests.unit.people.realm import CODEC


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leader, "REST_S_MAX", 0.002)
    monkeypatch.setattr(leader, "REFUSED_S", 0.002)
    monkeypatch.setattr(leader, "SETTLE_S", 10.0)
    monkeypatch.setattr(purser, "AGAIN_S", 0.002)
    monkeypatch.setattr(purser, "LOOK_S", 0.0)
    monkeypatch.setattr("handlers.kernel.follow.CAUGHT_UP_S", 0.001)
    monkeypatch.setattr("handlers.kernel.follow.MemoryView.pause_s", 0.001)


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


SHIFT = Wage("bea", 1, "trade", "market", "crowns", coins=10, has=40, likes=40, dues=200)


async def test_a_wage_is_paid_once_whatever_is_in_the_till_by_then_and_else_by_its_source() -> None:
    async with hamlet() as there:
        till = there.view.amount("stall.market", "crowns")
        await there.purser().see_to(SHIFT)
        (paid,) = await there.transfers(PAID)
        assert paid.moves[0].payer == "stall.market"
        moves = [Move(unit="crowns", payer="stall.market", payee=COSTS, amount=till - 10)]
        await there.desk(message("emptied", Transfer(moves=moves, reason="delivery")))

        stale = there.purser()
        await stale.see_to(replace(SHIFT, number=2))  # before the view has heard of it
        await there.view.caught_up()
        await there.purser().see_to(SHIFT)  # by a leader who would pay it out of another till

        found = await there.transfers(PAID)
        assert [event.moves[0].payer for event in found] == ["stall.market", "source.wages.trade"]


async def test_what_no_stall_has_a_board_for_is_not_to_be_had() -> None:
    async with hamlet() as there:
        order = Order("ada", 1, "inn", ("pie", "cake"), 1, 4)
        there.view.markets.pop("inn")
        assert await there.purser().see_to(order) == "closed"
        assert await there.purser().see_to(replace(order, market="far_inn", goods=("cake",))) == "sold_out"
        assert await there.purser().see_to(replace(order, market="nowhere")) == "closed"
        assert await there.transfers(BOUGHT) == []
