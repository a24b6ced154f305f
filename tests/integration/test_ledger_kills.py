"""Trades while the ledger's leaders are killed at any instant: nothing twice, nothing lost, sums zero."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aicore.clock import new_id
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from bus.nats.connection import connect
from bus.nats.peers import NatsLead
from bus.ports import Fenced, LogUnavailable, Where
from domain.ledger.book import Book
from domain.ledger.commands import (
    DeclareFlow,
    Hold,
    LedgerCommand,
    Link,
    OpenAccount,
    OpenUnit,
    Transfer,
    VoidHold,
)
from domain.ledger.messages import EVENTS, Led
from handlers.ledger.authority import Holders
from handlers.ledger.desk import Desk
from handlers.ledger.known import Known
from protocol.messages import Reply
from tests.harness.children import Children
from tests.integration.projection_kit import Realm, open_realm
from tests.unit.ledger.desk_kit import CODEC, message
from tests.unit.ledger.kit import move

pytestmark = pytest.mark.integration

ANN, BEN, MINT = "player.ann", "player.ben", "source.mint"
TRADES, TRADES_WHOLE, KILLS_WHOLE = 80, 10_000, 700
TRADERS = 16
LEADERS = ("quay", "mole")
PRICE = 5
LED = Where(types=(Led.event_name,))


@pytest.fixture
async def place(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[Realm]:
    async with open_realm(postgres, realm) as opened_realm:
        yield opened_realm


class Market:
    """Those who trade: Ann buys lamps of Ben, and is told what came of it however often the leader dies."""

    def __init__(self, desk: Desk, trades: int, draws: random.Random) -> None:
        self._desk = desk
        self._trades = trades
        self._draws = draws
        self._next = iter(range(trades))
        self.sold = 0
        self.done = 0
        self.killed = asyncio.Event()
        """A leader was: until then most trades wait."""

    async def open(self) -> None:
        """Give Ann coins, and Ben lamps, for all the trades there will be."""
        for unit, kind in (("crown", "currency"), ("lamp", "good")):
            await self.ask(f"open {unit}", OpenUnit(unit=unit, kind=kind, digits=0, says=""))
        await self.ask("mint", DeclareFlow(account=MINT, says="Mint"))
        for account, unit, amount in ((ANN, "crown", PRICE), (BEN, "lamp", 1)):
            await self.ask(f"open {account}", OpenAccount(account=account))
            moves = [move(MINT, account, amount * self._trades, unit)]
            await self.ask(f"give {account}", Transfer(moves=moves, reason="start"))

    async def trade(self) -> None:
        """Trade until all trades are done: hold the coins, then post them with the lamp, or void."""
        for number in self._next:
            if number >= TRADERS:
                await self.killed.wait()
            buys = self._draws.random() < 0.7
            moves = [move(ANN, BEN, PRICE)]
            held = await self.ask(f"hold {number}", Hold(moves=moves, reason="trade"))
            hold_id = held.result["hold_id"]
            if buys:
                post = {"do": "post_hold", "hold_id": hold_id, "amounts": None}
                lamp = {
                    "do": "transfer",
                    "moves": [move(BEN, ANN, 1, "lamp").model_dump()],
                    "reason": "trade",
                }
                await self.ask(f"post {number}", Link.model_validate({"steps": [post, lamp]}))
                self.sold += 1
            else:
                await self.ask(f"void {number}", VoidHold(hold_id=hold_id, reason="no_deal"))
            self.done += 1

    async def ask(self, name: str, command: LedgerCommand) -> Reply:
        """Send a command until it is answered, always under one id."""
        sent = message(name, command)
        while True:
            try:
                return await self._desk(sent)
            except (LogUnavailable, Fenced):
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("trades", "kills"),
    [
        (TRADES, 3),
        pytest.param(TRADES_WHOLE, KILLS_WHOLE, marks=[pytest.mark.slow, pytest.mark.timeout(3_600)]),
    ],
)
async def test_leaders_killed_at_any_instant_lose_and_double_nothing(
    place: Realm, nats_server: EmbeddedNats, tmp_path: Path, trades: int, kills: int
) -> None:
    draws = random.Random(1_130)
    with Children(tmp_path) as children:
        for name in LEADERS:
            children.add(name, "ledger", dsn=place.dsn, realm=place.name, nats=nats_server.url)
            children.start(name)
        async with connect(nats_server.url, name="game") as nc:
            desk = Desk(
                Known(place.log, CODEC, lambda: None),
                Holders(place.log, CODEC),
                NatsLead(nc, place.name, "ledger", new_id),
                realm=place.name,
                name="game",
            )
            market = Market(desk, trades, draws)
            await market.open()
            async with asyncio.TaskGroup() as group:
                killer = group.create_task(_kill(place, children, draws, market, trades // kills))
                async with asyncio.TaskGroup() as traders:
                    for _ in range(TRADERS):
                        traders.create_task(market.trade())
                killer.cancel()
            children.expect_running()
    book, led = await _see_nothing_twice(place, trades, market.sold)
    assert book.volume(ANN, "crown") == (PRICE * (trades - market.sold), 0)
    assert book.volume(BEN, "crown") == (PRICE * market.sold, 0)
    assert (book.volume(ANN, "lamp"), book.volume(BEN, "lamp")) == (
        (market.sold, 0),
        (trades - market.sold, 0),
    )
    assert led > 1
    print(f"{trades} trades, {market.sold} sold, led {led} times")


async def _kill(place: Realm, children: Children, draws: random.Random, market: Market, every: int) -> None:
    """Kill each leader at a random instant, one for so many trades, and wait for the next one."""
    killed = 0
    while True:
        leads = await place.log.read_all(where=LED, limit=100_000)
        if killed < len(leads) and market.done >= killed * every:
            led = CODEC.decode(leads[-1])
            assert isinstance(led, Led)
            await asyncio.sleep(draws.uniform(0, 0.06))
            children.kill(led.leader)
            market.killed.set()
            children.start(led.leader)
            killed = len(leads)
        await asyncio.sleep(0.01)


async def _see_nothing_twice(place: Realm, trades: int, sold: int) -> tuple[Book, int]:
    """See that the log has what was answered, each once; return the ledger, and how often it was led."""
    known = Known(place.log, CODEC, lambda: None)
    await known.catch_up()
    kinds: Counter[str] = Counter()
    after = 0
    while page := await place.log.read_stream("ledger-realm", after=after):
        after = page[-1].version
        kinds.update(recorded.type for recorded in page)
    assert set(kinds) <= {kind.event_name for kind in EVENTS}
    assert kinds["ledger.held"] == trades == kinds["ledger.hold_posted"] + kinds["ledger.hold_voided"]
    assert kinds["ledger.hold_posted"] == sold
    assert kinds["ledger.transferred"] == sold + 2
    sums: Counter[str] = Counter()
    for (_, unit), (balance, held) in known.book.volumes.items():
        sums[unit] += balance
        assert held == 0
    assert set(sums.values()) == {0}
    return known.book, known.book.term
