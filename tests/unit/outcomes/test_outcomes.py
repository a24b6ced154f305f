"""What the end of a turn counts as: one table for the record, the gate, the optimiser and the router."""

from typing import Any, get_args

import pytest

from domain.inference.messages import (
    InferenceCompleted,
    InferenceFailed,
    InferenceRefused,
    InferenceRequested,
)
from domain.kernel.event import Event
from domain.optimisation.tally import Tally
from domain.outcomes.turn import MODEL_FAULTS, REPLACED, WHOLE
from domain.registry.deployment_messages import DeploymentStarted, StepStarted
from domain.registry.watch import Watch
from handlers.engines.port import RETRIABLE, EngineFault

COMPLETED = {
    **InferenceCompleted.example,
    "source_inference_id": None,
    "tier": "gold",
    "served_tier": "gold",
    "engine": "embedded",
}
Row = tuple[type[Event], dict[str, Any], str | None]
TABLE: list[Row] = [
    # an answer of the model's own
    (InferenceCompleted, {"finish_reason": "stop"}, "answered"),
    (InferenceCompleted, {"finish_reason": "length"}, "answered"),
    (InferenceCompleted, {"finish_reason": "stop", "served_tier": None}, "answered"),
    (InferenceCompleted, {"finish_reason": "some_reason_of_tomorrow"}, "answered"),
    # a line in place of one, or half of one
    (InferenceCompleted, {"finish_reason": "authored", "engine": "", "served_tier": None}, "failed"),
    (InferenceCompleted, {"finish_reason": "cut"}, "failed"),
    (InferenceCompleted, {"finish_reason": "stop", "served_tier": "bronze"}, "failed"),
    (InferenceCompleted, {"finish_reason": "blocked", "served_tier": "bronze"}, "failed"),
    # a line that was stopped for its words
    (InferenceCompleted, {"finish_reason": "blocked"}, "blocked"),
    (InferenceCompleted, {"finish_reason": "filtered"}, "blocked"),
    (InferenceCompleted, {"finish_reason": "filtered", "engine": ""}, "blocked"),
    # nobody was asked for this one
    (InferenceCompleted, {"finish_reason": "blocked", "engine": "", "served_tier": None}, None),
    (InferenceCompleted, {"finish_reason": "stop", "source_inference_id": "5d" * 16}, None),
    (InferenceCompleted, {"finish_reason": "authored", "source_inference_id": "5d" * 16}, None),
    # the model's engine could not
    *((InferenceFailed, {"code": code}, "failed") for code in sorted(MODEL_FAULTS)),
    # the caller asked for what cannot be
    (InferenceFailed, {"code": "unsupported"}, None),
    (InferenceFailed, {"code": "unknown_adapter"}, None),
    (InferenceFailed, {"code": "prompt_too_long"}, None),
    (InferenceFailed, {"code": "invalid_request"}, None),
    (InferenceFailed, {"code": "content_filtered"}, None),
    (InferenceFailed, {"code": "some_code_of_tomorrow"}, None),
    # turned away at the door
    (InferenceRefused, {"code": "no_engine"}, "failed"),
    (InferenceRefused, {"code": "overloaded"}, "failed"),
    (InferenceRefused, {"code": "engines_away"}, "failed"),
    (InferenceRefused, {"code": "over_allowance"}, None),
    (InferenceRefused, {"code": "prompt_too_long"}, None),
    (InferenceRefused, {"code": "invalid_field"}, None),
]


def of(kind: type[Event], changes: dict[str, Any]) -> Any:
    example = COMPLETED if kind is InferenceCompleted else kind.example
    return kind.model_validate({**example, **changes})


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_an_end_counts_as_the_table_says(row: Row) -> None:
    kind, changes, counts = row
    assert of(kind, changes).counts_as == counts


@pytest.mark.parametrize("row", [row for row in TABLE if row[0] is not InferenceRefused], ids=str)
def test_gate_and_optimiser_count_as_the_table_says(row: Row) -> None:
    """The optimiser's sums and the gate's, after one turn of the candidate's."""
    kind, changes, counts = row
    ended, tally = of(kind, changes), Tally()
    mine = {"use_case": ended.use_case, "model_id": ended.model_id}
    watch = Watch(DeploymentStarted.model_validate({**DeploymentStarted.example, **mine}))
    watch.moved(StepStarted.model_validate({**StepStarted.example, "step": 0}), 0)
    asked = {**InferenceRequested.example, **mine, "inference_id": ended.inference_id, "alias": None}
    for position, event in enumerate((InferenceRequested.model_validate(asked), ended), 1):
        watch.observe(event, position, position)
        tally.take(event, position)
    bucket, evidence = tally.between(0, 1)[0], watch.fact()

    judged, timed = counts is not None, counts == "answered"
    assert (bucket.judged, bucket.failed, bucket.timed) == (judged, counts == "failed", timed)
    assert evidence.candidate_turns == judged
    assert evidence.measures["failures"].candidate == (counts == "failed")


@pytest.mark.parametrize("code", get_args(EngineFault))
def test_what_the_router_asks_another_engine_for_is_the_models_fault(code: EngineFault) -> None:
    assert (code in RETRIABLE) == (code in MODEL_FAULTS)


def test_the_reasons_are_those_that_were_recorded() -> None:
    """Storage format: one that was renamed here would count otherwise in every old log."""
    assert {"stop", "length"} == WHOLE
    assert {"authored", "cut", "filtered", "blocked"} == REPLACED


def test_every_reason_that_is_promised_is_whole_or_replaced() -> None:
    described = InferenceCompleted.model_fields["finish_reason"].description or ""
    assert not WHOLE & REPLACED
    assert all(f"{reason} (" in described for reason in WHOLE | REPLACED)
