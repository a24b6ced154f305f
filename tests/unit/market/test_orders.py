"""Orders: one transfer at the posted price, or a refusal that says why, and each once."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bus.ids import derived_id
from bus.ports import IdConflict
from domain.kernel.decider import Rejected
from domain.ledger.commands import OpenAccount, Transfer
from domain.ledger.messages import Transferred
from domain.market.commands import Buy, Sell
from domain.market.market import MARKET
from domain.market.messages import StallShut, Wanted
from domain.market.orders import BOUGHT
from domain.places.city import TimeOfDay
from protocol.meta import Meta
from tests.unit.ledger.desk_kit import answer
from tests.unit.ledger.kit import move
from tests.unit.market.kit import ANN, BEN, UNA, Around, Town, town


def buys(quantity: int, account: str = ANN, **more: Any) -> Buy:
    return Buy(
        **{"market": "lamp_yard", "good": "lamp_oil", "quantity": quantity, "account": account, **more}
    )


def sells(quantity: int, account: str = ANN, **more: Any) -> Sell:
    return Sell(**buys(quantity, account, **more).model_dump(exclude={"used_up"}))


async def refused(there: Town, name: str, command: Any) -> Rejected:
    with pytest.raises(Rejected) as refusal:
        await there.tell(name, command)
    assert refusal.value.remedy
    return refusal.value


async def test_coins_one_way_and_goods_the_other_in_one_event() -> None:
    async with town() as there:
        reply = await there.tell("buy", buys(3, limit=40))
        assert reply.result == {
            **buys(3).model_dump(exclude={"limit", "used_up"}),
            "coins": 120,
            "currency": "crowns",
        }
        assert len(reply.events) == 1
        sold = await there.tell("sell", sells(2, limit=32))
        assert sold.result["coins"] == 64
        await there.view.caught_up()
        assert there.stock() == 39
        assert there.view.amount(ANN, "crowns") == 100_000 - 120 + 64


async def test_an_order_sent_again_is_one_order_whatever_the_price_is_by_then() -> None:
    async with town() as there:
        first = await there.tell("buy", buys(40))
        there.day = 1
        await there.keeper().turn()
        assert there.view.market("lamp_yard").posted["lamp_oil"].price == 43
        again = await there.tell("buy", buys(40))
        assert (again.result, again.events, again.duplicate) == (first.result, first.events, True)
        there.around.where = "elsewhere"
        assert (await there.tell("buy", buys(40))).duplicate
        with pytest.raises(IdConflict):
            await there.tell("buy", buys(39))
        await there.view.caught_up()
        assert there.stock() == 8


async def test_who_does_not_hold_the_session_asks_for_nothing_in_vain() -> None:
    """What was asked for in vain counts like a trade: else any service could drive a price up."""
    async with town() as there:
        for order in (buys(50), buys(1), sells(1), buys(1, market="moon")):
            asked = replace(there.sent(f"{order}", order), meta=Meta(actor="service:rogue"))
            with pytest.raises(Rejected) as refusal:
                await there.orders(asked)
            assert (refusal.value.code, refusal.value.field) == ("not_your_player", "account")
        assert there.view.market("lamp_yard").wanted == {}


async def test_an_orders_id_is_its_own_in_every_service_and_for_nobody_else() -> None:
    async with town() as there:
        first = await there.tell("buy", buys(3))
        with pytest.raises(IdConflict):
            await there.tell("buy", OpenAccount(account="player.twin"))
        copied = replace(there.sent("buy", buys(3)), meta=Meta(actor="operator:another"))
        with pytest.raises(IdConflict):
            await there.orders(copied)
        assert (await there.tell("buy", buys(3))).events == first.events


async def test_an_order_of_a_program_before_is_known() -> None:
    """Its transfer had an id that was derived from the order's."""
    async with town() as there:
        asked = there.sent("old", buys(3))
        moves = [move(ANN, "stall.lamp_yard", 120, "crowns"), move("stall.lamp_yard", ANN, 3, "lamp_oil")]
        old = derived_id(asked.id, 0, "market")
        done = await there.desk_of_all(
            replace(there.sent("old", Transfer(moves=moves, reason=BOUGHT)), id=old)
        )
        assert (await there.tell("old", buys(3))).events == done.events
        assert there.view.amount("stall.lamp_yard", "lamp_oil") <= 40
        with pytest.raises(IdConflict):
            await there.tell("old", buys(4))


async def test_the_same_order_twice_at_once_is_one() -> None:
    async with town() as there:
        replies = await asyncio.gather(*(there.tell("buy", buys(4)) for _ in range(3)))
        assert sorted(reply.duplicate for reply in replies) == [False, True, True]
        await there.view.caught_up()
        assert there.stock() == 36


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_an_order_that_is_cut_happens_once(cut: str) -> None:
    async with town() as there:
        there.log.cuts = [cut]
        reply = await _until_answered(there, "buy", buys(4))
        assert reply.result["coins"] == 160
        await there.view.caught_up()
        assert there.stock() == 36


async def _until_answered(there: Town, name: str, command: Any) -> Any:
    class Sending:
        async def __call__(self, sent: Any) -> Any:
            return await there.orders(sent)

    return await answer(Sending(), there.sent(name, command))  # type: ignore[arg-type]


async def test_refusals_say_why_and_what_else() -> None:
    async with town() as there:
        for command, code, field in (
            (buys(1, market="moon"), "market_unknown", "market"),
            (buys(1, good="tin_saint"), "not_sold_here", "good"),
            (buys(1, limit=39), "over_limit", "limit"),
            (sells(1, limit=33), "under_limit", "limit"),
            (buys(41), "sold_out", "quantity"),
            (sells(41), "too_many", "quantity"),
            (sells(1, good="loaf"), "worth_nothing", "quantity"),
            (sells(1), "insufficient", "quantity"),
            (buys(1, account="person.nobody"), "account_unknown", "account"),
        ):
            found = await refused(there, f"{command}", command)
            assert (found.code, found.field) == (code, field)
        there.around.where = ""
        assert (await refused(there, "away", buys(1))).code == "not_there"
        assert (await there.tell("una", buys(1, UNA))).result[
            "quantity"
        ] == 1  # who keeps her knows where she is


async def test_a_stall_is_shut_by_its_hours_its_keepers_absence_and_death() -> None:
    async with town() as there:
        there.around.absent = "Hob is asleep"
        assert "asleep" in (await refused(there, "asleep", buys(1))).message
        there.around.absent = ""
        there.view.markets["lamp_yard"] = MARKET.evolve(
            there.view.market("lamp_yard"), StallShut(market="lamp_yard", cause="Hob is dead", salience=500)
        )
        assert "Hob is dead" in (await refused(there, "dead", buys(1))).message
        assert isinstance(Around().now(), TimeOfDay)


async def test_who_cannot_pay_wants_nothing_and_who_can_is_counted_once_a_day() -> None:
    async with town(coins=100) as there:
        await there.tell("una", buys(2, UNA))
        await there.tell("poor", OpenAccount(account="player.poor"))
        for name in ("one", "two"):
            assert (await refused(there, name, buys(50))).code == "sold_out"
        assert (await refused(there, "three", buys(50, "player.poor"))).code == "sold_out"
        found = [event for event in await _events(there) if isinstance(event, Wanted)]
        assert [(each.account, each.quantity) for each in found] == [(ANN, 2)]


async def test_two_who_want_the_last_one_get_it_once() -> None:
    async with town() as there:
        await there.tell("most", buys(39, UNA))
        found = await asyncio.gather(
            *(there.tell(f"last {who}", buys(1, who)) for who in (ANN, BEN)), return_exceptions=True
        )
        assert sorted(getattr(each, "code", "") for each in found) == ["", "sold_out"]


async def _events(there: Town) -> list[Any]:
    from tests.unit.ledger.desk_kit import CODEC  # noqa: PLC0415

    return [CODEC.decode(each) for each in await there.log.read_all(limit=10_000)]


async def test_wash_trades_of_one_owner_count_for_nothing() -> None:
    async with town() as there:
        for number in range(5):
            await there.tell(f"buy {number}", buys(10))
            await there.tell(f"sell {number}", sells(10))
        await there.tell("real", buys(3, UNA))
        there.day = 1
        await there.keeper().turn()
        row = there.view.market("lamp_yard").posted["lamp_oil"]
        assert (row.stock, row.bought, row.sold) == (37, 3, 0)
        assert row.level == 1_000
        moved = [event for event in await _events(there) if isinstance(event, Transferred)]
        assert sum(event.reason.startswith("market_") for event in moved) == 11
