"""The process that tells the registry the verdicts of evaluations; only what the log has counts."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from domain.evaluation.messages import EvaluationFinished, EvaluationStarted
from domain.kernel.process import Due, Heard, Moment, Process
from domain.registry.deployment_messages import DeploymentRolledBack
from domain.registry.messages import ModelEvaluated, RecordEvaluation

KINDS = (DeploymentRolledBack, EvaluationStarted, EvaluationFinished, ModelEvaluated)


@dataclass(slots=True)
class _Verdicts:
    """Evaluations that ended and are not recorded yet, with the facts to be recorded along."""

    untold: dict[str, tuple[EvaluationFinished, Heard]] = field(default_factory=dict)
    begun: dict[str, tuple[int, EvaluationStarted]] = field(default_factory=dict)
    """By evaluation: the candidate's rollbacks until it began, and what it compares."""
    rollbacks: Counter[str] = field(default_factory=Counter)


def _evolve(state: _Verdicts, heard: Heard) -> _Verdicts:
    match heard.event:
        case DeploymentRolledBack() as rolled:
            state.rollbacks[rolled.model_id] += 1
        case EvaluationStarted() as started:
            state.begun[started.evaluation_id] = state.rollbacks[started.candidate], started
        case EvaluationFinished() as finished:
            state.untold[finished.evaluation_id] = finished, heard
        case ModelEvaluated() as evaluated:
            state.untold.pop(evaluated.evaluation_id, None)
            state.begun.pop(evaluated.evaluation_id, None)
        case _:
            pass
    return state


def _react(state: _Verdicts, _: Moment) -> Iterator[Due]:
    for finished, heard in list(state.untold.values()):
        rollbacks, started = state.begun.get(finished.evaluation_id, (None, None))
        record = RecordEvaluation(
            use_case=finished.use_case,
            model_id=finished.candidate,
            against_model_id=finished.current,
            evaluation_id=finished.evaluation_id,
            suite=finished.suite,
            scorers=[result.name for result in finished.scorers],
            verdict=finished.verdict,
            report_digest=finished.report_digest,
            rollbacks=rollbacks,
            configuration_digest=started and started.candidate_configuration,
            against_configuration=started and started.current_configuration,
        )
        of = UUID(finished.evaluation_id)
        yield Due(record, of, "registry.verdict", heard.id, heard.correlation, heard.actor)


VERDICTS: Process[_Verdicts] = Process(
    name="verdicts",
    types=tuple(kind.event_name for kind in KINDS),
    initial=lambda _: _Verdicts(),
    evolve=_evolve,
    react=_react,
    insists=False,  # a verdict that nobody takes is none; there may be many, and each new one asks for all
)
