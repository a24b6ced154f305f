"""The journal: every quest that somebody took, as it stands, and the answer to who asks for a player's."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.definition.quests import Objective
from domain.kernel.parse import parse
from domain.quests.instance import Instance, end_of, evolve
from domain.quests.messages import (
    QUEST_EVENTS,
    Accepted,
    Closed,
    Completed,
    Failed,
    Joined,
    OfferMade,
    QuestEvent,
    Withdrawn,
)
from domain.quests.queries import JournalQuery
from domain.quests.terms import quest_of
from projections.kernel.reading import Answer, Reader
from projections.kernel.view import Fact, Key, Row, View

TAKEN = tuple(kind for kind in QUEST_EVENTS if kind not in (OfferMade, Withdrawn))
"""What happens to a quest once somebody took it; offers are asked for elsewhere."""


def _keys_of(fact: Fact) -> Sequence[Key]:
    return [(fact.event.instance,)] if isinstance(fact.event, TAKEN) else []


def _apply(row: Row | None, fact: Fact, _: Key) -> Row | None:
    event = fact.event
    assert isinstance(event, QuestEvent)
    if isinstance(event, Accepted):
        state = evolve(None, event)
        assert isinstance(state, Instance)
        return _row(state, fact, terms=event.written, taken_ms=event.at_ms, told="")
    if row is None:
        return None
    before = _instance(row)
    if isinstance(event, Joined) and event.player in before.players:
        return row  # the same word, on the stream of who came along
    state = evolve(before, event)
    assert isinstance(state, Instance)
    told = event.text if isinstance(event, Completed | Failed | Closed) else row["told"]
    return _row(state, fact, terms=row["terms"], taken_ms=row["taken_ms"], told=told)


def _row(state: Instance, fact: Fact, **more: Any) -> Row:
    return {
        "instance": state.id,
        "quest": state.quest.id,
        "number": state.number,
        "players": [*state.players],
        "stage": state.stage,
        "done": [[stage, number] for stage, number in sorted(state.done)],
        "stands_for": dict(state.stands_for),
        "due_ms": state.due_ms,
        "outcome": state.over,
        "end_id": state.end,
        "over_ms": state.over_ms if state.over else None,
        "position": fact.position,
        **more,
    }


def _instance(row: Row) -> Instance:
    """Return the quest that a row is of; what it was chosen by, and since when, no reader asks."""
    return Instance(
        id=row["instance"],
        quest=quest_of(row["quest"], row["terms"]),
        players=tuple(row["players"]),
        number=row["number"],
        stage=row["stage"],
        entered_ms=0,
        due_ms=row["due_ms"],
        done=frozenset((stage, number) for stage, number in row["done"]),
        stands_for=row["stands_for"],
        over=row["outcome"],
        end=row["end_id"],
        over_ms=row["over_ms"] or 0,
    )


QUEST_JOURNAL = View(
    name="quest_journal",
    version=1,
    types=frozenset(kind.event_name for kind in TAKEN),
    key=("instance",),
    keys_of=_keys_of,
    apply=_apply,
)

# Purpose: a player's quests, the newest first. Index: quest_journal_players. No lock.
_JOURNAL = """
SELECT (SELECT position FROM projection_checkpoint WHERE name = $1) AS position,
       (SELECT json_agg(row_to_json(j) ORDER BY j.taken_ms DESC, j.instance)::text FROM
           (SELECT * FROM quest_journal WHERE players @> ARRAY[$2::text] AND ($3 = false OR outcome = '')
            ORDER BY taken_ms DESC, instance LIMIT $4) AS j) AS rows
"""


async def journal(reader: Reader, query: Mapping[str, Any]) -> Answer:
    """Answer the query ``quests.journal``."""
    asked = parse(JournalQuery, query)
    rows, position = await reader.rows(_JOURNAL, QUEST_JOURNAL.name, asked.player, asked.running, asked.limit)
    return [entry(row) for row in rows], position


def entry(row: Row) -> Mapping[str, Any]:
    """Return what a journal says of a quest: never of stages that are still to come."""
    state = _instance(row)
    running, end = not state.over, end_of(state.quest, state.end)
    return {
        "instance": state.id,
        "quest": state.quest.id,
        "name": state.quest.name,
        "number": state.number,
        "players": [*state.players],
        "giver": state.person(state.quest.giver),
        "stage": state.stage,
        "text": state.at.text if running else row["told"] or (end.text if end else ""),
        "objectives": [_objective(state, number) for number in range(len(state.at.objectives))],
        "choices": [branch.choice for branch in state.at.branches if branch.choice] if running else [],
        "due_ms": state.due_ms,
        "over": state.over,
        "end": state.end,
        "taken_ms": row["taken_ms"],
        "over_ms": row["over_ms"],
        "position": row["position"],
    }


def _objective(state: Instance, number: int) -> Sequence[Any]:
    objective = state.objective(number)
    return [objective.kind, _about(objective), objective.count, (state.stage, number) in state.done]


def _about(objective: Objective) -> str:
    """Return what an objective is about, in ids."""
    if objective.kind == "deliver":
        return f"{objective.good} to {objective.person}"
    if objective.kind == "wait":
        return f"{objective.seconds} s"
    return objective.person or objective.place or objective.good or ""
