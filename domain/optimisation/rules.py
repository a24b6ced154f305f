"""Rules from figures of a use case to actions with reasons, the most urgent first. Pure."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from domain.evaluation.messages import EvaluationFinished
from domain.optimisation.cost import dollars
from domain.optimisation.messages import INPUTS_MAX, Action, OptimiserPolicy, Priority
from domain.optimisation.proposals import PRIORITIES
from domain.registry.look_ups import previous_model
from domain.registry.state import UseCaseModels
from domain.registry.tickets import unproven

BELOW: Mapping[str, Literal["gold", "silver", "bronze"]] = {"gold": "silver", "silver": "bronze"}
SCALE_MAX = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Figures of a use case's current model in a span of time."""

    asked: int = 0
    """Turns that it was to take, however they ended."""
    turns: int = 0
    """Those that speak for the model or against it (`domain.outcomes`)."""
    failed: int = 0
    refused: int = 0
    """Turned away for want of room."""
    violations: int = 0
    """Turns whose line broke the policy."""
    critical: int = 0
    """Those of them with a violation that no profile unlocks."""
    latency_ms: float = 0.0
    """Mean."""
    rating: float | None = None
    """Mean, 0 to 1; None without ratings."""
    cost_per_turn_micro: float = 0.0
    """Own engines among it (`cost.cost_of`)."""
    consented: int = 0
    """Turns whose players agree to training."""
    cut: int = 0
    """Turns whose prompt was cut by its template's budget."""
    cut_tokens: int = 0
    """Of all of them."""

    def share(self, count: int) -> float:
        """Return a count as a share of the turns."""
        return count / self.turns if self.turns else 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to be done, and why."""

    action: Action
    priority: Priority
    reason: str
    inputs: Mapping[str, float]


def findings(
    now: Seen,
    usual: Seen,
    models: UseCaseModels,
    policy: OptimiserPolicy,
    *,
    served: Collection[str] = frozenset(),
) -> Sequence[Finding]:
    """Return all that should be done for a use case, the most urgent first; nothing if too little was seen.

    Nothing is proposed while a deployment runs: its gate is the judge then. One that is held may stand for
    days, so what speaks against the current model is told, but nothing that would change what the candidate
    is compared with. Nor is anything proposed while the use case is silenced: only a person can promote a
    model, and until then there are no turns to judge.

    Args:
        now: the current model in the policy's window.
        usual: the use case before.
        models: of the use case.
        policy: what is looked at.
        served: tiers that have an engine for the current model; it is moved to no other.
    """
    running, free = models.deployment, models.deployment is None
    if (running and not running.held) or models.current is None or models.silenced:
        return []
    found = [*_candidate(models)] if free else []
    if now.turns + now.refused >= policy.turns_min:
        found += [*_critical(now, models, policy), *_refused(now, models, policy)]
        if usual.turns >= policy.turns_min:  # a short past is none: what is usual would look like news
            found += _failures(now, usual, models, policy)
            found += _violations(now, usual, models, policy)
            found += _latency(now, usual, models, policy)
            found += _quality(now, usual, models, policy)
        if free:
            found += [*_costs(now, models, policy, served), *_budget(now, models, policy)]
    return sorted(found, key=lambda each: PRIORITIES.index(each.priority), reverse=True)


def untrue(action: Action, models: UseCaseModels, found: Sequence[Finding] | None) -> str:
    """Return why what was proposed is no longer true; "" if it may be.

    Args:
        action: what was proposed.
        models: of the use case.
        found: what would be proposed now, beside what was usual then; None if too little was seen to say.
    """
    if models.silenced:
        return "the use case is silenced until a person promotes a model"
    if action.kind == "deploy_candidate":
        if any(each.action == action for each in _candidate(models)):
            return ""
        return "the model is no candidate any more that passed against the current one"
    if action.model_id not in (None, models.current):
        return "the model is not the current one any more"
    if action.kind == "roll_back" and previous_model(models) is None:
        return "there is no model to go back to any more"
    if found is not None and action.kind not in {each.action.kind for each in found}:
        return "what was seen since is as usual"
    return ""


def figures_of(finished: EvaluationFinished) -> Mapping[str, float]:
    """Return what an evaluation found: mean differences by scorer, candidate minus current, and the pairs."""
    differences = {each.name: each.difference for each in finished.scorers[: INPUTS_MAX - 1]}
    return {**differences, "pairs": float(finished.pairs)}


def _candidate(models: UseCaseModels) -> Iterator[Finding]:
    for id_, model in models.models.items():
        ticket = model.evaluated
        if (
            model.status == "candidate"
            and not model.needs_reevaluation
            and ticket is not None
            and unproven(model, models) is None
            and ticket.evaluation_id
            != model.deployed_evaluation_id  # aborted or failed with it: a person knows why
        ):
            yield Finding(
                Action(kind="deploy_candidate", model_id=id_),
                "low",
                f"{model.label} passed the evaluation {ticket.evaluation_id} against the current model",
                {},
            )


def _failures(now: Seen, usual: Seen, models: UseCaseModels, policy: OptimiserPolicy) -> Iterator[Finding]:
    failures, before = now.share(now.failed), usual.share(usual.failed)
    inputs = {"turns": float(now.turns), "failures": failures, "usual_failures": before}
    if failures > policy.failures_min and failures > policy.failures_factor * before:
        why = f"{failures:.1%} of {now.turns} turns failed, usual are {before:.1%}"
        if previous_model(models) is not None:
            yield Finding(Action(kind="roll_back", model_id=models.current), "high", why, inputs)
        else:
            yield Finding(_scaled(models, 2.0), "high", f"{why}; there is no model to go back to", inputs)


def _against_the_model(models: UseCaseModels) -> Action:
    """The way back, if there is one: a rollback without it would silence the use case."""
    kind: Literal["roll_back", "retrain"] = "roll_back" if previous_model(models) else "retrain"
    return Action(kind=kind, model_id=models.current)


def _critical(now: Seen, models: UseCaseModels, policy: OptimiserPolicy) -> Iterator[Finding]:
    critical = now.share(now.critical)
    if now.critical >= policy.critical_min and critical > policy.critical_max:
        why = f"{now.critical} of {now.turns} turns had a critical violation"
        inputs = {"turns": float(now.turns), "critical": critical}
        yield Finding(_against_the_model(models), "critical", why, inputs)


def _violations(now: Seen, usual: Seen, models: UseCaseModels, policy: OptimiserPolicy) -> Iterator[Finding]:
    violations = now.share(now.violations)
    if violations > policy.violations_max and violations > 1.5 * usual.share(usual.violations):
        why = f"the lines of {violations:.1%} of {now.turns} turns broke the policy"
        inputs = {"turns": float(now.turns), "violations": violations}
        yield Finding(_against_the_model(models), "high", why, inputs)


def _refused(now: Seen, models: UseCaseModels, policy: OptimiserPolicy) -> Iterator[Finding]:
    refused = now.refused / max(1, now.refused + now.turns)
    if refused > policy.refused_max:
        factor = min(SCALE_MAX, round(1 / (1 - min(refused, 0.9)), 2))
        yield Finding(
            _scaled(models, factor),
            "high",
            f"{refused:.1%} of the turns were refused for want of room",
            {"refused": refused, "turns": float(now.turns), "factor": factor},
        )


def _latency(now: Seen, usual: Seen, models: UseCaseModels, policy: OptimiserPolicy) -> Iterator[Finding]:
    if usual.latency_ms and now.latency_ms > policy.latency_factor * usual.latency_ms:
        yield Finding(
            _scaled(models, min(SCALE_MAX, round(now.latency_ms / usual.latency_ms, 2))),
            "medium",
            f"turns take {now.latency_ms:.0f} ms, usual are {usual.latency_ms:.0f}",
            {"latency_ms": now.latency_ms, "usual_latency_ms": usual.latency_ms},
        )


def _quality(now: Seen, usual: Seen, models: UseCaseModels, policy: OptimiserPolicy) -> Iterator[Finding]:
    if now.rating is not None and usual.rating and now.rating < policy.quality_factor * usual.rating:
        yield Finding(
            Action(kind="retrain", model_id=models.current),
            "medium",
            f"players rate {now.rating:.2f}, usual are {usual.rating:.2f}; "
            f"{usual.consented + now.consented} turns may be trained with",
            {"rating": now.rating, "usual_rating": usual.rating, "consented": float(now.consented)},
        )


def _budget(now: Seen, models: UseCaseModels, policy: OptimiserPolicy) -> Iterator[Finding]:
    cut = now.cut / now.asked if now.asked else 0.0
    if cut > policy.cut_max:
        lacking = math.ceil(now.cut_tokens / now.cut)
        yield Finding(
            Action(kind="change_budget", model_id=models.current, value=lacking),
            "low",
            f"the template's budget cut {cut:.1%} of {now.asked} prompts, by {lacking} tokens each",
            {"turns": float(now.asked), "cut": cut, "lacking": float(lacking)},
        )


def _costs(
    now: Seen, models: UseCaseModels, policy: OptimiserPolicy, served: Collection[str]
) -> Iterator[Finding]:
    cost = now.cost_per_turn_micro
    limit, below = policy.cost_per_turn_micro_max, BELOW.get(_tier(models))
    if limit is not None and cost > limit and below in served:
        yield Finding(
            Action(kind="move_tier", model_id=models.current, tier=below),
            "low",
            f"a turn costs {dollars(cost)}, the limit is {dollars(limit)}",
            {"cost_per_turn_micro": cost, "limit": limit},
        )


def _scaled(models: UseCaseModels, factor: float) -> Action:
    tier = _tier(models)
    return Action(kind="scale_engine", tier=tier, value=factor)


def _tier(models: UseCaseModels) -> Literal["gold", "silver", "bronze"]:
    model = models.models[models.current or ""]
    match model.configuration.get("tier"):
        case "gold" | "silver" | "bronze" as tier:
            return tier
        case _:
            return model.registered.tier
