"""The commands of the registry, the templates and the evaluations, bound to their aggregates."""

from collections.abc import Collection, Mapping
from typing import Any, assert_never

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
from domain.prompts.messages import RegisterTemplate
from domain.prompts.template import TEMPLATE, TemplateVersions, digest_of, label
from domain.prompts.template import stream_of as template_stream
from domain.registry.deployment_messages import (
    OPERATOR_COMMANDS,
    AbortDeployment,
    ConfirmReady,
    DeploymentCommand,
    HoldDeployment,
    PassStep,
    ResumeDeployment,
    RollBack,
    RollBackOnEvidence,
    StartDeployment,
)
from domain.registry.facts import configuration_digest
from domain.registry.look_ups import standing, status_of
from domain.registry.messages import (
    DescribeModel,
    PromoteModel,
    RecordEvaluation,
    RegisterModel,
    RegistryCommand,
    RetireModel,
    SetAlias,
    ShiftTraffic,
)
from domain.registry.models import model_id_of
from domain.registry.state import UseCaseModels
from domain.registry.use_case import USE_CASE, stream_of
from handlers.kernel.commands import Binding, CommandRunner, caused_by
from protocol.messages import CommandMessage, Reply


def _answer(command: RegistryCommand | DeploymentCommand, state: UseCaseModels) -> Mapping[str, Any]:
    """Return what the caller wants to know: the model's id and status, and which model is current now."""
    match command:
        case RegisterModel(use_case=use_case, name=name, version=version):
            model_id = model_id_of(use_case=use_case, name=name, version=version)
        case SetAlias():
            return {"use_case": command.use_case, "aliases": state.aliases}
        case ShiftTraffic():
            return {"use_case": command.use_case, "shares": state.shares, "current_model_id": state.current}
        case HoldDeployment() | ResumeDeployment() | AbortDeployment():
            return {**_deployment(state), "current_model_id": state.current}
        case ConfirmReady() | PassStep() | RollBackOnEvidence():
            return _deployment(state)
        case RollBack():
            return {**_taken_back(command, state), **_model(command.model_id, command, state)}
        case StartDeployment():
            return {**_deployment(state), **_model(command.model_id, command, state)}
        case DescribeModel() | PromoteModel() | RetireModel() | RecordEvaluation():
            model_id = command.model_id
        case _:
            assert_never(command)
    return _model(model_id, command, state)


def _model(
    model_id: str, command: RegistryCommand | DeploymentCommand, state: UseCaseModels
) -> Mapping[str, Any]:
    return {
        "use_case": command.use_case,
        "model_id": model_id,
        "status": status_of(model_id, state),
        "current_model_id": state.current,
    }


def _deployment(state: UseCaseModels) -> Mapping[str, Any]:
    """Return how the deployment stands: the one under way, or the one that ended last."""
    found = standing(state)
    if found is None:
        return {}
    shown = {"deployment_id": found.deployment_id, "step": found.step, "share": found.share}
    return {"deployment": found.state, **shown}


def _taken_back(command: RollBack, state: UseCaseModels) -> Mapping[str, Any]:
    """Return the deployment that the model's last rollback ended; nothing if none ran."""
    found = standing(state)
    mine = found and found.deployment_id == state.models[command.model_id].rollback_deployment_id
    return _deployment(state) if mine else {}


REGISTRY: Binding[Any, Any, UseCaseModels] = Binding(
    commands=(
        RegisterModel,
        DescribeModel,
        SetAlias,
        PromoteModel,
        RetireModel,
        ShiftTraffic,
        *OPERATOR_COMMANDS,
    ),
    stream_of=lambda command: stream_of(command.use_case),
    decider=USE_CASE,
    answer=_answer,
)

VERDICT_RECORDS: Binding[Any, Any, UseCaseModels] = Binding(
    commands=(RecordEvaluation,),
    stream_of=lambda command: stream_of(command.use_case),
    decider=USE_CASE,
)
"""What evaluations that ended say of a model; no message does."""

TEMPLATES: Binding[Any, Any, TemplateVersions] = Binding(
    commands=(RegisterTemplate,),
    stream_of=lambda command: template_stream(command.name),
    decider=TEMPLATE,
    answer=lambda command, state: {"template": label(command), "digest": digest_of(command)},
)


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
        """Refuse to measure for minutes what is no ticket, as whoever read a view may be a moment behind."""
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
