"""Look-ups in the state of a use case: a model, whom a player meets, the way back, how a deployment stands.

Each is a pure function of the state; the deciders, the views and the optimiser ask here, so one answer is
given to all.
"""

from dataclasses import dataclass
from typing import Literal

from domain.kernel.decider import Rejected
from domain.registry.state import Model, Status, UseCaseModels
from domain.routing.split import version_for

# --- models -------------------------------------------------------------------------------------------------


def find_model(use_case: str, model_id: str, state: UseCaseModels, *, field: str = "model_id") -> Model:
    """Return a model of the use case.

    Raises:
        Rejected: ``model_not_found``, at ``field`` of the command.
    """
    if model := state.models.get(model_id):
        return model
    raise Rejected(
        "model_not_found",
        f"{use_case} has no model {model_id}; it has {len(state.models)} models",
        field=field,
        remedy="ask the query registry.models for the ids, or register the model first",
    )


def current_model(state: UseCaseModels) -> Model | None:
    """Return the model that serves the use case; None before the first."""
    return state.models.get(state.current or "")


def find_alias(use_case: str, alias: str, state: UseCaseModels) -> Model:
    """Return the model that an alias of the use case points to.

    Raises:
        Rejected: ``alias_not_found``.
    """
    if alias in state.aliases:
        return state.models[state.aliases[alias]]
    known = ", ".join(sorted(state.aliases)) or "none"
    raise Rejected(
        "alias_not_found",
        f"{use_case} has no alias {alias}; it has {known}",
        field="alias",
        remedy="set it with registry.set_alias, or leave it out",
    )


def previous_model(state: UseCaseModels) -> str | None:
    """Return the id of the newest healthy model that served before the current one, if one is left."""
    for model_id in reversed(state.served):
        model = state.models[model_id]
        if model_id != state.current and model.status != "retired" and not model.needs_reevaluation:
            return model_id
    return None


def status_of(model_id: str, state: UseCaseModels) -> Status | Literal["silenced"]:
    """Return a model's status; ``silenced`` of the current one while it may not speak."""
    return "silenced" if state.silenced and model_id == state.current else state.models[model_id].status


def model_met(use_case: str, key: str, state: UseCaseModels) -> str:
    """Return the id of the model that ``key`` meets by the split of the traffic; "" without any model.

    A deployment draws its players by its own id: another one meets others, and who is in stays in while
    the share grows.
    """
    if not state.shares:
        return state.current or ""
    # The current one last, so that whoever meets a candidate keeps it while its share grows.
    shares = {id_: state.shares[id_] for id_ in state.models if id_ in state.shares}
    if state.current in shares:
        shares[state.current] = shares.pop(state.current)
    return version_for(key, shares, salt=state.split_by or use_case)


# --- deployments --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """Standing of a deployment."""

    deployment_id: str
    model_id: str
    state: str
    """preparing (nobody meets the candidate), running, held; completed, aborted, failed or rolled_back."""
    step: int
    """-1 before the first."""
    share: int
    """Percent of the traffic that the candidate has."""


def standing(state: UseCaseModels) -> Standing | None:
    """Return how the deployment under way stands, or how the last one ended; None before the first."""
    found = state.deployment or state.last
    if found is None:
        return None
    word, share = state.ended, 100 if state.ended == "completed" else 0
    if state.deployment:
        word, share = "running" if found.step >= 0 else "preparing", found.share
        word = "held" if found.held else word
    return Standing(found.started.deployment_id, found.started.model_id, word, found.step, share)


def running(state: UseCaseModels, use_case: str) -> Rejected | None:
    """Return the refusal of what a deployment under way forbids; None without one."""
    if state.deployment is None:
        return None
    label = state.models[state.deployment.started.model_id].label
    id_ = state.deployment.started.deployment_id
    return Rejected(
        "deployment_running",
        f"{label} is being deployed to {use_case} ({state.deployment.share} %, deployment {id_})",
        field="use_case",
        remedy="wait for its end, or end it with deployment.abort or deployment.roll_back",
    )
