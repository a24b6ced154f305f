"""Desks on a log that can be cut in two."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID, uuid5

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLead, MemoryLog
from bus.ports import AppendResult, Fenced, LogError, LogUnavailable, StreamWrite
from domain.clock.units import GameTime
from domain.kernel.event import Command, Event
from domain.ledger.book import STREAM
from domain.ledger.commands import DeclareFlow, Hold, OpenAccount, OpenUnit, Transfer
from handlers.ledger.authority import Holders
from handlers.ledger.desk import Desk
from handlers.ledger.known import Known
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta
from tests.unit.ledger.kit import move

CODEC = EventCodec(domain_catalogue())
SPACE = UUID("6a1b7c55-0a4e-4a41-9d53-5c0f1a3d9e10")
ANN, BEN, MINT = "player.ann", "player.ben", "source.mint"


class CuttableLog(MemoryLog):
    """A log whose next appends fail: before they are recorded, or after."""

    def __init__(self) -> None:
        self.time_us = 1_000_000
        super().__init__("desk", lambda: self.time_us)
        self.cuts: list[str] = []
        self.appends = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def append(self, *writes: StreamWrite) -> AppendResult:
        self.appends += 1
        await self.hold.wait()
        cut = self.cuts.pop(0) if self.cuts else ""
        if cut == "before":
            raise LogUnavailable("the append was lost")
        if cut == "refused":
            raise LogError("Postgres refused the append")
        result = await super().append(*writes)
        if cut == "after":
            raise LogUnavailable("the answer was lost")
        return result

    async def events(self) -> list[Event]:
        """Return all that happened in the ledger."""
        return [CODEC.decode(each) for each in await self.read_stream(STREAM, limit=100_000)]


class Realm:
    """A log, and the desks of its processes."""

    def __init__(self) -> None:
        self.log = CuttableLog()
        self.lead = MemoryLead()
        self.game: GameTime | None = None

    def desk(self, name: str = "quay:1") -> Desk:
        """Return another process's desk."""
        known = Known(self.log, CODEC, lambda: self.game)
        return Desk(known, Holders(self.log, CODEC), self.lead, realm="desk", name=name)


def message(
    name: object, command: Command, expected: Any = "any", by: str = "operator:cli"
) -> CommandMessage:
    """Return a command on its way; the same name is the same id."""
    id_, payload = uuid5(SPACE, str(name)), command.model_dump(mode="json")
    return CommandMessage(id_, type(command).command_name, payload, expected, Meta(actor=by))


@asynccontextmanager
async def leading(desk: Desk) -> AsyncIterator[None]:
    """Have a desk lead, again whenever the log comes back."""

    async def lead() -> None:
        while True:
            with suppress(LogUnavailable):
                await desk.lead()
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(lead())
        await until(lambda: desk.leads)
        yield
        task.cancel()


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that comes within seconds."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


async def opened(desk: Desk, amounts: Mapping[str, int]) -> None:
    """Open units and accounts, and give each so many crowns."""
    await desk(message("unit", OpenUnit(unit="crown", kind="currency", digits=0, says="Coin")))
    await desk(message("mint", DeclareFlow(account=MINT, says="Mint")))
    for account, amount in amounts.items():
        await desk(message(f"open {account}", OpenAccount(account=account)))
        if amount:
            give = Transfer(moves=[move(MINT, account, amount)], reason="start")
            await desk(message(f"give {account}", give))


async def answer(desk: Desk, sent: CommandMessage) -> Reply:
    """Send a command until it is answered, as a client does that is told to send it again."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await desk(sent)
            except (LogUnavailable, Fenced):
                await asyncio.sleep(0.001)


def pays(payer: str, payee: str, amount: int) -> Transfer:
    return Transfer(moves=[move(payer, payee, amount)], reason="trade")


def holds(amount: int, *, game_ms: int | None = None, real_ms: int | None = None) -> Hold:
    return Hold(moves=[move(ANN, BEN, amount)], reason="trade", game_ms=game_ms, real_ms=real_ms)


async def has(realm: Realm, account: str) -> tuple[int, int]:
    """Return what the log says of an account's crowns."""
    found = (0, 0)
    for event in await realm.log.events():
        for each in getattr(event, "after", ()):
            if (each.account, each.unit) == (account, "crown"):
                found = each.balance, each.held
    return found
