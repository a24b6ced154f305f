"""Commands and events of the registry.

Names and versions of events are storage format: they stay in the log for ever.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from domain.evaluation.suite import ScorerName
from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.roles import WRITING
from domain.kernel.vocabulary import (
    CONFIGURATION_KEYS_MAX,
    Alias,
    ConfigurationValue,
    Digest,
    ModelId,
    Operator,
    Reason,
    Text,
    UseCase,
)
from domain.registry.deployment_facts import DeploymentId
from domain.registry.facts import Configuration, ConfigurationKey, Description, ModelFacts

Override = Annotated[
    Text,
    Field(
        max_length=2_000,
        description="Why players may meet a model that never served them without a passed evaluation, or, "
        "while the use case is silent, one that was rolled back; empty: they may not, or it was not needed.",
    ),
]

# --- what happened ------------------------------------------------------------------------------------------


class ModelRegistered(ModelFacts, Event, name="registry.model_registered", version=1):
    """A model became known, as a candidate for its use case."""

    model_id: ModelId

    example: ClassVar = {
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "use_case": "npc_dialogue",
        "name": "lamplight",
        "version": "0.1.0",
        "provider": "embedded",
        "model_type": "self_hosted",
        "tier": "gold",
        "description": "Short lines for the people of the harbour.",
        "configuration": {"prompt_template": "{prompt}", "quantization": "int8"},
        "artefacts": {"model.bin": "sha256:" + "5e" * 32},
        "licence": "MIT",
        "card": "Trained by the project from its own generated corpus.",
        "needs": {"memory_mb": 64, "disk_mb": 4, "cores": 1},
        "lineage": {"base_model": "0a3ad1c5-5b0b-5c84-9d0f-55c2fd6cd4f2"},
    }


class ModelDescribed(Event, name="registry.model_described", version=1):
    """What is said of a model changed; description and configuration are given whole, as they are now."""

    use_case: UseCase
    model_id: ModelId
    description: Description
    configuration: Configuration
    operator: Text = Field(
        "", max_length=128, description="Who answers for it; empty in events of before it was asked for."
    )
    reason: Text = Field(
        "", max_length=2_000, description="Why, in words for an auditor; empty as the operator may be."
    )

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "description": "Short lines for the people of the harbour, at night.",
        "configuration": {"prompt_template": "Night. {prompt}", "quantization": "int8"},
        "operator": "mira",
        "reason": "players take the lamp for a lighthouse",
    }


class ModelPromoted(Event, name="registry.model_promoted", version=1):
    """A model became the current one of its use case; the one before it, if any, is deprecated."""

    use_case: UseCase
    model_id: ModelId
    previous_model_id: ModelId | None = Field(
        description="The model that was current until now; null for the first of a use case."
    )
    operator: Operator
    reason: Reason
    override: Override = ""

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "previous_model_id": None,
        "operator": "registry",
        "reason": "first model registered for npc_dialogue",
        "override": "",
    }


class ModelRetired(Event, name="registry.model_retired", version=1):
    """A model was taken out for good; it can never be promoted again."""

    use_case: UseCase
    model_id: ModelId
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "operator": "mira",
        "reason": "replaced by 0.2.0 four weeks ago",
    }


Shares = Annotated[
    dict[ModelId, Annotated[int, Field(ge=1, le=100)]],
    Field(
        min_length=1,
        max_length=16,
        description="Percent of the players (or conversations) that meet each model; together 100.",
    ),
]


class TrafficShifted(Event, name="registry.traffic_shifted", version=1):
    """The use case's traffic is split anew; a promotion gives all of it to the promoted model."""

    use_case: UseCase
    shares: Shares
    deployment_id: DeploymentId | None = Field(
        None,
        description="The deployment whose step it is: who meets the candidate is drawn by its id; "
        "null: by the use case's name, as for a split by hand.",
    )
    operator: Operator
    reason: Reason
    override: Override = ""

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "shares": {
            "0a3ad1c5-5b0b-5c84-9d0f-55c2fd6cd4f2": 5,
            "f7598223-8aef-5171-b87d-06627a2e7215": 95,
        },
        "deployment_id": None,
        "operator": "mira",
        "reason": "a first look at 0.2.0",
        "override": "",
    }


class Evaluated(Declared):
    """The verdict of an evaluation on a candidate."""

    model_config = ConfigDict(frozen=True)

    use_case: UseCase
    model_id: ModelId = Field(description="The candidate.")
    against_model_id: ModelId = Field(description="The model that it was compared with.")
    evaluation_id: str = Field(pattern=r"^[0-9a-f]{32}$", description="The evaluation's id.")
    suite: str = Field(max_length=256, description="Name and version of the suite, name@version.")
    scorers: list[ScorerName] = Field(
        default_factory=list,
        max_length=65,
        description="What judged; empty in events of before it was told.",
    )
    verdict: Literal["passed", "failed", "undecided"] = Field(
        description="passed: nowhere worse, with the suite's error bounds; failed: worse somewhere; "
        "undecided: the suite's turns did not suffice, which never counts as passed."
    )
    report_digest: str = Field("", max_length=71, description="Digest of the report, or empty.")
    rollbacks: int | None = Field(
        None,
        ge=0,
        description="How often the candidate had been rolled back when the evaluation was started; null in "
        "events of before it was told.",
    )
    configuration_digest: Digest | None = Field(
        None,
        description="Digest of the candidate's configuration that was measured; null: as it was when the "
        "verdict came, in events of before it was told.",
    )
    against_configuration: Digest | None = Field(
        None, description="The same of the model that it was compared with; null: any."
    )


_EVALUATED: dict[str, object] = {
    "use_case": "npc_dialogue",
    "model_id": "0a3ad1c5-5b0b-5c84-9d0f-55c2fd6cd4f2",
    "against_model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
    "evaluation_id": "b1946ac92492d2347c6235b4d2611184",
    "suite": "cindermouth-dialogue@1",
    "scorers": ["answered", "lore_stated"],
    "verdict": "passed",
    "report_digest": "sha256:" + "3c" * 32,
    "rollbacks": 0,
    "configuration_digest": "sha256:" + "9b" * 32,
    "against_configuration": "sha256:" + "4e" * 32,
}


class ModelEvaluated(Evaluated, Event, name="registry.model_evaluated", version=1):
    """A candidate was compared with a model; a passed evaluation is its ticket for a deployment."""

    lifts_bar: bool = Field(
        True,
        description="Whether a pass with it ends what a rollback began: it was started since then, is "
        "against the current model, and its scorers measure what took the candidate back.",
    )

    example: ClassVar = {**_EVALUATED, "lifts_bar": True}


class AliasSet(Event, name="registry.alias_set", version=1):
    """An alias points to a version now; or to none, then it is gone."""

    use_case: UseCase
    alias: Alias
    model_id: ModelId | None = Field(description="The version; null: the alias is gone.")
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "alias": "next",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "operator": "mira",
        "reason": "the writers try it first",
    }


class UseCaseSilenced(Event, name="registry.use_case_silenced", version=1):
    """No model is left that may speak; characters say their authored lines until one is promoted."""

    use_case: UseCase
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "operator": "mira",
        "reason": "players report that it knows their names",
    }


RegistryEvent = (
    ModelRegistered
    | ModelDescribed
    | AliasSet
    | ModelEvaluated
    | ModelPromoted
    | ModelRetired
    | TrafficShifted
    | UseCaseSilenced
)

# --- what may be asked --------------------------------------------------------------------------------------


class RegisterModel(ModelFacts, Command, name="registry.register_model", may=WRITING):
    """Make a model known. The first of a use case becomes current at once.

    Refused with ``model_exists`` if this name and version is registered with other facts, with
    ``configuration_unusable`` for a tier, price or template that cannot be one, or with ``base_retired`` for
    an adapter whose base model, of the same use case, is retired.
    """

    example: ClassVar = {key: value for key, value in ModelRegistered.example.items() if key != "model_id"}


class DescribeModel(Command, name="registry.describe_model", may=WRITING):
    """Change a model's description, or keys of its configuration (one level; null removes a key).

    What the current model's configuration says holds for players' next turns, on the operator's word; a
    candidate with a changed one needs a new evaluation before a deployment.
    Refused with ``model_not_found``, ``configuration_too_large``, with ``configuration_unusable`` for a tier,
    price or template that cannot be one, or for the configuration of a model that is being deployed with
    ``deployment_running``.
    """

    use_case: UseCase
    model_id: ModelId
    description: Description | None = Field(None, description="The new description; null: it stays.")
    configuration: dict[ConfigurationKey, ConfigurationValue] = Field(
        default_factory=dict,
        max_length=CONFIGURATION_KEYS_MAX,
        description="Keys to set; null removes a key; keys not named stay as they are.",
    )
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "description": "Short lines for the people of the harbour, at night.",
        "configuration": {"prompt_template": "Night. {prompt}"},
        "operator": "mira",
        "reason": "players take the lamp for a lighthouse",
    }


class PromoteModel(Command, name="registry.promote_model", four_eyes="override"):
    """Make a model the current one of its use case, on an operator's word.

    One that was current before may come back. Any other has passed an evaluation against the current model,
    as it is configured now, or an ``override`` says why it may do without. One that was rolled back comes
    again only where no model speaks, with an ``override``.
    Refused with ``model_not_found``, ``model_retired``, ``rolled_back`` or ``deployment_running``, or
    without an ``override`` with ``not_evaluated``, ``evaluation_not_passed`` or ``evaluation_outdated``.
    """

    use_case: UseCase
    model_id: ModelId
    operator: Operator
    reason: Reason
    override: Override = ""

    example: ClassVar = {
        "use_case": "npc_dialogue",
        "model_id": "f7598223-8aef-5171-b87d-06627a2e7215",
        "operator": "mira",
        "reason": "better lines in 41 of 50 paired replays",
        "override": "",
    }


class RetireModel(Command, name="registry.retire_model"):
    """Take a model out for good.

    Refused with ``model_not_found``, or while it serves: with ``model_is_current``, ``model_has_traffic``,
    ``model_has_alias`` or ``deployment_running``; or with ``model_has_adapters`` while an adapter of it, of
    the same use case, is not retired.
    """

    use_case: UseCase
    model_id: ModelId
    operator: Operator
    reason: Reason

    example: ClassVar = dict(ModelRetired.example)


class ShiftTraffic(Command, name="registry.shift_traffic", four_eyes="override"):
    """Split a use case's traffic between models, on an operator's word.

    Whoever meets a candidate goes on meeting it while its share grows. A share that begins or grows wants the
    evidence that a promotion wants (see registry.promote_model), or an ``override``.
    Refused with ``model_not_found``, ``model_retired``, ``rolled_back`` or ``deployment_running``, without
    an ``override`` with ``not_evaluated``, ``evaluation_not_passed`` or ``evaluation_outdated``, or if the
    shares are not 100 together.
    """

    use_case: UseCase
    shares: Shares
    operator: Operator
    reason: Reason
    override: Override = ""

    example: ClassVar = {k: v for k, v in TrafficShifted.example.items() if k != "deployment_id"}

    @model_validator(mode="after")
    def _is_whole(self) -> "ShiftTraffic":
        if (total := sum(self.shares.values())) != 100:
            raise ValueError(f"the shares are {total} together; make them 100")
        return self


class SetAlias(Command, name="registry.set_alias"):
    """Let an alias point to a version; who asks for the alias gets that version, whatever the traffic.

    It needs no evaluation, as nobody meets it who did not ask for it. While it is rolled back, who asks gets
    what everybody else gets.
    Refused with ``model_not_found``, ``model_retired`` or ``rolled_back``.
    """

    use_case: UseCase
    alias: Alias
    model_id: ModelId | None = Field(None, description="The version; null takes the alias away.")
    operator: Operator
    reason: Reason

    example: ClassVar = dict(AliasSet.example)


class RecordEvaluation(Evaluated, Command, name="registry.record_evaluation"):
    """Say what an evaluation found. Refused with ``model_not_found`` or ``model_retired``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    example: ClassVar = dict(_EVALUATED)


RegistryCommand = (
    RegisterModel | DescribeModel | SetAlias | RecordEvaluation | PromoteModel | RetireModel | ShiftTraffic
)
