"""Faults put into quests, one at a time: each makes something of it impossible that its designer meant.

A mutant is a quest as plain data, and what its world makes possible. Whether a fault really bites is not
believed: `sticks` plays the checker's trace on the rules and then tries everything at random, for long.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from random import Random
from time import process_time
from typing import Any

from aicore.content.sample_world import sample_definition, sample_entries
from domain.definition.entries import Key, digest_of
from domain.definition.quests import Quest
from domain.places.city import city_of
from domain.quests.checker.rehearsal import PLAYER, Move, Rehearsal, Scene
from domain.quests.checker.search import HOSTILE, Finding
from domain.quests.checker.world import World, world_of
from domain.quests.commands import Accept, Advance, Choose, Look
from domain.quests.messages import Accepted, Completed, Failed, Progressed, StageReached
from domain.quests.quests import Offer
from domain.quests.terms import quest_of

Written = dict[str, Any]
NEVER: Written = {"phase": ["night"], "hours": "12:00-13:00"}
"""Midnight at noon."""

UNIQUE = "tin_saint"
STEPS, PLAYS = 150, 3
WALK_MAX = 200


@dataclass(frozen=True)
class Mutant:
    """A faulty quest. ``kind``: of fault; ``at``: where it was put in."""

    kind: str
    at: str
    offer: Offer
    world: World


@lru_cache(1)
def sample_world() -> World:
    """Return what the sample world makes possible."""
    definition = sample_definition()
    return world_of(definition, city_of(definition).arrivals)


@lru_cache(1)
def originals() -> list[Offer]:
    """Return the shipped quests."""
    entries = sample_entries()
    return [offer_of(quest.id, entries[Key("quests", quest.id)]) for quest in sample_definition().quests]  # type: ignore[arg-type]


def offer_of(id_: str, written: Written) -> Offer:
    """Return a quest as it would be offered."""
    return Offer(quest_of(id_, written), written, digest_of(written))


def mutants(every: int = 1) -> Iterator[Mutant]:
    """Yield mutants of all kinds, of each kind every so-manieth."""
    world, offers = sample_world(), originals()
    for kind, make in KINDS.items():
        found = (
            Mutant(kind, f"{offer.quest.id}.{at}", offer_of(offer.quest.id, written), other)
            for offer in offers
            for at, written, other in make(_plain(offer), offer.quest, world)
        )
        yield from islice(found, 0, None, every)


Made = Iterator[tuple[str, Written, World]]
Maker = Callable[[Written, Quest, World], Made]


def _plain(offer: Offer) -> Written:
    """Return a quest's data with every way on as a list."""
    written: Written = deepcopy(dict(offer.written))
    for stage in written["stages"].values():
        if isinstance(stage["next"], str):
            stage["next"] = [{"to": stage["next"]}]
    return written


def _stages(written: Written, *, untimed: bool = True) -> Iterator[tuple[str, Written, Written]]:
    """Yield each stage's id with a quest of its own to change; without its deadline, which would end it."""
    for id_ in written["stages"]:
        other = deepcopy(written)
        stage = other["stages"][id_]
        if untimed:
            stage.pop("within", None)
            stage.pop("late", None)
        yield id_, other, stage


def _objectives(written: Written) -> Iterator[tuple[str, Written, Written]]:
    for id_, stage in written["stages"].items():
        for number in range(len(stage.get("do", ()))):
            for at, other, found in _stages(written):
                if at == id_:
                    yield f"{id_}.do[{number}]", other, found["do"][number]


def _circle(written: Written, _: Quest, world: World) -> Made:
    for at, other, stage in _stages(written):
        stage["next"] = at
        yield at, other, world


def _when(condition: Callable[[Quest, World, Written], Written | None]) -> Maker:
    """Return what gives each objective a condition that nothing makes true."""

    def make(written: Written, quest: Quest, world: World) -> Made:
        for at, other, objective in _objectives(written):
            if (impossible := condition(quest, world, objective)) is not None:
                objective["when"] = impossible
                yield at, other, world

    return make


def _no_sky(written: Written, _: Quest, world: World) -> Made:
    """Wait for snow in a climate that has none any more."""
    dry = replace(world, weathers={place: skies - {"snow"} for place, skies in world.weathers.items()})
    for at, other, objective in _objectives(written):
        objective["when"] = {"weather": ["snow"]}
        yield at, other, dry


def _no_regard(_: Quest, world: World, _objective: Written) -> Written | None:
    faction, most = min((most, faction) for faction, most in world.standing.items())[::-1]
    return {"standing": {faction: (most + 1) / 1_000}}


def _ways(impossible: Written | None = None, *, choice: bool = False, all_: bool = True) -> Maker:
    """Return what puts a condition on ways on: on all of a stage, or on one choice of several."""

    def make(written: Written, quest: Quest, world: World) -> Made:
        when = impossible or {"done": "two_debts" if quest.id != "two_debts" else "three_bells"}
        for at, other, stage in _stages(written):
            chosen = any("choice" in branch for branch in stage["next"])
            if choice and not chosen:
                continue
            if all_:
                for branch in stage["next"]:
                    branch["when"] = when
                yield at, other, world
                continue
            for number in range(len(stage["next"])):
                one = deepcopy(other)
                one["stages"][at]["next"][number]["when"] = when
                yield f"{at}.next[{number}]", one, world

    return make


def _only_one(written: Written, _: Quest, world: World) -> Made:
    for at, other, stage in _stages(written):
        stage.setdefault("do", []).append({"collect": UNIQUE, "count": 2})
        yield at, other, world


def _given_away(written: Written, quest: Quest, world: World) -> Made:
    """Have who finishes hand over, once more, what there is one of and was handed over before."""
    for at, other, stage in _stages(written):
        stage["do"] = [{"deliver": UNIQUE, "to": quest.giver}]
        stage["next"] = "once_more"
        other["stages"]["once_more"] = {
            "text": "Once more.",
            "do": [{"deliver": UNIQUE, "to": quest.giver}],
            "next": next(iter(written["ends"])),
        }
        yield at, other, world


def _nowhere(written: Written, _: Quest, world: World) -> Made:
    goods = {
        each.get("collect") or each.get("deliver")
        for stage in written["stages"].values()
        for each in stage.get("do", ())
    }
    for good in sorted(goods - {None}):
        yield good, written, replace(world, obtainable=world.obtainable - {good})


def _no_way(written: Written, _: Quest, world: World) -> Made:
    places = {
        each.get("go") or each.get("banish")
        for stage in written["stages"].values()
        for each in stage.get("do", ())
    }
    for place in sorted(places - {None}):
        yield place, written, replace(world, reachable=world.reachable - {place})


def _key_nowhere(written: Written, _: Quest, world: World) -> Made:
    lost = replace(world, obtainable=world.obtainable - {UNIQUE})
    for at, other, objective in _objectives(written):
        objective["when"] = {"has": UNIQUE}
        yield at, other, lost


def _too_long(written: Written, _: Quest, world: World) -> Made:
    for at, other, stage in _stages(written, untimed=False):
        late = stage.get("late") or next(iter(written["ends"]))
        stage |= {"within": "2 h", "late": late}
        stage["do"] = [*stage.get("do", ()), {"wait": "3 h"}]
        yield at, other, world


def _lost_end(written: Written, _: Quest, world: World) -> Made:
    yield from _lost(written, written["ends"], world)


def _lost_stage(written: Written, _: Quest, world: World) -> Made:
    yield from _lost(written, list(written["stages"])[1:], world)


def _lost(written: Written, names: Any, world: World) -> Made:
    """Let nothing lead to one of the stages or ends any more."""
    for name in names:
        other = deepcopy(written)
        instead = next((end for end in other["ends"] if end != name), None)
        if instead is None:
            continue
        for stage in other["stages"].values():
            for branch in stage["next"]:
                branch["to"] = instead if branch["to"] == name else branch["to"]
            if stage.get("late") == name:
                stage["late"] = instead
        yield name, other, world


def _idle(written: Written, _: Quest, world: World) -> Made:
    for at, other, stage in _stages(written):
        stage["next"] = "idle"
        other["stages"]["idle"] = {"text": "Nothing.", "next": "idle"}
        yield at, other, world


def _late_circle(written: Written, _: Quest, world: World) -> Made:
    for at, other, stage in _stages(written):
        stage |= {"within": "1 h", "late": at, "do": [{"wait": "2 h"}]}
        yield at, other, world


def _never_offered(condition: Callable[[Quest, World], Written]) -> Maker:
    def make(written: Written, quest: Quest, world: World) -> Made:
        yield "offered", {**written, "offered": condition(quest, world)}, world

    return make


def _unpaid(written: Written, quest: Quest, world: World) -> Made:
    """Pay with what there is one of, each time; who hands over such a thing has it but once anyway."""
    if any(each.good in world.unique for stage in quest.stages for each in stage.objectives):
        return
    for id_, end in written["ends"].items():
        if end["outcome"] == "completed":
            other = deepcopy(written) | {"again": "1 day"}
            other["ends"][id_]["reward"] = {"goods": {UNIQUE: 1}}
            yield id_, other, world


REGARD = {"standing": {"gleaner_parish": 0.1}}
KINDS: Mapping[str, Maker] = {
    "circle": _circle,
    "hour that never comes": _when(lambda *_: NEVER),
    "weather that there is not": _no_sky,
    "regard that nobody has": _when(_no_regard),
    "after itself": _when(lambda quest, *_: {"done": quest.id}),
    "key that is nowhere": _key_nowhere,
    "ways on that never open": _ways(NEVER),
    "choice that never opens": _ways(NEVER, choice=True, all_=False),
    "hangs on regard that is lost": _ways(REGARD),
    "hangs on a quest that failed": _ways(),
    "more than there is": _only_one,
    "given away before": _given_away,
    "good that is nowhere": _nowhere,
    "place without a way": _no_way,
    "longer than there is time": _too_long,
    "end that nothing leads to": _lost_end,
    "stage that nothing leads to": _lost_stage,
    "idle for ever": _idle,
    "late for ever": _late_circle,
    "offered at no hour": _never_offered(lambda *_: NEVER),
    "offered to nobody": _never_offered(lambda quest, world: _no_regard(quest, world, {}) or {}),
    "offered after itself": _never_offered(lambda quest, _: {"done": quest.id}),
    "pay that is there once": _unpaid,
}


# --- whether it bites ---------------------------------------------------------------------------------------


def replayed(rehearsal: Rehearsal, trace: tuple[Move, ...]) -> list[Scene]:
    """Return every scene that moves may lead to, on the rules."""
    scenes = [Scene()]
    for move in trace:
        scenes = [after for scene in scenes for after in rehearsal.play(scene, move)]
    return scenes


def sticks(mutant: Mutant, finding: Finding, draw: Random) -> bool:
    """Say whether a trace can be played, and what the finding says cannot be does not come about after it."""
    rehearsal = Rehearsal(mutant.offer, mutant.world)
    scenes = replayed(rehearsal, finding.trace)
    if not scenes:
        return False
    if finding.kind == "unpaid":
        return any(scene.unpaid for scene in scenes)
    if finding.kind == "stuck":
        key = min(scenes, key=lambda scene: scene.state is not None and bool(scene.state.over))
        return not any(_contradicts(finding, rehearsal, key, draw) for _ in range(PLAYS))
    return not any(_contradicts(finding, rehearsal, Scene(), draw) for _ in range(PLAYS))


def _contradicts(finding: Finding, rehearsal: Rehearsal, scene: Scene, draw: Random) -> bool:
    """Try at random what a player may try, at any time and in any weather; say whether it came about."""
    for _ in range(STEPS):
        after = attempt(rehearsal, scene, draw)
        if after is None:
            continue
        scene = after
        if _shows(finding, scene):
            return True
        if scene.state is not None and scene.state.over:
            break
    return False


def _shows(finding: Finding, scene: Scene) -> bool:
    """Say whether a scene shows what a finding says cannot be."""
    name = finding.path.split(".")
    assert scene.state is not None
    match finding.kind:
        case "stuck":
            return bool(scene.state.over)
        case "never_offered":
            return True
        case _:
            pass
    for event in scene.events:
        match event:
            case Accepted() | StageReached() if finding.kind == "unreachable":
                if name[2:] == ["stages", event.stage]:
                    return True
            case Completed() | Failed() if finding.kind == "unreachable":
                if name[2:] == ["ends", event.end]:
                    return True
            case Progressed() if finding.kind == "undoable" and event.stage == name[3]:
                if any(name[4] == f"do[{number}]" for number in event.objectives):
                    return True
            case _:
                pass
    return False


def attempt(rehearsal: Rehearsal, scene: Scene, draw: Random) -> Scene | None:
    """Return what comes of one thing that a player tries at a random moment; None: nothing."""
    world, quest = rehearsal.world, rehearsal.offer.quest
    places = [each.place for stage in quest.stages for each in stage.objectives if each.place]
    there = sorted({place for place in places if place in world.reachable}) or [""]
    at = rehearsal.changed(
        scene,
        now_ms=scene.now_ms + draw.randrange(0, 12 * 3_600_000),
        weather=draw.choice(sorted(world.skies("")) or [""]),
        place=draw.choice(there),
    )
    for stage in quest.stages:
        for objective in stage.objectives:
            if objective.good:
                at = rehearsal.with_good(at, objective.good, objective.count) or at
            if objective.when.has:
                at = rehearsal.with_good(at, objective.when.has, 1) or at
    return next(rehearsal.asked(at, _tried(quest, at, draw)), None)


def _tried(quest: Quest, scene: Scene, draw: Random) -> Accept | Look | Advance | Choose:
    state = scene.state
    if state is None:
        return Accept(player=PLAYER, session=1, quest=quest.id)
    said = {"player": PLAYER, "session": 1, "instance": state.id, "stage": state.stage}
    tries: list[Accept | Look | Advance | Choose] = [Look(instance=state.id)]
    tries += [Advance.model_validate({**said, "objective": number}) for number in state.left]
    if not state.left:
        tries += [Choose.model_validate({**said, "choice": n}) for n in range(len(state.at.branches))]
    return draw.choice(tries)


# --- the peer: random walks ---------------------------------------------------------------------------------


def walked(rehearsal: Rehearsal, cpu_s: float, draw: Random) -> set[str]:
    """Return what random walks find in so much CPU time: "stuck", and what they never came to.

    They are given the checker's own moves, right moments and all; only which comes next is drawn.
    """
    until, quest = process_time() + cpu_s, rehearsal.offer.quest
    unmet = {f"stages.{stage.id}" for stage in quest.stages} | {f"ends.{end.id}" for end in quest.ends}
    found: set[str] = set()
    while process_time() < until:
        scene, over = Scene(), False
        for _ in range(WALK_MAX):
            after = _wandered(rehearsal, scene, draw)
            if after is None:
                break
            scene = after
            over = scene.state is not None and bool(scene.state.over)
            unmet -= _met(scene)
            if over or scene.unpaid or process_time() > until:
                break
        if scene.unpaid:
            found.add("unpaid")
        if not over and process_time() < until:
            found.add("stuck")
    return found | unmet


def _wandered(rehearsal: Rehearsal, scene: Scene, draw: Random) -> Scene | None:
    """Return the scene after a random move; None: no move of the player's or of time leads on."""
    moves = list(rehearsal.moves(scene))
    draw.shuffle(moves)
    if all(move.kind in HOSTILE for move in moves):
        return None
    for move in moves:
        if after := list(rehearsal.play(scene, move)):
            return draw.choice(after)
    return None


def _met(scene: Scene) -> set[str]:
    met: set[str] = set()
    for event in scene.events:
        if isinstance(event, Accepted | StageReached):
            met.add(f"stages.{event.stage}")
        elif isinstance(event, Completed | Failed):
            met.add(f"ends.{event.end}")
    return met
