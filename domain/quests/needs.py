"""What a quest needs of the world, and whether it can still be completed without what is gone. Pure.

"Needs" means: without it no way leads to a completed end. Who stands in one branch only may die, and the
other branch is still there.
"""

from collections.abc import Collection, Iterator, Mapping

from domain.definition.quests import Branch, Objective, Quest, Stage
from domain.quests.instance import Done, Instance, end_of, stage_of
from domain.quests.vocabulary import Thing

Gone = Collection[Thing]


def things_of(objective: Objective) -> Iterator[Thing]:
    """Yield what an objective cannot be done without."""
    if objective.person:
        yield Thing("person", objective.person)
    if objective.place:
        yield Thing("place", objective.place)
    if objective.good:
        yield Thing("good", objective.good)
    if objective.when.alive:
        yield Thing("person", objective.when.alive)


def named(quest: Quest) -> frozenset[Thing]:
    """Return all that a quest names: what the world may take from it."""
    found = {Thing("person", quest.giver)}
    for stage in quest.stages:
        for objective in stage.objectives:
            found |= set(things_of(objective))
        found |= {Thing("person", branch.when.alive) for branch in stage.branches if branch.when.alive}
    return frozenset(
        found | {Thing("person", rule.to) for rule in (quest.giver_gone, quest.target_gone) if rule.to}
    )


def missing(state: Instance, gone: Gone) -> Thing | None:
    """Return what is gone and without which the quest cannot be completed any more; None: it still can."""
    if not gone or completable(state.quest, state.stage, gone, state.done, state.stands_for):
        return None
    return next(_blocks(state, gone), None)


def completable(
    quest: Quest,
    stage: str,
    gone: Gone,
    done: Done = frozenset(),
    stands_for: Mapping[str, str] | None = None,
) -> bool:
    """Say whether a way leads from a stage to a completed end, past all that is gone."""
    seen, todo = {stage}, [stage]
    while todo:
        at = stage_of(quest, todo.pop())
        for to in _ways(at, gone, done, stands_for or {}):
            end = end_of(quest, to)
            if end and end.outcome == "completed":
                return True
            if not end and to not in seen:
                seen.add(to)
                todo.append(to)
    return False


def _ways(stage: Stage, gone: Gone, done: Done, stands_for: Mapping[str, str]) -> Iterator[str]:
    if stage.late:
        yield stage.late
    if any(
        _lost(each, gone, stands_for) for n, each in enumerate(stage.objectives) if (stage.id, n) not in done
    ):
        return
    for branch in stage.branches:
        if not _shut(branch, gone):
            yield branch.to


def _lost(objective: Objective, gone: Gone, stands_for: Mapping[str, str]) -> bool:
    return any(_now(thing, stands_for) in gone for thing in things_of(objective))


def _shut(branch: Branch, gone: Gone) -> bool:
    return branch.when.alive is not None and Thing("person", branch.when.alive) in gone


def _now(thing: Thing, stands_for: Mapping[str, str]) -> Thing:
    id_, met = thing.id, {thing.id}
    while thing.kind == "person" and (other := stands_for.get(id_)) and other not in met:
        met.add(other)
        id_ = other
    return Thing(thing.kind, id_)


def _blocks(state: Instance, gone: Gone) -> Iterator[Thing]:
    """Yield what is gone of what the quest names, first what its stage does."""
    order = [state.at, *(stage for stage in state.quest.stages if stage.id != state.stage)]
    for stage in order:
        for number, objective in enumerate(stage.objectives):
            if (stage.id, number) in state.done:
                continue
            yield from (
                now for now in (_now(each, state.stands_for) for each in things_of(objective)) if now in gone
            )
        for branch in stage.branches:
            if branch.when.alive and _shut(branch, gone):
                yield Thing("person", branch.when.alive)
