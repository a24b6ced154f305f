"""The models of one use case: registered, described, evaluated, deployed, promoted, rolled back, retired.

Its stream is ``registry-{use_case}``. At every version name and version are unique, exactly one model is
current as soon as there is any, and at most one deployment runs. The use case is the aggregate, so one
expected version keeps all three.
"""

import json
from collections.abc import Mapping, Sequence
from uuid import NAMESPACE_URL, uuid5

from domain.kernel.decider import Decider, Rejected
from domain.kernel.vocabulary import CONFIGURATION_KEYS_MAX
from domain.registry import rollout
from domain.registry.deployment_messages import DeploymentCommand
from domain.registry.facts import ModelFacts, configuration_digest
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
    RegistryCommand,
    RegistryEvent,
    RetireModel,
    SetAlias,
    ShiftTraffic,
    TrafficShifted,
)
from domain.registry.state import Model, UseCaseEvent, UseCaseModels, evolve

MODEL_NAMESPACE = uuid5(NAMESPACE_URL, "urn:aicore:model")


def stream_of(use_case: str) -> str:
    """Return the stream of a use case's models."""
    return f"registry-{use_case}"


def model_id_of(*, use_case: str, name: str, version: str) -> str:
    """Return the id of a model: the same for everyone who knows its use case, name and version."""
    return str(uuid5(MODEL_NAMESPACE, f"{use_case}/{name}/{version}"))


# --- decisions ----------------------------------------------------------------------------------------------


def decide(command: RegistryCommand | DeploymentCommand, state: UseCaseModels) -> Sequence[UseCaseEvent]:
    """Return what follows from ``command``: nothing if it is already so.

    Raises:
        Rejected: a rule refuses it; see each command's description.
    """
    match command:
        case RegisterModel():
            return _register(command, state)
        case DescribeModel():
            return _describe(command, _find(command, state), state)
        case PromoteModel():
            return _promote(command, _find(command, state), state)
        case RetireModel():
            return _retire(command, _find(command, state), state)
        case ShiftTraffic():
            return _shift(command, state)
        case SetAlias():
            return _alias(command, state)
        case RecordEvaluation():
            return _evaluated(command, _find(command, state), state)
        case _:
            return rollout.decide(command, state)


def _register(command: RegisterModel, state: UseCaseModels) -> Sequence[RegistryEvent]:
    model_id = model_id_of(use_case=command.use_case, name=command.name, version=command.version)
    facts = command.model_dump()
    if known := state.models.get(model_id):
        if _same(known.registered.model_dump(exclude={"model_id"}), facts):
            return []
        raise Rejected(
            "model_exists",
            f"{command.name} {command.version} is registered for {command.use_case} with other facts",
            field="version",
            remedy="register it under a new version; registry.describe_model changes description and "
            "configuration of the registered one",
        )
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


def _describe(command: DescribeModel, model: Model, state: UseCaseModels) -> Sequence[RegistryEvent]:
    description = model.description if command.description is None else command.description
    merged = {**model.configuration, **command.configuration}
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
    if changes and model.status == "testing" and (refusal := rollout.running(state, command.use_case)):
        raise refusal
    return [
        ModelDescribed(
            use_case=command.use_case,
            model_id=command.model_id,
            description=description,
            configuration=configuration,
            operator=command.operator,
            reason=command.reason,
        )
    ]


def _promote(command: PromoteModel, model: Model, state: UseCaseModels) -> Sequence[RegistryEvent]:
    if refusal := rollout.running(state, command.use_case):
        raise refusal
    if model.status == "current" and not state.silenced:
        whole = {command.model_id: 100}
        shift = TrafficShifted(
            use_case=command.use_case, shares=whole, operator=command.operator, reason=command.reason
        )
        return [shift] if state.shares else []
    if model.status == "retired":
        raise Rejected(
            "model_retired",
            f"{model.label} is retired and cannot serve {command.use_case} again",
            field="model_id",
            remedy="promote another model, or register this one under a new version",
        )
    override = command.override.strip()
    if model.barred and not (state.silenced and override):
        raise rollout.barred(model, field="model_id", silenced=state.silenced)
    refusal = _unproven(model, state, field="model_id")
    if refusal and not override:
        raise refusal
    return [
        ModelPromoted(
            use_case=command.use_case,
            model_id=command.model_id,
            previous_model_id=state.current,
            operator=command.operator,
            reason=command.reason,
            override=override if model.barred or refusal else "",
        )
    ]


def _retire(command: RetireModel, model: Model, state: UseCaseModels) -> Sequence[RegistryEvent]:
    if model.status == "retired":
        return []
    if model.status == "current":
        others = [
            m for m in state.models.values() if m.status in {"candidate", "deprecated"} and not m.barred
        ]
        ready = [m for m in others if not _unproven(m, state, field="model_id")]
        labels = " or ".join(m.label for m in (ready or others)[:5])
        first = f"promote {labels}" if ready else f"evaluate and promote {labels or 'another model'}"
        raise Rejected(
            "model_is_current",
            f"{model.label} serves {command.use_case}, which would be left without a model",
            field="model_id",
            remedy=f"{first} first (registry.promote_model), then retire this one",
        )
    # Its traffic is the deployment's: no split by hand takes it away before the end.
    if (refusal := rollout.running(state, command.use_case)) and model.status == "testing":
        raise refusal
    if share := state.shares.get(command.model_id):
        raise Rejected(
            "model_has_traffic",
            f"{model.label} serves {share} % of {command.use_case}",
            field="model_id",
            remedy="give its share to another model first (registry.shift_traffic)",
        )
    if alias := next((name for name, id_ in state.aliases.items() if id_ == command.model_id), None):
        raise Rejected(
            "model_has_alias",
            f"the alias {alias} of {command.use_case} points to {model.label}",
            field="model_id",
            remedy="move the alias first (registry.set_alias)",
        )
    adapters = (m for m in state.models.values() if m.status != "retired" and _is_of(m.registered, model))
    if adapter := next(adapters, None):
        raise Rejected(
            "model_has_adapters",
            f"{adapter.label} is an adapter of {model.label} and cannot be served without it",
            field="model_id",
            remedy=f"retire {adapter.label} first (registry.retire_model)",
        )
    return [ModelRetired(**command.model_dump())]


def _is_of(adapter: ModelFacts, base: Model) -> bool:
    """Say whether a model is an adapter of another one."""
    wanted = adapter.lineage.get("base_model")
    return adapter.model_type == "adapter" and wanted == base.registered.model_id


def _alias(command: SetAlias, state: UseCaseModels) -> Sequence[RegistryEvent]:
    if command.model_id is not None:
        model = rollout.known(command.use_case, command.model_id, state)
        if model.status == "retired":
            raise Rejected(
                "model_retired",
                f"{model.label} is retired; nobody can ask for it",
                field="model_id",
                remedy="let the alias point to another version",
            )
    if state.aliases.get(command.alias) == command.model_id:
        return []
    if command.model_id is not None and state.models[command.model_id].barred:
        raise rollout.barred(state.models[command.model_id], field="model_id")
    return [AliasSet(**command.model_dump())]


def _evaluated(command: RecordEvaluation, model: Model, state: UseCaseModels) -> Sequence[RegistryEvent]:
    if model.status == "retired":
        raise Rejected(
            "model_retired",
            f"{model.label} is retired; nobody will meet it again",
            field="model_id",
            remedy="evaluate another model",
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
    lifts = (
        rollout.measures(command.scorers, model.taken_back_by)
        and command.against_model_id == state.current
        and command.rollbacks == model.rollbacks  # else its pairs may be of before the last one
        and command.configuration_digest in (None, configuration_digest(model.configuration))
        and command.against_configuration
        in (None, configuration_digest(state.models[command.against_model_id].configuration))
    )
    return [ModelEvaluated(**command.model_dump(), lifts_bar=lifts)]


def _shift(command: ShiftTraffic, state: UseCaseModels) -> Sequence[RegistryEvent]:
    for model_id in command.shares:
        model = rollout.known(command.use_case, model_id, state, field="shares")
        if model.status == "retired":
            raise Rejected(
                "model_retired",
                f"{model.label} is retired and cannot serve {command.use_case}",
                field="shares",
                remedy="leave it out, or register it under a new version",
            )
        if model.barred:
            raise rollout.barred(model, field="shares")
    if refusal := rollout.running(state, command.use_case):
        raise refusal
    now = state.shares or {state.current or "": 100}
    if command.shares == now:
        return []
    grown = (state.models[id_] for id_, share in command.shares.items() if share > now.get(id_, 0))
    refusal = next(filter(None, (_unproven(model, state, field="shares") for model in grown)), None)
    override = command.override.strip()
    if refusal and not override:
        raise refusal
    return [TrafficShifted(**{**command.model_dump(), "override": override if refusal else ""})]


def _unproven(model: Model, state: UseCaseModels, *, field: str) -> Rejected | None:
    """Return why players may not meet a model on an operator's word alone; None for one that served them."""
    served = model.registered.model_id in state.served
    return None if served else rollout.unproven(model, state, field=field)


def _find(
    command: DescribeModel | PromoteModel | RetireModel | RecordEvaluation, state: UseCaseModels
) -> Model:
    return rollout.known(command.use_case, command.model_id, state)


def _same(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    """Compare as JSON: to Python 1, 1.0 and True are equal, to a reader of the configuration they are not."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


USE_CASE: Decider[RegistryCommand | DeploymentCommand, UseCaseEvent, UseCaseModels] = Decider(
    UseCaseModels(), decide, evolve
)
