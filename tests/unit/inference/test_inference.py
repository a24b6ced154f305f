"""One inference has one answer: its rules as given / when / then, and over any order of commands."""

from typing import Any

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from domain.inference.inference import INFERENCE, Inference, cost_micro
from domain.inference.messages import InferenceCompleted, InferenceEvent, InferenceFailed, InferenceRequested
from domain.inference.recording import RecordCompletion, RecordFailure, RecordRequest
from domain.kernel.decider import Rejected
from tests.unit.spec import changed, given

REQUESTED = InferenceRequested.from_example()
COMPLETED = InferenceCompleted.from_example()
FAILED = InferenceFailed.from_example()
REQUEST = RecordRequest.model_validate(dict(RecordRequest.example))
COMPLETION = RecordCompletion.model_validate(dict(RecordCompletion.example))
FAILURE = RecordFailure.model_validate(dict(RecordFailure.example))


def test_request_is_recorded_with_the_hash_of_what_the_model_gets() -> None:
    given(INFERENCE).when(REQUEST).then(REQUESTED)


def test_same_request_again_is_already_so_even_on_another_route() -> None:
    """Between a try and its retry a new model may have been promoted; the first route stands."""
    given(INFERENCE, REQUESTED).when(changed(REQUEST, route_reason="other", model_version="2")).then_nothing()


@pytest.mark.parametrize(
    "other", [{"prompt": "Else?"}, {"max_tokens": 1}, {"temperature": 0.0}, {"npc": None}]
)
def test_same_id_with_another_ask_is_refused(other: dict[str, object]) -> None:
    given(INFERENCE, REQUESTED).when(changed(REQUEST, **other)).then_rejected(
        "id_conflict", says="new command id"
    )


def test_answer_completes_and_repeats_model_and_tier() -> None:
    given(INFERENCE, REQUESTED).when(COMPLETION).then(COMPLETED)


def test_failure_is_an_outcome() -> None:
    given(INFERENCE, REQUESTED).when(FAILURE).then(FAILED)


def test_empty_answer_is_a_failure() -> None:
    message = "lamplight 0.1.0 answered without a word"
    attempts = COMPLETION.attempts
    failed = changed(
        FAILED, code="empty_output", message=message, latency_ms=9.6, attempts=attempts, guard_us=640
    )
    given(INFERENCE, REQUESTED).when(changed(COMPLETION, text=" \n")).then(failed)


@pytest.mark.parametrize("outcome", [COMPLETED, FAILED])
@pytest.mark.parametrize("late", [COMPLETION, FAILURE])
def test_first_outcome_stands(outcome: InferenceEvent, late: Any) -> None:
    given(INFERENCE, REQUESTED, outcome).when(late).then_nothing()


@pytest.mark.parametrize("outcome", [COMPLETION, FAILURE])
def test_outcome_without_request_is_refused(outcome: Any) -> None:
    given(INFERENCE).when(outcome).then_rejected("inference_not_found", field="inference_id")


def test_cost_is_of_all_tokens_and_rounded_up() -> None:
    assert cost_micro(tokens=0, per_1k_tokens=5) == 0
    assert cost_micro(tokens=1, per_1k_tokens=5) == 1
    assert cost_micro(tokens=2_000, per_1k_tokens=5) == 10
    priced = changed(REQUESTED, cost_micro_per_1k_tokens=100)
    given(INFERENCE, priced).when(COMPLETION).then(changed(COMPLETED, cost_micro=2))


@any_of(
    st.lists(st.sampled_from([REQUEST, COMPLETION, FAILURE, changed(REQUEST, prompt="Else?")]), max_size=8)
)
def test_any_commands_leave_at_most_one_request_and_one_outcome(commands: list[Any]) -> None:
    state, history = Inference(), list[InferenceEvent]()
    for command in commands:
        try:
            events = INFERENCE.decide(command, state)
        except Rejected:
            continue
        history.extend(events)
        state = INFERENCE.fold(events, state)

    outcomes = [e for e in history if not isinstance(e, InferenceRequested)]
    assert len(history) - len(outcomes) <= 1
    assert len(outcomes) <= 1
    assert isinstance(history[0], InferenceRequested) if history else True
