"""One use case: its models and its deployments, told from what may be asked to what is then so.

Its stream is ``registry-{use_case}``. At every version name and version are unique, exactly one model is
current as soon as there is any, and at most one deployment runs. The use case is the aggregate, so one
expected version keeps all three. `decide` names each command and the function with its rule: those of models
are in `models`, those of deployments in `rollout`, the way back in `rollback`. `evolve` has no rules.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from domain.kernel.decider import Decider
from domain.registry import models, rollback, rollout
from domain.registry.deployment_messages import (
    AbortDeployment,
    ConfirmReady,
    DeploymentAborted,
    DeploymentCommand,
    DeploymentCompleted,
    DeploymentFailed,
    DeploymentHeld,
    DeploymentReady,
    DeploymentResumed,
    DeploymentRolledBack,
    DeploymentStarted,
    HoldDeployment,
    PassStep,
    ResumeDeployment,
    RollBack,
    RollBackOnEvidence,
    StartDeployment,
    StepPassed,
    StepStarted,
)
from domain.registry.facts import configuration_digest
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
    RetireModel,
    SetAlias,
    ShiftTraffic,
    TrafficShifted,
    UseCaseSilenced,
)
from domain.registry.state import Deployment, Model, UseCaseEvent, UseCaseModels

UseCaseCommand = RegistryCommand | DeploymentCommand


def stream_of(use_case: str) -> str:
    """Return the stream of a use case's models."""
    return f"registry-{use_case}"


# --- what may be asked --------------------------------------------------------------------------------------


def decide(  # noqa: C901 - one line for each command; there is nothing to follow
    command: UseCaseCommand, state: UseCaseModels
) -> Sequence[UseCaseEvent]:
    """Return what follows from ``command``: nothing if it is already so.

    Raises:
        Rejected: a rule refuses it; see each command's description.
    """
    match command:
        case RegisterModel():
            return models.register(command, state)
        case DescribeModel():
            return models.describe(command, state)
        case RecordEvaluation():
            return models.record_evaluation(command, state)
        case PromoteModel():
            return models.promote(command, state)
        case ShiftTraffic():
            return models.shift(command, state)
        case SetAlias():
            return models.set_alias(command, state)
        case RetireModel():
            return models.retire(command, state)
        case StartDeployment():
            return rollout.start(command, state)
        case ConfirmReady():
            return rollout.confirm_ready(command, state)
        case PassStep():
            return rollout.pass_step(command, state)
        case HoldDeployment():
            return rollout.hold(command, state)
        case ResumeDeployment():
            return rollout.resume(command, state)
        case AbortDeployment():
            return rollout.abort(command, state)
        case RollBackOnEvidence():
            return rollback.on_evidence(command, state)
        case RollBack():
            return rollback.on_word(command, state)
        case _:
            assert_never(command)


# --- what is then so ----------------------------------------------------------------------------------------


def evolve(state: UseCaseModels, event: UseCaseEvent) -> UseCaseModels:  # noqa: C901 - as above, for each event
    """Return the state after ``event``; history is never refused."""
    match event:
        case ModelRegistered():
            return _registered(state, event)
        case ModelDescribed():
            return _described(state, event)
        case ModelEvaluated():
            return _evaluated(state, event)
        case ModelPromoted():
            return _promoted(state, event)
        case TrafficShifted():
            return _shifted(state, event)
        case AliasSet():
            return _alias_set(state, event)
        case ModelRetired():
            return state.changed(event.model_id, status="retired")
        case UseCaseSilenced():
            return replace(state, silenced=True)
        case DeploymentStarted():
            return _started(state, event)
        case StepStarted():
            return state.in_deployment(step=event.step, held="")
        case DeploymentReady() | StepPassed():
            return state
        case DeploymentHeld():
            return state.in_deployment(held=event.reason)
        case DeploymentResumed():
            return state.in_deployment(held="")
        case DeploymentCompleted():
            return _ended(state, "completed")
        case DeploymentFailed():
            return _ended(state.changed(event.model_id, status="candidate"), "failed")
        case DeploymentAborted():
            return _ended(state.changed(event.model_id, status="candidate"), "aborted")
        case DeploymentRolledBack():
            return _rolled_back(state, event)
        case _:
            assert_never(event)


def _registered(state: UseCaseModels, event: ModelRegistered) -> UseCaseModels:
    model = Model(event, event.description, event.configuration)
    return replace(state, models={**state.models, event.model_id: model})


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
        needs_reevaluation=model.needs_reevaluation and not lifts,
        evaluations=model.evaluations | {event.evaluation_id},
    )


def _promoted(state: UseCaseModels, event: ModelPromoted) -> UseCaseModels:
    before = state.changed(event.previous_model_id or "", status="deprecated")
    promoted = before.changed(event.model_id, status="current", needs_reevaluation=False)
    served = (*(id_ for id_ in state.served if id_ != event.model_id), event.model_id)
    return replace(promoted, current=event.model_id, shares={}, split_by="", served=served, silenced=False)


def _shifted(state: UseCaseModels, event: TrafficShifted) -> UseCaseModels:
    if event.deployment_id is None:
        state = state.in_deployment(by_use_case=True)
    shares = {} if event.shares.get(state.current or "") == 100 else event.shares
    return replace(state, shares=shares, split_by=event.deployment_id or "")


def _alias_set(state: UseCaseModels, event: AliasSet) -> UseCaseModels:
    others = {alias: id_ for alias, id_ in state.aliases.items() if alias != event.alias}
    return replace(
        state, aliases=others if event.model_id is None else {**others, event.alias: event.model_id}
    )


def _started(state: UseCaseModels, event: DeploymentStarted) -> UseCaseModels:
    testing = state.changed(event.model_id, status="testing", deployed_evaluation_id=event.evaluation_id)
    return replace(testing, deployment=Deployment(event), deployments=state.deployments + 1, ended="")


def _rolled_back(state: UseCaseModels, event: DeploymentRolledBack) -> UseCaseModels:
    before = state.models.get(event.model_id)
    back = state.changed(
        event.model_id,
        rollbacks=before.rollbacks + 1 if before else 0,
        needs_reevaluation=True,
        rollback_measure=event.measure,
        rollback_deployment_id=event.deployment_id or "",
        evaluated=None,
    )
    if state.deployment is None:
        return back
    return _ended(back.changed(event.model_id, status="candidate"), "rolled_back")


def _ended(state: UseCaseModels, how: str) -> UseCaseModels:
    return replace(state, deployment=None, last=state.deployment, ended=how)


USE_CASE: Decider[UseCaseCommand, UseCaseEvent, UseCaseModels] = Decider(UseCaseModels(), decide, evolve)
