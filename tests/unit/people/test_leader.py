"""Who leads decides for everybody, once; who was overtaken decides nothing; what is told can be explained."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aicore.audit.people import NothingDecided, explain_person
from aicore.content.sample_world import sample_definition
from bus.ports import AppendTooLarge, LogUnavailable, StreamWrite
from domain.people.messages import COURSE, STREAM, PeopleLed, PeopleSkipped, PersonDecided, PersonJoined
from domain.places.messages import Departed, WayClosed
from handlers.people import leader as module
from handlers.people.board import PeopleBoard
from tests.unit.kit import until
from tests.unit.people.kit import DAY_MS, START_MS, decisions
from tests.unit.people.realm import BEGUN, CODEC, RESTED, SECOND_US, Realm, leading


@pytest.fixture
async def realm(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Realm]:
    monkeypatch.setattr(module, "REST_S_MAX", 0.005)
    monkeypatch.setattr(module, "REFUSED_S", 0.005)
    made = Realm()
    yield made


async def joined(realm: Realm) -> bool:
    return any(isinstance(event, PersonJoined) for event in await realm.events())


async def test_without_a_clock_or_before_people_are_to_live_nothing_is_told(realm: Realm) -> None:
    async with leading(realm):
        await asyncio.sleep(0.03)
        assert await realm.events() == []
        await realm.begin()
        await until(lambda: joined(realm))
    assert isinstance((await realm.events())[0], PeopleLed)


async def test_an_hour_is_told_once_by_whoever_leads_and_the_same_after_every_death(realm: Realm) -> None:
    await realm.begin()
    async with leading(realm):
        await until(lambda: joined(realm))
        await realm.pass_by(240)
    once = [event for event in await realm.events() if not isinstance(event, PeopleLed)]

    other = Realm()
    await other.begin()
    for turn in range(12):
        async with leading(other, f"quay:{turn}") as (_, task):
            if not turn:
                await until(lambda: joined(other))
            other.now_us += 20 * SECOND_US
            await asyncio.sleep(0.01 * (turn % 3))
            task.cancel()
    async with leading(other):
        await until(lambda: told(other, len(once)))
        await other.quiet()
    assert [event for event in await other.events() if not isinstance(event, PeopleLed)] == once


async def told(realm: Realm, count: int) -> bool:
    return sum(not isinstance(event, PeopleLed) for event in await realm.events()) >= count


async def test_a_leader_that_stood_still_tells_nothing_once_another_one_leads(realm: Realm) -> None:
    await realm.begin()

    class Gate:
        """The log, as a process sees it that stands still just before it appends."""

        clock_wrong = ""

        def __init__(self) -> None:
            self.stopped, self.go_on = asyncio.Event(), asyncio.Event()
            self.read_stream_payloads = realm.log.read_stream_payloads
            self.results: list[str] = []

        async def append(self, *writes: StreamWrite) -> Any:
            if realm.now_us:
                self.stopped.set()
                await self.go_on.wait()
            try:
                return await realm.log.append(*writes)
            except Exception as error:
                self.results.append(type(error).__name__)
                raise

    gate: Any = Gate()
    async with leading(realm, "stopped", gate) as (_, task):
        await until(lambda: joined(realm))
        realm.now_us = 240 * SECOND_US
        await gate.stopped.wait()
        async with leading(realm, "successor"):
            await until(lambda: told(realm, 200))
            gate.go_on.set()
            await asyncio.wait_for(task, 10)
    assert gate.results[0] in ("VersionConflict", "IdConflict")
    leads = [event.leader for event in await realm.events() if isinstance(event, PeopleLed)]
    assert leads == ["stopped", "successor"]
    keys = [(event.person, event.at_ms) for event in decisions(await realm.events())]
    assert len(keys) == len(set(keys))


async def test_an_append_whose_answer_was_lost_has_one_effect(realm: Realm) -> None:
    await realm.begin()

    class Lossy:
        clock_wrong = ""
        read_stream_payloads = realm.log.read_stream_payloads

        async def append(self, *writes: StreamWrite) -> Any:
            result = await realm.log.append(*writes)
            if realm.now_us:
                raise LogUnavailable("no answer")
            return result

    lossy: Any = Lossy()
    async with leading(realm, "a", lossy) as (_, task):
        await until(lambda: joined(realm))
        realm.now_us = 300 * SECOND_US
        with pytest.raises(LogUnavailable):
            await asyncio.wait_for(task, 10)
    async with leading(realm, "b"):
        await realm.pass_by(60)
    keys = [(event.person, event.at_ms) for event in decisions(await realm.events())]
    assert len(keys) == len(set(keys)) > 0


async def test_a_leap_of_days_is_skipped_and_people_begin_anew(realm: Realm) -> None:
    await realm.begin()
    async with leading(realm):
        await until(lambda: joined(realm))
        await realm.pass_by(60)
        await realm.jump(START_MS + 4 * DAY_MS)
        await until(lambda: skipped(realm))
        await realm.pass_by(30)
    after = [event for event in decisions(await realm.events()) if event.at_ms > START_MS + 4 * DAY_MS]
    assert {event.person for event in after} == {person.id for person in sample_definition().people}


async def skipped(realm: Realm) -> bool:
    return any(isinstance(event, PeopleSkipped) for event in await realm.events())


async def test_who_rests_decides_nothing_until_they_live_again(realm: Realm) -> None:
    await realm.begin()
    async with leading(realm):
        await until(lambda: joined(realm))
        await realm.add(COURSE, RESTED)
        await asyncio.sleep(0.1)
        await realm.quiet()
        before = len(await realm.events())
        await realm.pass_by(60)
        assert len(await realm.events()) == before
        await realm.add(COURSE, BEGUN)
        await until(lambda: told(realm, before + 10))


async def test_a_program_that_is_too_old_does_not_lead(realm: Realm) -> None:
    await realm.begin()
    await realm.add(STREAM, BEGUN)
    async with leading(realm):
        await asyncio.sleep(0.05)
    assert len(await realm.events()) == 1


async def test_a_log_that_refuses_an_append_ends_no_program(realm: Realm) -> None:
    await realm.begin()

    class Refusing:
        clock_wrong = ""
        read_stream_payloads = realm.log.read_stream_payloads

        async def append(self, *_: StreamWrite) -> Any:
            raise AppendTooLarge("payload: 600,000 bytes are over the limit")

    refusing: Any = Refusing()
    async with leading(realm, "a", refusing) as (_, task):
        await asyncio.wait_for(task, 10)
    async with leading(realm, "b"):
        await until(lambda: joined(realm))


async def test_every_decision_is_explained_by_the_log_alone(realm: Realm) -> None:
    """With ways that close meanwhile, and beds and seats that others take first."""
    await realm.begin()
    async with leading(realm):
        await until(lambda: joined(realm))
        await realm.pass_by(300)
        closed = WayClosed(
            way="quay_to_bell", ends=["ropewalk_quay", "drowned_bell"], grounds="storm", at_ms=0, at_us=0
        )
        await realm.add("way-quay_to_bell", closed)
        await asyncio.sleep(0.15)
        await realm.pass_by(240)
    found = [each for each in await realm.recorded() if each.type == PersonDecided.event_name]
    assert len(found) > 250
    for recorded in found[:: len(found) // 12]:
        event = CODEC.decode(recorded)
        assert isinstance(event, PersonDecided)
        told = await explain_person(
            realm.log, CODEC, event.person, at=recorded.position, otherwise=sample_definition
        )
        assert told.explained.decided == event
        assert told.explained.differs == []
        best = told.explained.options[0]
        assert event.lost or (best.action, best.place, best.score) == (event.action, event.place, event.score)
    with pytest.raises(NothingDecided):
        await explain_person(realm.log, CODEC, "nobody", at=None, otherwise=sample_definition)


async def test_the_board_tells_who_is_where_and_how_they_are(realm: Realm) -> None:
    await realm.begin()
    async with leading(realm) as (leader, _):
        await until(lambda: joined(realm))
        await realm.pass_by(90)
        now = START_MS + 90 * 60_000
        board = PeopleBoard(realm.log, leader._surroundings, decode=CODEC.decode, game_ms=lambda: now)
        await board.take(await realm.recorded())
        everybody, _ = await board.answer_here({})
        una, position = await board.answer_person({"person": "una_pell"})
        assert (await board.answer_person({"person": "nobody"}))[0] is None
    assert position == (await realm.recorded())[-1].position
    assert len(everybody) == len(sample_definition().people)
    assert una == next(each for each in everybody if each["person"] == "una_pell")
    assert (una["name"], una["action"], una["doing"], una["place"]) == (
        "Una Pell", "sleep", "sleeping", "widow_tarrs",
    )  # fmt: skip
    assert 0 < una["mood"] < 1_000
    assert set(una["needs"]) == {"food", "rest", "company", "coin", "peace"}
    there, _ = await board.answer_here({"place": "widow_tarrs"})
    assert "una_pell" in [each["person"] for each in there]
    assert any(isinstance(event, Departed) for event in await realm.events())


async def test_what_becomes_known_while_a_world_is_made_is_in_it(
    realm: Realm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a decision would name a position up to which it did not know everything."""
    async with leading(realm) as (leader, _):
        around = leader._surroundings
        made, closed = (
            around._make,
            WayClosed.model_validate(
                {**WayClosed.example, "way": "quay_to_bell", "ends": ["ropewalk_quay", "drowned_bell"]}
            ),
        )

        def meanwhile(defined: Any, ways: frozenset[str]) -> Any:
            if not around.known:
                asyncio.run_coroutine_threadsafe(realm.add("way-quay_to_bell", closed), loop).result(10)
                while not around.known:  # the view hears it in the other thread
                    time.sleep(0.001)
            return made(defined, ways)

        loop = asyncio.get_running_loop()
        around._made = None
        monkeypatch.setattr(around, "_make", meanwhile)
        world = await around.world()

    assert world.known == around.known > 0
    assert "quay_to_bell" in world.city.closed
