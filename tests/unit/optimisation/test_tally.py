"""What the optimiser counts: as a deployment's gate judges turns, so that a turn has one meaning."""

from typing import Any

import pytest

from domain.guardrails.messages import ViolationDetected
from domain.inference.messages import InferenceCancelled
from domain.optimisation.messages import OptimiserPolicy
from domain.optimisation.rules import Seen, findings
from domain.optimisation.tally import BUCKET_US, Tally, seen
from tests.unit.optimisation.test_optimisation import PROMOTED, models
from tests.unit.registry.test_deployment import NEW
from tests.unit.registry.test_registry import UC
from tests.unit.registry.test_watch import answered, asked, failed

AT = 100 * BUCKET_US


def violation(number: int, severity: str = "critical", side: str = "output") -> ViolationDetected:
    facts = {**ViolationDetected.example, "inference_id": f"{number:032x}", "use_case": UC, "model_id": NEW}
    return ViolationDetected.model_validate({**facts, "severity": severity, "side": side})


def tally_of(*events: Any) -> Tally:
    tally = Tally()
    for event in events:
        tally.take(event, AT)
    return tally


def seen_of(*events: Any) -> Seen:
    return seen([tally_of(*events)], AT, AT + 1)


@pytest.mark.parametrize("late", [False, True])
def test_a_line_that_several_players_heard_broke_the_policy_once(late: bool) -> None:
    """Each listener has a record of his own; the model said it once, and it takes three such lines."""
    events: list[Any] = [answered(n, NEW) for n in range(100, 200)]
    for n, source in ((1, None), (2, f"{1:032x}"), (3, f"{1:032x}")):
        pair = [violation(n), answered(n, NEW, finish_reason="blocked", source_inference_id=source)]
        events += pair[::-1] if late else pair
    gone = InferenceCancelled.model_validate(
        {**InferenceCancelled.example, "inference_id": f"{4:032x}", "use_case": UC, "model_id": NEW}
    )
    now = seen_of(*events, violation(4), gone)  # a listener who left
    assert (now.turns, now.violations, now.critical) == (101, 1, 1)
    assert findings(now, Seen(turns=1_000), models(PROMOTED), OptimiserPolicy()) == []


@pytest.mark.parametrize("late", [False, True])
def test_a_line_that_breaks_several_rules_is_one_turn(late: bool) -> None:
    found = [violation(1, "medium"), violation(1, "critical"), violation(1, "medium"), violation(1)]
    events = [answered(1, NEW), *found] if late else [*found, answered(1, NEW)]
    now = seen_of(*events, violation(1, side="input"))
    assert (now.turns, now.violations, now.critical) == (1, 1, 1)


def test_what_a_player_said_is_not_the_models_violation() -> None:
    assert seen_of(violation(1, side="input"), answered(1, NEW)).violations == 0


@pytest.mark.parametrize(
    ("ended", "turns", "faults"),
    [
        (answered(1, NEW), 1, 0),
        (answered(1, NEW, finish_reason="authored"), 1, 1),
        (answered(1, NEW, finish_reason="cut"), 1, 1),
        (answered(1, NEW, tier="gold", served_tier="bronze"), 1, 1),
        (failed(1, NEW), 1, 1),
        (failed(1, NEW, "prompt_too_long"), 0, 0),
        (answered(1, NEW, source_inference_id="a" * 32), 0, 0),
        (answered(1, NEW, finish_reason="blocked"), 1, 0),
        (answered(1, NEW, finish_reason="blocked", engine="", served_tier=None), 0, 0),
    ],
)
def test_a_turn_is_judged_as_the_gate_judges_it(ended: Any, turns: int, faults: int) -> None:
    now = seen_of(asked(1, NEW), ended)
    assert (now.asked, now.turns, now.failed) == (1, turns, faults)


def test_latencies_are_of_the_models_own_answers() -> None:
    slow = answered(1, NEW, latency_ms=90.0)
    given_again = answered(2, NEW, latency_ms=0.0, source_inference_id=f"{1:032x}")
    authored = answered(3, NEW, latency_ms=5.0, finish_reason="authored")
    assert seen_of(slow, given_again, authored).latency_ms == 90.0


def test_nobody_worked_on_an_answer_that_was_given_again() -> None:
    tokens = {"prompt_tokens": 7, "completion_tokens": 5}
    again = answered(2, NEW, source_inference_id=f"{1:032x}", **tokens)
    rented = answered(3, NEW, cost_micro=9, **tokens)
    usage = tally_of(answered(1, NEW, **tokens), again, rented).usage(AT, AT + 1)
    assert (usage.turns, usage.tokens, usage.own_tokens) == (3, 36, 12)
