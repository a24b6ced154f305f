"""How a quest goes on by itself: time, what is gone, what was met, and ways on that nobody chooses. Pure.

Everything here says what follows from facts; nothing is asked and nothing refused. The order is the rule:
what was met in time counts before the time is over, and that before what is gone.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from domain.definition.quests import Gone as GoneClause
from domain.definition.quests import Reward
from domain.quests.facts import Facts, unmet
from domain.quests.instance import Instance, end_of, evolve, stage_of
from domain.quests.messages import (
    Closed,
    Completed,
    Failed,
    PassedOn,
    Progressed,
    QuestEvent,
    StageReached,
)
from domain.quests.needs import missing
from domain.quests.vocabulary import Paid, Thing

SIZE_MAX = 1_000
"""Events of a quest after which it goes on by players' words alone: so a circle ends."""

NOBODY = "Nobody is left to whom it could be passed on."


def base(state: Instance, at_ms: int) -> dict[str, Any]:
    """Return what every event says."""
    return {"instance": state.id, "quest": state.quest.id, "players": [*state.players], "at_ms": at_ms}


def after(state: Instance, events: Sequence[QuestEvent]) -> Instance:
    """Return the quest after events."""
    for event in events:
        found = evolve(state, event)
        assert isinstance(found, Instance)
        state = found
    return state


def looked(state: Instance, facts: Facts) -> list[QuestEvent]:
    """Return what follows from the facts alone, all the way; nothing, if it is so already."""
    events: list[QuestEvent] = []
    stages = {state.stage}
    while not state.over and state.size < SIZE_MAX:
        step = _seen(state, facts) or _on(state, facts) or _late(state, facts) or _gone(state, facts)
        step = step or _met(state, facts)
        if not step or any(_goes_round(each, stages) for each in step):
            break
        stages |= {each.stage for each in step if isinstance(each, StageReached)}
        events += step
        state = after(state, step)
    return events


def _goes_round(event: QuestEvent, stages: Collection[str]) -> bool:
    """Say whether a quest would come to a stage again in one look; who was late has a new time there."""
    return isinstance(event, StageReached) and event.by != "late" and event.stage in stages


def entered(state: Instance, to: str, by: str, at_ms: int) -> list[QuestEvent]:
    """Return what follows from coming to a stage or an end."""
    said = {**base(state, at_ms), "left": state.stage, "by": by}
    if end := end_of(state.quest, to):
        ended = {**said, "end": to, "text": end.text, "standing": dict(end.reward.standing)}
        if end.outcome == "failed":
            return [Failed(**ended, experience=end.reward.experience)]
        paid = paid_of(end.reward, state.players)
        return [Completed(**ended, experience=end.reward.experience, paid=paid, unpaid=[])]
    stage = stage_of(state.quest, to)
    return [StageReached(**said, stage=to, due_ms=due_of(stage.within, at_ms))]


def due_of(within: int | None, at_ms: int) -> int | None:
    """Return when a stage that is entered at ``at_ms`` is too late."""
    return None if within is None else at_ms + 1_000 * within


def paid_of(reward: Reward, players: Sequence[str]) -> list[Paid]:
    """Return what a reward is in units of the ledger, to each player."""
    each = [(money.currency, money.amount) for money in reward.money] + [*reward.goods]
    return [
        Paid(player=player, unit=unit, amount=amount) for player in players for unit, amount in each if amount
    ]


# --- what follows -------------------------------------------------------------------------------------------


def _seen(state: Instance, facts: Facts) -> list[QuestEvent]:
    """Take what was met before the time was over, at the time at which it was."""
    due = state.due_ms
    seen = {
        n: ms
        for (stage, n), ms in facts.seen.items()
        if stage == state.stage and n in state.left and (due is None or ms <= due)
    }
    return _progress(state, sorted(seen), max(seen.values())) if seen else []


def _on(state: Instance, facts: Facts) -> list[QuestEvent]:
    """Take the first way on whose condition holds, if all is done and nobody has to choose."""
    stage = state.at
    if state.left or any(branch.choice for branch in stage.branches):
        return []
    for branch in stage.branches:
        if not unmet(branch.when, facts, state.players, _place(state)):
            return entered(state, branch.to, "done", facts.now)
    return []


def _late(state: Instance, facts: Facts) -> list[QuestEvent]:
    if state.due_ms is None or facts.now <= state.due_ms or state.at.late is None:
        return []
    return entered(state, state.at.late, "late", facts.now)


def _met(state: Instance, facts: Facts) -> list[QuestEvent]:
    """Take what is so by now of what needs nobody's word."""
    met = [n for n in state.left if is_met(state, n, facts)]
    return _progress(state, met, facts.now) if met else []


def is_met(state: Instance, number: int, facts: Facts) -> bool:
    """Say whether an objective that needs nobody's word is done by the facts."""
    objective, players = state.objective(number), state.players
    if objective.kind == "collect" and objective.good:
        done = any(facts.holds(player, objective.good) >= objective.count for player in players)
    elif objective.kind == "go":
        done = any(facts.place(player) == objective.place for player in players)
    elif objective.kind == "wait":
        done = facts.now >= state.entered_ms + 1_000 * objective.seconds
    else:
        return False
    return done and not unmet(objective.when, facts, players, objective.place or "")


def _progress(state: Instance, met: Sequence[int], at_ms: int) -> list[QuestEvent]:
    return [
        Progressed(**base(state, at_ms), stage=state.stage, objectives=[*met], given=[], to=None),
    ]


def _place(state: Instance) -> str:
    """Return the place that a stage is about, for the weather of its ways on; "": where the players are."""
    return next((each.place for each in reversed(state.at.objectives) if each.place), "")


# --- what is gone -------------------------------------------------------------------------------------------


def _gone(state: Instance, facts: Facts) -> list[QuestEvent]:
    """Apply the clause that says what becomes of it; the giver's comes first."""
    giver = Thing("person", state.person(state.quest.giver))
    if giver in facts.gone:
        return [*_clause(state, state.quest.giver_gone, giver, facts)]
    if thing := missing(state, facts.gone):
        return [*_clause(state, state.quest.target_gone, thing, facts)]
    return []


def _clause(state: Instance, clause: GoneClause, thing: Thing, facts: Facts) -> Iterator[QuestEvent]:
    said = base(state, facts.now)
    to = clause.to
    if clause.rule == "pass_on" and to and thing.kind == "person" and Thing("person", to) not in facts.gone:
        yield PassedOn(**said, person=thing.id, to=to, text=clause.text)
        return
    text = NOBODY if clause.rule == "pass_on" else clause.text
    said |= {"left": state.stage, "end": "", "text": text, "by": "gone"}
    said |= {"gone_kind": thing.kind, "gone": thing.id}
    match clause.rule:
        case "fail":
            yield Failed(**said)
        case "complete":  # who would have paid is gone, or their going would be worth something
            yield Completed(**said, paid=[], unpaid=[])
        case _:
            yield Closed(**said)
