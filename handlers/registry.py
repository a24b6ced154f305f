"""The registry's commands, bound to their aggregate."""

from collections.abc import Mapping
from typing import Any

from domain.registry.messages import DescribeModel, PromoteModel, RegisterModel, RegistryCommand, RetireModel
from domain.registry.use_case import USE_CASE, UseCaseModels, model_id_of, stream_of
from handlers.commands import Binding


def _answer(command: RegistryCommand, state: UseCaseModels) -> Mapping[str, Any]:
    """Return what the caller wants to know: the model's id and status, and which model is current now."""
    match command:
        case RegisterModel(use_case=use_case, name=name, version=version):
            model_id = model_id_of(use_case=use_case, name=name, version=version)
        case _:
            model_id = command.model_id
    return {
        "use_case": command.use_case,
        "model_id": model_id,
        "status": state.models[model_id].status,
        "current_model_id": state.current,
    }


REGISTRY: Binding[Any, Any, UseCaseModels] = Binding(
    commands=(RegisterModel, DescribeModel, PromoteModel, RetireModel),
    stream_of=lambda command: stream_of(command.use_case),
    decider=USE_CASE,
    answer=_answer,
)
