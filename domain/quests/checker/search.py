"""The search: everything that may happen to a quest, and whether an end can be reached from all of it.

Breadth first, so that the first trace found is a shortest one. Found is what every player would meet: a
state from which no end can be reached (however the player tries), a stage, end, way on or objective that
nothing brings about, a quest that is never offered, a reward that cannot be paid.
"""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from domain.definition.quests import Quest
from domain.quests.checker.rehearsal import Move, Rehearsal, Scene
from domain.quests.checker.world import World, brings_unique
from domain.quests.messages import Accepted, Completed, Failed, Progressed, StageReached
from domain.quests.needs import completable
from domain.quests.quests import Offer
from domain.quests.vocabulary import Thing

STATES_MAX = 20_000
"""Scenes of one quest; a shipped one has some hundreds."""

HOSTILE = ("gone", "never")
"""What the world does to a quest: no player ends one by it, so it is no way to an end."""

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a quest.

    Attributes:
        kind: never_offered, stuck, unreachable, undoable, dead_way, unpaid, contested, or
            too_big.
        path: where in the definition.
        says: what is wrong, as a clause.
        trace: the shortest way there; what follows it is what cannot be.
        words: the same for a person.
    """

    kind: str
    path: str
    says: str
    trace: tuple[Move, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(slots=True)
class Search:
    """What was met.

    Attributes:
        scenes: by key, the first scene met.
        came: by key, whence and by which move.
        onward: by key, what may follow by what the player does, or by time.
        doable: objectives that were done. taken: ways on that were. stages: those that were entered.
        whole: whether that is all.
    """

    scenes: dict[Key, Scene] = field(default_factory=dict)
    came: dict[Key, tuple[Key, Move]] = field(default_factory=dict)
    onward: dict[Key, set[Key]] = field(default_factory=dict)
    doable: set[tuple[str, int]] = field(default_factory=set)
    taken: set[tuple[str, str]] = field(default_factory=set)
    stages: set[str] = field(default_factory=set)
    whole: bool = True

    def trace(self, key: Key) -> tuple[Move, ...]:
        """Return the moves that led to a scene."""
        found: list[Move] = []
        while key in self.came:
            key, move = self.came[key]
            found.append(move)
        return tuple(reversed(found))

    def words(self, key: Key) -> tuple[str, ...]:
        """Return the moves that led to a scene, each with what it is about."""
        found: list[str] = []
        while key in self.came:
            key, move = self.came[key]
            found.append(worded(move, self.scenes[key]))
        return tuple(reversed(found))


def worded(move: Move, scene: Scene) -> str:
    """Return a move from a scene as a person reads it."""
    state = scene.state
    if move.kind in HOSTILE:
        return f"{move.what} is {'gone' if move.kind == 'gone' else 'lost for good'}"
    if state is None or move.kind in ("accept", "again"):
        return "take it" if move.kind == "accept" else "take it again"
    if move.kind == "do":
        objective = state.objective(move.number)
        about = " to ".join(each for each in (objective.good, objective.person) if each)
        return f"{state.stage}: {objective.kind} {about or objective.place or f'{objective.seconds} s'}"
    if move.kind == "late":
        return f"{state.stage}: the time is over"
    branch = state.at.branches[move.number]
    return f"{state.stage}: {'choose' if branch.choice else 'go on to'} {branch.to}"


def searched(rehearsal: Rehearsal, states_max: int = STATES_MAX) -> Search:
    """Return all that may happen to a quest, up to so many scenes."""
    found, first = Search(), Scene()
    begin = rehearsal.key(first)
    found.scenes[begin] = first
    todo = deque([begin])
    again = brings_unique(rehearsal.offer.quest, rehearsal.world.unique)
    while todo:
        key = todo.popleft()
        scene = found.scenes[key]
        onward = found.onward.setdefault(key, set())
        for move in rehearsal.moves(scene):
            if move.kind == "again" and not again:
                continue
            for after in rehearsal.play(scene, move):
                to = rehearsal.key(after)
                if move.kind not in HOSTILE:
                    onward.add(to)
                _note(found, after)
                if to not in found.scenes:
                    found.scenes[to], found.came[to] = after, (key, move)
                    todo.append(to)
        if len(found.scenes) > states_max:
            found.whole = False
            break
    return found


def _note(found: Search, after: Scene) -> None:
    """Note what was done and which ways were taken; of what goes on at once no scene tells."""
    for event in after.events:
        match event:
            case Progressed():
                found.doable |= {(event.stage, number) for number in event.objectives}
            case StageReached() if event.by != "late":
                found.taken.add((event.left, event.stage))
            case Completed() | Failed() if event.by in ("done", "chosen"):
                found.taken.add((event.left, event.end))
            case _:
                pass
        found.stages |= {event.stage} if isinstance(event, Accepted | StageReached) else set()


def checked(offer: Offer, world: World, states_max: int = STATES_MAX) -> list[Finding]:
    """Return what is wrong with a quest in a world, the worst first."""
    return findings_of(offer, searched(Rehearsal(offer, world), states_max))


def findings_of(offer: Offer, found: Search) -> list[Finding]:
    """Return what a search of a quest found wrong."""
    path = f"quests.{offer.quest.id}"
    if not found.whole:
        return [
            Finding(
                "too_big",
                path,
                f"more than {len(found.scenes):,} states; it is not known whether it can stick",
            )
        ]
    if len(found.scenes) == 1:
        return [Finding("never_offered", f"{path}.offered", "nothing makes it so that it can be taken")]
    return [*_stuck(found, path), *_unreached(offer, found, path), *_unpaid(found, path)]


def across(offers: Collection[Offer], world: World) -> list[Finding]:
    """Return where quests stand in each other's way over something that there is one of."""
    found: list[Finding] = []
    for good in sorted(world.unique):
        thing = Thing("good", good)
        need = [each.quest for each in offers if _hands_over(each.quest, good)]
        need = [quest for quest in need if not completable(quest, quest.stages[0].id, {thing})]
        pay = [
            each.quest for each in offers if any(good in dict(end.reward.goods) for end in each.quest.ends)
        ]
        for quests, says in ((need, "cannot be completed without it"), (pay, "pay with it")):
            if len(quests) > 1:
                names = " and ".join(quest.id for quest in quests)
                clause = f"there is one {good}, and {names} {says}"
                found.append(Finding("contested", f"quests.{quests[1].id}", clause))
    return found


def _hands_over(quest: Quest, good: str) -> bool:
    objectives = (each for stage in quest.stages for each in stage.objectives)
    return any((each.kind, each.good) == ("deliver", good) for each in objectives)


def _stuck(found: Search, path: str) -> Iterator[Finding]:
    """Yield the first scene from which no end can be reached."""
    ends = {key for key, scene in found.scenes.items() if scene.state is not None and scene.state.over}
    before: dict[Key, set[Key]] = {}
    for key, onward in found.onward.items():
        for to in onward:
            before.setdefault(to, set()).add(key)
    good, todo = set(ends), list(ends)
    while todo:
        more = before.get(todo.pop(), set()) - good
        good |= more
        todo.extend(more)
    for key, scene in found.scenes.items():
        if key not in good and scene.state is not None:
            says = f"from here no end can be reached any more, in {scene.state.stage}"
            where = f"{path}.stages.{scene.state.stage}"
            yield Finding("stuck", where, says, found.trace(key), found.words(key))
            return


def _unreached(offer: Offer, found: Search, path: str) -> Iterator[Finding]:
    met = {scene.state.stage: key for key, scene in reversed(found.scenes.items()) if scene.state is not None}
    ends = {scene.state.end for scene in found.scenes.values() if scene.state is not None}
    for end in offer.quest.ends:
        if end.id not in ends:
            yield Finding("unreachable", f"{path}.ends.{end.id}", "nothing brings it to this end")
    for stage in offer.quest.stages:
        where = f"{path}.stages.{stage.id}"
        if stage.id not in found.stages:
            yield Finding("unreachable", where, "nothing brings it to this stage")
            continue
        came = (found.trace(met[stage.id]), found.words(met[stage.id])) if stage.id in met else ((), ())
        for number in range(len(stage.objectives)):
            if (stage.id, number) not in found.doable:
                yield Finding(
                    "undoable", f"{where}.do[{number}]", "nothing makes it so that this is done", *came
                )
        for number, branch in enumerate(stage.branches):
            if (stage.id, branch.to) not in found.taken:
                yield Finding(
                    "dead_way", f"{where}.next[{number}]", "nothing makes it so that this way is taken", *came
                )


def _unpaid(found: Search, path: str) -> Iterator[Finding]:
    for key, scene in found.scenes.items():
        if scene.unpaid:
            says = "what it pays with is there already, and there is only one"
            yield Finding("unpaid", f"{path}.ends", says, found.trace(key), found.words(key))
            return


def told(finding: Finding) -> list[str]:
    """Return a finding as lines for a person."""
    lines = [f"{finding.path}", f"  found:   {finding.says}"]
    return lines + ([f"  so:      {' → '.join(finding.words)}"] if finding.words else [])
