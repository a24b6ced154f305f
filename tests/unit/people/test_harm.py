"""Wounds heal with game time, the dead leave everything to their estate, and each command is one append."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid5

import pytest

from aicore.wiring.people import PLAYERS
from bus.ports import StreamWrite, VersionConflict
from domain.clock.units import GameTime
from domain.kernel.decider import Rejected
from domain.kernel.event import Command, Event
from domain.ledger.commands import DeclareFlow, Hold, OpenAccount, OpenUnit, Transfer
from domain.ledger.vocabulary import MOVES_MAX
from domain.people.harm import HARM, HEAL_MS, Asked, Body, stream_of
from domain.people.harm_messages import STRIKE_MAX, WHOLE, Afflict, Died, Harmed, HarmSomebody, Robbed, Take
from domain.people.rules import HOUR_MS
from domain.places.messages import Entered
from domain.places.moving import stream_of as player_stream
from domain.session.messages import SessionOpened
from handlers.people.harm import HarmRider, HealthAnswer
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta
from tests.unit.kit import in_case
from tests.unit.ledger.desk_kit import CODEC, SPACE, Realm, answer, leading, message
from tests.unit.ledger.kit import move
from tests.unit.spec import changed

GAME = "service:game"
NOW_MS = 19 * HOUR_MS
UNA = "person.una"
STRIKE = HarmSomebody(player="ann", session=1, who=UNA, amount=STRIKE_MAX, how="a knife")


def struck(body: Body, now_ms: int = NOW_MS, **changes: Any) -> tuple[list[Any], Body]:
    events = list(HARM.decide(Asked(changed(STRIKE, **changes), "quay", "quay", now_ms), body))
    return events, HARM.fold(events, body)


def test_a_wound_costs_health_and_heals_by_a_whole_number_function_of_game_time() -> None:
    events, body = struck(Body())
    [harmed] = events
    assert isinstance(harmed, Harmed)
    assert (harmed.health, harmed.by, harmed.whole_ms) == (750, "player.ann", NOW_MS + 250 * HEAL_MS)
    healing = [(0, 750), (HEAL_MS - 1, 750), (HEAL_MS, 751), (125 * HEAL_MS, 875), (300 * HEAL_MS, WHOLE)]
    for passed, health in healing:
        with in_case(str(passed)):
            assert body.health_at(NOW_MS + passed) == health
    assert body.health_at(NOW_MS - HOUR_MS) == 750, "a clock that was set back heals nothing"
    again, _ = struck(body, NOW_MS + 100 * HEAL_MS)
    assert again[0].health == 600, "what had healed by then counts"
    assert HEAL_MS * WHOLE == 72 * HOUR_MS


def test_who_has_nothing_left_is_dead_and_nothing_more_is_done_to_them() -> None:
    body = Body()
    for _ in range(3):
        events, body = struck(body)
        assert [type(event) for event in events] == [Harmed]
    events, body = struck(body, amount=STRIKE_MAX - 1)
    assert (events[0].health, body.died) == (1, None)
    events, body = struck(body)
    harmed, died = events
    assert (harmed.amount, died.person, died.cause, died.by) == (1, "una", "a knife", "player.ann")
    assert (died.place, died.estate) == ("quay", "estate.una")
    for command in (STRIKE, Take(player="ann", session=1, of=UNA, unit="oil", amount=1)):
        with pytest.raises(Rejected, match="una died of a knife"):
            HARM.decide(Asked(command, "quay", "quay", NOW_MS), body)
    assert body.health_at(NOW_MS + 1_000 * HEAL_MS) == 0


def test_a_player_is_down_and_never_dead() -> None:
    body = HARM.fold(HARM.decide(Asked(changed(STRIKE, who="player.ben"), "quay", "quay", NOW_MS), Body()))
    asked = Asked(Afflict(who="player.ben", amount=WHOLE, how="the sea"), "", "quay", NOW_MS)
    events = HARM.decide(asked, body)
    assert [(type(event), getattr(event, "health", None)) for event in events] == [(Harmed, 0)]
    with pytest.raises(Rejected) as refusal:
        HARM.decide(asked, HARM.fold(events, body))
    assert refusal.value.code == "is_down"


def test_nobody_is_hurt_from_afar_nor_by_themselves() -> None:
    for command, by_place, place, code in (
        (STRIKE, "inn", "quay", "not_there"),
        (STRIKE, "", "quay", "not_there"),
        (STRIKE, "quay", "", "not_there"),
        (Afflict(who=UNA, amount=1, how="a fever"), "", "", "not_there"),
        (changed(STRIKE, who="player.ann"), "quay", "quay", "oneself"),
    ):
        with in_case(f"{command} {by_place} {place}"), pytest.raises(Rejected) as refusal:
            HARM.decide(Asked(command, by_place, place, NOW_MS), Body())
        assert refusal.value.code == code
        assert refusal.value.remedy


# --- at the desk --------------------------------------------------------------------------------------------


class There:
    """Where everybody is."""

    def __init__(self) -> None:
        self.places = {"ann": "quay", "ben": "quay", "person.una": "quay"}

    def place_of(self, who: str) -> str:
        return self.places.get(who, "")

    async def caught_up(self) -> None:
        pass


class Town:
    """A realm where harm is decided at the desk."""

    def __init__(self) -> None:
        self.realm = Realm()
        self.realm.game = GameTime(NOW_MS)
        self.there = There()
        self.desk = self.realm.desk()
        self.desk.carry(HarmRider(self.realm.log, CODEC, self.there, players=PLAYERS))

    async def begin(self) -> None:
        """Two players with sessions, a person with a purse, and a stall."""
        for player in ("ann", "ben"):
            opened = SessionOpened(player=player, session=1, service=GAME, build="", at_us=0)
            came = Entered(who=player, kind="player", place="quay", at_ms=0, at_us=0)
            new = [CODEC.encode(each, uuid5(SPACE, f"{player} {each}")) for each in (opened, came)]
            await self.realm.log.append(StreamWrite(player_stream(player), new))
        await self.tells(
            OpenUnit(unit="crown", kind="currency", digits=2, says="Coin"),
            OpenUnit(unit="oil", kind="good", digits=0, says="Oil"),
            DeclareFlow(account="source.mint", says="Mint"),
            *(OpenAccount(account=name) for name in (UNA, f"{UNA}.bank", "stall.quay")),
            Transfer(moves=[move("source.mint", UNA, 30)], reason="start"),
            Transfer(moves=[move("source.mint", f"{UNA}.bank", 500)], reason="start"),
            Transfer(moves=[move("source.mint", UNA, 4, unit="oil")], reason="start"),
            Transfer(moves=[move("source.mint", "stall.quay", 9, unit="oil")], reason="start"),
        )

    async def tells(self, *commands: Command) -> None:
        for command in commands:
            await self.desk(message(command, command))

    async def says(self, command: Command, name: object = 0, by: str = GAME) -> Reply:
        """Send a command until it is answered."""
        id_ = uuid5(SPACE, f"{command.command_name} {command} {name}")
        sent = CommandMessage(id_, command.command_name, command.model_dump(), "any", Meta(actor=by))
        return await answer(self.desk, sent)

    async def refused(self, command: Command, by: str = GAME) -> str:
        with pytest.raises(Rejected) as refusal:
            await self.says(command, by=by)
        return refusal.value.code

    async def happened(self, stream: str) -> list[Event]:
        return [CODEC.decode(each) for each in await self.realm.log.read_stream(stream)]

    def has(self, account: str, unit: str = "crown") -> int:
        return self.desk.book.volume(account, unit)[0]


@asynccontextmanager
async def town() -> AsyncIterator[Town]:
    found = Town()
    async with leading(found.desk):
        await found.begin()
        yield found


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_death_and_what_is_left_are_one_append_however_it_is_cut(cut: str) -> None:
    async with town() as at:
        await at.tells(
            Hold(
                moves=[move(f"{UNA}.bank", "stall.quay", 100)], reason="rent", game_ms=None, real_ms=3_600_000
            )
        )
        kill = Afflict(who=UNA, amount=WHOLE, how="the sea")
        at.realm.log.cuts = [cut]
        done = await at.says(kill, by="operator:ops")
        again = await at.says(kill, by="operator:ops")
        assert (done.result["dead"], again.result, again.duplicate) == (True, done.result, True)
        assert [event.id for event in again.events] == [event.id for event in done.events]
        assert [type(event) for event in await at.happened(stream_of(UNA))] == [Harmed, Died]
        estate = "estate.una"
        assert (at.has(UNA), at.has(f"{UNA}.bank"), at.has(estate), at.has(estate, "oil")) == (0, 100, 430, 4)
        found = [await at.realm.log.find(event.id) for event in done.events]
        assert len({each.recorded_us for each in found if each}) == 1, "all of it is one append"


async def test_an_estate_of_more_than_one_transfer_takes_is_left_whole() -> None:
    async with town() as at:
        units = [f"thing_{number}" for number in range(MOVES_MAX + 3)]
        await at.tells(*(OpenUnit(unit=unit, kind="good", digits=0, says=unit) for unit in units))
        for start in range(0, len(units), MOVES_MAX):
            moves = [move("source.mint", UNA, 1, unit=unit) for unit in units[start : start + MOVES_MAX]]
            await at.tells(Transfer(moves=moves, reason="start"))
        await at.says(Afflict(who=UNA, amount=WHOLE, how="a fever"), by="operator:ops")
        assert [at.has("estate.una", unit) for unit in units] == [1] * len(units)


async def test_two_who_strike_in_the_same_instant_meet_what_the_other_left() -> None:
    async with town() as at:
        await at.says(Afflict(who=UNA, amount=WHOLE - 2 * STRIKE_MAX, how="a fever"), by="operator:ops")
        replies = await asyncio.gather(
            at.says(STRIKE), at.says(changed(STRIKE, player="ben")), return_exceptions=True
        )
        assert sorted(each.result["health"] for each in replies if isinstance(each, Reply)) == [0, 250]
        kinds = [type(event) for event in await at.happened(stream_of(UNA))]
        assert kinds == [Harmed, Harmed, Harmed, Died]
        blow = changed(STRIKE, who="player.ben")
        late = CommandMessage(uuid5(SPACE, "late"), "people.harm", blow.model_dump(), 1, Meta(actor=GAME))
        with pytest.raises(VersionConflict):  # somebody else was to have struck ben before
            await at.desk(late)


async def test_a_theft_moves_what_is_there_and_says_who_took_it_in_one_append() -> None:
    async with town() as at:
        take = Take(player="ann", session=1, of=UNA, unit="oil", amount=3)
        done = await at.says(take)
        again = await at.says(take)
        assert (done.result, again.duplicate) == ({"of": UNA, "unit": "oil", "amount": 3}, True)
        assert (at.has(UNA, "oil"), at.has("player.ann", "oil")) == (1, 3)
        [robbed] = await at.happened(stream_of(UNA))
        assert isinstance(robbed, Robbed)
        assert (robbed.by, robbed.place) == ("player.ann", "quay")
        assert await at.refused(take.model_copy(update={"amount": 2})) == "insufficient"
        await at.says(take.model_copy(update={"of": "stall.quay", "amount": 9}))
        assert at.has("stall.quay", "oil") == 0
        assert len(await at.happened("harm-stall-quay")) == 1
        assert await at.refused(take.model_copy(update={"of": "stall.mill"})) == "not_there"
        assert len(await at.happened(stream_of(UNA))) == 1, "what is refused is not recorded"


async def test_only_who_holds_the_session_acts_and_only_where_the_player_stands() -> None:
    async with town() as at:
        for command in (STRIKE, Take(player="ann", session=1, of=UNA, unit="oil", amount=1)):
            with in_case(str(command)):
                assert await at.refused(command, by="service:other") == "not_your_session"
                assert await at.refused(command, by="operator:ops") == "not_your_session"
                assert await at.refused(changed(command, session=2)) == "session_over"
                assert await at.refused(changed(command, player="cid")) == "no_session"
        at.there.places["person.una"] = "inn"
        assert await at.refused(STRIKE) == "not_there"
        at.realm.game = None
        assert await at.refused(STRIKE) == "no_clock"


async def test_how_somebody_is_can_be_asked_at_any_time() -> None:
    async with town() as at:
        now = NOW_MS
        health = HealthAnswer(at.realm.log, CODEC, lambda: now)
        whole, _ = await health.answer({"who": UNA})
        assert (whole["health"], whole["dead"]) == (WHOLE, None)
        await at.says(STRIKE)
        now = NOW_MS + 10 * HEAL_MS
        assert (await health.answer({"who": UNA}))[0]["health"] == 760
        await at.says(Afflict(who=UNA, amount=WHOLE, how="a fever"), by="operator:ops")
        dead, _ = await health.answer({"who": UNA})
        assert (dead["health"], dead["dead"]["cause"], dead["dead"]["place"]) == (0, "a fever", "quay")
        assert "by" not in dead["dead"]
