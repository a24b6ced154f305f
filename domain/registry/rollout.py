"""The rules of deployments: how a candidate comes to the players of its use case, step by step."""

import math
from collections.abc import Mapping, Sequence
from uuid import NAMESPACE_URL, uuid5

from domain.kernel.decider import Rejected
from domain.registry.deployment_facts import EvidenceFact, Gate
from domain.registry.deployment_messages import (
    AbortDeployment,
    ConfirmReady,
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentEvent,
    DeploymentFailed,
    DeploymentHeld,
    DeploymentReady,
    DeploymentResumed,
    DeploymentStarted,
    HoldDeployment,
    OnDeployment,
    PassStep,
    ResumeDeployment,
    StartDeployment,
    StepPassed,
    StepStarted,
)
from domain.registry.evidence import rounded
from domain.registry.look_ups import find_model, running
from domain.registry.messages import ModelPromoted, RegistryEvent, TrafficShifted
from domain.registry.state import Deployment, Model, UseCaseModels
from domain.registry.tickets import reevaluation_refusal, unproven

DEPLOYMENT_NAMESPACE = uuid5(NAMESPACE_URL, "urn:aicore:deployment")

Decision = Sequence[DeploymentEvent | RegistryEvent]


def deployment_id_of(*, use_case: str, number: int) -> str:
    """Return the id of a use case's deployment; they are counted from 0."""
    return uuid5(DEPLOYMENT_NAMESPACE, f"{use_case}/{number}").hex


# --- the beginning ------------------------------------------------------------------------------------------


def start(command: StartDeployment, state: UseCaseModels) -> Decision:
    """Begin a deployment; nobody meets the candidate before it is confirmed ready."""
    model = find_model(command.use_case, command.model_id, state)
    started = _started(command, state, model)
    if state.deployment is not None and _same(state.deployment.started, started):
        return []
    if refusal := running(state, command.use_case) or _not_deployable(command, model, state):
        raise refusal
    if model.needs_reevaluation:
        raise reevaluation_refusal(model, field="model_id")
    if not command.override.strip() and (refusal := unproven(model, state)):
        raise refusal
    return [started]


def _not_deployable(command: StartDeployment, model: Model, state: UseCaseModels) -> Rejected | None:
    """Return why a model cannot be a candidate as things are; None if it can."""
    if model.status == "current":
        return Rejected(
            "model_is_current",
            f"{model.label} serves {command.use_case} already",
            field="model_id",
            remedy="deploy another model",
        )
    if model.status == "retired":
        return Rejected(
            "model_retired",
            f"{model.label} is retired",
            field="model_id",
            remedy="register it under a new version, or deploy another",
        )
    if state.silenced:
        return Rejected(
            "use_case_silenced",
            f"no model of {command.use_case} speaks, so there is nothing to compare with",
            field="use_case",
            remedy="promote a model first (registry.promote_model)",
        )
    if state.shares:
        return Rejected(
            "traffic_is_split",
            f"the traffic of {command.use_case} is split by hand",
            field="use_case",
            remedy="promote the current model (registry.promote_model), which gives it everything",
        )
    return None


def _started(command: StartDeployment, state: UseCaseModels, model: Model) -> DeploymentStarted:
    number = state.deployments - (state.deployment is not None)
    found = model.evaluated
    passed = found if unproven(model, state) is None else None
    return DeploymentStarted(
        deployment_id=deployment_id_of(use_case=command.use_case, number=number),
        use_case=command.use_case,
        model_id=command.model_id,
        previous_model_id=state.current or command.model_id,
        strategy=command.strategy,
        steps=command.planned,
        gate=_decided(command.gate),
        evaluation_id=passed.evaluation_id if passed else "",
        override=command.override.strip(),
        operator=command.operator,
        reason=command.reason,
    )


def _decided(gate: Gate) -> Gate:
    """Return a gate as its deployment is judged by, whatever becomes usual later."""
    if gate.kind == "evidence" and gate.doubt_max is None:
        return gate.model_copy(update={"doubt_max": rounded(math.sqrt(1 / gate.false_alarms))})
    return gate


def _same(a: DeploymentStarted, b: DeploymentStarted) -> bool:
    return a.model_dump(exclude={"evaluation_id"}) == b.model_dump(exclude={"evaluation_id"})


# --- under way ----------------------------------------------------------------------------------------------


def under_way(command: OnDeployment, state: UseCaseModels, *, ends: str = "") -> Deployment | None:
    """Return the deployment that a command is about; None if it ended just as the command ``ends`` one.

    Raises:
        Rejected: ``deployment_ended`` if it ended otherwise; ``deployment_not_found`` if there was none.
    """
    found, last = state.deployment, state.last
    if found is not None and found.started.deployment_id == command.deployment_id:
        return found
    if last is None or last.started.deployment_id != command.deployment_id:
        raise Rejected(
            "deployment_not_found",
            f"{command.use_case} has no deployment {command.deployment_id}",
            field="deployment_id",
            remedy="ask the query deployment.list for the ids",
        )
    if state.ended != ends:
        raise Rejected(
            "deployment_ended",
            f"the deployment {command.deployment_id} was {state.ended}",
            field="deployment_id",
            remedy="start another one with deployment.start",
        )
    return None


def confirm_ready(command: ConfirmReady, state: UseCaseModels) -> Decision:
    """Begin the first step if all that was looked at is well; else the deployment fails."""
    found = under_way(command, state, ends="failed")
    if found is None or found.step >= 0:
        return []
    if not command.checks or not all(check.ok for check in command.checks):
        return [DeploymentFailed(**ids_of(found), checks=command.checks)]
    if found.held:  # the first step would end the hold, and players would meet the candidate
        raise _held(found)
    return [DeploymentReady(**ids_of(found), checks=command.checks), *_step(found, 0)]


def pass_step(command: PassStep, state: UseCaseModels) -> Decision:
    """Go on to the next step on the gate's evidence; after the last one the candidate is promoted."""
    found = under_way(command, state, ends="completed")
    if found is None or command.step < found.step:
        return []
    _check_passed(command, found)
    passed = StepPassed(**ids_of(found), step=found.step, share=found.share, evidence=command.evidence)
    if found.step + 1 < len(found.started.steps):
        return [passed, *_step(found, found.step + 1)]
    started = found.started
    promoted = ModelPromoted(
        use_case=started.use_case,
        model_id=started.model_id,
        previous_model_id=started.previous_model_id,
        operator=started.operator,
        reason=f"deployed: {started.reason}"[:2_000],
    )
    return [passed, DeploymentCompleted(**ids_of(found), evidence=command.evidence), promoted]


def hold(command: HoldDeployment, state: UseCaseModels) -> Decision:
    """Let the traffic stay as it is."""
    found = under_way(command, state)
    if found is None or found.held:
        return []
    return [DeploymentHeld(**ids_of(found), operator=command.operator, reason=command.reason)]


def resume(command: ResumeDeployment, state: UseCaseModels) -> Decision:
    """Let a held deployment go on."""
    found = under_way(command, state)
    if found is None or not found.held:
        return []
    return [DeploymentResumed(**ids_of(found), operator=command.operator, reason=command.reason)]


def abort(command: AbortDeployment, state: UseCaseModels) -> Decision:
    """End a deployment without a word against the candidate."""
    found = under_way(command, state, ends="aborted")
    if found is None:
        return []
    aborted = DeploymentAborted(**ids_of(found), operator=command.operator, reason=command.reason)
    return [aborted, *give_back(found, command.operator, command.reason)]


# --- what a step must show ----------------------------------------------------------------------------------


def _check_passed(command: PassStep, found: Deployment) -> None:
    """Refuse to pass another step than the one that runs, a held one, and one without its evidence."""
    gate, evidence = found.started.gate, command.evidence
    if command.step != found.step or found.step < 0:
        raise evidence_missing(f"step {command.step} was not started; the deployment is at {found.step}")
    if found.held:
        raise _held(found)
    if evidence.step_turns < gate.turns_min:
        raise evidence_missing(f"{evidence.step_turns} turns in this step, wanted are {gate.turns_min}")
    if evidence.e_value >= evidence.limit:
        raise evidence_missing(f"the e-value is {evidence.e_value:g}, the limit {evidence.limit:g}")
    if gate.in_doubt(evidence.e_value, evidence.calm_turns):
        raise evidence_missing(
            f"the e-value is {evidence.e_value:g}, and rose {evidence.calm_turns} turns ago"
        )
    if gate.kind == "threshold":
        _check_limits(gate, evidence)


def _check_limits(gate: Gate, evidence: EvidenceFact) -> None:
    """Refuse to pass a step without both figures, or with one over its fixed limit."""
    if evidence.failures is None or evidence.latency_ms is None:
        raise evidence_missing("the share of failures or the mean latency is not known")
    if measure := gate.exceeded(evidence.failures, evidence.latency_ms):
        figures = f"{evidence.failures:.1%} failed or broke the policy, {evidence.latency_ms:g} ms on average"
        limits = f"{gate.failures_max:.1%} and {gate.latency_ms_max:g} ms"
        raise evidence_missing(f"{measure}: {figures}; the limits are {limits}")


def evidence_missing(message: str) -> Rejected:
    """Return the refusal of a verdict that its evidence does not carry."""
    return Rejected(
        "evidence_missing", message, field="evidence", remedy="wait for more turns; nothing passes without"
    )


def _held(found: Deployment) -> Rejected:
    return Rejected(
        "deployment_held",
        f"the deployment is held: {found.held}",
        field="deployment_id",
        remedy="resume it with deployment.resume",
    )


# --- the traffic --------------------------------------------------------------------------------------------


def _step(found: Deployment, step: int) -> Decision:
    started, share = found.started, found.started.steps[step]
    shares = {started.model_id: share, started.previous_model_id: 100 - share}
    given = {id_: percent for id_, percent in shares.items() if percent}
    reason = f"step {step} of deployment {started.deployment_id}"
    return [
        StepStarted(**ids_of(found), step=step, share=share),
        _shift(found, given, started.operator, reason),
    ]


def give_back(found: Deployment, operator: str, reason: str) -> Decision:
    """Return the shift of all traffic to the previous model, if the candidate has any."""
    if found.step < 0:
        return []
    return [_shift(found, {found.started.previous_model_id: 100}, operator, reason)]


def _shift(found: Deployment, shares: Mapping[str, int], operator: str, reason: str) -> TrafficShifted:
    started = found.started
    return TrafficShifted(
        use_case=started.use_case,
        shares=dict(shares),
        # Who is in stays in: a deployment goes on drawing its players as it began.
        deployment_id=None if found.by_use_case else started.deployment_id,
        operator=operator,
        reason=reason,
    )


def ids_of(found: Deployment) -> dict[str, str]:
    """Return what every event of a deployment names."""
    return found.started.model_dump(include={"deployment_id", "use_case", "model_id"})
