"""The rules of the way back, on evidence or on an operator's word; the model then needs a new evaluation.

An operator may take back the candidate of a deployment, a model that has a share of a split by hand, or the
current model for the one before it.
"""

from domain.kernel.decider import Rejected
from domain.registry.deployment_messages import (
    DeploymentAborted,
    DeploymentRolledBack,
    RollBack,
    RollBackOnEvidence,
)
from domain.registry.look_ups import find_model, previous_model
from domain.registry.messages import ModelPromoted, TrafficShifted, UseCaseSilenced
from domain.registry.rollout import Decision, evidence_missing, give_back, ids_of, under_way
from domain.registry.state import Deployment, UseCaseModels

GATE = "gate"


def on_evidence(command: RollBackOnEvidence, state: UseCaseModels) -> Decision:
    """Take the candidate back, if the evidence reaches the limit or a figure exceeds a fixed one."""
    found = under_way(command, state, ends="rolled_back")
    if found is None:
        return []
    evidence, gate = command.evidence, found.started.gate
    over = gate.kind == "threshold" and gate.exceeded(evidence.failures, evidence.latency_ms)
    if not over and evidence.e_value < evidence.limit:
        raise evidence_missing(f"the e-value is {evidence.e_value:g}, below the limit {evidence.limit:g}")
    rolled = DeploymentRolledBack(
        **ids_of(found),
        to_model_id=found.started.previous_model_id,
        share=found.share,
        trigger=gate.kind,
        measure=command.measure,
        evidence=evidence,
        decided_ms=command.decided_ms,
        operator=GATE,
        reason=command.reason,
    )
    return [rolled, *give_back(found, GATE, command.reason)]


def on_word(command: RollBack, state: UseCaseModels) -> Decision:
    """Take a model back that somebody meets; nothing if it is back already."""
    model, found = find_model(command.use_case, command.model_id, state), state.deployment
    if found is not None and found.started.model_id == command.model_id:
        return _out_of_deployment(command, found)
    if model.needs_reevaluation and model.status != "current":
        return []
    if command.model_id != state.current and state.shares.get(command.model_id):
        return _out_of_split(command, state)
    if command.model_id != state.current:
        raise Rejected(
            "model_has_no_traffic",
            f"no player meets {model.label}",
            field="model_id",
            remedy="name the current model, or the candidate of the deployment under way",
        )
    if state.silenced:
        return []
    back = _to_previous(command, state)
    if found is None:
        return back
    why = f"the current model was rolled back: {command.reason}"[:2_000]
    return [DeploymentAborted(**ids_of(found), operator=command.operator, reason=why), *back]


def _out_of_deployment(command: RollBack, found: Deployment) -> Decision:
    rolled = DeploymentRolledBack(
        **ids_of(found),
        to_model_id=found.started.previous_model_id,
        share=found.share,
        trigger="operator",
        operator=command.operator,
        reason=command.reason,
    )
    return [rolled, *give_back(found, command.operator, command.reason)]


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
    previous = previous_model(state)
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


def no_way_back(use_case: str) -> Rejected:
    """Return the refusal of a rollback after which nobody could speak."""
    return Rejected(
        "no_way_back",
        f"{use_case} has no healthy model to go back to: it would fall silent",
        field="model_id",
        remedy="promote another model (registry.promote_model), or say silence (deployment.roll_back): "
        "characters then say their authored lines",
    )
