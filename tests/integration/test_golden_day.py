"""The golden day's log in a real Postgres, folded by the real read models: the same answers as in memory."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from aicore.embedded import EmbeddedPostgres
from aicore.headless.digests import digests_of
from aicore.headless.parts import OwnDesk, wired
from aicore.headless.world import World
from aicore.wiring.ledger import ledger_desk
from aicore.wiring.market import stalls_in_memory
from bus.ports import StreamWrite
from projections.kernel.reading import Reader
from projections.ledger.books import LEDGER_BALANCES, LEDGER_ENTRIES, LEDGER_FLOWS, balance, supply
from projections.market.prices import MARKET_PRICES, prices
from projections.quests.journal import QUEST_JOURNAL, journal
from tests.integration.projection_kit import Realm, open_realm
from tests.unit.headless.kit import DAY, Row, kept, new_event, replayed
from tests.unit.kit import until

pytestmark = pytest.mark.integration

VIEWS = (LEDGER_BALANCES, LEDGER_ENTRIES, LEDGER_FLOWS, MARKET_PRICES, QUEST_JOURNAL)
OF_POSTGRES = frozenset({"clock", "people", "ledger"})
"""The log's own times are in the first; the others are their leaders', and nobody leads here."""


@pytest.fixture
async def place(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[Realm]:
    async with open_realm(postgres, realm) as opened:
        yield opened


def appends(rows: Sequence[Row]) -> Iterator[list[StreamWrite]]:
    """Yield the log in its order, as few appends as streams allow: each is in one of them once."""
    writes: dict[str, list[Any]] = {}
    last = ""
    for row in rows:
        if row["stream"] in writes and row["stream"] != last:
            yield [StreamWrite(stream, events) for stream, events in writes.items()]
            writes = {}
        writes.setdefault(row["stream"], []).append(new_event(row))
        last = row["stream"]
    yield [StreamWrite(stream, events) for stream, events in writes.items()]


async def test_the_golden_day_in_postgres_gives_the_same_answers(place: Realm) -> None:
    rows, world = kept(DAY), await replayed(DAY)
    for writes in appends(rows):
        await place.log.append(*writes)
    head = (await place.log.head()).position
    assert head == len(rows)

    runners = [place.projection(view) for view in VIEWS]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(runner.run()) for runner in runners]
        await until(lambda: all(runner.position >= head for runner in runners))
        for task in tasks:
            task.cancel()

    reader = Reader(place.pool, place.log)
    await same_books(reader, world)
    await same_prices(reader, world)
    told, _ = await journal(reader, {"player": "ann"})
    assert [(each["quest"], each["over"], each["end"]) for each in told] == [
        ("storm_crossing", "completed", "kept"),
        ("the_ferry_in_fog", "completed", "moved"),
    ]
    await same_in_memory(place, world)


async def same_books(reader: Reader, world: World) -> None:
    """What every account has; and money is explained to the coin."""
    desk: OwnDesk = world.parts.opened[ledger_desk]
    await desk.begin()
    for account in ("player.ann", "player.ben", "player.cid", "stall.lamp_yard", "sink.deliveries"):
        found, _ = await balance(reader, {"account": account})
        there = {each["unit"]: (each["balance"], each["held"]) for each in found}
        assert there
        assert there == {unit: desk.book.volume(account, unit) for unit in there}
    units, _ = await supply(reader, {})
    assert units
    assert {each["difference"] for each in units} == {0}


async def same_prices(reader: Reader, world: World) -> None:
    posted = world.parts.opened[stalls_in_memory].market("lamp_yard").posted["lamp_oil"]
    newest, middle, first = (await prices(reader, {"market": "lamp_yard", "good": "lamp_oil"}))[0]

    assert (newest["price"], newest["stock"]) == (posted.price, posted.stock)
    assert (first["price"], middle["price"], newest["price"]) == (40, 43, 47)


async def same_in_memory(place: Realm, world: World) -> None:
    """The program's own read models know of the log in Postgres what they knew of the one in memory."""
    parts = await wired(place.log)
    events = await place.log.read_all(limit=10_000)
    for view in parts.views:
        await view.take([event for event in events if event.type in view.types])
        assert not view.standing.error
    there, here = digests_of(world.parts), digests_of(parts)
    assert {name for name in there if there[name] != here[name]} <= OF_POSTGRES
