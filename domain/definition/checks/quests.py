"""Quests: whether each can be begun, gone on with from every stage, and ended; without a player's luck.

What the world may do to a quest meanwhile (a death, a closed way) is for the model checker; this is what can
be seen on the page.
"""

from collections.abc import Iterator

from domain.definition.faults import Fault
from domain.definition.index import Index
from domain.definition.quests import ALWAYS, Quest, Stage


def _targets(stage: Stage) -> set[str]:
    return {branch.to for branch in stage.branches} | ({stage.late} if stage.late else set())


def _stages(index: Index) -> Iterator[Fault]:
    for quest in index.all.quests:
        if f"stage or end of {quest.id}" in index.incomplete:
            continue
        path, stages = f"quests.{quest.id}", {stage.id: stage for stage in quest.stages}
        ends = {end.id for end in quest.ends}
        for both in sorted(ends & stages.keys()):
            clause = f"{both} is a stage and an end"
            yield Fault(
                "same_name",
                f"{path}.ends.{both}",
                clause,
                "another id",
                other=f"{path}.stages.{both}",
                at_key=True,
            )
        met, todo = {quest.stages[0].id}, [quest.stages[0].id]
        while todo:
            for target in _targets(stages[todo.pop()]) - met:
                met.add(target)
                todo.extend({target} & stages.keys())
        first = quest.stages[0].id
        for stage in quest.stages:
            if stage.id not in met:
                clause = f"nothing leads to this stage from {first}, the first one"
                yield Fault(
                    "unreachable",
                    f"{path}.stages.{stage.id}",
                    clause,
                    "a stage whose next is this one",
                    at_key=True,
                )
        for end in quest.ends:
            if end.id not in met:
                clause = "nothing leads to this end"
                yield Fault(
                    "unreachable",
                    f"{path}.ends.{end.id}",
                    clause,
                    "a stage whose next is this end",
                    at_key=True,
                )
        yield from _stuck(quest, path)


def _stuck(quest: Quest, path: str) -> Iterator[Fault]:
    """Yield stages from which no way leads to an end: who comes there walks in a circle for ever."""
    good = {end.id for end in quest.ends}
    grown = True
    while grown:
        more = {stage.id for stage in quest.stages if _targets(stage) & good} - good
        grown, good = bool(more), good | more
    for stage in quest.stages:
        if stage.id not in good:
            clause = "no end can be reached from this stage"
            yield Fault(
                "no_end", f"{path}.stages.{stage.id}", clause, "a way on that leads to an end", at_key=True
            )


def _ends(index: Index) -> Iterator[Fault]:
    for quest in index.all.quests:
        if not any(end.outcome == "completed" for end in quest.ends):
            clause = "the quest can only fail"
            yield Fault("no_end", f"quests.{quest.id}.ends", clause, "an end with the outcome completed")


def _branches(index: Index) -> Iterator[Fault]:
    for quest in index.all.quests:
        for stage in quest.stages:
            path = f"quests.{quest.id}.stages.{stage.id}.next"
            chosen = [bool(branch.choice) for branch in stage.branches]
            if any(chosen) and not all(chosen):
                clause = "some ways on are chosen and some are not"
                yield Fault("bad_branches", path, clause, "a choice for each, or for none")
            elif not any(chosen) and stage.branches[-1].when != ALWAYS:
                clause = "every way on has a condition; the quest sticks while none holds"
                yield Fault("bad_branches", path, clause, "a last way on without 'when'")
            elif all(chosen) and all(branch.when != ALWAYS for branch in stage.branches):
                clause = "every choice has a condition; the quest sticks while none holds"
                yield Fault("bad_branches", path, clause, "a choice without 'when'")
            for at, branch in enumerate(stage.branches[:-1]):
                if not branch.choice and branch.when == ALWAYS:
                    clause = "this way on is always taken, so those after it never are"
                    yield Fault(
                        "bad_branches", f"{path}[{at}]", clause, "a condition, or the last place in the list"
                    )


def _times(index: Index) -> Iterator[Fault]:
    for quest in index.all.quests:
        for stage in quest.stages:
            waits = max((objective.seconds for objective in stage.objectives), default=0)
            if stage.within is not None and waits >= stage.within:
                clause = "one must wait longer here than there is time"
                path = f"quests.{quest.id}.stages.{stage.id}.within"
                yield Fault("bad_deadline", path, clause, "more time than the wait")
            if not stage.objectives and not any(branch.choice for branch in stage.branches):
                clause = "nothing is to do in this stage and nothing to choose"
                path = f"quests.{quest.id}.stages.{stage.id}"
                yield Fault("idle_stage", path, clause, "something under 'do', or a choice", at_key=True)


def _heirs(index: Index) -> Iterator[Fault]:
    for quest in index.all.quests:
        if quest.giver_gone.to == quest.giver:
            clause = f"if {quest.giver} is gone, the quest is passed on to {quest.giver}"
            path, there = f"quests.{quest.id}.if_giver_gone.to", f"quests.{quest.id}.giver"
            yield Fault("about_itself", path, clause, "somebody else", other=there)


def _order(index: Index) -> Iterator[Fault]:
    """Yield quests that wait for each other, so that none is ever offered."""
    before = {quest.id: quest.offered.done for quest in index.all.quests}
    for quest in index.all.quests:
        met, at = [quest.id], before[quest.id]
        while at in before and at not in met:
            met.append(at)
            at = before[at]
        if at == quest.id and quest.id == min(met):
            clause = "each is offered after the next: " + " → ".join([*met, quest.id])
            yield Fault(
                "circle", f"quests.{quest.id}.offered.done", clause, "a quest that does not wait for this one"
            )


QUEST_CHECKS = (
    ((), _stages),
    ((), _ends),
    ((), _branches),
    ((), _times),
    ((), _heirs),
    ((), _order),
)
