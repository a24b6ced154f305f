"""Who may give away what is a player's."""

import asyncio

import pytest

from bus.ids import derived_id
from bus.ports import StreamWrite
from domain.kernel.decider import Rejected
from domain.ledger.commands import LedgerCommand, Link, OpenAccount, Reverse
from domain.session.messages import SessionClosed, SessionOpened
from handlers.ledger.authority import Holders
from handlers.ledger.desk import Desk
from protocol.messages import CommandMessage
from tests.unit.ledger.desk_kit import (
    ANN,
    BEN,
    CODEC,
    Realm,
    has,
    holds,
    leading,
    message,
    opened,
    pays,
    until,
)


async def test_a_service_gives_away_what_is_a_players_only_while_it_holds_their_session() -> None:
    realm = Realm()
    desk = realm.desk()
    mine, forged = "service:market", "service:forger"

    async def says(name: str, command: LedgerCommand, by: str) -> str:
        return await _code(desk, message(name, command, by=by))

    async with leading(desk):
        await opened(desk, {ANN: 10, BEN: 0, "stall.lamps": 5})
        assert await says("early", pays(ANN, BEN, 1), mine) == "not_your_player"
        await _session(realm, SessionOpened(player="ann", session=1, service=mine, at_us=1))
        assert await says("buy", pays(ANN, BEN, 4), mine) == ""
        assert await says("forged", pays(ANN, BEN, 4), forged) == "not_your_player"
        assert await says("unnamed", pays(ANN, BEN, 4), "") == "not_your_player"
        assert await says("hold", holds(1), forged) == "not_your_player"
        assert await says("stall", pays("stall.lamps", ANN, 1), forged) == "", "a stall is nobody's session"
        bought = str(derived_id(message("buy", pays(ANN, BEN, 4)).id, 0))
        assert await says("undo", Reverse(reverses=bought, reason="refund"), mine) == "not_your_player"
        step = {"do": "transfer", **pays(ANN, BEN, 1).model_dump()}
        link = Link.model_validate({"steps": [step]})
        assert await says("link", link, forged) == "not_your_player"
        await _session(realm, SessionClosed(player="ann", session=1, reason="asked", at_us=2))
        assert await says("late", pays(ANN, BEN, 1), mine) == "not_your_player"
        assert await says("buy", pays(ANN, BEN, 4), mine) == "", "what was done is told again"
    assert await has(realm, BEN) == (4, 0)


async def test_sessions_are_followed() -> None:
    realm = Realm()
    holders = Holders(realm.log, CODEC)
    await _session(realm, SessionOpened(player="ann", session=1, service="service:market", at_us=1))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(holders.run())
        await until(lambda: holders.position == 1)
        await holders.see_may(pays(ANN, BEN, 1), "service:market", {})
        await _session(realm, SessionClosed(player="ann", session=1, reason="asked", at_us=2))
        await until(lambda: holders.position == 2)
        with pytest.raises(Rejected):
            await holders.see_may(pays(ANN, BEN, 1), "service:market", {})
        task.cancel()


async def _session(realm: Realm, event: SessionOpened | SessionClosed) -> None:
    number = (await realm.log.head()).position
    id_ = derived_id(message(f"session {number}", OpenAccount(account=ANN)).id, 0)
    await realm.log.append(StreamWrite("player-ann", [CODEC.encode(event, id_)]))


async def _code(desk: Desk, sent: CommandMessage) -> str:
    try:
        await desk(sent)
    except Rejected as refusal:
        return refusal.code
    return ""
