"""A small market: two stalls, their keeper, and a ledger's desk."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from domain.ledger.commands import DeclareFlow, OpenAccount, Transfer
from domain.market.stalls import Stall, Terms
from domain.places.city import TimeOfDay
from handlers.market.access import Access
from handlers.market.keeper import StallKeeper
from handlers.market.orders import KINDS, Orders
from handlers.market.view import Stalls
from protocol.messages import CommandMessage, Reply
from tests.unit.ledger.desk_kit import CODEC, Realm, leading, message
from tests.unit.ledger.kit import move

OIL = Terms(
    "lamp_oil", "a can of lamp oil", 40, 400, 3_000, shelf=40, maker="oil_mill", made=8, carted=12, step=80,
    margin=200, vital=True,
)  # fmt: skip
LOAF = replace(OIL, good="loaf", name="a loaf", usual=1, maker="", made=0)
SAINT = replace(
    OIL, good="tin_saint", name="the tin saint", usual=6_000, shelf=1, made=0, carted=0, unique=True
)
YARD = Stall("lamp_yard", "the Lamp Yard", "light", "crowns", (), {"lamp_oil": OIL, "loaf": LOAF})
PAWN = Stall("pawnshop", "the pawnshop", "light", "crowns", (), {"tin_saint": SAINT, "lamp_oil": OIL})
STALLS: Mapping[str, Stall] = {"lamp_yard": YARD, "pawnshop": PAWN}
ANN, BEN, UNA = "player.ann", "player.ben", "person.una"


@dataclass
class Around:
    """Surroundings that a test sets."""

    minute: int = 600
    where: str = "lamp_yard"
    absent: str = ""

    def now(self) -> TimeOfDay:
        return TimeOfDay(self.minute)

    def place_of(self, _player: str) -> str:
        return self.where

    async def caught_up(self) -> None:
        pass

    def away(self, _stall: Stall) -> str:
        return self.absent


class Town(Realm):
    """A realm with stalls."""

    def __init__(self) -> None:
        super().__init__()
        self.day: int | None = 0
        self.around = Around()
        self.desk_of_all = self.desk()
        self.view = Stalls(self.log, decode=CODEC.decode)
        self.view.stalls = STALLS
        self.access = Access(self.log, CODEC, self.view, self.desk_of_all)
        self.orders = Orders(self.access, self.around)

    def keeper(self) -> StallKeeper:
        """Return another process's keeper."""
        return StallKeeper(self.access, today=lambda: self.day, realm="town")

    async def tell(self, name: str, command: Any) -> Reply:
        """Have the desk or the stalls carry a command out, as an operator's."""
        sent = message(name, command)
        return await (self.orders(sent) if sent.command in KINDS else self.desk_of_all(sent))

    def sent(self, name: str, command: Any) -> CommandMessage:
        return message(name, command)

    def stock(self, good: str = "lamp_oil", market: str = "lamp_yard") -> int:
        return self.view.amount(f"stall.{market}", good)


@asynccontextmanager
async def town(coins: int = 100_000) -> AsyncIterator[Town]:
    """Yield a town on its first morning, where Ann, Ben and Una have coins."""
    there = Town()
    async with asyncio.TaskGroup() as group, leading(there.desk_of_all):
        following = group.create_task(there.view.run())
        await there.keeper().turn()
        await there.tell("wages", DeclareFlow(account="source.wages", says="Wages"))
        for account in (ANN, BEN, UNA):
            await there.tell(f"open {account}", OpenAccount(account=account))
            give = Transfer(moves=[move("source.wages", account, coins, "crowns")], reason="wages")
            await there.tell(f"pay {account}", give)
        await there.view.caught_up()
        yield there
        following.cancel()
