"""The commands of the registry and of the templates, bound to their aggregates."""

from collections.abc import Mapping
from typing import Any, assert_never

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
from handlers.kernel.commands import Binding


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
"""Commands of evaluations that ended, about a model; no message brings them."""

TEMPLATES: Binding[Any, Any, TemplateVersions] = Binding(
    commands=(RegisterTemplate,),
    stream_of=lambda command: template_stream(command.name),
    decider=TEMPLATE,
    answer=lambda command, state: {"template": label(command), "digest": digest_of(command)},
)
