"""The commands of suites and evaluations, bound to their aggregates."""

from collections.abc import Collection, Mapping
from typing import Any

from bus.codec import EventCodec
from bus.ports import EventLog
from domain.evaluation.evaluation import EVALUATION, Evaluation, of_suite
from domain.evaluation.evaluation import stream_of as evaluation_stream
from domain.evaluation.messages import (
    AbortEvaluation,
    BeginEvaluation,
    EvaluationFinished,
    FinishEvaluation,
    RegisterSuite,
    StartEvaluation,
)
from domain.evaluation.scorers import KNOWN_SCORERS
from domain.evaluation.suite import digest_of as suite_digest
from domain.evaluation.suite import label as suite_label
from domain.evaluation.suites import SuiteVersions, suite_decider
from domain.evaluation.suites import stream_of as suite_stream
from domain.kernel.decider import Rejected
from domain.kernel.parse import parse
from domain.registry.facts import configuration_digest
from domain.registry.use_case import stream_of
from handlers.kernel.commands import Binding, CommandRunner, caused_by
from handlers.registry.commands import REGISTRY
from protocol.messages import CommandMessage, Reply


def suites(own: Collection[str] = ()) -> Binding[Any, Any, SuiteVersions]:
    """Return the binding of suites, where these scorers are known besides the built-in ones."""
    return Binding(
        commands=(RegisterSuite,),
        stream_of=lambda command: suite_stream(command.name),
        decider=suite_decider(KNOWN_SCORERS | set(own)),
        answer=lambda command, _: {"suite": suite_label(command), "digest": suite_digest(command)},
    )


def _evaluation(command: Any, state: Evaluation) -> Mapping[str, Any]:
    verdict = state.ended.verdict if isinstance(state.ended, EvaluationFinished) else None
    return {"evaluation_id": command.evaluation_id, "verdict": verdict}


EVALUATIONS: Binding[Any, Any, Evaluation] = Binding(
    commands=(FinishEvaluation, AbortEvaluation),
    stream_of=lambda command: evaluation_stream(command.evaluation_id),
    decider=EVALUATION,
    answer=_evaluation,
)
_BEGINNINGS: Binding[Any, Any, Evaluation] = Binding(
    commands=(BeginEvaluation,),
    stream_of=lambda command: evaluation_stream(command.evaluation_id),
    decider=EVALUATION,
)


class EvaluationStart:
    """Runs ``evaluation.start``: what a suite asks is read from its own stream, not taken from the caller."""

    def __init__(self, log: EventLog, codec: EventCodec) -> None:
        self._runner = CommandRunner(log, codec, [_BEGINNINGS])

    async def __call__(self, message: CommandMessage) -> Reply:
        """Begin an evaluation; raises as a runner's call does."""
        command = parse(StartEvaluation, message.payload)
        known = await self._runner.recall(suites(), suite_stream(command.suite.partition("@")[0]))
        begin = of_suite(command, known.state)
        await self._check_measured(command)
        outcome = await self._runner.execute(
            begin, message.id, meta=caused_by(message), expected=message.expected
        )
        result = _evaluation(begin, outcome.state)
        return Reply(result=result, events=[*outcome.events], duplicate=outcome.duplicate)

    async def _check_measured(self, command: StartEvaluation) -> None:
        """Refuse to measure for minutes what is no ticket, as a view may be a moment behind."""
        begun = await self._runner.recall(_BEGINNINGS, evaluation_stream(command.evaluation_id))
        known = await self._runner.recall(REGISTRY, stream_of(command.use_case))
        measured = {
            command.candidate: ("candidate_configuration", command.candidate_configuration),
            command.current: ("current_configuration", command.current_configuration),
        }
        for id_, (field, digest) in measured.items():
            model = known.state.models.get(id_)
            if not begun.events and model and configuration_digest(model.configuration) != digest:
                raise Rejected(
                    "configuration_differs",
                    f"{model.label} has another configuration by now than the one that was to be measured",
                    field=field,
                    remedy="begin the evaluation anew",
                )
