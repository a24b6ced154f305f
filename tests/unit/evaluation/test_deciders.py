"""Suites and evaluations: what is registered stays, and what is begun ends once."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain.evaluation.evaluation import CASES_MIN, EVALUATION, of_suite, stream_of, too_small, verdict_of
from domain.evaluation.messages import (
    AbortEvaluation,
    BeginEvaluation,
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
from domain.kernel.decider import Rejected
from domain.kernel.parse import parse
from tests.unit.spec import changed, given

SUITE = suite_decider({"lore_stated", "rhymes"})
REGISTER = RegisterSuite.model_validate(RegisterSuite.example)
REGISTERED = SuiteRegistered.model_validate({**REGISTER.model_dump(), "digest": digest_of(REGISTER)})
START = StartEvaluation.model_validate(StartEvaluation.example)
BEGIN = BeginEvaluation.model_validate(BeginEvaluation.example)
STARTED = EvaluationStarted.from_example()
FINISH = FinishEvaluation.model_validate(FinishEvaluation.example)
FINISHED = EvaluationFinished.from_example()
ABORT = AbortEvaluation.model_validate(AbortEvaluation.example)
ABORTED = EvaluationAborted.from_example()


@pytest.mark.parametrize(
    "message", [RegisterSuite, StartEvaluation, BeginEvaluation, FinishEvaluation, AbortEvaluation]
)
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
    given(EVALUATION).when(BEGIN).then(STARTED)
    given(EVALUATION, STARTED).when(BEGIN).then_nothing()
    other = changed(BEGIN, seed=8)
    given(EVALUATION, STARTED).when(other).then_rejected("evaluation_exists", field="evaluation_id")
    assert stream_of(START.evaluation_id) == f"evaluation-{START.evaluation_id}"


def test_it_is_finished_once_with_the_verdict_that_follows_from_the_scorers() -> None:
    given(EVALUATION, STARTED).when(FINISH).then(FINISHED)
    given(EVALUATION, STARTED, FINISHED).when(FINISH).then_nothing()
    other = changed(FINISH, pairs=65)
    given(EVALUATION, STARTED, FINISHED).when(other).then_rejected(
        "evaluation_ended", field="evaluation_id", says="failed"
    )


BOUNDS: dict[str, dict[str, float]] = {
    "worse": {"low": -0.9, "high": -0.1},
    "not_worse": {"low": -0.1, "high": 0.2},
    "undecided": {"low": -0.3, "high": 0.2},
}


def scored(*verdicts: str) -> list[ScorerResult]:
    one = FINISH.scorers[0]
    return [changed(one, name=f"s{n}", verdict=v, **BOUNDS[v]) for n, v in enumerate(verdicts)]


def begun(results: list[ScorerResult], cases: int = 56) -> EvaluationStarted:
    names = [result.name for result in results]
    facts = {**STARTED.model_dump(), "scorers": names, "margins": dict.fromkeys(names, 0.1)}
    return EvaluationStarted.model_validate({**facts, "cases": cases})


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
    command = FINISH.model_copy(update={"scorers": scored(*verdicts)})
    (event,) = EVALUATION.decide(command, EVALUATION.fold([begun(command.scorers)]))
    assert isinstance(event, EvaluationFinished)
    assert event.verdict == overall
    assert verdict_of([], cases=56, pairs=64) == "undecided"


@pytest.mark.parametrize(("cases", "pairs"), [(CASES_MIN - 1, 500), (56, CASES_MIN - 1), (0, 500)])
def test_few_cases_asked_again_and_again_pass_nothing(cases: int, pairs: int) -> None:
    """The scar: one recorded turn, asked 137 times, lifted the bar of what evidence had taken back."""
    results = [changed(result, applied=20) for result in scored("not_worse")]
    command = changed(FINISH, scorers=results, pairs=pairs)
    (event,) = EVALUATION.decide(command, EVALUATION.fold([begun(results, cases)]))
    assert isinstance(event, EvaluationFinished)
    assert event.verdict == "undecided"
    failing = changed(command, scorers=[changed(result, applied=20) for result in scored("worse")])
    (failed,) = EVALUATION.decide(failing, EVALUATION.fold([begun(results, cases)]))
    assert isinstance(failed, EvaluationFinished)
    assert failed.verdict == "failed"


@pytest.mark.parametrize("bounds", ["worse", "undecided"])
def test_a_scorers_verdict_is_what_its_bounds_say(bounds: str) -> None:
    told = [changed(result, **BOUNDS[bounds]) for result in scored("not_worse")]
    given(EVALUATION, begun(told)).when(changed(FINISH, scorers=told)).then_rejected(
        "verdict_unfounded", field="scorers", says=f"it is {bounds}"
    )


def test_an_evaluation_that_an_older_program_began_says_how_to_go_on() -> None:
    """The scar: it was refused for a margin of 0, which nobody had given."""
    results = scored("not_worse")
    old = changed(begun(results, cases=0), margins={})
    given(EVALUATION, old).when(changed(FINISH, scorers=results)).then_rejected(
        "evaluation_too_old",
        field="evaluation_id",
        says="abort it (evaluation.abort) and start a new one (evaluation.start)",
    )


def test_what_an_older_program_finished_may_be_told_again() -> None:
    finish = changed(FINISH, scorers=scored("not_worse"))
    old = changed(begun(finish.scorers, cases=0), margins={})
    finished = changed(FINISHED, **finish.model_dump(), verdict="passed")
    given(EVALUATION, old, finished).when(finish).then_nothing()
    given(EVALUATION, old, finished).when(changed(finish, pairs=65)).then_rejected(
        "evaluation_ended", field="evaluation_id", says="passed"
    )


# --- by its suite -------------------------------------------------------------------------------------------

KNOWN = SUITE.fold([REGISTERED])
OF_SUITE = changed(START, suite_digest=REGISTERED.digest)


def test_what_a_suite_asks_is_looked_up() -> None:
    begin = of_suite(OF_SUITE, KNOWN)
    assert (begin.margins, begin.cases) == ({"answered": 0.05, "lore_stated": 0.1}, 1)


def test_the_same_case_under_two_ids_is_one() -> None:
    twice = [*REGISTER.cases, changed(REGISTER.cases[0], id="lamp-2")]
    known = SUITE.fold([changed(REGISTERED, cases=twice)])
    assert of_suite(OF_SUITE, known).cases == 1


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"suite": "never-registered@9"}, "suite_not_registered", "suite"),
        ({"suite_digest": "sha256:" + "00" * 32}, "suite_differs", "suite_digest"),
        ({"use_case": "quests"}, "suite_differs", "use_case"),
        ({"scorers": ["answered"]}, "scorers_differ", "scorers"),
        ({"scorers": ["answered", "lore_stated", "latency"]}, "scorers_differ", "scorers"),
    ],
)
def test_an_evaluation_is_of_a_registered_suite_and_leaves_nothing_of_it_out(
    change: dict[str, Any], code: str, field: str
) -> None:
    """The scar: a suite that nobody had registered, judged by `answered` alone, was a ticket."""
    with pytest.raises(Rejected) as refusal:
        of_suite(changed(OF_SUITE, **change), KNOWN)
    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("cases", "pairs_max", "says"),
    [
        (CASES_MIN, CASES_MIN, ""),
        (CASES_MIN - 1, 600, "29 cases that differ from each other, and 600 pairs at most"),
        (CASES_MIN, CASES_MIN - 1, "30 cases that differ from each other, and 29 pairs at most"),
    ],
)
def test_who_can_never_pass_hears_it_before_hundreds_of_pairs(cases: int, pairs_max: int, says: str) -> None:
    lamp = REGISTER.cases[0]
    several = [changed(lamp, id=f"lamp-{n}", prompt=f"Who keeps lamp {n}?") for n in range(cases)]
    found = too_small(
        changed(REGISTER, cases=[*several, changed(several[0], id="twin")], pairs_max=pairs_max)
    )
    assert says in found
    assert bool(found) == bool(says)


# --- its end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "code"),
    [
        (lambda scorers: scorers[:-1] or [changed(scorers[0], name="other")], "scorers_incomplete"),
        (lambda scorers: [*scorers, scorers[0]], "scorers_incomplete"),
        (
            lambda scorers: [
                changed(each, verdict="not_worse", low=0.0, high=0.1, applied=0) for each in scorers
            ],
            "evidence_missing",
        ),
        (lambda scorers: [changed(each, applied=65) for each in scorers], "evidence_missing"),
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
    given(EVALUATION, STARTED, ABORTED).when(BEGIN).then_nothing()


@pytest.mark.parametrize("command", [FINISH, ABORT])
def test_what_was_not_started_cannot_end(command: Any) -> None:
    given(EVALUATION).when(command).then_rejected("evaluation_not_found", field="evaluation_id", says="start")
