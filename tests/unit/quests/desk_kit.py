"""Quests at a desk on a log that can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid5

from aicore.content.sample_world import sample_definition, sample_entries
from aicore.wiring.quests import PLAYERS
from bus.ports import StreamWrite
from domain.clock.units import GameTime
from domain.kernel.event import Command
from domain.ledger.commands import DeclareFlow, OpenAccount, OpenUnit, Transfer
from domain.places.moving import stream_of as player_stream
from domain.quests.facts import Moment
from domain.session.messages import SessionOpened
from handlers.quests.board import Clocked, QuestBoard
from handlers.quests.desk import QuestRider
from handlers.quests.keeper import Keeper
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta
from tests.unit.ledger.desk_kit import CODEC, SPACE, Realm, answer, leading, message
from tests.unit.ledger.kit import move

GAME = "service:game"


class Noon(Clocked):
    """A clock that stands where it is set."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.ms = 1_000
        self.phase = "day"

    def now_ms(self, _real_us: int) -> int:
        return self.ms

    def moment(self, game_ms: int) -> Moment:
        return Moment(game_ms, self.phase)


class Table:
    """A realm with quests at its desk."""

    def __init__(self) -> None:
        self.realm = Realm()
        self.realm.game = GameTime(1_000)
        self.clock = Noon()
        self.desk = self.realm.desk()
        self.board = self._board()
        self.desk.carry(QuestRider(self.realm.log, CODEC, self.board, players=PLAYERS))
        self.keeper = Keeper(self.realm.log, self.board, self.desk)

    def _board(self) -> QuestBoard:
        defined = sample_definition(), sample_entries()
        board = QuestBoard(self.realm.log, *defined, decode=CODEC.decode, clock=self.clock)
        board.pause_s = 0.001  # type: ignore[misc]
        return board

    async def opens(self, *players: str) -> None:
        """Open a session for each player."""
        for player in players:
            event = SessionOpened(player=player, session=1, service=GAME, build="", at_us=0)
            new = CODEC.encode(event, uuid5(SPACE, f"session {player}"), Meta())
            await self.realm.log.append(StreamWrite(player_stream(player), [new], expected=0))

    async def gives(self, player: str, unit: str, amount: int) -> None:
        """Have the world give a player something."""
        for name, command in (
            (f"unit {unit}", self.board.units.opened.get(unit) or OpenUnit(unit=unit, kind="good")),
            ("world", DeclareFlow(account="source.world", says="The world")),
            (f"account {player}", OpenAccount(account=f"player.{player}")),
            (
                f"{player} {unit} {amount}",
                Transfer(moves=[move("source.world", f"player.{player}", amount, unit=unit)], reason="found"),
            ),
        ):
            await self.desk(message(name, command))

    async def look(self) -> None:
        """Look until nothing is due."""
        while True:
            await self.board.all_known()
            before = len(self.realm.log._events)
            await self.keeper.look()
            if len(self.realm.log._events) == before:
                return

    async def says(self, kind: type[Command], name: object = None, by: str = GAME, **payload: Any) -> Reply:
        """Send a command until it is answered."""
        payload = {"session": 1, **payload}
        id_ = uuid5(SPACE, f"{kind.command_name} {name or payload}")
        return await answer(self.desk, CommandMessage(id_, kind.command_name, payload, "any", Meta(actor=by)))


@asynccontextmanager
async def table() -> AsyncIterator[Table]:
    """Yield a realm whose desk leads."""
    found = Table()
    async with asyncio.TaskGroup() as group:
        follows = group.create_task(found.board.run())
        async with leading(found.desk):
            yield found
        follows.cancel()
