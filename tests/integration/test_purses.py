"""Purses on a real log: a leader dies between a decision and its transfer, and everything is once."""

import asyncio

import pytest

from aicore.embedded import EmbeddedPostgres
from domain.market.orders import BOUGHT
from domain.people.messages import PersonDecided
from handlers.people import leader, purser
from protocol.messages import CommandMessage, Reply
from tests.integration.projection_kit import open_realm
from tests.unit.people.kit import decisions
from tests.unit.people.purse_kit import hamlet, live, see_that_it_adds_up
from tests.unit.people.realm import CODEC

pytestmark = pytest.mark.integration


async def test_who_goes_on_after_a_death_finds_in_postgres_what_was_bought(
    postgres: EmbeddedPostgres, realm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader, "REST_S_MAX", 0.01)
    monkeypatch.setattr(leader, "SETTLE_S", 10.0)
    monkeypatch.setattr(purser, "LOOK_S", 0.0)
    async with open_realm(postgres, realm) as place, hamlet(place.log) as there:
        dead = asyncio.Event()

        async def dies(sent: CommandMessage) -> Reply:
            reply = await there.desk(sent)
            if await there.transfers(BOUGHT):
                dead.set()
                return await asyncio.Future()  # the process is gone before it hears of it
            return reply

        await live(there, there.purser(dies), name="first", ends=dead.is_set)
        (bought,) = await there.transfers(BOUGHT)
        assert not any(event.bought for event in decisions(await there.lived()))

        await live(there, there.purser(), name="second")

        await see_that_it_adds_up(there)
        first = next(event.bought for event in decisions(await there.lived()) if event.bought)
        assert (first.good, first.coins) == (bought.moves[1].unit, bought.moves[0].amount)
        stored = [each for each in await there.recorded() if each.type == PersonDecided.event_name]
        assert {each.schema_version for each in stored} == {2}
        assert all(isinstance(CODEC.decode(each), PersonDecided) for each in stored)
