"""The ledger on real servers: its read models, and two processes of which one leads, and dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import pytest

from aicore.clock import new_id, now_us
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from bus.nats.connection import connect
from bus.nats.peers import NatsLead
from bus.ports import Fenced, LogUnavailable
from bus.postgres.connect import connect_pool
from bus.postgres.log import open_log
from bus.relay.leadership import while_leading
from domain.ledger.commands import Hold, LedgerCommand, PostHold, Reverse, Transfer
from handlers.ledger.authority import Holders
from handlers.ledger.desk import Desk
from handlers.ledger.known import Known
from projections.kernel.reading import Reader
from projections.ledger.books import (
    LEDGER_BALANCES,
    LEDGER_ENTRIES,
    LEDGER_FLOWS,
    balance,
    history,
    supply,
)
from tests.integration.projection_kit import Realm, open_realm
from tests.unit.kit import until
from tests.unit.ledger.desk_kit import ANN, BEN, CODEC, MINT, message, opened
from tests.unit.ledger.kit import move

pytestmark = pytest.mark.integration

VIEWS = (LEDGER_BALANCES, LEDGER_ENTRIES, LEDGER_FLOWS)
TRADES = 60

# Purpose: end the session that holds the lead, as a killed process's ends. No lock.
END_LEADER = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"


@pytest.fixture
async def place(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[Realm]:
    async with open_realm(postgres, realm) as opened_realm:
        yield opened_realm


@asynccontextmanager
async def desk_of(place: Realm, nc: Any, name: str, group: asyncio.TaskGroup) -> AsyncIterator[Desk]:
    """Yield the desk of a process that is ready to lead."""
    async with open_log(place.dsn, place.name, now_us=now_us) as log:
        known, lead = Known(log, CODEC, lambda: None), NatsLead(nc, place.name, "ledger", new_id)
        desk = Desk(known, Holders(log, CODEC), lead, realm=place.name, name=name)
        leading = while_leading(place.dsn, place.name, desk.lead, work="ledger", name=name)
        tasks = [group.create_task(desk.stand_by()), group.create_task(leading)]
        yield desk
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def end_leader(place: Realm, name: str) -> None:
    connection = await asyncpg.connect(place.dsn)
    try:
        await connection.execute(END_LEADER, f"aicore ledger {name}")
    finally:
        await connection.close()


async def answered(desk: Desk, name: str, command: LedgerCommand) -> Any:
    """Send a command until it is answered, under one id."""
    sent = message(name, command)
    async with asyncio.timeout(60):
        while True:
            try:
                return await desk(sent)
            except (LogUnavailable, Fenced):
                await asyncio.sleep(0.05)


async def test_a_leaders_death_loses_and_doubles_nothing(place: Realm, nats_server: EmbeddedNats) -> None:
    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        ncs = [await stack.enter_async_context(connect(nats_server.url, name="ledger")) for _ in range(2)]
        desks = [
            await stack.enter_async_context(desk_of(place, nc, f"{place.name}-{number}", group))
            for number, nc in enumerate(ncs)
        ]
        await until(lambda: any(desk.leads for desk in desks))
        await opened(desks[0], {ANN: TRADES, BEN: 0})

        async def trade(number: int) -> None:
            pays = Transfer(moves=[move(ANN, BEN, 1)], reason="trade")
            await answered(desks[number % 2], f"buy {number}", pays)

        old, new = sorted(desks, key=lambda desk: not desk.leads)
        async with asyncio.TaskGroup() as trades:
            for number in range(TRADES):
                trades.create_task(trade(number))
                if number == TRADES // 3:
                    await end_leader(place, old.name)
                if number == 2 * TRADES // 3:
                    await until(lambda: new.leads)
    known = Known(place.log, CODEC, lambda: None)
    await known.catch_up()
    assert (known.book.volume(ANN, "crown"), known.book.volume(BEN, "crown")) == ((0, 0), (TRADES, 0))
    assert (known.book.term, known.book.leader) == (2, new.name)


async def test_what_was_and_is_can_be_asked(place: Realm, nats_server: EmbeddedNats) -> None:
    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        nc = await stack.enter_async_context(connect(nats_server.url, name="ledger"))
        desk = await stack.enter_async_context(desk_of(place, nc, "quay", group))
        await opened(desk, {ANN: 100, BEN: 0})
        bought = await desk(message("buy", Transfer(moves=[move(ANN, BEN, 30)], reason="trade")))
        held = await desk(message("hold", Hold(moves=[move(ANN, BEN, 50)], reason="rent")))
        posted = await desk(message("post", PostHold(hold_id=held.result["hold_id"], amounts=[20])))
        original = str(bought.events[0].id)
        undone = await desk(message("undo", Reverse(reverses=original, reason="refund")))
        reader = Reader(await stack.enter_async_context(_pool(place)), place.log)
        for view in VIEWS:
            await _catch_up(place, view)
            assert (await place.projection(view).verify()).ok
        head = undone.events[0].position

        (now,), position = await balance(reader, {"account": ANN})
        assert (now, position) == ({"unit": "crown", "balance": 80, "held": 0, "position": head}, head)
        for reply, was in ((bought, (70, 0)), (held, (70, 50)), (posted, (50, 0))):
            (then,), _ = await balance(reader, {"account": ANN, "as_of": reply.events[0].position})
            assert (then["balance"], then["held"]) == was
        assert (await balance(reader, {"account": ANN, "as_of": 1}))[0] == []

        told, _ = await history(reader, {"account": ANN})
        assert [(each["kind"], each["reason"], each["delta"], each["held_delta"]) for each in told] == [
            ("reversed", "refund", 30, 0),
            ("hold_posted", "rent", -20, -50),
            ("held", "rent", 0, 50),
            ("transferred", "trade", -30, 0),
            ("transferred", "start", 100, 0),
        ]
        asked = {"account": ANN, "unit": "crown", "before": told[1]["position"], "limit": 1}
        page, _ = await history(reader, asked)
        assert page == [told[2]]

        (crowns,), _ = await supply(reader, {"unit": None})
        flows = [{"account": MINT, "reason": "start", "amount": 100}]
        assert crowns == {
            "unit": "crown",
            "issued": 100,
            "destroyed": 0,
            "circulating": 100,
            "held": 0,
            "difference": 0,
            "flows": flows,
        }


async def _catch_up(place: Realm, view: Any) -> None:
    runner, head = place.projection(view), (await place.log.head()).position
    async with asyncio.TaskGroup() as group:
        task = group.create_task(runner.run())
        await until(lambda: runner.position >= head)
        task.cancel()


@asynccontextmanager
async def _pool(place: Realm) -> AsyncIterator[asyncpg.Pool]:
    pool = await connect_pool(place.dsn, place.name, role="aicore_reader")
    try:
        yield pool
    finally:
        pool.terminate()
