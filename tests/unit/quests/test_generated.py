"""Quests that are made of what the world has: they hold, and every one ends, whatever the world takes."""

import asyncio
from collections import Counter
from random import Random
from typing import Any
from uuid import UUID, uuid5

import pytest

from bus.ports import StreamWrite
from domain.clock.units import GameTime
from domain.factions.messages import DayTold, Emerged
from domain.kernel.decider import Rejected
from domain.quests.checker.search import checked
from domain.quests.checker.world import world_of
from domain.quests.commands import Accept, Advance, Choose, MakeQuest
from domain.quests.gone import STREAM
from domain.quests.instance import Instance
from domain.quests.messages import GoneTold, Withdrawn
from domain.quests.vocabulary import Thing
from protocol.meta import Meta
from tests.unit.ledger.desk_kit import CODEC, SPACE
from tests.unit.quests.desk_kit import Table, table

DAY, STEP = 86_400_000, 21_600_000
LOSSES_A_DAY = 2


async def test_what_was_made_is_offered_taken_and_never_twice_the_same() -> None:
    async with table() as at:
        await at.opens("ann")
        offers = [(await at.says(MakeQuest, n, player="ann")).result for n in range(3)]
        assert len({offer["quest"] for offer in offers}) == 3
        again = await at.says(MakeQuest, 0, player="ann")
        assert (again.duplicate, again.result) == (True, offers[0])
        with pytest.raises(Rejected) as refusal:
            await at.says(MakeQuest, 3, player="ann")
        assert refusal.value.code == "offers_full"
        taken = (await at.says(Accept, player="ann", quest=offers[0]["quest"])).result
        assert (taken["instance"], taken["over"]) == (offers[0]["instance"], "")
        at.clock.ms = offers[1]["until_ms"] + 1
        at.realm.game = GameTime(at.clock.ms)
        await at.look()
        assert at.board.board.offered == {}
        with pytest.raises(Rejected) as refusal:
            await at.says(Accept, player="ann", quest=offers[1]["quest"])
        assert refusal.value.code == "offer_over"


async def test_an_offer_whose_target_the_world_takes_is_withdrawn_with_the_reason() -> None:
    async with table() as at:
        await at.opens("ann")
        made = (await at.says(MakeQuest, player="ann")).result
        await at.board.all_known()
        giver = at.board.board.offered[made["instance"]].quest.giver
        await _take(at, [Thing("person", giver)], 0)
        await at.look()
        recorded = await at.realm.log.read_all(after=0, limit=1_000)
        [withdrawn] = [CODEC.decode(each) for each in recorded if each.type == "quests.withdrawn"]
        assert isinstance(withdrawn, Withdrawn)
        assert (withdrawn.by, withdrawn.gone) == ("gone", giver)
        other = (await at.says(MakeQuest, "anew", player="ann")).result
        await at.board.all_known()
        assert at.board.board.offered[other["instance"]].quest.giver != giver


async def test_every_second_quest_comes_of_what_emerged_lately_and_each_holds() -> None:
    facts = {**Emerged.example, "faction": "lamplighters", "other": "tallymen", "place": "ropewalk_quay"}
    raid = Emerged.model_validate({**facts, "kind": "raid", "day": 40})
    async with table() as at:
        people = {each.id: each for each in at.board.definition.people}
        await at.realm.log.append(StreamWrite("factions-world", [CODEC.encode(raid, _id(900), Meta())]))
        await at.board.all_known()
        made = [offer for n in range(40) if (offer := at.board.make("ann", n))]
        about = [each for each in made if " have raided " in str(each.written)]
        assert 10 <= len(about) <= 30
        assert {people[each.quest.giver].faction for each in about} <= {"lamplighters", "tallymen"}
        watched = [each for each in about if "keep watch" in each.quest.aim]
        assert watched
        assert len(watched) < len(about), "some ask for an answer from the other side"
        assert all("ropewalk_quay" in str(each.written) for each in watched)
        assert not any(checked(each, at.board.world) for each in about)

        later = DayTold.model_validate({**DayTold.example, "day": 44})
        await at.realm.log.append(StreamWrite("factions-world", [CODEC.encode(later, _id(901), Meta())]))
        await at.board.all_known()
        old = [offer for n in range(40) if (offer := at.board.make("ann", n))]
        assert not any(" have raided " in str(each.written) for each in old), "that is no news any more"


async def _take(at: Table, things: list[Thing], already: int) -> None:
    """Have the world take things."""
    events = [GoneTold.model_validate({"kind": thing.kind, "thing": thing.id}) for thing in things]
    new = [CODEC.encode(event, _id(already + n), Meta()) for n, event in enumerate(events)]
    await at.realm.log.append(StreamWrite(STREAM, new, expected=already))


def _id(number: int) -> UUID:
    return uuid5(SPACE, f"gone {number}")


async def _month(quests: int, days: int, seed: int) -> tuple[Counter[str], int]:
    """Make quests in a world that loses things; return how they ended, and how many have not."""
    draw, ended = Random(seed), Counter[str]()
    async with table() as at:
        players = [f"p{number}" for number in range(-(-quests // 20))]
        await at.opens(*players)
        things = sorted(world_of(at.board.definition).lasting)
        lost = made = 0
        for step in range(days * DAY // STEP):
            at.clock.ms += STEP
            at.realm.game = GameTime(at.clock.ms)
            for _ in range(-(-quests * STEP // ((days - 6) * DAY))):
                if made < quests:
                    await _takes_one(at, players[made % len(players)], made, draw)
                    made += 1
            if step % 4 == 0:
                taken = draw.sample(things, LOSSES_A_DAY)
                await _take(at, taken, lost)
                lost += LOSSES_A_DAY
            await at.look()
            await _play(at, draw, step)
        await at.look()
        for recorded in await at.realm.log.read_all(after=0, limit=1_000_000):
            if recorded.type in ("quests.completed", "quests.failed", "quests.closed", "quests.withdrawn"):
                ended[recorded.type] += 1
        assert made == quests
        return ended, len(at.board.board.running) + len(at.board.board.offered)


async def _takes_one(at: Table, player: str, number: int, draw: Random) -> None:
    try:
        made = (await at.says(MakeQuest, number, player=player)).result
    except Rejected as refusal:
        assert refusal.code == "offers_full"
        return
    if draw.random() < 0.9:
        await at.says(Accept, number, player=player, quest=made["quest"])


async def _play(at: Table, draw: Random, step: int) -> None:
    """Have some players do what their quest asks for; others never come back."""
    running: list[Instance] = list(at.board.board.running.values())
    for state in draw.sample(running, len(running) // 3):
        mine = {"player": state.players[0], "instance": state.id, "stage": state.stage}
        commands: list[tuple[Any, dict[str, Any]]] = [(Advance, {"objective": n}) for n in state.left]
        commands += [(Choose, {"choice": draw.randrange(2)})] if not state.left else []
        for kind, more in commands:
            try:
                await at.says(kind, f"{state.id} {step} {more}", **mine, **more)
            except Rejected:
                continue
    await asyncio.sleep(0)


async def test_every_made_quest_ends() -> None:
    ended, left = await _month(30, 12, seed=1)
    assert left == 0
    assert ended.total() >= 25


@pytest.mark.slow
@pytest.mark.timeout(1_800)
async def test_a_thousand_made_quests_end_within_a_month() -> None:
    ended, left = await _month(1_000, 30, seed=2)
    print(ended)
    assert left == 0
    assert set(ended) == {"quests.completed", "quests.failed", "quests.closed", "quests.withdrawn"}


async def test_made_quests_hold() -> None:
    async with table() as at:
        for number in range(20):
            offer = at.board.make("ann", number)
            assert offer is not None
            assert checked(offer, at.board.world) == []
            assert {objective.kind for stage in offer.quest.stages for objective in stage.objectives}
