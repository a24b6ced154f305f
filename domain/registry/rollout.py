"""The rules of deployments, decided on the state of their use case."""

import math
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import assert_never
from uuid import NAMESPACE_URL, uuid5

from domain.kernel.decider import Rejected
from domain.registry.deployment_messages import (
    AbortDeployment,
    Accuse,
    ConfirmReady,
    DeploymentAborted,
    DeploymentCommand,
    DeploymentCompleted,
    DeploymentEvent,
    DeploymentFailed,
    DeploymentHeld,
    DeploymentReady,
    DeploymentResumed,
    DeploymentRolledBack,
    DeploymentStarted,
    EvidenceFact,
    Gate,
    HoldDeployment,
    PassStep,
    ResumeDeployment,
    RollBack,
    StartDeployment,
    StepPassed,
    StepStarted,
)
from domain.registry.evidence import rounded
from domain.registry.facts import configuration_digest
from domain.registry.messages import ModelPromoted, RegistryEvent, TrafficShifted, UseCaseSilenced
from domain.registry.state import Deployment, Model, UseCaseModels

DEPLOYMENT_NAMESPACE = uuid5(NAMESPACE_URL, "urn:aicore:deployment")
GATE = "gate"

ENDS: Mapping[type[DeploymentCommand], str] = {
    AbortDeployment: "aborted",
    Accuse: "rolled_back",
    PassStep: "completed",
    ConfirmReady: "failed",
}
"""How a deployment ended that the command brought to its end."""

MEASURED_BY: Mapping[str, Set[str]] = {
    "failures": {"answered"},
    "violations": {"in_character", "rating"},
    "lore": {"lore_stated"},
    "latency": {"latency"},
}
"""Scorers of an evaluation that see what a measure of the gate sees; one of them is enough."""

Decision = Sequence[DeploymentEvent | RegistryEvent]


def deployment_id_of(*, use_case: str, number: int) -> str:
    """Return the id of a use case's deployment; they are counted from 0."""
    return uuid5(DEPLOYMENT_NAMESPACE, f"{use_case}/{number}").hex


def decide(command: DeploymentCommand, state: UseCaseModels) -> Decision:
    """Return what follows from ``command``: nothing if it is already so.

    Raises:
        Rejected: a rule refuses it; see each command's description.
    """
    match command:
        case StartDeployment():
            return _start(command, state)
        case RollBack():
            return _roll_back(command, state)
        case _:
            found = state.deployment
            if found is None or found.started.deployment_id != command.deployment_id:
                return _too_late(command, state)
            return _on(command, found)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a deployment stands."""

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


def known(use_case: str, model_id: str, state: UseCaseModels, *, field: str = "model_id") -> Model:
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


def measures(scorers: Collection[str], measure: str) -> bool:
    """Say whether an evaluation with these scorers saw what took a model back; "" is an operator's word."""
    wanted = MEASURED_BY.get(measure)
    return wanted is None or not wanted.isdisjoint(scorers)


def barred(model: Model, *, field: str, silenced: bool = False) -> Rejected:
    """Return the refusal of a model that was rolled back, with what its evaluation since then lacks.

    Where the use case is ``silenced`` there may be nothing to compare it with, so a promotion may override.
    """
    found, measure = model.evaluated, model.taken_back_by
    if found is None:
        since = "not evaluated since"
    elif found.rollbacks is not None and found.rollbacks < model.rollbacks:
        since = f"its newest evaluation ({found.suite}) was begun before that"
    elif found.verdict != "passed":
        since = f"its evaluation since then ended {found.verdict}"
    elif not measures(found.scorers, measure):
        wanted = " or ".join(sorted(MEASURED_BY[measure]))
        since = f"its evaluation since then ({found.suite}) has no scorer {wanted} to measure {measure}"
    elif model.reconfigured:
        since = "its configuration is not the one that its evaluation since then measured"
    else:
        since = "its evaluation since then was not against the current model as it is now"
    return Rejected(
        "rolled_back",
        f"{model.label} was rolled back; {since}",
        field=field,
        remedy="no model speaks: promote another one, or this one with an override that says why"
        if silenced
        else "let it pass a new evaluation first (aicore evaluate); an override is not enough",
    )


def unproven(model: Model, state: UseCaseModels, *, field: str = "model_id") -> Rejected | None:
    """Return the refusal of a model without a passed evaluation of what it is now; None if it has one."""
    found = model.evaluated
    if found is None:
        code, message = "not_evaluated", f"{model.label} was never evaluated"
    elif found.verdict != "passed":
        code, message = "evaluation_not_passed", f"the evaluation {found.evaluation_id} ended {found.verdict}"
    elif found.against_model_id != state.current:
        code = "evaluation_outdated"
        message = f"{model.label} was compared with a model that is not current any more"
    elif found.against_configuration not in (None, configuration_digest(_current(state).configuration)):
        code = "evaluation_outdated"
        message = f"{model.label} was compared with {_current(state).label} in another configuration"
    elif model.reconfigured:
        code = "evaluation_outdated"
        message = f"the configuration of {model.label} is not the one that its evaluation measured"
    else:
        return None
    way = "evaluate it (aicore evaluate), or give an override with its reason"
    return Rejected(code, message, field=field, remedy=way)


def _current(state: UseCaseModels) -> Model:
    return state.models[state.current or ""]


# --- the beginning ------------------------------------------------------------------------------------------


def _start(command: StartDeployment, state: UseCaseModels) -> Decision:
    model = known(command.use_case, command.model_id, state)
    started = _started(command, state, model)
    if state.deployment is not None and _same(state.deployment.started, started):
        return []
    if refusal := running(state, command.use_case):
        raise refusal
    if model.status == "current":
        raise _refused(
            "model_is_current", f"{model.label} serves {command.use_case} already", "deploy another model"
        )
    if model.status == "retired":
        raise _refused(
            "model_retired", f"{model.label} is retired", "register it under a new version, or deploy another"
        )
    if state.silenced:
        raise Rejected(
            "use_case_silenced",
            f"no model of {command.use_case} speaks, so there is nothing to compare with",
            field="use_case",
            remedy="promote a model first (registry.promote_model)",
        )
    if state.shares:
        raise Rejected(
            "traffic_is_split",
            f"the traffic of {command.use_case} is split by hand",
            field="use_case",
            remedy="promote the current model (registry.promote_model), which gives it everything",
        )
    _check_evaluated(command, model, state)
    return [started]


def _check_evaluated(command: StartDeployment, model: Model, state: UseCaseModels) -> None:
    if model.barred:
        raise barred(model, field="model_id")
    if not command.override.strip() and (refusal := unproven(model, state)):
        raise refusal


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


def _on(
    command: HoldDeployment | ResumeDeployment | AbortDeployment | ConfirmReady | PassStep | Accuse,
    found: Deployment,
) -> Decision:
    of = _of(found)
    match command:
        case HoldDeployment():
            held = DeploymentHeld(**of, operator=command.operator, reason=command.reason)
            return [] if found.held else [held]
        case ResumeDeployment():
            resumed = DeploymentResumed(**of, operator=command.operator, reason=command.reason)
            return [resumed] if found.held else []
        case AbortDeployment():
            aborted = DeploymentAborted(**of, operator=command.operator, reason=command.reason)
            return [aborted, *_back(found, command.operator, command.reason)]
        case ConfirmReady():
            return _ready(command, found)
        case PassStep():
            return _pass(command, found)
        case Accuse():
            return _accuse(command, found)
        case _:
            assert_never(command)


def _ready(command: ConfirmReady, found: Deployment) -> Decision:
    if found.step >= 0:
        return []
    if not command.checks or not all(check.ok for check in command.checks):
        return [DeploymentFailed(**_of(found), checks=command.checks)]
    if found.held:  # the first step would end the hold, and players would meet the candidate
        raise _held(found)
    return [DeploymentReady(**_of(found), checks=command.checks), *_step(found, 0)]


def _pass(command: PassStep, found: Deployment) -> Decision:
    if command.step < found.step:
        return []
    gate, evidence = found.started.gate, command.evidence
    if command.step != found.step or found.step < 0:
        raise _missing(f"step {command.step} was not started; the deployment is at {found.step}")
    if found.held:
        raise _held(found)
    if evidence.step_turns < gate.turns_min:
        raise _missing(f"{evidence.step_turns} turns in this step, wanted are {gate.turns_min}")
    if evidence.e_value >= evidence.limit:
        raise _missing(f"the e-value is {evidence.e_value:g}, the limit {evidence.limit:g}")
    if gate.in_doubt(evidence.e_value, evidence.calm_turns):
        raise _missing(f"the e-value is {evidence.e_value:g}, and rose {evidence.calm_turns} turns ago")
    if gate.kind == "threshold":
        _check_limits(gate, evidence)
    passed = StepPassed(**_of(found), step=found.step, share=found.share, evidence=evidence)
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
    return [passed, DeploymentCompleted(**_of(found), evidence=evidence), promoted]


def _check_limits(gate: Gate, evidence: EvidenceFact) -> None:
    """Refuse to pass a step without both figures, or with one over its fixed limit."""
    if evidence.failures is None or evidence.latency_ms is None:
        raise _missing("the share of failures or the mean latency is not known")
    if measure := gate.exceeded(evidence.failures, evidence.latency_ms):
        figures = f"{evidence.failures:.1%} failed or broke the policy, {evidence.latency_ms:g} ms on average"
        limits = f"{gate.failures_max:.1%} and {gate.latency_ms_max:g} ms"
        raise _missing(f"{measure}: {figures}; the limits are {limits}")


def _accuse(command: Accuse, found: Deployment) -> Decision:
    evidence, gate = command.evidence, found.started.gate
    over = gate.kind == "threshold" and gate.exceeded(evidence.failures, evidence.latency_ms)
    if not over and evidence.e_value < evidence.limit:
        raise _missing(f"the e-value is {evidence.e_value:g}, below the limit {evidence.limit:g}")
    rolled = DeploymentRolledBack(
        **_of(found),
        to_model_id=found.started.previous_model_id,
        share=found.share,
        trigger=gate.kind,
        measure=command.measure,
        evidence=evidence,
        decided_ms=command.decided_ms,
        operator=GATE,
        reason=command.reason,
    )
    return [rolled, *_back(found, GATE, command.reason)]


def _step(found: Deployment, step: int) -> Decision:
    started, share = found.started, found.started.steps[step]
    shares = {started.model_id: share, started.previous_model_id: 100 - share}
    given = {id_: percent for id_, percent in shares.items() if percent}
    reason = f"step {step} of deployment {started.deployment_id}"
    return [StepStarted(**_of(found), step=step, share=share), _shift(found, given, started.operator, reason)]


def _back(found: Deployment, operator: str, reason: str) -> Decision:
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


# --- the way back -------------------------------------------------------------------------------------------


def _roll_back(command: RollBack, state: UseCaseModels) -> Decision:
    model = known(command.use_case, command.model_id, state)
    found = state.deployment
    of_candidate = found is not None and found.started.model_id == command.model_id
    if model.barred and not of_candidate and model.status != "current":
        return []
    if found is not None and of_candidate:
        rolled = DeploymentRolledBack(
            **_of(found),
            to_model_id=found.started.previous_model_id,
            share=found.share,
            trigger="operator",
            operator=command.operator,
            reason=command.reason,
        )
        return [rolled, *_back(found, command.operator, command.reason)]
    if command.model_id != state.current and state.shares.get(command.model_id):
        return _out_of_split(command, state)
    if command.model_id != state.current:
        raise _refused(
            "model_has_no_traffic",
            f"nobody meets {model.label}",
            "name the current model, or the candidate of the deployment under way",
        )
    if state.silenced:
        return []
    back = _to_previous(command, state)
    if found is None:
        return back
    why = f"the current model was rolled back: {command.reason}"[:2_000]
    return [DeploymentAborted(**_of(found), operator=command.operator, reason=why), *back]


def no_way_back(use_case: str) -> Rejected:
    """Return the refusal of a rollback after which nobody could speak."""
    return Rejected(
        "no_way_back",
        f"{use_case} has no healthy model to go back to: nobody could speak any more",
        field="model_id",
        remedy="promote another model (registry.promote_model), or say silence (deployment.roll_back): "
        "characters then say their authored lines",
    )


def _out_of_split(command: RollBack, state: UseCaseModels) -> Decision:
    """Take a model out of a split by hand: the current one has everything."""
    by = {"use_case": command.use_case, "operator": command.operator, "reason": command.reason}
    rolled = DeploymentRolledBack(
        deployment_id=None,
        model_id=command.model_id,
        to_model_id=state.current,
        share=state.shares[command.model_id],
        trigger="operator",
        **by,
    )
    shift = TrafficShifted.model_validate({**by, "shares": {state.current: 100}})
    return [rolled, shift]


def _to_previous(command: RollBack, state: UseCaseModels) -> Decision:
    previous = state.previous()
    if previous is None and not command.silence:
        raise no_way_back(command.use_case)
    by = {"use_case": command.use_case, "operator": command.operator, "reason": command.reason}
    rolled = DeploymentRolledBack(
        deployment_id=None,
        model_id=command.model_id,
        to_model_id=previous,
        share=100,
        trigger="operator",
        **by,
    )
    if previous is None:
        return [rolled, UseCaseSilenced.model_validate(by)]
    back = ModelPromoted.model_validate({**by, "model_id": previous, "previous_model_id": command.model_id})
    return [rolled, back]


def _too_late(command: DeploymentCommand, state: UseCaseModels) -> Decision:
    """Return nothing for what brought the last deployment to its end; refuse all else that comes after."""
    assert not isinstance(command, (StartDeployment, RollBack))
    if state.last and command.deployment_id == state.last.started.deployment_id:
        if ENDS.get(type(command)) == state.ended:
            return []
        raise Rejected(
            "deployment_ended",
            f"the deployment {command.deployment_id} was {state.ended}",
            field="deployment_id",
            remedy="start another one with deployment.start",
        )
    raise Rejected(
        "deployment_not_found",
        f"{command.use_case} has no deployment {command.deployment_id}",
        field="deployment_id",
        remedy="ask the query deployment.list for the ids",
    )


def _of(found: Deployment) -> dict[str, str]:
    started = found.started
    return {
        "deployment_id": started.deployment_id,
        "use_case": started.use_case,
        "model_id": started.model_id,
    }


def _refused(code: str, message: str, remedy: str) -> Rejected:
    return Rejected(code, message, field="model_id", remedy=remedy)


def _held(found: Deployment) -> Rejected:
    return Rejected(
        "deployment_held",
        f"the deployment is held: {found.held}",
        field="deployment_id",
        remedy="resume it with deployment.resume",
    )


def _missing(message: str) -> Rejected:
    return Rejected(
        "evidence_missing", message, field="evidence", remedy="wait for more turns; nothing passes without"
    )
