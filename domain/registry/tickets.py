"""Tickets: the passed evaluation with which a model may meet players, and what is asked after a rollback.

A ticket holds for what was measured: this configuration of the model, against the model that is current in
the configuration that it has. Where there is none, a promotion, a larger share or a deployment needs an
``override``; after a rollback no override is enough.
"""

from collections.abc import Collection, Mapping, Set

from domain.kernel.decider import Rejected
from domain.registry.facts import configuration_digest
from domain.registry.messages import RecordEvaluation
from domain.registry.state import Model, UseCaseModels

MEASURED_BY: Mapping[str, Set[str]] = {
    "failures": {"answered"},
    "violations": {"in_character", "rating"},
    "lore": {"lore_stated"},
    "latency": {"latency"},
}
"""Scorers of an evaluation that see what a measure of the gate sees; one of them is enough."""


def unproven(model: Model, state: UseCaseModels, *, field: str = "model_id") -> Rejected | None:
    """Return the refusal of a model without a passed evaluation of what it is now; None if it has one."""
    found, current = model.evaluated, state.models.get(state.current or "")
    if found is None:
        code, message = "not_evaluated", f"{model.label} was never evaluated"
    elif found.verdict != "passed":
        code, message = "evaluation_not_passed", f"the evaluation {found.evaluation_id} ended {found.verdict}"
    elif current is None or found.against_model_id != current.registered.model_id:
        code = "evaluation_outdated"
        message = f"{model.label} was compared with a model that is not current any more"
    elif found.against_configuration not in (None, configuration_digest(current.configuration)):
        code = "evaluation_outdated"
        message = f"{model.label} was compared with {current.label} in another configuration"
    elif model.reconfigured:
        code = "evaluation_outdated"
        message = f"the configuration of {model.label} is not the one that its evaluation measured"
    else:
        return None
    way = "evaluate it (aicore evaluate), or give an override with its reason"
    return Rejected(code, message, field=field, remedy=way)


def newcomer_refusal(model: Model, state: UseCaseModels, *, field: str) -> Rejected | None:
    """Return why players may not meet a model on an operator's word alone; None for one that served them."""
    served = model.registered.model_id in state.served
    return None if served else unproven(model, state, field=field)


def reevaluation_refusal(model: Model, *, field: str, silenced: bool = False) -> Rejected:
    """Return the refusal of a model that was rolled back, with what its evaluation since then lacks.

    Where the use case is ``silenced`` there may be nothing to compare it with, so a promotion may override.
    """
    found, measure = model.evaluated, model.rollback_measure
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


def lifts_rollback(command: RecordEvaluation, model: Model, state: UseCaseModels) -> bool:
    """Say whether an evaluation, once passed, is what a rollback of the model asks for."""
    return (
        measures(command.scorers, model.rollback_measure)
        and command.against_model_id == state.current
        and command.rollbacks == model.rollbacks  # else its pairs may be of before the last one
        and command.configuration_digest in (None, configuration_digest(model.configuration))
        and command.against_configuration
        in (None, configuration_digest(state.models[command.against_model_id].configuration))
    )


def measures(scorers: Collection[str], measure: str) -> bool:
    """Say whether an evaluation with these scorers saw what took a model back; "" is an operator's word."""
    wanted = MEASURED_BY.get(measure)
    return wanted is None or not wanted.isdisjoint(scorers)
