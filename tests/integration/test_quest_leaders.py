"""Quests while the process that decides them dies and stands still: each is taken once and is late once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid5

import pytest

from aicore.clock import new_id
from aicore.content.sample_world import sample_definition, sample_entries
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.wiring.quests import PLAYERS
from bus.nats.connection import connect
from bus.nats.peers import NatsLead
from bus.ports import Fenced, LogUnavailable
from domain.places.moving import stream_of
from domain.quests.commands import Accept
from domain.quests.messages import Accepted, Failed
from domain.session.messages import SessionOpened
from handlers.ledger.authority import Holders
from handlers.ledger.desk import Desk
from handlers.ledger.known import Known
from handlers.quests.board import Clocked, QuestBoard
from handlers.quests.desk import QuestRider
from protocol.messages import CommandMessage
from protocol.meta import Meta
from tests.integration.leader_kit import CODEC, Led, Place, led_place
from tests.integration.nats_kit import until
from tests.integration.test_leaders import in_trouble

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3_600)]

QUESTS = Led("ledger", ["quests"], "quest-", 7_200, begins=False)
"""Seven game hours, after which the quest below is late, are three and a half seconds."""

ROUNDS, APART_S = 100, 0.6
GAME, QUEST = "service:game", "walk_the_wall"
SPACE = UUID("7b7f6f52-5d4a-4f0e-9b0b-4c0a8d0a3c11")


@asynccontextmanager
async def desk_of(place: Place) -> AsyncIterator[Desk]:
    """Yield the desk of a process that never leads: it passes everything on."""
    async with connect(place.nats_url, name="game") as nc:
        known, holders = Known(place.log, CODEC, lambda: None), Holders(place.log, CODEC)
        desk = Desk(
            known, holders, NatsLead(nc, place.realm, "ledger", new_id), realm=place.realm, name="test"
        )
        entries = sample_definition(), sample_entries()
        board = QuestBoard(place.log, *entries, decode=CODEC.decode, clock=Clocked(lambda: None))
        desk.carry(QuestRider(place.log, CODEC, board, players=PLAYERS))
        yield desk


async def takes(place: Place, desk: Desk, number: int) -> str:
    """Have a player take the quest, under one id until it is answered; return the instance."""
    player = f"player-{number}"
    opened = SessionOpened(player=player, session=1, service=GAME, at_us=0)
    await place.add(stream_of(player), opened)
    said: dict[str, Any] = {"player": player, "session": 1, "quest": QUEST}
    sent = CommandMessage(uuid5(SPACE, player), Accept.command_name, said, meta=Meta(actor=GAME))
    async with asyncio.timeout(120):
        while True:
            try:
                return str((await desk(sent)).result["instance"])
            except (LogUnavailable, Fenced):
                await asyncio.sleep(0.05)


async def test_each_quest_is_taken_once_and_late_once(
    postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str
) -> None:
    taken: list[str] = []
    async with (
        led_place(postgres.dsn, nats_server.url, realm, QUESTS, 2) as place,
        desk_of(place) as desk,
        asyncio.TaskGroup() as group,
    ):
        over = asyncio.Event()

        async def all_take() -> None:
            while not over.is_set():
                taken.append(await takes(place, desk, len(taken)))
                await asyncio.sleep(APART_S)

        taking = group.create_task(all_take())
        await in_trouble(place, ROUNDS)
        over.set()
        await taking

        async def all_late() -> bool:
            return all(len(events) == 2 for events in (await place.told()).values())

        await until(all_late, "every quest is over", timeout_s=300.0)
        told = {
            stream: [CODEC.decode(each) for each in await place.log.read_stream(stream)]
            for stream in await place.told()
        }
    assert told.keys() == {f"quest-{instance}" for instance in taken}
    assert len(told) == len(taken) > ROUNDS
    for accepted, failed in told.values():
        assert isinstance(accepted, Accepted)
        assert isinstance(failed, Failed)
        assert (failed.by, failed.players) == ("late", accepted.players)
        assert accepted.due_ms is not None
        assert failed.at_ms >= accepted.due_ms
