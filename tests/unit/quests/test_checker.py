"""The model checker: the shipped quests are sound, and what is made wrong in them is found, and sticks."""

import asyncio
from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import Any

import pytest

from benchmarks.quest_mutants import KINDS, Mutant, mutants, originals, sample_world, sticks
from domain.kernel.decider import Rejected
from domain.quests.checker.rehearsal import Rehearsal, Scene
from domain.quests.checker.search import Search, across, checked, findings_of, searched, told
from domain.quests.commands import Accept, Advance, Choose
from domain.quests.messages import Completed, Failed, StageReached
from domain.quests.quests import Offer
from tests.unit.quests.desk_kit import table

DAY = 86_400_000


@lru_cache(1)
def searches() -> list[tuple[Offer, Search]]:
    """Everything that may happen to each shipped quest; half a second, so once."""
    return [(offer, searched(Rehearsal(offer, sample_world()))) for offer in originals()]


def test_nothing_is_wrong_with_the_shipped_quests() -> None:
    assert [told(each) for offer, found in searches() for each in findings_of(offer, found)] == []


def test_two_quests_about_the_only_one_of_something_are_found() -> None:
    offers, world = originals(), sample_world()
    assert across(offers, world) == []
    tongue = next(offer for offer in offers if offer.quest.id == "ninth_tongue")
    other = Offer(replace(tongue.quest, id="tenth_tongue"), tongue.written, tongue.digest)
    [finding] = across([*offers, other], world)
    assert (finding.kind, finding.path) == ("contested", "quests.tenth_tongue")
    assert "there is one ninth_bells_tongue, and ninth_tongue and tenth_tongue" in finding.says


def test_every_branch_end_and_clause_of_every_shipped_quest_is_played() -> None:
    """On the rules and the ledger's; over the wire it takes minutes, and is a slow test."""
    assert len(searches()) >= 25
    for offer, found in searches():
        quest = offer.quest
        ways = {(stage.id, branch.to) for stage in quest.stages for branch in stage.branches}
        assert ways <= found.taken, quest.id
        events = [event for scene in found.scenes.values() for event in scene.events]
        late = {(stage.id, stage.late) for stage in quest.stages if stage.late}
        ended = {
            (event.left, event.stage if isinstance(event, StageReached) else event.end)
            for event in events
            if isinstance(event, StageReached | Failed | Completed) and event.by == "late"
        }
        assert late <= ended, quest.id
        told_ = {getattr(event, "text", "") for event in events}
        assert {quest.giver_gone.text, quest.target_gone.text} <= told_, quest.id


def test_a_fault_of_each_kind_is_found_and_sticks() -> None:
    seen: dict[str, Mutant] = {}
    for mutant in mutants(9):
        seen.setdefault(mutant.kind, mutant)
    assert seen.keys() == KINDS.keys()
    assert len(KINDS) >= 12
    draw = Random(3)
    for mutant in seen.values():
        findings = checked(mutant.offer, mutant.world)
        assert findings, (mutant.kind, mutant.at)
        assert sticks(mutant, findings[0], draw), (mutant.kind, mutant.at, told(findings[0]))


def test_what_does_not_stick_is_not_taken_for_it() -> None:
    """The judge of traces would let no finding pass on a quest without a fault."""
    mutant = next(mutant for mutant in mutants() if mutant.kind == "circle")
    [finding] = [each for each in checked(mutant.offer, mutant.world) if each.kind == "stuck"]
    sound = next(offer for offer in originals() if offer.quest.id == mutant.offer.quest.id)
    assert not sticks(Mutant("none", "", sound, mutant.world), finding, Random(3))


def test_a_finding_is_told_with_the_way_there() -> None:
    mutant = next(each for each in mutants() if (each.kind, each.at) == ("circle", "two_debts.wend"))
    assert told(checked(mutant.offer, mutant.world)[0]) == [
        "quests.two_debts.stages.wend",
        "  found:   from here no end can be reached any more, in wend",
        "  so:      take it → choose: choose wend",
    ]
    assert Rehearsal(mutant.offer, mutant.world).key(Scene())


async def test_a_trace_sticks_at_the_real_desk() -> None:
    """Taken, chosen, done over and over, with the keeper looking: no end; the sound quest ends by it."""
    wanted = ("circle", "two_debts.wend")
    mutant = next(each for each in mutants() if (each.kind, each.at) == wanted)
    sound = next(offer for offer in originals() if offer.quest.id == "two_debts")
    over: dict[str, Any] = {}
    for name, offer in (("sound", sound), ("faulty", mutant.offer)):
        async with table() as at:
            at.board.offers = {"two_debts": offer}
            await at.opens("ann")
            taken = (await at.says(Accept, player="ann", quest="two_debts")).result
            mine = {"player": "ann", "instance": taken["instance"]}
            await at.says(Choose, **mine, stage="choose", choice=0)
            for round_ in range(3):
                await at.gives("ann", "debt_note", round_ + 1)
                await at.look()
                for objective in (0, 1):
                    try:
                        reply = await at.says(Advance, round_, **mine, stage="wend", objective=objective)
                    except Rejected:
                        continue
                    over[name] = reply.result["over"]
                at.clock.ms += DAY
                await asyncio.sleep(0)
    assert over == {"sound": "completed", "faulty": ""}


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_faults_are_found_and_stick() -> None:
    found = total = 0
    draw = Random(5)
    for mutant in mutants(2):
        findings = checked(mutant.offer, mutant.world)
        total += 1
        found += bool(findings) and sticks(mutant, findings[0], draw)
    assert total >= 500
    assert found >= 0.98 * total
