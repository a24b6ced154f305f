"""One evaluation: started, then finished or aborted, once. Its stream is ``evaluation-{id}``."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from domain.evaluation.messages import (
    AbortEvaluation,
    BeginEvaluation,
    EvaluationAborted,
    EvaluationCommand,
    EvaluationEvent,
    EvaluationFinished,
    EvaluationStarted,
    FinishEvaluation,
    ScorerResult,
    StartEvaluation,
)
from domain.evaluation.paired import Overall, judged, overall
from domain.evaluation.suite import SuiteFacts, criteria_of, distinct
from domain.evaluation.suites import SuiteVersions
from domain.kernel.decider import Decider, Rejected

CASES_MIN = 30
"""Cases that differ, and pairs, without which nothing passes: few cases, asked again and again with other
seeds, decide as soon as many, and say nothing of what else players ask."""


def stream_of(evaluation_id: str) -> str:
    """Return the stream of an evaluation."""
    return f"evaluation-{evaluation_id}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation as it is now."""

    started: EvaluationStarted | None = None
    ended: EvaluationFinished | EvaluationAborted | None = None


def evolve(state: Evaluation, event: EvaluationEvent) -> Evaluation:
    """Return the state after ``event``."""
    match event:
        case EvaluationStarted():
            return replace(state, started=event)
        case EvaluationFinished() | EvaluationAborted():
            return replace(state, ended=event)
        case _:
            assert_never(event)


def decide(command: EvaluationCommand, state: Evaluation) -> Sequence[EvaluationEvent]:
    """Return what follows from ``command``: nothing if it is already so.

    Raises:
        Rejected: a rule refuses it; see each command's description.
    """
    match command:
        case BeginEvaluation():
            return _begin(command, state)
        case FinishEvaluation():
            return _finish(command, state, _started(command.evaluation_id, state))
        case AbortEvaluation():
            return _abort(command, state, _started(command.evaluation_id, state))
        case _:
            assert_never(command)


def verdict_of(scorers: Sequence[ScorerResult], *, cases: int, pairs: int) -> Overall:
    """Return what follows from the scorers' verdicts; with too few cases or pairs nothing passes."""
    found = overall(scorer.verdict for scorer in scorers)
    return "undecided" if found == "passed" and min(cases, pairs) < CASES_MIN else found


def too_small(suite: SuiteFacts) -> str:
    """Return why no candidate can pass by a suite, which may still fail one; "" if one can."""
    cases = distinct(suite)
    if min(cases, suite.pairs_max) >= CASES_MIN:
        return ""
    has = f"{cases} cases that differ from each other, and {suite.pairs_max} pairs at most"
    return f"nothing can pass by this suite: it has {has}; to pass takes {CASES_MIN} of each"


def of_suite(command: StartEvaluation, known: SuiteVersions) -> BeginEvaluation:
    """Return what begins an evaluation by the suite that is registered under the name it gives.

    Raises:
        Rejected: ``suite_not_registered``, ``suite_differs`` or ``scorers_differ``.
    """
    suite = known.versions.get(command.suite.partition("@")[2])
    if suite is None:
        raise Rejected(
            "suite_not_registered",
            f"there is no suite {command.suite}",
            field="suite",
            remedy="register it with evaluation.register_suite first",
        )
    for field, given, wanted in (
        ("suite_digest", command.suite_digest, suite.digest),
        ("use_case", command.use_case, suite.use_case),
    ):
        if given != wanted:
            raise Rejected(
                "suite_differs",
                f"the {field} of {command.suite} is {wanted}, not {given}",
                field=field,
                remedy="name the suite as it is registered, or register yours as a new version",
            )
    margins = {choice.name: choice.margin for choice in criteria_of(suite)}
    if set(command.scorers) != set(margins):
        odd = ", ".join(sorted(set(command.scorers) ^ set(margins)))
        raise Rejected(
            "scorers_differ",
            f"{command.suite} has {len(margins)} scorers; too many or missing are {odd}",
            field="scorers",
            remedy=f"give all of the suite's, and no other: {', '.join(sorted(margins))}",
        )
    return BeginEvaluation(**command.model_dump(), margins=margins, cases=distinct(suite))


def _begin(command: BeginEvaluation, state: Evaluation) -> Sequence[EvaluationEvent]:
    started = EvaluationStarted(**command.model_dump())
    if state.started is None:
        return [started]
    if state.started == started:
        return []
    raise Rejected(
        "evaluation_exists",
        f"evaluation {command.evaluation_id} was begun with other facts",
        field="evaluation_id",
        remedy="give the new evaluation an id of its own",
    )


def _finish(
    command: FinishEvaluation, state: Evaluation, started: EvaluationStarted
) -> Sequence[EvaluationEvent]:
    told = command.model_dump()
    if state.ended is not None:  # by whatever rules its program had
        if isinstance(state.ended, EvaluationFinished) and state.ended.model_dump(include=set(told)) == told:
            return []
        raise _ended(command.evaluation_id, state.ended)
    _check_complete(command, started)
    return [
        EvaluationFinished(
            **told,
            suite=started.suite,
            use_case=started.use_case,
            candidate=started.candidate,
            current=started.current,
            verdict=verdict_of(command.scorers, cases=started.cases, pairs=command.pairs),
        )
    ]


def _check_complete(command: FinishEvaluation, started: EvaluationStarted) -> None:
    """Refuse results that leave a scorer out, add one, or whose verdict is not what their bounds say."""
    if not started.margins:
        raise Rejected(
            "evaluation_too_old",
            f"evaluation {started.evaluation_id} was begun by an older program, which kept no margins",
            field="evaluation_id",
            remedy="abort it (evaluation.abort) and start a new one (evaluation.start)",
        )
    given, wanted = [result.name for result in command.scorers], set(started.scorers)
    if len(given) != len(set(given)) or set(given) != wanted:
        odd = ", ".join(sorted(wanted ^ set(given))) or "a scorer twice"
        raise Rejected(
            "scorers_incomplete",
            f"the evaluation was begun with {len(wanted)} scorers; not one result for each: {odd}",
            field="scorers",
            remedy="give the result of every scorer that it was begun with, and of no other",
        )
    for result in command.scorers:
        margin = started.margins[result.name]
        found = judged(result.low, result.high, margin)
        if result.verdict != found:
            raise Rejected(
                "verdict_unfounded",
                f"{result.name} is said to be {result.verdict}; with low {result.low:g}, "
                f"high {result.high:g} and the margin {margin:g} it is {found}",
                field="scorers",
                remedy="give the bounds as they were when the scorer was decided, and what follows from them",
            )
        if result.applied > command.pairs:
            raise Rejected(
                "evidence_missing",
                f"{result.name} is said to have applied to {result.applied} of {command.pairs} pairs",
                field="scorers",
                remedy="count the pairs that it applied to, at most all",
            )
        if result.verdict == "not_worse" and not result.applied:
            raise Rejected(
                "evidence_missing",
                f"{result.name} is said to be no worse, but applied to no pair",
                field="scorers",
                remedy="without a pair the verdict is undecided",
            )


def _abort(
    command: AbortEvaluation, state: Evaluation, started: EvaluationStarted
) -> Sequence[EvaluationEvent]:
    if isinstance(state.ended, EvaluationAborted):
        return []
    if state.ended is not None:
        raise _ended(command.evaluation_id, state.ended)
    aborted = EvaluationAborted(
        evaluation_id=command.evaluation_id,
        use_case=started.use_case,
        candidate=started.candidate,
        why=command.why,
    )
    return [aborted]


def _started(evaluation_id: str, state: Evaluation) -> EvaluationStarted:
    if state.started is None:
        raise Rejected(
            "evaluation_not_found",
            f"there is no evaluation {evaluation_id}",
            field="evaluation_id",
            remedy="start it with evaluation.start first",
        )
    return state.started


def _ended(evaluation_id: str, ended: EvaluationFinished | EvaluationAborted) -> Rejected:
    how = (
        f"with the verdict {ended.verdict}" if isinstance(ended, EvaluationFinished) else "without a verdict"
    )
    return Rejected(
        "evaluation_ended",
        f"evaluation {evaluation_id} ended {how}",
        field="evaluation_id",
        remedy="start a new evaluation",
    )


EVALUATION: Decider[EvaluationCommand, EvaluationEvent, Evaluation] = Decider(Evaluation(), decide, evolve)
