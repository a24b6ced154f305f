"""Who directs: on a log in memory, with the program's own read models; another leader goes on from there."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid5

import pytest

from aicore.audit.director import NothingKnown, direction_of, silence, told
from aicore.cli.director import lines_of, sentences
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import StreamWrite
from domain.clock.clock import STREAM as CLOCK_STREAM
from domain.clock.messages import ClockStarted
from domain.clock.units import RealTime
from domain.director.consequences import CONSEQUENCES, Owing, evolve
from domain.director.explaining import shown
from domain.director.messages import (
    ArcAdvanced,
    ArcBegun,
    DirectorEvent,
    DirectorLed,
    SceneClosed,
    SceneOpened,
    Stirred,
)
from domain.factions.messages import Deed, Swayed
from domain.kernel.event import Event
from domain.kernel.process import Heard, Moment
from domain.people.harm_messages import DEATH_SALIENCE, Died
from domain.people.messages import STREAM as PEOPLE
from domain.people.messages import PersonJoined
from domain.places.messages import Entered
from domain.places.moving import stream_of
from handlers.beliefs.view import BeliefsView
from handlers.clock.view import ClockView
from handlers.director import leader as module
from handlers.director.leader import DirectorLeader
from handlers.director.silences import DirectionView, Silences
from handlers.director.view import DirectorView
from tests.unit.clock.kit import BY
from tests.unit.director.kit import NOON_MS, small
from tests.unit.kit import until

CODEC = EventCodec(domain_catalogue())
HOUR_US = 60_000_000
"""Of the game, at sixty times real time."""

SPACE = UUID("8f1c0e52-5a86-5f8e-9a7d-0c6a5d0d0390")


class Realm:
    """A log in memory in which Ada is at the inn, and Ann has come in."""

    def __init__(self) -> None:
        self.now_us, self.count = 0, 0
        self.log = MemoryLog("unit", lambda: self.now_us)

    async def add(self, stream: str, event: Event) -> None:
        self.count += 1
        await self.log.append(StreamWrite(stream, [CODEC.encode(event, uuid5(SPACE, str(self.count)))]))

    async def begin(self) -> None:
        await self.add(CLOCK_STREAM, ClockStarted(calendar=small().calendar, at_game_ms=NOON_MS, **BY))
        at = {"place": "inn", "at_ms": NOON_MS}
        await self.add(PEOPLE, PersonJoined(person="ada", levels={}, **at))
        await self.add(PEOPLE, Entered(who="person.ada", kind="person", at_us=0, **at))
        await self.add(stream_of("ann"), Entered(who="ann", kind="player", at_us=0, **at))

    async def events(self, kind: type[DirectorEvent]) -> list[DirectorEvent]:
        return [event async for event in told(self.log, CODEC) if isinstance(event, kind)]

    async def silent(self, player: str = "ann") -> Mapping[str, Any]:
        found = await silence(self.log, CODEC, player, at=None, now_us=self.now_us, otherwise=small, most=3)
        return shown(found)

    async def explained(self, player: str = "ann") -> list[str]:
        return list(lines_of(await self.silent(player)))


@pytest.fixture
def realm(monkeypatch: pytest.MonkeyPatch) -> Realm:
    monkeypatch.setattr(module, "REST_S", 0.01)
    return Realm()


@asynccontextmanager
async def leading(realm: Realm, name: str) -> AsyncIterator[None]:
    clock = ClockView(realm.log, decode=CODEC.decode, now=lambda: RealTime(realm.now_us))
    view = DirectorView(realm.log, small, decode=CODEC.decode)
    beliefs = BeliefsView(realm.log, small(), decode=CODEC.decode)
    made = DirectorLeader(realm.log, CODEC, view, beliefs, clock, realm="unit", name=name)

    async def lead() -> None:
        while True:
            await made.lead()

    tasks = [asyncio.ensure_future(each) for each in (clock.run(), view.run(), beliefs.run(), lead())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_player_who_is_there_is_directed_and_another_leader_goes_on(realm: Realm) -> None:
    await realm.begin()

    async def opened(count: int) -> bool:
        return len(await realm.events(SceneOpened)) >= count

    async with leading(realm, "one"):
        await until(lambda: opened(1))
    (scene,) = await realm.events(SceneOpened)
    assert isinstance(scene, SceneOpened)
    assert (scene.storylet, scene.player, scene.present) == ("a_comb_is_missed", "ann", ["ada"])
    assert next(sentences(scene)) == "[ann at inn] Ada looks under the table."
    assert "a_comb_is_missed is being played" in await realm.explained()

    async def advanced() -> bool:
        return bool(await realm.events(ArcAdvanced))

    realm.now_us += HOUR_US
    async with leading(realm, "two"):
        await until(advanced)
        realm.now_us += HOUR_US
        await until(lambda: opened(2))
    (closed,) = await realm.events(SceneClosed)
    assert isinstance(closed, SceneClosed)
    assert closed.outcome == "played"
    assert [event.term for event in await realm.events(DirectorLed) if isinstance(event, DirectorLed)] == [
        1,
        2,
    ]
    (begun,) = await realm.events(ArcBegun)
    assert isinstance(begun, ArcBegun)
    direction = await direction_of(realm.log, CODEC)
    assert direction.players["ann"].runs[begun.run].beat == "sought"
    assert direction.booked == {"ada": 1}


async def test_why_nothing_is_played_is_told_from_the_log_and_as_of_a_position(realm: Realm) -> None:
    await realm.begin()
    found = await silence(realm.log, CODEC, "ann", at=None, now_us=0, otherwise=small, most=3)
    assert (found.place, found.phase, found.would) == ("inn", "day", "a_comb_is_missed")
    assert found.nearest[0].storylet == "a_comb_is_sought"
    with pytest.raises(NothingKnown):
        await silence(realm.log, CODEC, "ann", at=2, now_us=0, otherwise=small, most=3)
    with pytest.raises(NothingKnown):
        await realm.explained("ben")


async def test_a_process_that_runs_tells_from_memory_what_the_log_folded_anew_tells(realm: Realm) -> None:
    clock = ClockView(realm.log, decode=CODEC.decode, now=lambda: RealTime(realm.now_us))
    views = (
        DirectionView(realm.log, decode=CODEC.decode),
        DirectorView(realm.log, small, decode=CODEC.decode),
        BeliefsView(realm.log, small(), decode=CODEC.decode),
    )
    silences, following = Silences(*views, clock), (*views, clock)
    assert await silences.answer({"player": "ann"}) == (None, 0), "there is no clock yet"
    await realm.begin()

    async def take(after: int) -> int:
        for view in following:
            await view.take(
                [each for each in await realm.log.read_all(after=after, limit=100) if each.type in view.types]
            )
        return (await realm.log.head()).position

    at = await take(0)
    assert (await silences.answer({"player": "ben"}))[0] is None
    before, _ = await silences.answer({"player": "ann", "most": 3})
    assert before == await realm.silent()
    assert before["would"] == "a_comb_is_missed"

    async def opened() -> bool:
        return bool(await realm.events(SceneOpened))

    async with leading(realm, "one"):
        await until(opened)
    await take(at)
    playing, known = await silences.answer({"player": "ann", "most": 3})
    assert playing == await realm.silent()
    assert (playing["scene"], known) == ("a_comb_is_missed", views[2].position)


async def test_harm_that_a_player_sees_moves_them_once_whoever_leads(realm: Realm) -> None:
    await realm.begin()
    estate = {"estate": "estate.bo", "cause": "a knife", "salience": DEATH_SALIENCE}
    seen = {"place": "inn", "at_ms": NOON_MS}
    await realm.add(PEOPLE, Died(person="bo", by="person.ada", **estate, **seen))
    await realm.add(stream_of("ben"), Entered(who="ben", kind="player", at_us=0, **seen))

    async def stirred() -> bool:
        return bool(await realm.events(Stirred))

    async def closed() -> bool:
        return bool(await realm.events(SceneClosed))

    async with leading(realm, "one"):
        await until(stirred)
    async with leading(realm, "two"):
        realm.now_us += HOUR_US
        await until(closed)
    (stir,) = await realm.events(Stirred)
    assert isinstance(stir, Stirred)
    assert (stir.player, stir.by) == ("ann", 450), "Ben came when it was over"
    assert stir.claims == ["killed(person.ada, person.bo)"]
    told = await realm.silent()
    assert told["stirred"][0]["claims"] == stir.claims
    assert any(
        "saw killed(person.ada, person.bo): tenser by 45 %" in each for each in await realm.explained()
    )
    assert next(sentences(stir)).startswith("[ann] saw killed")


def test_what_a_scene_does_to_factions_is_one_deed_and_done_once() -> None:
    closed = SceneClosed.from_example()
    heard = Heard(closed, SPACE, 7, 0, SPACE, "component:director")
    state = evolve(Owing(), heard)
    moment = Moment(0, 0, tick=False)
    (due,) = CONSEQUENCES.react(state, moment)
    assert isinstance(due.command, Deed)
    assert (due.command.faction, due.command.power, due.command.player) == ("tallymen", 10, "ann")
    again = evolve(state, heard)
    assert [each.what for each in CONSEQUENCES.react(again, moment)] == [due.what]

    swayed = Swayed(**{**Swayed.example, "deed_id": due.command.deed_id})
    done = evolve(again, Heard(swayed, SPACE, 8, 0, SPACE, ""))
    assert list(CONSEQUENCES.react(done, moment)) == []
