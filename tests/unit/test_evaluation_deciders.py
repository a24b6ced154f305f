"""Suites and evaluations: what is registered stays, and what is begun ends once."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain.decider import Rejected
from domain.evaluation.evaluation import EVALUATION, stream_of, verdict_of
from domain.evaluation.messages import (
    AbortEvaluation,
    EvaluationAborted,
    EvaluationFinished,
    EvaluationStarted,
    FinishEvaluation,
    RegisterSuite,
    ScorerResult,
    StartEvaluation,
    SuiteRegistered,
)
from domain.evaluation.suite import UnknownScorer, digest_of, label
from domain.evaluation.suites import stream_of as suite_stream_of
from domain.evaluation.suites import suite_decider
from domain.parse import parse
from tests.unit.spec import changed, given

SUITE = suite_decider({"lore_stated", "rhymes"})
REGISTER = RegisterSuite.model_validate(RegisterSuite.example)
REGISTERED = SuiteRegistered.model_validate({**REGISTER.model_dump(), "digest": digest_of(REGISTER)})
START = StartEvaluation.model_validate(StartEvaluation.example)
STARTED = EvaluationStarted.from_example()
FINISH = FinishEvaluation.model_validate(FinishEvaluation.example)
FINISHED = EvaluationFinished.from_example()
ABORT = AbortEvaluation.model_validate(AbortEvaluation.example)
ABORTED = EvaluationAborted.from_example()


@pytest.mark.parametrize("message", [RegisterSuite, StartEvaluation, FinishEvaluation, AbortEvaluation])
def test_every_command_has_a_valid_example_and_says_what_it_means(message: Any) -> None:
    parse(message, message.example)
    assert all(field.description for field in message.model_fields.values())


@pytest.mark.parametrize("event", [SuiteRegistered, EvaluationStarted, EvaluationFinished, EvaluationAborted])
def test_every_event_has_a_complete_example(event: Any) -> None:
    event.from_example()
    assert set(event.example) == set(event.model_fields)


# --- suites -------------------------------------------------------------------------------------------------


def test_a_suite_is_registered_once() -> None:
    given(SUITE).when(REGISTER).then(REGISTERED)
    given(SUITE, REGISTERED).when(REGISTER).then_nothing()
    assert (suite_stream_of(REGISTER.name), label(REGISTER)) == (
        "suite-lamplight-lines",
        "lamplight-lines@1",
    )


def test_a_version_never_changes_but_its_description_may_be_told_otherwise() -> None:
    other = changed(REGISTER, seed=8)
    given(SUITE, REGISTERED).when(other).then_rejected("suite_exists", field="version", says="new version")
    given(SUITE, REGISTERED).when(changed(REGISTER, description="Other words.")).then_nothing()
    second = changed(other, version="2")
    then = SuiteRegistered.model_validate({**second.model_dump(), "digest": digest_of(second)})
    given(SUITE, REGISTERED).when(second).then(then)


def test_an_unknown_scorer_is_refused_by_name_with_those_there_are() -> None:
    command = changed(REGISTER, scorers=[{"name": "lore_stated"}, {"name": "sparkle"}])
    refusal = given(SUITE).when(command).then_rejected("unknown_scorer", field="scorers", says="'sparkle'")
    assert isinstance(refusal, UnknownScorer)
    assert refusal.name == "sparkle"
    assert sorted(refusal.known) == ["lore_stated", "rhymes"]
    assert "lore_stated, rhymes" in refusal.remedy
    changed_to_own = changed(REGISTER, scorers=[{"name": "rhymes"}])
    assert SUITE.decide(changed_to_own, SUITE.initial)


@pytest.mark.parametrize(
    "change",
    [
        {"cases": []},
        {"cases": REGISTER.model_dump()["cases"] * 2},
        {"scorers": []},
        {"scorers": [{"name": "lore_stated"}] * 2},
        {"scorers": [{"name": "lore_stated", "margin": 0.0}]},
        {"scorers": [{"name": "lore_stated", "margin": 1.0}]},
        {"lexicon": {"voices": {}}},
        {"pairs_max": 0},
        {"cases": [{**REGISTER.model_dump()["cases"][0], "pattern": "(a"}]},
        {"cases": [{**REGISTER.model_dump()["cases"][0], "surprise": 1}]},
    ],
)
def test_a_suite_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((ValidationError, Rejected)):
        changed(REGISTER, **change)


# --- evaluations --------------------------------------------------------------------------------------------


def test_an_evaluation_is_started_once() -> None:
    given(EVALUATION).when(START).then(STARTED)
    given(EVALUATION, STARTED).when(START).then_nothing()
    other = changed(START, seed=8)
    given(EVALUATION, STARTED).when(other).then_rejected("evaluation_exists", field="evaluation_id")
    assert stream_of(START.evaluation_id) == f"evaluation-{START.evaluation_id}"


def test_it_is_finished_once_with_the_verdict_that_follows_from_the_scorers() -> None:
    given(EVALUATION, STARTED).when(FINISH).then(FINISHED)
    given(EVALUATION, STARTED, FINISHED).when(FINISH).then_nothing()
    other = changed(FINISH, pairs=65)
    given(EVALUATION, STARTED, FINISHED).when(other).then_rejected(
        "evaluation_ended", field="evaluation_id", says="failed"
    )


def scored(*verdicts: str) -> list[ScorerResult]:
    one = FINISH.scorers[0]
    return [changed(one, name=f"s{n}", verdict=verdict) for n, verdict in enumerate(verdicts)]


@pytest.mark.parametrize(
    ("verdicts", "overall"),
    [
        (("not_worse", "not_worse"), "passed"),
        (("not_worse", "undecided"), "undecided"),
        (("undecided", "worse"), "failed"),
        (("not_worse", "worse"), "failed"),
        (("undecided",), "undecided"),
    ],
)
def test_missing_evidence_never_passes(verdicts: tuple[str, ...], overall: str) -> None:
    assert verdict_of(scored(*verdicts)) == overall
    command = FINISH.model_copy(update={"scorers": scored(*verdicts)})
    started = STARTED.model_copy(update={"scorers": [result.name for result in command.scorers]})
    (event,) = EVALUATION.decide(command, EVALUATION.fold([started]))
    assert isinstance(event, EvaluationFinished)
    assert event.verdict == overall
    assert verdict_of([]) == "undecided"


@pytest.mark.parametrize(
    ("results", "code"),
    [
        (lambda scorers: scorers[:-1] or [changed(scorers[0], name="other")], "scorers_incomplete"),
        (lambda scorers: [*scorers, scorers[0]], "scorers_incomplete"),
        (
            lambda scorers: [changed(each, verdict="not_worse", applied=0) for each in scorers],
            "evidence_missing",
        ),
    ],
)
def test_a_verdict_cannot_be_had_by_leaving_scorers_out(results: Any, code: str) -> None:
    command = FINISH.model_copy(update={"scorers": results(list(FINISH.scorers))})
    given(EVALUATION, STARTED).when(command).then_rejected(code, field="scorers")


def test_it_may_be_aborted_instead() -> None:
    given(EVALUATION, STARTED).when(ABORT).then(ABORTED)
    given(EVALUATION, STARTED, ABORTED).when(changed(ABORT, why="again")).then_nothing()
    given(EVALUATION, STARTED, ABORTED).when(FINISH).then_rejected("evaluation_ended", field="evaluation_id")
    given(EVALUATION, STARTED, FINISHED).when(ABORT).then_rejected("evaluation_ended", field="evaluation_id")
    given(EVALUATION, STARTED, ABORTED).when(START).then_nothing()


@pytest.mark.parametrize("command", [FINISH, ABORT])
def test_what_was_not_started_cannot_end(command: Any) -> None:
    given(EVALUATION).when(command).then_rejected("evaluation_not_found", field="evaluation_id", says="start")
