"""What trade does: what is bought up gets dear, and no cut makes a trade half."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

from aicore.client import Refused, Unanswered
from aicore.demos.ten_things.people import YARD
from aicore.demos.ten_things.stage import BY, DAY_MS, HOUR_MS, MINUTE_MS, WITHIN_S, Stage, ids, see
from domain.ledger.messages import Transferred
from domain.market.messages import RanShort, Wanted

OIL, BUYER = "lamp_oil", "buyer"
ACCOUNT = f"player.{BUYER}"
TRADES = 12


async def bought_up(stage: Stage) -> str:
    """6: what is bought up is missed, gets dear, and is brought by and by."""
    await stage.enter(BUYER, YARD)
    await stage.purse(ACCOUNT, "crowns", 1_000_000)
    order = {"market": YARD, "good": OIL, "account": ACCOUNT}
    await stage.to(11 * HOUR_MS)
    before = await _row(stage)
    await stage.until(partial(_buys_all, stage, order), "all of it is bought")
    stage.say(f"all the lamp oil is bought at {before['price']} pence a can")
    told = await stage.refused("market.buy", **order, quantity=before["stock"])
    see(told.startswith("sold_out"), f"asked for as much again: {told}")
    wanted = [each for each in await stage.events(Wanted) if each.good == OIL]
    see(wanted, "that it was asked for in vain is told nobody")
    stage.say(f"as much again: {told}")
    await stage.to(DAY_MS + 5 * MINUTE_MS)

    async def posted() -> Any:
        row = await _row(stage)
        return row if row["price"] != before["price"] else None

    after = await stage.until(posted, "another price is posted")
    see(after["price"] > before["price"], f"it costs {after['price']} after {before['price']}")
    short = [each for each in await stage.events(RanShort) if (each.market, each.good) == (YARD, OIL)]
    see(short, "nobody complains")
    prices = await stage.ask("market.prices", market=YARD, good=OIL)
    came, shelf = prices[0]["arrives"], before["stock"]
    see(0 < came < shelf, f"{came} cans came where {shelf} had been")
    return (
        f"{before['price']} pence, then {after['price']}; people complain (salience {short[0].salience}); "
        f"{came} cans came and {prices[0]['coming']} are with the carter, of {shelf} before"
    )


async def _buys_all(stage: Stage, order: dict[str, Any]) -> bool:
    """Say whether nothing is left after buying what the board shows; others buy, too."""
    stock = (await _row(stage))["stock"]
    with suppress(Refused):  # somebody was quicker, or the keeper is on the way: the board is looked at again
        await stage.do("market.buy", **order, quantity=max(1, stock))
    return int((await _row(stage))["stock"]) == 0


async def _row(stage: Stage, market: str = YARD, good: str = OIL) -> Any:
    board = await stage.ask("market.board", market=market)
    return next(each for each in board["goods"] if each["good"] == good)


async def plug_pulled(stage: Stage) -> str:
    """4: trades that a plug pulled in the middle finds done or not done, and never half."""
    await stage.pause()  # nobody else trades meanwhile
    board = await stage.ask("market.board", market=YARD)
    row = max(board["goods"], key=lambda each: each["stock"])
    good, stall, currency = row["good"], board["account"], board["currency"]
    see(row["stock"] >= TRADES, f"there are only {row['stock']} {good}")
    order = {"market": YARD, "good": good, "quantity": 1, "account": ACCOUNT}
    before, orders = await _holdings(stage), ids(TRADES)
    await _cut_short(stage, orders, order)
    stage.say(f"the plug is pulled in the middle of {TRADES} orders")
    await stage.start()
    coins = 0
    for id_ in orders:
        coins += (await stage.until(partial(_again, stage, id_, order), "an order is answered"))["coins"]
    after = await _holdings(stage)
    wanted = {(ACCOUNT, good): TRADES, (stall, good): -TRADES}
    wanted |= {(ACCOUNT, currency): -coins, (stall, currency): coins}
    gain = {key: after[key] - before.get(key, 0) for key in wanted}
    see(gain == wanted, f"it came to {gain}, not {wanted}")
    stage.say("after the start each order is sent again with its id, and has its one result")
    await stage.order("clock.resume", **BY)
    return f"{TRADES} {good} and {coins} {currency} changed hands, no piece and no coin more or less"


async def _cut_short(stage: Stage, orders: Sequence[UUID], order: dict[str, Any]) -> None:
    """Send orders at once, and kill everything as soon as one was answered."""
    first = asyncio.Event()

    async def sent(id_: UUID) -> None:
        with suppress(Unanswered, Refused, OSError):  # what became of it is asked again
            await stage.do("market.buy", id=id_, **order)
            first.set()

    async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
        for id_ in orders:
            group.create_task(sent(id_))
        await first.wait()
        await stage.kill()


async def _holdings(stage: Stage) -> dict[tuple[str, str], int]:
    """Return what every account has of every unit, as the log says."""
    transfers = await stage.events(Transferred)
    return {(each.account, each.unit): each.balance for event in transfers for each in event.after}


async def _again(stage: Stage, id_: UUID, order: dict[str, Any]) -> Any:
    try:
        return (await stage.do("market.buy", id=id_, **order)).result
    except Refused as refusal:
        if refusal.error.code in ("unavailable", "not_there", "market_shut", "over_allowance"):
            return None
        raise
