"""The state of a use case: its models, which one serves, and the deployment under way."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import JsonValue

from domain.registry.deployment_messages import DeploymentEvent, DeploymentStarted
from domain.registry.facts import configuration_digest
from domain.registry.messages import ModelEvaluated, ModelRegistered, RegistryEvent

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
    needs_reevaluation: bool = False
    """Rolled back, and no evaluation since has lifted that."""
    rollback_measure: str = ""
    """The measure that took it back last; "" if it was an operator."""
    rollback_deployment_id: str = ""
    """The deployment that its last rollback ended; "" if none ran."""
    rollbacks: int = 0
    """How often it was taken back."""
    evaluations: frozenset[str] = frozenset()
    """Ids of all its evaluations: an old one, told again, is no new one."""
    measured: str = ""
    """Digest of the configuration that its newest evaluation measured."""
    deployed_evaluation_id: str = ""
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
    """Salt of the draw of players beside their own names: the deployment's id; "": the use case's name."""
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
    """Its end: completed, aborted, failed or rolled_back; "" before that."""
    silenced: bool = False
    """No model is left that may speak: characters say their authored lines until one is promoted."""

    def changed(self, model_id: str, **changes: object) -> "UseCaseModels":
        """Return this state with one model changed; an id that is not known changes nothing."""
        model = self.models.get(model_id)
        if model is None:
            return self
        return replace(self, models={**self.models, model_id: replace(model, **changes)})  # type: ignore[arg-type]  # field names are checked by replace

    def in_deployment(self, **changes: object) -> "UseCaseModels":
        """Return this state with the deployment under way changed; without one nothing changes."""
        if self.deployment is None:
            return self
        return replace(self, deployment=replace(self.deployment, **changes))  # type: ignore[arg-type]  # as above
