"""The rules of models: what follows from each command about them, on the state of their use case."""

import json
from collections.abc import Mapping, Sequence
from uuid import NAMESPACE_URL, uuid5

from domain.kernel.decider import Rejected
from domain.kernel.vocabulary import CONFIGURATION_KEYS_MAX
from domain.registry.configuration import check_usable
from domain.registry.facts import ModelFacts
from domain.registry.look_ups import find_model, running
from domain.registry.messages import (
    AliasSet,
    DescribeModel,
    ModelDescribed,
    ModelEvaluated,
    ModelPromoted,
    ModelRegistered,
    ModelRetired,
    PromoteModel,
    RecordEvaluation,
    RegisterModel,
    RegistryEvent,
    RetireModel,
    SetAlias,
    ShiftTraffic,
    TrafficShifted,
)
from domain.registry.state import Model, UseCaseModels
from domain.registry.tickets import lifts_rollback, newcomer_refusal, reevaluation_refusal

MODEL_NAMESPACE = uuid5(NAMESPACE_URL, "urn:aicore:model")


def model_id_of(*, use_case: str, name: str, version: str) -> str:
    """Return the id of a model: the same for everyone who knows its use case, name and version."""
    return str(uuid5(MODEL_NAMESPACE, f"{use_case}/{name}/{version}"))


def register(command: RegisterModel, state: UseCaseModels) -> Sequence[RegistryEvent]:
    """Make a model known as a candidate; the first one of its use case is current at once."""
    model_id = model_id_of(use_case=command.use_case, name=command.name, version=command.version)
    facts = command.model_dump()
    if known := state.models.get(model_id):
        if _same(known.registered.model_dump(exclude={"model_id"}), facts):
            return []
        raise _exists(command)
    check_usable(command.configuration)
    base = state.models.get(command.lineage.get("base_model", ""))
    if base and base.status == "retired" and _is_of(command, base):
        raise Rejected(
            "base_retired",
            f"{base.label}, the base of this adapter, is retired; nothing serves it",
            field="lineage.base_model",
            remedy="make the adapter for a base that is not retired",
        )
    registered = ModelRegistered.model_validate({**facts, "model_id": model_id})
    if state.current is not None:
        return [registered]
    promoted = ModelPromoted(
        use_case=command.use_case,
        model_id=model_id,
        previous_model_id=None,
        operator="registry",
        reason=f"first model registered for {command.use_case}",
    )
    return [registered, promoted]


def describe(command: DescribeModel, state: UseCaseModels) -> Sequence[RegistryEvent]:
    """Change a model's description and merge its configuration; a key that is null goes."""
    model = find_model(command.use_case, command.model_id, state)
    description = model.description if command.description is None else command.description
    merged = {**model.configuration, **command.configuration}
    known = model.configuration
    check_usable({key: value for key, value in command.configuration.items() if known.get(key) != value})
    configuration = {key: value for key, value in merged.items() if value is not None}
    if len(configuration) > CONFIGURATION_KEYS_MAX:
        raise Rejected(
            "configuration_too_large",
            f"the configuration would have {len(configuration)} keys, the limit is {CONFIGURATION_KEYS_MAX}",
            field="configuration",
            remedy="remove keys that are no longer used by setting them to null",
        )
    if not (changes := not _same(configuration, model.configuration)) and description == model.description:
        return []
    # What the gate measures must be what serves after it.
    if changes and model.status == "testing" and (refusal := running(state, command.use_case)):
        raise refusal
    described = {**command.model_dump(), "description": description, "configuration": configuration}
    return [ModelDescribed.model_validate(described)]


def promote(command: PromoteModel, state: UseCaseModels) -> Sequence[RegistryEvent]:
    """Let a model serve its use case alone; promoting the current one ends a split by hand."""
    model = find_model(command.use_case, command.model_id, state)
    if refusal := running(state, command.use_case):
        raise refusal
    by = command.model_dump(include={"use_case", "operator", "reason"})
    if model.status == "current" and not state.silenced:
        whole = {command.model_id: 100}
        return [TrafficShifted.model_validate({**by, "shares": whole})] if state.shares else []
    if model.status == "retired":
        raise _retired(
            f"{model.label} is retired and cannot serve {command.use_case} again",
            remedy="promote another model, or register this one under a new version",
        )
    override = command.override.strip()
    if model.needs_reevaluation and not (state.silenced and override):
        raise reevaluation_refusal(model, field="model_id", silenced=state.silenced)
    refusal = newcomer_refusal(model, state, field="model_id")
    if refusal and not override:
        raise refusal
    promoted = {
        **by,
        "model_id": command.model_id,
        "previous_model_id": state.current,
        "override": override if model.needs_reevaluation or refusal else "",
    }
    return [ModelPromoted.model_validate(promoted)]


def retire(command: RetireModel, state: UseCaseModels) -> Sequence[RegistryEvent]:
    """Take a model out for good; one that is met, named or needed stays."""
    model = find_model(command.use_case, command.model_id, state)
    if model.status == "retired":
        return []
    if model.status == "current":
        raise _is_current(model, state)
    # Its traffic is the deployment's: no split by hand takes it away before the end.
    if (refusal := running(state, command.use_case)) and model.status == "testing":
        raise refusal
    if share := state.shares.get(command.model_id):
        raise Rejected(
            "model_has_traffic",
            f"{model.label} serves {share} % of {command.use_case}",
            field="model_id",
            remedy="give its share to another model first (registry.shift_traffic)",
        )
    if refusal := _still_named(model, state):
        raise refusal
    return [ModelRetired(**command.model_dump())]


def shift(command: ShiftTraffic, state: UseCaseModels) -> Sequence[RegistryEvent]:
    """Split the traffic by hand; a model whose share grows needs a ticket, or an override."""
    for model_id in command.shares:
        model = find_model(command.use_case, model_id, state, field="shares")
        if model.status == "retired":
            raise _retired(
                f"{model.label} is retired and cannot serve {command.use_case}",
                field="shares",
                remedy="leave it out, or register it under a new version",
            )
        if model.needs_reevaluation:
            raise reevaluation_refusal(model, field="shares")
    if refusal := running(state, command.use_case):
        raise refusal
    now = state.shares or {state.current or "": 100}
    if command.shares == now:
        return []
    grown = (state.models[id_] for id_, share in command.shares.items() if share > now.get(id_, 0))
    refusal = next(filter(None, (newcomer_refusal(model, state, field="shares") for model in grown)), None)
    override = command.override.strip()
    if refusal and not override:
        raise refusal
    return [TrafficShifted(**{**command.model_dump(), "override": override if refusal else ""})]


def set_alias(command: SetAlias, state: UseCaseModels) -> Sequence[RegistryEvent]:
    """Let a name point to a model, or, with null, to none."""
    model = None
    if command.model_id is not None:
        model = find_model(command.use_case, command.model_id, state)
        if model.status == "retired":
            raise _retired(
                f"{model.label} is retired; nobody can ask for it",
                remedy="let the alias point to another version",
            )
    if state.aliases.get(command.alias) == command.model_id:
        return []
    if model is not None and model.needs_reevaluation:
        raise reevaluation_refusal(model, field="model_id")
    return [AliasSet(**command.model_dump())]


def record_evaluation(command: RecordEvaluation, state: UseCaseModels) -> Sequence[RegistryEvent]:
    """Keep the verdict of an evaluation, and whether it lifts what a rollback asked for."""
    model = find_model(command.use_case, command.model_id, state)
    if model.status == "retired":
        raise _retired(
            f"{model.label} is retired; nobody will meet it again", remedy="evaluate another model"
        )
    if command.model_id == command.against_model_id:
        raise Rejected(
            "evaluated_against_itself",
            f"{model.label} was compared with itself, which says nothing",
            field="against_model_id",
            remedy="compare it with the current model",
        )
    if command.evaluation_id in model.evaluations:
        return []
    return [ModelEvaluated(**command.model_dump(), lifts_bar=lifts_rollback(command, model, state))]


# --- what is compared, and refusals -------------------------------------------------------------------------


def _same(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    """Compare as JSON: to Python 1, 1.0 and True are equal, to a reader of the configuration they are not."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def _is_of(adapter: ModelFacts, base: Model) -> bool:
    """Say whether a model is an adapter of another one."""
    wanted = adapter.lineage.get("base_model")
    return adapter.model_type == "adapter" and wanted == base.registered.model_id


def _exists(command: RegisterModel) -> Rejected:
    return Rejected(
        "model_exists",
        f"{command.name} {command.version} is registered for {command.use_case} with other facts",
        field="version",
        remedy="register it under a new version; registry.describe_model changes description and "
        "configuration of the registered one",
    )


def _retired(message: str, *, field: str = "model_id", remedy: str) -> Rejected:
    return Rejected("model_retired", message, field=field, remedy=remedy)


def _is_current(model: Model, state: UseCaseModels) -> Rejected:
    """Return the refusal to retire the current model, with those that could take its place."""
    others = [
        other
        for other in state.models.values()
        if other.status in {"candidate", "deprecated"} and not other.needs_reevaluation
    ]
    ready = [other for other in others if not newcomer_refusal(other, state, field="model_id")]
    labels = " or ".join(other.label for other in (ready or others)[:5])
    first = f"promote {labels}" if ready else f"evaluate and promote {labels or 'another model'}"
    return Rejected(
        "model_is_current",
        f"{model.label} serves {model.registered.use_case}, which would be left without a model",
        field="model_id",
        remedy=f"{first} first (registry.promote_model), then retire this one",
    )


def _still_named(model: Model, state: UseCaseModels) -> Rejected | None:
    """Return the refusal to retire what an alias points to or an adapter stands on; None without any."""
    mine = model.registered
    if alias := next((name for name, id_ in state.aliases.items() if id_ == mine.model_id), None):
        return Rejected(
            "model_has_alias",
            f"the alias {alias} of {mine.use_case} points to {model.label}",
            field="model_id",
            remedy="move the alias first (registry.set_alias)",
        )
    adapters = (m for m in state.models.values() if m.status != "retired" and _is_of(m.registered, model))
    if adapter := next(adapters, None):
        return Rejected(
            "model_has_adapters",
            f"{adapter.label} is an adapter of {model.label} and cannot be served without it",
            field="model_id",
            remedy=f"retire {adapter.label} first (registry.retire_model)",
        )
    return None
