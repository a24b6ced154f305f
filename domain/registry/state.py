"""What is known of a use case: its models, who serves it, and the deployment under way."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never

from pydantic import JsonValue

from domain.registry.deployment_messages import (
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentEvent,
    DeploymentFailed,
    DeploymentHeld,
    DeploymentReady,
    DeploymentResumed,
    DeploymentRolledBack,
    DeploymentStarted,
    StepPassed,
    StepStarted,
)
from domain.registry.facts import configuration_digest
from domain.registry.messages import (
    AliasSet,
    ModelDescribed,
    ModelEvaluated,
    ModelPromoted,
    ModelRegistered,
    ModelRetired,
    RegistryEvent,
    TrafficShifted,
    UseCaseSilenced,
)
from domain.routing.split import version_for

Status = Literal["candidate", "testing", "current", "deprecated", "retired"]
"""candidate → testing (while a deployment tries it) → current → deprecated (→ current again by a rollback or
a promotion); any but current → retired, for good."""

UseCaseEvent = RegistryEvent | DeploymentEvent


@dataclass(frozen=True, slots=True)
class Model:
    """One model as it is now; ``registered`` keeps what its registrar said."""

    registered: ModelRegistered
    description: str
    configuration: Mapping[str, JsonValue]
    status: Status = "candidate"
    evaluated: ModelEvaluated | None = None
    """Its newest evaluation; of one that was rolled back, the newest since then."""
    barred: bool = False
    """Rolled back, and no evaluation since has lifted that."""
    taken_back_by: str = ""
    """The measure that took it back last; "" if it was an operator."""
    taken_back_in: str = ""
    """The deployment that its last rollback ended; "" if none ran."""
    rollbacks: int = 0
    """How often it was taken back."""
    evaluations: frozenset[str] = frozenset()
    """Ids of all its evaluations: an old one, told again, is no new one."""
    measured: str = ""
    """Digest of the configuration that its newest evaluation measured."""
    tried: str = ""
    """Evaluation with which it was deployed last."""

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.registered.name} {self.registered.version}"

    @property
    def reconfigured(self) -> bool:
        """Whether its configuration is not the one that its newest evaluation measured."""
        return bool(self.measured) and self.measured != configuration_digest(self.configuration)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment under way."""

    started: DeploymentStarted
    step: int = -1
    """Index of the step that is watched; -1 while the candidate is prepared."""
    held: str = ""
    """Why it stands; "" while it goes on."""
    by_use_case: bool = False
    """Its players are drawn by the use case's name: an older program took its first steps."""

    @property
    def share(self) -> int:
        """Percent of the traffic that the candidate has."""
        return self.started.steps[self.step] if self.step >= 0 else 0


@dataclass(frozen=True, slots=True)
class UseCaseModels:
    """Every model of a use case by id, and the id of the one that serves it (None before the first)."""

    models: Mapping[str, Model] = field(default_factory=dict)
    current: str | None = None
    shares: Mapping[str, int] = field(default_factory=dict)
    """Percent of the traffic by model id, together 100; empty: the current one has all."""
    split_by: str = ""
    """What players are drawn by beside their own names: the deployment's id; "": the use case's name."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Ids of models by the names that point to them."""
    served: tuple[str, ...] = ()
    """Ids of all that were ever current, the newest last, each once."""
    deployment: Deployment | None = None
    """The one under way; there is never a second one."""
    deployments: int = 0
    """How many there were."""
    last: Deployment | None = None
    """The one that ended last, as it was then."""
    ended: str = ""
    """How it ended: completed, aborted, failed or rolled_back; "" before that."""
    silenced: bool = False
    """No model is left that may speak: characters say their authored lines until one is promoted."""

    def status_of(self, model_id: str) -> Status | Literal["silenced"]:
        """Return a model's status; ``silenced`` of the current one while it may not speak."""
        return "silenced" if self.silenced and model_id == self.current else self.models[model_id].status

    def changed(self, model_id: str, **changes: object) -> "UseCaseModels":
        """Return this state with one model changed; an id that is not known changes nothing."""
        model = self.models.get(model_id)
        if model is None:
            return self
        return replace(self, models={**self.models, model_id: replace(model, **changes)})  # type: ignore[arg-type]  # field names are checked by replace

    def met(self, use_case: str, key: str) -> str:
        """Return the id of the model that ``key`` meets by the split of the traffic; "" without any model.

        A deployment draws its players by its own id: another one meets others, and who is in stays in while
        the share grows.
        """
        if not self.shares:
            return self.current or ""
        # The current one last, so that whoever meets a candidate keeps it while its share grows.
        shares = {id_: self.shares[id_] for id_ in self.models if id_ in self.shares}
        if self.current in shares:
            shares[self.current] = shares.pop(self.current)
        return version_for(key, shares, salt=self.split_by or use_case)

    def previous(self) -> str | None:
        """Return the newest healthy model that served before the current one, if one is left."""
        for model_id in reversed(self.served):
            model = self.models[model_id]
            if model_id != self.current and model.status != "retired" and not model.barred:
                return model_id
        return None


def evolve(state: UseCaseModels, event: UseCaseEvent) -> UseCaseModels:
    """Return the state after ``event``."""
    match event:
        case ModelRegistered():
            model = Model(event, event.description, event.configuration)
            return replace(state, models={**state.models, event.model_id: model})
        case ModelDescribed():
            return _described(state, event)
        case ModelEvaluated():
            return _evaluated(state, event)
        case ModelPromoted():
            return _promoted(state, event)
        case ModelRetired():
            return state.changed(event.model_id, status="retired")
        case TrafficShifted():
            return _shifted(state, event)
        case UseCaseSilenced():
            return replace(state, silenced=True)
        case AliasSet():
            others = {alias: id_ for alias, id_ in state.aliases.items() if alias != event.alias}
            found = others if event.model_id is None else {**others, event.alias: event.model_id}
            return replace(state, aliases=found)
        case _:
            return _deployed(state, event)


def _described(state: UseCaseModels, event: ModelDescribed) -> UseCaseModels:
    return state.changed(event.model_id, description=event.description, configuration=event.configuration)


def _evaluated(state: UseCaseModels, event: ModelEvaluated) -> UseCaseModels:
    model = state.models.get(event.model_id)
    if model is None:
        return state
    new = event.evaluation_id not in model.evaluations
    passed = event.verdict == "passed" and event.against_model_id == state.current
    lifts = new and passed and event.lifts_bar
    return state.changed(
        event.model_id,
        evaluated=event,
        measured=event.configuration_digest or configuration_digest(model.configuration),
        barred=model.barred and not lifts,
        evaluations=model.evaluations | {event.evaluation_id},
    )


def _shifted(state: UseCaseModels, event: TrafficShifted) -> UseCaseModels:
    if event.deployment_id is None and state.deployment is not None:
        state = _in_deployment(state, by_use_case=True)
    shares = {} if event.shares.get(state.current or "") == 100 else event.shares
    return replace(state, shares=shares, split_by=event.deployment_id or "")


def _promoted(state: UseCaseModels, event: ModelPromoted) -> UseCaseModels:
    before = state.changed(event.previous_model_id or "", status="deprecated")
    promoted = before.changed(event.model_id, status="current", barred=False)
    served = (*(id_ for id_ in state.served if id_ != event.model_id), event.model_id)
    return replace(promoted, current=event.model_id, shares={}, split_by="", served=served, silenced=False)


def _deployed(state: UseCaseModels, event: DeploymentEvent) -> UseCaseModels:
    match event:
        case DeploymentStarted():
            testing = state.changed(event.model_id, status="testing", tried=event.evaluation_id)
            return replace(testing, deployment=Deployment(event), deployments=state.deployments + 1, ended="")
        case DeploymentReady() | StepPassed():
            return state
        case StepStarted():
            return _in_deployment(state, step=event.step, held="")
        case DeploymentHeld():
            return _in_deployment(state, held=event.reason)
        case DeploymentResumed():
            return _in_deployment(state, held="")
        case DeploymentCompleted():
            return _ended(state, "completed")
        case DeploymentAborted() | DeploymentFailed():
            ended = "aborted" if isinstance(event, DeploymentAborted) else "failed"
            return _ended(state.changed(event.model_id, status="candidate"), ended)
        case DeploymentRolledBack():
            before = state.models.get(event.model_id)
            back = state.changed(
                event.model_id,
                rollbacks=before.rollbacks + 1 if before else 0,
                barred=True,
                taken_back_by=event.measure,
                taken_back_in=event.deployment_id or "",
                evaluated=None,
            )
            if state.deployment is None:
                return back
            return _ended(back.changed(event.model_id, status="candidate"), "rolled_back")
        case _:
            assert_never(event)


def _ended(state: UseCaseModels, how: str) -> UseCaseModels:
    return replace(state, deployment=None, last=state.deployment, ended=how)


def _in_deployment(state: UseCaseModels, **changes: object) -> UseCaseModels:
    if state.deployment is None:
        return state
    return replace(state, deployment=replace(state.deployment, **changes))  # type: ignore[arg-type]  # as above
