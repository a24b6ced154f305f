"""Who opens each stall's day: once, whoever dies in between, and nothing comes from nowhere."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from random import Random
from uuid import uuid4

import pytest

from bus.ports import LogUnavailable, StreamWrite
from domain.kernel.decider import Rejected
from domain.ledger.commands import DeclareFlow, Transfer
from domain.ledger.messages import Transferred
from domain.market.messages import PricesPosted, StallShut, StallTakenOver
from domain.people.harm_messages import Died
from handlers.market.view import Stalls
from protocol.messages import CommandMessage, Reply
from tests.unit.ledger.desk_kit import CODEC, until
from tests.unit.ledger.kit import move
from tests.unit.market.kit import STALLS, UNA, Town, town
from tests.unit.market.test_orders import _events, buys


def mornings(events: list[object]) -> Counter[tuple[str, int]]:
    return Counter((each.market, each.day) for each in events if isinstance(each, PricesPosted))


async def test_the_first_morning_brings_goods_and_coins_once() -> None:
    async with town() as there:
        assert (there.stock(), there.stock("tin_saint", "pawnshop")) == (40, 1)
        before = await _events(there)
        await there.keeper().turn()
        await there.keeper().turn()
        assert await _events(there) == before
        assert there.view.amount("stall.lamp_yard", "crowns") == STALLS["lamp_yard"].till


async def test_all_lamp_oil_is_bought_and_a_carter_brings_some_tomorrow() -> None:
    async with town() as there:
        await there.tell("all", buys(40))
        board = []
        for there.day in (1, 2, 3):
            await there.keeper().turn()
            posted = there.view.market("lamp_yard").posted["lamp_oil"]
            board.append((posted.price, posted.arrives, there.stock()))
        assert board == [(43, 8, 8), (47, 20, 28), (45, 12, 40)]
        assert there.view.market("lamp_yard").short == frozenset()


async def test_each_day_is_opened_once_wherever_a_keeper_dies() -> None:
    async with town() as there:
        dice, days = Random(330), 6
        keepers = [there.keeper(), there.keeper()]
        for there.day in range(1, days + 1):
            await there.tell(f"una {there.day}", buys(5, UNA))
            for keeper in keepers:
                there.log.cuts = dice.choice([[], ["before"], ["after"], ["after", "before"]])
                with suppress(LogUnavailable):
                    await keeper.turn()
            there.log.cuts = []
            for _ in range(3):
                await there.keeper().turn()
        events = await _events(there)
        assert set(mornings(events).values()) == {1}
        assert len(mornings(events)) == 2 * (days + 1)
        view = Stalls(there.log, decode=CODEC.decode)
        view.stalls = STALLS
        following = asyncio.ensure_future(view.run())
        await view.caught_up()
        following.cancel()
        arrived = sum(
            each.arrives for event in events if isinstance(event, PricesPosted) for each in event.prices
        )
        brought = sum(
            move.amount
            for event in events
            if isinstance(event, Transferred)
            for move in event.moves
            if move.payer.startswith("source.") and move.unit != "crowns"
        )
        assert arrived == brought
        assert view.amount("stall.lamp_yard", "lamp_oil") == there.stock()


async def test_a_log_that_refuses_a_posting_ends_no_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.market.keeper.REST_S", 0.001)
    async with town() as there, asyncio.TaskGroup() as group:
        there.log.cuts, there.day = ["refused"], 1
        leading = group.create_task(there.keeper().lead())
        await until(lambda: there.view.market("pawnshop").day == there.view.market("lamp_yard").day == 1)
        leading.cancel()


async def test_a_jump_opens_so_many_days_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.market.keeper.MADE_UP_DAYS_MAX", 3)
    async with town() as there:
        there.day = 100
        await there.keeper().turn()
        found = mornings(await _events(there))
        assert len(found) == 2 * 4
        assert there.view.market("pawnshop").day == 100


async def test_without_a_clock_or_a_world_nothing_is_opened() -> None:
    there = Town()
    async with asyncio.TaskGroup() as group:
        following = group.create_task(there.view.run())
        there.day = None
        await there.keeper().turn()
        there.day, there.view.stalls = 3, {}
        await there.keeper().turn()
        following.cancel()
    assert await _events(there) == []


async def test_a_stall_is_shut_once_when_its_keeper_dies_and_not_again_once_taken_over() -> None:
    async with town() as there:
        there.view.stalls = {**STALLS, "lamp_yard": replace(STALLS["lamp_yard"], keepers={"hob": "Hob"})}
        died = Died.model_validate({**Died.example, "person": "hob", "cause": "a fever"})
        await there.log.append(StreamWrite("harm-person-hob", [CODEC.encode(died, uuid4())]))
        await there.view.caught_up()
        for _ in range(2):
            for keeper in (there.keeper(), there.keeper()):
                await keeper.turn()
        with pytest.raises(Rejected, match="nobody keeps it: Hob died of a fever"):
            await there.tell("late", buys(1))
        taken = StallTakenOver(market="lamp_yard", keeper="Wen")
        await there.log.append(StreamWrite("market-lamp_yard", [CODEC.encode(taken, uuid4())]))
        await there.view.caught_up()
        await there.keeper().turn()
        assert (await there.tell("again", buys(1))).result["quantity"] == 1
        shut = [each for each in await _events(there) if isinstance(each, StallShut)]
        assert len(shut) == 1


class Robbed:
    """The desk of a town where somebody empties a till before the keeper is heard."""

    def __init__(self, there: Town, theft: Transfer) -> None:
        self._there = there
        self._theft = theft

    async def __call__(self, message: CommandMessage) -> Reply:
        await self._there.tell("theft", self._theft)
        return await self._there.desk_of_all(message)

    async def see_may_give(self, account: str, by: str) -> None:
        await self._there.desk_of_all.see_may_give(account, by)


async def test_who_was_refused_once_is_delivered_to_later_and_opens_the_days_after() -> None:
    """The scar: a stall whose goods were refused once never opened again, though they had come since."""
    async with town() as there:
        await there.tell("sink", DeclareFlow(account="sink.thieves", says="Thieves"))
        await there.tell("many", buys(30))
        await there.view.caught_up()
        till = there.view.amount("stall.lamp_yard", "crowns")
        takes = Transfer(moves=[move("stall.lamp_yard", "sink.thieves", till, "crowns")], reason="theft")
        keeper = there.keeper()
        await keeper.turn()
        keeper._access = replace(there.access, carry_out=Robbed(there, takes))
        there.day = 1
        await keeper.turn()
        assert there.stock() == 10

        keeper._access = there.access
        gives = Transfer(moves=[move("source.wages", "stall.lamp_yard", till, "crowns")], reason="found")
        await there.tell("given back", gives)
        await there.view.caught_up()
        there.log.time_us += 11_000_000
        await keeper.turn()
        assert there.stock() > 10

        there.day = 2
        await keeper.turn()
        assert there.view.market("lamp_yard").day == 2
