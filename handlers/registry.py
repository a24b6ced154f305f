"""The commands of the registry and of the templates, bound to their aggregates."""

from collections.abc import Mapping
from typing import Any

from domain.prompts.messages import RegisterTemplate
from domain.prompts.template import TEMPLATE, TemplateVersions, digest_of, label
from domain.prompts.template import stream_of as template_stream
from domain.registry.messages import (
    DescribeModel,
    PromoteModel,
    RegisterModel,
    RegistryCommand,
    RetireModel,
    ShiftTraffic,
)
from domain.registry.use_case import USE_CASE, UseCaseModels, model_id_of, stream_of
from handlers.commands import Binding


def _answer(command: RegistryCommand, state: UseCaseModels) -> Mapping[str, Any]:
    """Return what the caller wants to know: the model's id and status, and which model is current now."""
    match command:
        case RegisterModel(use_case=use_case, name=name, version=version):
            model_id = model_id_of(use_case=use_case, name=name, version=version)
        case ShiftTraffic():
            return {"use_case": command.use_case, "shares": state.shares, "current_model_id": state.current}
        case _:
            model_id = command.model_id
    return {
        "use_case": command.use_case,
        "model_id": model_id,
        "status": state.models[model_id].status,
        "current_model_id": state.current,
    }


REGISTRY: Binding[Any, Any, UseCaseModels] = Binding(
    commands=(RegisterModel, DescribeModel, PromoteModel, RetireModel, ShiftTraffic),
    stream_of=lambda command: stream_of(command.use_case),
    decider=USE_CASE,
    answer=_answer,
)

TEMPLATES: Binding[Any, Any, TemplateVersions] = Binding(
    commands=(RegisterTemplate,),
    stream_of=lambda command: template_stream(command.name),
    decider=TEMPLATE,
    answer=lambda command, state: {"template": label(command), "digest": digest_of(command)},
)
