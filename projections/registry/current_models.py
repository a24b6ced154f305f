"""The models of every use case as they are now: one row each, one of them ``current`` per use case.

Where no model is left that may speak, it is ``silenced`` instead.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.kernel.parse import parse
from domain.registry.deployment_messages import (
    DeploymentAborted,
    DeploymentFailed,
    DeploymentRolledBack,
    DeploymentStarted,
)
from domain.registry.messages import (
    ModelDescribed,
    ModelEvaluated,
    ModelPromoted,
    ModelRegistered,
    ModelRetired,
)
from domain.registry.queries import ModelsQuery
from projections.kernel.reading import Answer, Reader
from projections.kernel.view import Fact, Key, Row, View


def _keys_of(fact: Fact) -> Sequence[Key]:
    match fact.event:
        case ModelPromoted(use_case=use_case, model_id=model_id, previous_model_id=previous):
            return [(use_case, previous), (use_case, model_id)] if previous else [(use_case, model_id)]
        case (
            ModelRegistered()
            | ModelDescribed()
            | ModelEvaluated()
            | ModelRetired()
            | DeploymentStarted()
            | DeploymentAborted()
            | DeploymentFailed()
            | DeploymentRolledBack()
        ) as event:
            return [(event.use_case, event.model_id)]
        case _:
            return []


def _apply(row: Row | None, fact: Fact, key: Key) -> Row | None:
    touched = {"changed_us": fact.recorded_us, "position": fact.position}
    match fact.event:
        case ModelRegistered() as event:
            fresh = {"status": "candidate", "evaluation": None, "barred": False}
            return {**event.model_dump(), **fresh, "registered_us": fact.recorded_us, **touched}
        case _ if row is None:
            return None
        case ModelDescribed(description=description, configuration=configuration):
            return {**row, "description": description, "configuration": configuration, **touched}
        case ModelPromoted(model_id=model_id):
            mine = {"status": "current", "barred": False}
            return {**row, **(mine if key[1] == model_id else {"status": "deprecated"}), **touched}
        case ModelRetired():
            return {**row, "status": "retired", **touched}
        case ModelEvaluated() as event:
            barred = row["barred"] and not (event.verdict == "passed" and event.lifts_bar)
            return {**row, "evaluation": event.verdict, "barred": barred, **touched}
        case DeploymentStarted():
            return {**row, "status": "testing", **touched}
        case DeploymentAborted() | DeploymentFailed():
            return {**row, "status": "candidate", **touched}
        case DeploymentRolledBack() as event:
            return {**row, "status": _after_rollback(row, event), "barred": True, **touched}
        case _:
            return row


def _after_rollback(row: Row, event: DeploymentRolledBack) -> str:
    if event.to_model_id is None:
        return "silenced"
    return "candidate" if event.deployment_id else str(row["status"])


TYPES = (
    ModelRegistered,
    ModelDescribed,
    ModelEvaluated,
    ModelPromoted,
    ModelRetired,
    DeploymentStarted,
    DeploymentAborted,
    DeploymentFailed,
    DeploymentRolledBack,
)

CURRENT_MODELS = View(
    name="current_models",
    version=3,
    types=frozenset(event.event_name for event in TYPES),
    key=("use_case", "model_id"),
    keys_of=_keys_of,
    apply=_apply,
)

MODELS_MAX = 500
"""Models of one answer: a message holds as many of some 2,000 bytes, as one with ten files has."""

# One statement, so rows and position are of one snapshot; small table, read whole or by its primary key.
_MODELS = """
SELECT (SELECT position FROM projection_checkpoint WHERE name = $1) AS position,
       (SELECT json_agg(row_to_json(m) ORDER BY m.use_case, m.registered_us, m.model_id)::text FROM
           (SELECT * FROM current_models
            WHERE ($2::text IS NULL OR use_case = $2) AND starts_with(model_id, $4)
            ORDER BY registered_us DESC, model_id LIMIT $3) AS m) AS rows
"""


async def models(reader: Reader, query: Mapping[str, Any]) -> Answer:
    """Return the newest models, oldest first; without cards, which are long: see the event."""
    asked = parse(ModelsQuery, query)
    rows, position = await reader.rows(
        _MODELS, CURRENT_MODELS.name, asked.use_case, MODELS_MAX, asked.model_id
    )
    return [{key: value for key, value in row.items() if key != "card"} for row in rows], position
