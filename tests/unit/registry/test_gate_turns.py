"""The gate at its borders: which turns it takes in, how many it remembers, and when exactly it says what."""

from typing import Any

import pytest

from domain.guardrails.messages import ViolationDetected
from domain.inference.messages import InferenceCancelled, InferenceRefused
from domain.registry import watch as module
from domain.registry.deployment_facts import Gate
from domain.registry.deployment_messages import DeploymentHeld, DeploymentResumed, StepStarted
from domain.registry.evidence import Turn
from domain.registry.watch import Accused, Passed, Starved, Watch
from tests.unit.registry.test_deployment import NEW, OF, OLD, started
from tests.unit.registry.test_evidence import fed, on_ranks, on_risks
from tests.unit.registry.test_registry import UC
from tests.unit.registry.test_watch import FACT, SECOND, answered, asked, failed, play, watch

OTHER = "0f" * 4 + "-0000-5000-8000-" + "0f" * 6


def refused(number: int, model: str = NEW, **changes: Any) -> InferenceRefused:
    facts = {
        **InferenceRefused.example,
        "inference_id": f"{number:032x}",
        "use_case": UC,
        "model_id": model,
        "who": f"p{number}",
        "code": "no_engine",
    }
    return InferenceRefused.model_validate({**facts, **changes})


def violated(number: int, **changes: Any) -> ViolationDetected:
    facts = {**ViolationDetected.example, "inference_id": f"{number:032x}", "use_case": UC, "model_id": NEW}
    return ViolationDetected.model_validate({**facts, "side": "output", "category": "leak", **changes})


def before_any_step() -> Watch:
    return Watch(started(gate=Gate(turns_min=10).model_dump()))


# --- which turns -----------------------------------------------------------------------------------------


def test_before_the_first_step_nothing_counts_and_nothing_follows() -> None:
    gate = before_any_step()
    play(gate, 1, NEW, answered(1, NEW))
    gate.observe(refused(2), 2, SECOND)
    assert gate.evidence.turns == {True: 0, False: 0}
    assert gate.verdict(10**12) is None


@pytest.mark.parametrize("kind", ["evidence", "threshold"])
def test_a_gate_that_has_seen_nothing_knows_nothing(kind: str) -> None:
    fact = Watch(started(gate=Gate(kind=kind).model_dump())).fact()
    assert (fact.position, fact.candidate_turns, fact.step_turns, fact.calm_turns) == (0, 0, 0, 0)
    assert (fact.failures, fact.latency_ms) == (None, None)


@pytest.mark.parametrize(
    ("model", "changes", "turns"),
    [
        (NEW, {}, {True: 1, False: 0}),
        (OLD, {}, {True: 0, False: 1}),
        (OTHER, {}, {True: 0, False: 0}),
        (NEW, {"use_case": "npc_trade"}, {True: 0, False: 0}),
    ],
)
def test_turns_and_refusals_count_for_the_two_models_of_the_use_case(
    model: str, changes: dict[str, Any], turns: dict[bool, int]
) -> None:
    turned, away = watch(), watch()
    play(turned, 1, model, answered(1, model), **changes)
    away.observe(refused(1, model, **changes), 1, SECOND)
    assert turned.evidence.turns == turns
    assert away.evidence.turns == turns


def test_a_refusal_that_speaks_against_no_model_is_none() -> None:
    gate = watch()
    gate.observe(refused(1, code="over_allowance"), 1, SECOND)
    assert gate.evidence.turns[True] == 0


def test_a_turn_that_was_cancelled_is_none() -> None:
    gate = watch()
    gate.observe(asked(1, NEW), 1, SECOND)
    cancelled = {**InferenceCancelled.example, "inference_id": f"{1:032x}", "use_case": UC, "model_id": NEW}
    gate.observe(InferenceCancelled.model_validate(cancelled), 2, SECOND)
    gate.observe(InferenceCancelled.model_validate({**cancelled, "inference_id": "0" * 32}), 2, SECOND)
    gate.observe(answered(1, NEW), 3, SECOND)
    assert gate.evidence.turns[True] == 0


@pytest.mark.parametrize(("step", "share"), [(0, 0.05), (1, 0.25), (2, 0.5)])
def test_a_fault_is_weighed_by_the_share_of_the_step_in_which_it_was_asked(step: int, share: float) -> None:
    turned, away = watch(), watch()
    for gate in (turned, away):
        gate.moved(StepStarted(**OF, step=step, share=int(share * 100)), 0)
    play(turned, 1, NEW, failed(1, NEW))
    away.observe(refused(1), 1, SECOND)
    once = fed(Turn(True, share, "p1", frozenset({"failures"})), steps=4)
    if step:
        once = fed(steps=4)
        once.begin_step()
        once.observe(Turn(True, share, "p1", frozenset({"failures"})))
    assert turned.evidence.wealth() == away.evidence.wealth() == once.wealth()


def test_a_refusal_is_in_the_window_of_fixed_limits_and_counts_towards_no_step() -> None:
    gate = watch(kind="threshold")
    gate.observe(refused(1), 1, SECOND)
    assert (gate.fact().failures, gate.fact().step_turns) == (1.0, 0)


def test_who_was_refused_is_the_player_or_without_one_the_turn() -> None:
    gate = watch()
    for number in (1, 2):
        gate.observe(refused(number, who="p1"), number, SECOND)
    one = on_risks(lambda r: r / (r * 0.05 + 0.95))
    assert gate.evidence.faults["failures"].wealth == pytest.approx(0.85 * one + 0.15)
    for number in (3, 4):
        gate.observe(refused(number, who=""), number, SECOND)
    three = on_risks(*[lambda r: r / (r * 0.05 + 0.95)] * 3)
    assert gate.evidence.faults["failures"].wealth == pytest.approx(0.85 * three + 0.15)


def test_a_failed_turn_has_no_latency_and_no_lore() -> None:
    gate = watch()
    play(gate, 1, OLD, answered(1, OLD, latency_ms=10))
    play(gate, 2, NEW, failed(2, NEW), context={"lore": [FACT]})
    play(gate, 3, NEW, answered(3, NEW, finish_reason="authored", latency_ms=99), context={"lore": [FACT]})
    assert gate.evidence.latency.pairs == 0
    assert gate.evidence.faults["lore"].candidate == 0
    assert gate.evidence.faults["failures"].candidate == 2


def test_an_answered_turn_is_compared_by_its_latency() -> None:
    gate = watch()
    play(gate, 1, OLD, answered(1, OLD, latency_ms=10))
    play(gate, 2, NEW, answered(2, NEW, latency_ms=20))
    assert gate.evidence.latency.wealth == pytest.approx(0.85 * on_ranks(1.0) + 0.15)


@pytest.mark.parametrize(
    ("lore", "text", "ignored"),
    [
        ([FACT], f"They say {FACT}.", 0),
        ([FACT], "The fog is thick.", 1),
        (["The moon is made of tin", FACT], f"They say {FACT}.", 0),
        (["The moon is made of tin", FACT], "The fog is thick.", 1),
        (FACT, f"They say {FACT}.", 0),
        (FACT, "The fog is thick.", 1),
        ([], "The fog is thick.", 0),
    ],
)
def test_lore_is_ignored_where_none_of_it_is_said(lore: Any, text: str, ignored: int) -> None:
    gate = watch()
    play(gate, 1, NEW, answered(1, NEW, text=text), context={"lore": lore})
    play(gate, 2, NEW, answered(2, NEW, text=text))
    assert gate.evidence.faults["lore"].candidate == ignored


# --- what was found out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(("category", "measure"), [("contradiction", "lore"), ("leak", "violations")])
def test_a_line_against_the_world_is_lore_and_any_other_a_violation(
    category: str, measure: str, late: bool
) -> None:
    gate = watch()
    gate.observe(asked(1, NEW), 1, SECOND)
    for event in [answered(1, NEW), violated(1, category=category)][:: -1 if not late else 1]:
        gate.observe(event, 2, SECOND)
    found = {name: faults.candidate for name, faults in gate.evidence.faults.items()}
    assert found == {"failures": 0, "violations": 0, "lore": 0, measure: 1}
    assert gate.fact().failures == (1.0 if measure == "violations" else 0.0)


def test_what_a_player_said_is_no_fault_of_the_model() -> None:
    gate = watch()
    gate.observe(asked(1, NEW), 1, SECOND)
    gate.observe(violated(1, side="input"), 2, SECOND)
    gate.observe(answered(1, NEW), 3, SECOND)
    assert gate.evidence.faults["violations"].candidate == 0


def test_a_turn_keeps_its_latency_when_it_is_found_to_have_broken_the_policy() -> None:
    gate = watch(kind="threshold", turns_min=1, failures_max=1)
    play(gate, 1, NEW, answered(1, NEW, latency_ms=70))
    gate.observe(violated(1), 9, SECOND)
    assert (gate.fact().failures, gate.fact().latency_ms) == (1.0, 70.0)


# --- how many are remembered -----------------------------------------------------------------------------


def test_memory_is_bounded() -> None:
    assert (module.OPEN_MAX, module.ENDED_MAX, module.RECENT_MAX) == (20_000, 20_000, 20_000)


def test_of_turns_that_nobody_answers_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_MAX", 2)
    gate = watch()
    for number in (1, 2, 3):
        gate.observe(asked(number, NEW), number, SECOND)
    gate.observe(answered(1, NEW), 4, SECOND)
    assert gate.evidence.turns[True] == 0
    for number in (2, 3):
        gate.observe(answered(number, NEW), 5, SECOND)
    assert gate.evidence.turns[True] == 2


def test_of_turns_that_ended_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENDED_MAX", 2)
    gate = watch()
    for number in (1, 2, 3):
        play(gate, number, NEW, answered(number, NEW))
    gate.observe(violated(1), 9, SECOND)
    assert gate.evidence.faults["violations"].candidate == 0
    for number in (2, 3):
        gate.observe(violated(number), 9, SECOND)
    assert gate.evidence.faults["violations"].candidate == 2


@pytest.mark.parametrize(("turns_min", "kept"), [(1, 2), (2, 2), (4, 4)])
def test_of_the_candidates_turns_the_newest_are_kept(
    turns_min: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECENT_MAX", 2)
    gate = watch(kind="threshold", turns_min=turns_min, failures_max=1)
    play(gate, 0, NEW, failed(0, NEW))
    for number in range(1, kept + 1):
        assert gate.fact().failures == pytest.approx(1 / number)
        play(gate, number, NEW, answered(number, NEW))
        play(gate, 100 + number, OLD, answered(100 + number, OLD))
    assert gate.fact().failures == 0.0


# --- when -------------------------------------------------------------------------------------------------


def good(turns: int, **gate: Any) -> Watch:
    found = watch(turns_min=2, **gate)
    for number in range(turns):
        play(found, number, NEW, answered(number, NEW, latency_ms=10))
    return found


def test_a_step_takes_its_shortest_time() -> None:
    gate = good(2, seconds_min=60)
    assert gate.verdict(60 * SECOND - 1) is None
    assert isinstance(gate.verdict(60 * SECOND), Passed)


def test_a_step_with_turns_enough_that_must_wait_is_not_starved() -> None:
    assert good(2, seconds_min=60, hold_after_s=10).verdict(20 * SECOND) is None


def test_a_step_is_starved_when_its_time_is_over_and_says_since_when() -> None:
    gate = good(1, hold_after_s=60)
    assert gate.verdict(60 * SECOND - 1) is None
    assert gate.verdict(60 * SECOND) == Starved("1 of 2 turns after 60 s", 0)


def test_a_step_that_was_held_is_waited_for_from_when_it_was_resumed() -> None:
    gate = good(1, hold_after_s=60)
    gate.moved(DeploymentHeld(**OF, operator="mira", reason="x"), 10 * SECOND)
    assert gate.verdict(10**12) is None
    gate.moved(DeploymentResumed(**OF, operator="mira", reason="x"), 100 * SECOND)
    assert gate.verdict(159 * SECOND) is None
    assert gate.verdict(160 * SECOND) == Starved("1 of 2 turns after 60 s", 100 * SECOND)


def test_a_new_step_begins_with_no_turns_at_its_own_time_and_is_not_held() -> None:
    gate = good(2, hold_after_s=60)
    gate.moved(DeploymentHeld(**OF, operator="mira", reason="x"), SECOND)
    gate.moved(StepStarted(**OF, step=1, share=25), 100 * SECOND)
    assert gate.fact().step_turns == 0
    assert gate.verdict(160 * SECOND) == Starved("0 of 2 turns after 60 s", 100 * SECOND)
    assert gate.verdict(159 * SECOND) is None


def test_a_step_that_passed_says_which() -> None:
    gate = watch(turns_min=1)
    gate.moved(StepStarted(**OF, step=2, share=50), 0)
    play(gate, 1, NEW, answered(1, NEW))
    passed = gate.verdict(SECOND)
    assert isinstance(passed, Passed)
    assert (passed.step, passed.evidence) == (2, gate.fact())


def test_a_turn_that_failed_counts_neither_towards_the_step_nor_as_calm() -> None:
    gate = watch()
    play(gate, 1, NEW, answered(1, NEW))
    play(gate, 2, NEW, failed(2, NEW))
    assert (gate.fact().step_turns, gate.fact().calm_turns) == (1, 0), "the evidence rose"
    play(gate, 3, NEW, answered(3, NEW))
    play(gate, 5, NEW, failed(5, NEW), player="p2")  # their second fault is no evidence, and nothing calm
    play(gate, 4, OLD, answered(4, OLD, latency_ms=1e6))
    assert (gate.fact().step_turns, gate.fact().calm_turns) == (2, 1)


def test_the_first_little_rise_is_not_calm() -> None:
    gate = watch()
    play(gate, 1, OLD, answered(1, OLD, latency_ms=10))
    play(gate, 2, NEW, answered(2, NEW, latency_ms=90))
    assert 1 < gate.fact().e_value < 1.5
    assert gate.fact().calm_turns == 0


def test_what_falls_is_calm() -> None:
    gate = watch()
    play(gate, 1, OLD, answered(1, OLD, latency_ms=90))
    play(gate, 2, NEW, answered(2, NEW, latency_ms=10))
    assert gate.fact().e_value < 1
    assert gate.fact().calm_turns == 1


# --- fixed limits ----------------------------------------------------------------------------------------


def limited(*outcomes: Any, **gate: Any) -> Watch:
    found = watch(
        kind="threshold", **{"turns_min": len(outcomes), "failures_max": 0.5, "latency_ms_max": 100, **gate}
    )
    for number, outcome in enumerate(outcomes):
        made = failed(number, NEW) if outcome is None else answered(number, NEW, latency_ms=outcome)
        play(found, number, NEW, made)
    return found


def test_a_fixed_limit_may_be_reached() -> None:
    gate = limited(None, 100, 100, None, turns_min=2)
    assert (gate.fact().failures, gate.fact().latency_ms) == (0.5, 100.0)
    assert isinstance(gate.verdict(SECOND), Passed)


def test_over_the_latency_it_is_accused_of_that() -> None:
    accused = limited(150, 250.125, None).verdict(SECOND)
    assert isinstance(accused, Accused)
    assert accused.measure == "latency"
    assert accused.reason == "200.062 ms on average, the limit is 100 ms"
    assert accused.evidence.latency_ms == 200.062


@pytest.mark.parametrize(
    ("failing", "breaking", "measure"),
    [(2, 1, "violations"), (1, 3, "violations"), (3, 0, "failures"), (3, 1, "failures")],
)
def test_over_the_failures_it_is_accused_of_what_took_it_over_the_limit(
    failing: int, breaking: int, measure: str
) -> None:
    gate = limited(*[None] * failing, *[10] * (4 - failing))
    for number in range(failing, failing + breaking):
        gate.observe(violated(number), 99, SECOND)
    accused = gate.verdict(SECOND)
    assert isinstance(accused, Accused)
    assert accused.measure == measure
    share = (failing + breaking) / 4
    assert accused.reason == f"{share:.1%} of 4 turns failed or broke the policy, the limit is 50.0%"


def test_a_turn_that_failed_and_broke_the_policy_is_one_turn() -> None:
    gate = limited(None, 10, 10, 10)
    gate.observe(violated(0), 99, SECOND)
    assert gate.fact().failures == 0.25


@pytest.mark.parametrize(("age_us", "failures"), [(10 * SECOND, 1 / 3), (10 * SECOND + 1, 0.0)])
def test_a_turn_leaves_the_window_when_it_is_older_than_it(age_us: int, failures: float) -> None:
    gate = watch(kind="threshold", turns_min=2, window_s=10, failures_max=1)
    for number, outcome in enumerate([failed(0, NEW), answered(1, NEW), answered(2, NEW)]):
        at_us = 5 * SECOND + (age_us if number else 0)
        gate.observe(asked(number, NEW), number, at_us)
        gate.observe(outcome, number, at_us)
    assert gate.fact().failures == pytest.approx(failures)


def test_without_turns_there_is_no_share_and_no_mean() -> None:
    fact = watch(kind="threshold").fact()
    assert (fact.failures, fact.latency_ms) == (None, None)


# --- what is kept of it ----------------------------------------------------------------------------------


def observed(**gate: Any) -> Watch:
    found = watch(**gate)
    play(found, 1, OLD, answered(1, OLD, latency_ms=10))
    play(found, 2, NEW, answered(2, NEW, latency_ms=20))
    play(found, 3, NEW, failed(3, NEW))
    play(found, 4, OLD, failed(4, OLD))
    play(found, 5, NEW, answered(5, NEW, latency_ms=30.00049), context={"lore": [FACT]})
    found.observe(violated(5), 50, SECOND)
    return found


def test_the_evidence_is_kept_as_it_is_known() -> None:
    gate = observed()
    assert gate.fact().model_dump() == {
        "position": 50,
        "candidate_turns": 3,
        "control_turns": 2,
        "step_turns": 2,
        "calm_turns": 0,
        "e_value": float(f"{gate.evidence.e_value:.6g}"),
        "limit": 111.111,
        "measures": {
            name: {
                "e_value": float(f"{wealth:.6g}"),
                "candidate": 1,
                "control": {"failures": 1}.get(name, 0),
            }
            for name, wealth in gate.evidence.wealth().items()
        },
        "failures": 2 / 3,
        "latency_ms": 25.0,
    }


def test_with_fixed_limits_there_is_no_e_value() -> None:
    assert observed(kind="threshold").fact().e_value == 0.0


@pytest.mark.parametrize(
    ("measure", "reason"),
    [
        ("failures", "1 failures in 3 turns, 1 in 2 of the current model"),
        ("violations", "1 violations in 3 turns, 0 in 2 of the current model"),
        ("lore", "1 lines that ignore their lore in 3 turns, 0 in 2 of the current model"),
        ("latency", "slower than the current model in 1 comparisons"),
    ],
)
def test_an_accusation_says_what_was_seen(measure: Any, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = observed()
    monkeypatch.setattr(gate.evidence, "worst", lambda: measure)
    gate.evidence.limit = 0.1
    accused = gate.verdict(SECOND)
    assert isinstance(accused, Accused)
    assert (accused.measure, accused.reason, accused.evidence) == (measure, reason, gate.fact())
