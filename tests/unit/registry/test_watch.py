"""The gate: what the log's turns come to as evidence, and the verdicts that follow."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.guardrails.messages import ViolationDetected
from domain.inference.messages import (
    InferenceCompleted,
    InferenceFailed,
    InferenceRefused,
    InferenceRequested,
)
from domain.registry.deployment_facts import Gate
from domain.registry.deployment_messages import DeploymentHeld, DeploymentStarted, StepStarted
from domain.registry.evidence import BETS, FAULTS, RISKS, WEIGHTS, Evidence, Turn, upper_rate
from domain.registry.watch import Accused, Passed, Starved, Verdict, Watch
from tests.unit.registry.test_deployment import NEW, OF, OLD, started
from tests.unit.registry.test_registry import UC

FACT = "Lady Mere judges only the dead"
SECOND = 1_000_000


def watch(**gate: Any) -> Watch:
    found = Watch(started(gate=Gate(**{"turns_min": 10, **gate}).model_dump()))
    found.moved(StepStarted(**OF, step=0, share=5), 0)
    return found


@pytest.mark.parametrize("parts", [RISKS, BETS, WEIGHTS])
def test_the_parts_of_a_stake_are_one_together(parts: Mapping[object, float]) -> None:
    """Or the chance of a false alarm would be another one than is stated."""
    assert sum(parts.values()) == pytest.approx(1)
    assert Evidence(0.01, 4).e_value == pytest.approx(1)


def asked(number: int, model: str, **changes: Any) -> InferenceRequested:
    facts = {
        **InferenceRequested.example,
        "inference_id": f"{number:032x}",
        "use_case": UC,
        "model_id": model,
        "player": f"p{number}",
        "conversation": None,
        "context": {},
    }
    return InferenceRequested.model_validate({**facts, **changes})


def answered(number: int, model: str, **changes: Any) -> InferenceCompleted:
    facts = {
        **InferenceCompleted.example,
        "inference_id": f"{number:032x}",
        "use_case": UC,
        "model_id": model,
    }
    return InferenceCompleted.model_validate({**facts, **changes})


def failed(number: int, model: str, code: str = "engine_failed") -> InferenceFailed:
    facts = {**InferenceFailed.example, "inference_id": f"{number:032x}", "use_case": UC, "model_id": model}
    return InferenceFailed.model_validate({**facts, "code": code})


def play(gate: Watch, number: int, model: str, outcome: Any, **asking: Any) -> None:
    gate.observe(asked(number, model, **asking), number * 2, SECOND)
    gate.observe(outcome, number * 2 + 1, SECOND)


def test_enough_good_turns_pass_the_step() -> None:
    gate = watch()
    for n in range(9):
        play(gate, n, NEW, answered(n, NEW))
    assert gate.verdict(SECOND) is None
    play(gate, 9, NEW, answered(9, NEW))
    verdict = gate.verdict(SECOND)
    assert isinstance(verdict, Passed)
    assert (verdict.step, verdict.evidence.step_turns, verdict.evidence.position) == (0, 10, 19)


def doubted(**gate: Any) -> Watch:
    """Return a gate with some evidence against the candidate, below the limit, and turns enough."""
    found = watch(**gate)
    for n in range(61):
        model = NEW if n % 5 == 0 else OLD
        bad = n in (50, 55)
        play(found, n, model, failed(n, model) if bad else answered(n, model))
    return found


def test_a_step_that_is_about_to_fail_is_not_passed() -> None:
    """The scar: passed at an e-value of 109 of 111, taken back at 205 a third of a second later."""
    without, gate = doubted(turns_min=5), doubted(turns_min=5, doubt_max=10.0)
    assert 10 < gate.evidence.e_value < gate.evidence.limit

    assert isinstance(without.verdict(SECOND), Passed)
    assert gate.verdict(SECOND) is None
    starved = gate.verdict(SECOND + 700_000_000)
    assert isinstance(starved, Starved)
    assert starved.reason == "1 of 5 turns since the evidence rose to 35.1882 after 701 s"

    for n in range(100, 121):
        play(gate, n, NEW if n % 5 == 0 else OLD, answered(n, NEW if n % 5 == 0 else OLD))
    passed = gate.verdict(SECOND)
    assert isinstance(passed, Passed), "who was unlucky passes later"
    assert passed.evidence.calm_turns == 6


def test_failures_of_the_candidate_accuse_it() -> None:
    gate = watch(turns_min=500)
    for n in range(400):
        model = NEW if n % 20 == 0 else OLD
        play(gate, n, model, failed(n, model) if model == NEW else answered(n, model))
    verdict = gate.verdict(SECOND)
    assert isinstance(verdict, Accused)
    assert verdict.measure == "failures"
    assert verdict.reason == "20 failures in 20 turns, 0 in 380 of the current model"


@pytest.mark.parametrize("code", ["invalid_request", "prompt_too_long", "unknown_adapter"])
def test_the_callers_own_faults_say_nothing(code: str) -> None:
    gate = watch()
    for n in range(50):
        play(gate, n, NEW, failed(n, NEW, code))
    assert gate.evidence.turns == {True: 0, False: 0}


def test_lore_that_was_given_and_ignored_is_a_fault() -> None:
    gate = watch(turns_min=500)
    for n in range(200):
        model = NEW if n % 20 == 0 else OLD
        text = "The fog is thick." if model == NEW else f"They say {FACT}."
        play(gate, n, model, answered(n, model, text=text), context={"lore": [FACT]})
    verdict = gate.verdict(SECOND)
    assert isinstance(verdict, Accused)
    assert verdict.measure == "lore"


def test_violations_count_whether_they_are_known_before_or_after_the_end() -> None:
    gate = watch()
    for n, late in ((1, False), (2, True)):
        facts = {**ViolationDetected.example, "inference_id": f"{n:032x}", "use_case": UC, "model_id": NEW}
        violation = ViolationDetected.model_validate({**facts, "side": "output"})
        gate.observe(asked(n, NEW), n, SECOND)
        for event in (answered(n, NEW), violation) if late else (violation, answered(n, NEW)):
            gate.observe(event, n, SECOND)
    assert gate.evidence.faults["violations"].candidate == 2
    said = ViolationDetected.model_validate(
        {**ViolationDetected.example, "inference_id": "x", "side": "input"}
    )
    gate.observe(said, 9, SECOND)


def test_answers_that_were_given_before_say_nothing_of_the_model_now() -> None:
    gate = watch()
    play(gate, 1, NEW, answered(1, NEW, source_inference_id="a" * 32))
    assert gate.evidence.turns[True] == 0


@pytest.mark.parametrize("late", [False, True])
def test_the_violation_of_a_shared_answer_counts_for_the_turn_that_made_it(late: bool) -> None:
    """Each player who listened has a record of his own; the model said it once."""
    gate = watch()
    for n, source in ((1, None), (2, f"{1:032x}"), (3, f"{1:032x}")):
        facts = {**ViolationDetected.example, "inference_id": f"{n:032x}", "use_case": UC, "model_id": NEW}
        violation = ViolationDetected.model_validate({**facts, "side": "output"})
        ended = answered(n, NEW, finish_reason="blocked", source_inference_id=source)
        gate.observe(asked(n, NEW), n, SECOND)
        for event in (ended, violation) if late else (violation, ended):
            gate.observe(event, n, SECOND)
    assert gate.evidence.turns[True] == 1
    assert gate.evidence.faults["violations"].candidate == 1


def test_a_line_that_was_authored_for_want_of_an_engine_is_a_failure() -> None:
    gate = watch()
    play(gate, 1, NEW, answered(1, NEW, finish_reason="authored"))
    assert gate.evidence.faults["failures"].candidate == 1


def test_without_turns_the_step_is_starved_and_never_passed() -> None:
    gate = watch(hold_after_s=60)
    assert gate.verdict(59 * SECOND) is None
    verdict = gate.verdict(61 * SECOND)
    assert isinstance(verdict, Starved)
    assert verdict.reason == "0 of 10 turns after 61 s"
    gate.moved(DeploymentHeld(**OF, operator="gate", reason="x"), 61 * SECOND)
    assert gate.verdict(99 * SECOND) is None


def test_a_held_candidate_is_still_accused() -> None:
    gate = watch()
    gate.moved(DeploymentHeld(**OF, operator="mira", reason="x"), 0)
    for n in range(400):
        model = NEW if n % 20 == 0 else OLD
        play(gate, n, model, failed(n, model) if model == NEW else answered(n, model))
    assert isinstance(gate.verdict(SECOND), Accused)


def test_fixed_limits_look_at_a_window() -> None:
    gate = watch(kind="threshold", failures_max=0.2, latency_ms_max=100, window_s=10, turns_min=4)
    for n in range(3):
        every(gate, n, failed(n, NEW), at_s=0)
    assert gate.verdict(SECOND) is None
    every(gate, 3, failed(3, NEW), at_s=0)
    accused = gate.verdict(SECOND)
    assert isinstance(accused, Accused)
    assert accused.measure == "failures"
    assert accused.reason == "100.0% of 4 turns failed or broke the policy, the limit is 20.0%"


def every(gate: Watch, number: int, outcome: Any, at_s: float) -> None:
    """Let the candidate's turn end at a time."""
    gate.observe(asked(number, NEW), number, int(at_s * SECOND))
    gate.observe(outcome, number, int(at_s * SECOND))


def threshold_over(turns: int, outcome: Callable[[int], Any], every_s: float) -> Verdict | None:
    """Return the first verdict of the default limits on a candidate that is met every few seconds."""
    gate = watch(kind="threshold", turns_min=Gate().turns_min, hold_after_s=100_000)
    for n in range(turns):
        every(gate, n, outcome(n), at_s=n * every_s)
        if verdict := gate.verdict(int(n * every_s * SECOND)):
            return verdict
    return None


def slow(number: int) -> InferenceCompleted:
    return answered(number, NEW, latency_ms=9_000)


@pytest.mark.parametrize("every_s", [0.1, 9.0, 400.0])
@pytest.mark.parametrize(
    ("outcome", "measure"),
    [
        (lambda n: slow(n) if n % 3 else failed(n, NEW), "failures"),
        (slow, "latency"),
        (lambda n: failed(n, NEW), "failures"),
    ],
)
def test_who_is_over_a_fixed_limit_never_passes_however_slow_the_traffic(
    outcome: Any, measure: str, every_s: float
) -> None:
    """The scar: a turn every nine seconds left fewer than 40 in the window, so nobody was ever accused."""
    verdict = threshold_over(80, outcome, every_s)
    assert isinstance(verdict, Accused)
    assert (verdict.measure, verdict.evidence.candidate_turns) == (measure, Gate().turns_min)


@pytest.mark.parametrize("every_s", [0.1, 9.0, 400.0])
def test_who_keeps_to_fixed_limits_passes_at_any_traffic(every_s: float) -> None:
    verdict = threshold_over(80, lambda n: failed(n, NEW) if n % 20 == 3 else answered(n, NEW), every_s)
    assert isinstance(verdict, Passed)
    assert verdict.evidence.failures is not None
    assert verdict.evidence.failures <= Gate().failures_max


def test_old_turns_leave_the_window_when_there_are_enough_new_ones() -> None:
    gate = watch(kind="threshold", failures_max=0.2, window_s=10, turns_min=4)
    gate.moved(DeploymentHeld(**OF, operator="mira", reason="x"), 0)
    for n in range(8):
        every(gate, n, answered(n, NEW), at_s=n)
    every(gate, 8, failed(8, NEW), at_s=8)
    assert gate.fact().failures == pytest.approx(1 / 9)
    assert gate.verdict(99 * SECOND) is None  # time alone tells nothing new, or no log could repeat it
    assert gate.fact().failures == pytest.approx(1 / 9)
    gate.observe(asked(9, OLD), 9, 16 * SECOND)
    assert gate.fact().failures == pytest.approx(1 / 4)  # two of them are young enough


def broke(number: int) -> ViolationDetected:
    facts = {**ViolationDetected.example, "inference_id": f"{number:032x}", "use_case": UC, "model_id": NEW}
    return ViolationDetected.model_validate({**facts, "side": "output", "severity": "critical"})


@pytest.mark.parametrize("late", [False, True])
def test_lines_that_broke_the_policy_count_against_a_fixed_limit(late: bool) -> None:
    """The scar: with nine of ten lines blocked, the tenth passed the step."""
    gate = watch(kind="threshold")
    for n in range(10):
        gate.observe(asked(n, NEW), n, SECOND)
        ended = answered(n, NEW, finish_reason="blocked") if n else answered(n, NEW)
        for event in [ended, broke(n)] if late else [broke(n), ended]:
            gate.observe(event, n, SECOND)
    accused = gate.verdict(SECOND)
    assert isinstance(accused, Accused)
    assert (accused.measure, accused.evidence.failures) == ("violations", 1.0)
    assert accused.reason == "100.0% of 10 turns failed or broke the policy, the limit is 10.0%"


def test_turns_that_tell_nothing_of_the_latency_are_waited_for_no_longer_than_others() -> None:
    """The scar: 200 blocked lines, and ten hours later neither passed, nor held, nor taken back."""
    gate = watch(kind="threshold", failures_max=1, hold_after_s=60)
    for n in range(200):
        every(gate, n, answered(n, NEW, finish_reason="blocked"), at_s=0)
    assert gate.verdict(59 * SECOND) is None
    starved = gate.verdict(61 * SECOND)
    assert isinstance(starved, Starved)
    assert starved.reason == "none of the newest 200 turns tells how long the model takes, after 61 s"


def test_so_many_turns_are_kept_as_a_step_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.registry.watch.RECENT_MAX", 5)
    gate = watch(kind="threshold", turns_min=10)
    for n in range(10):
        every(gate, n, failed(n, NEW), at_s=0)
    assert isinstance(gate.verdict(SECOND), Accused)


@pytest.mark.parametrize("extra_ms", [0.0004, 0.0006])
def test_a_mean_is_judged_as_the_event_keeps_it(extra_ms: float) -> None:
    """The scar: at 1000.0004 ms the gate accused, and the decider, which saw 1000.0, refused."""
    gate = watch(kind="threshold", latency_ms_max=1_000)
    for n in range(10):
        every(gate, n, answered(n, NEW, latency_ms=1_000 + extra_ms), at_s=0)
    verdict = gate.verdict(SECOND)
    assert isinstance(verdict, Passed if extra_ms < 0.0005 else Accused)
    limits = Gate(kind="threshold", latency_ms_max=1_000)
    over = limits.exceeded(verdict.evidence.failures, verdict.evidence.latency_ms)
    assert over == (None if isinstance(verdict, Passed) else "latency")


@pytest.mark.parametrize("below", [1e-9, 0.01])
def test_evidence_is_judged_as_the_event_keeps_it(below: float, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = watch(turns_min=1)
    every(gate, 1, answered(1, NEW), at_s=0)
    e_value = gate.evidence.limit * (1 - below)
    monkeypatch.setattr(Evidence, "e_value", e_value)
    verdict = gate.verdict(SECOND)
    assert isinstance(verdict, (Passed, Accused))
    assert isinstance(verdict, Accused) == (verdict.evidence.e_value >= verdict.evidence.limit)


# --- what the guardrails ended ------------------------------------------------------------------------------


def test_a_question_that_was_blocked_says_nothing_of_the_model() -> None:
    """The scar: players' attacks were the quickest answers there were, and moved a canary to everybody."""
    gate = watch()
    for n in range(50):
        blocked = answered(n, NEW, finish_reason="blocked", engine="", text="No.", latency_ms=0.042)
        play(gate, n, NEW, blocked, context={"lore": [FACT]})
    assert gate.verdict(SECOND) is None
    assert gate.evidence.turns[True] == 0
    assert gate.evidence.faults["lore"].candidate == 0


def test_a_line_that_was_blocked_is_a_turn_and_a_violation_and_nothing_else() -> None:
    """Its words are not its own, and it took as long as the guardrails let it."""
    gate = watch()
    for n in range(10):
        facts = {**ViolationDetected.example, "inference_id": f"{n:032x}", "use_case": UC, "model_id": NEW}
        gate.observe(asked(n, NEW, context={"lore": [FACT]}), n, SECOND)
        gate.observe(ViolationDetected.model_validate({**facts, "side": "output"}), n, SECOND)
        gate.observe(answered(n, NEW, finish_reason="blocked", text="No."), n, SECOND)
    fact = gate.fact()
    assert (fact.candidate_turns, fact.step_turns, fact.latency_ms) == (10, 10, None)
    assert fact.measures["violations"].candidate == 10
    assert fact.measures["lore"].candidate == fact.measures["failures"].candidate == 0


def test_all_at_once_is_judged_by_what_was_normal_before() -> None:
    """At 100 % nobody meets the old model; its turns from before bound what is normal."""
    evidence = Evidence(0.01)
    for n in range(400):
        evidence.observe(Turn(False, 0.0, f"c{n}", frozenset(), 100 + n % 20))
    for n in range(60):
        faults = frozenset({FAULTS[0]}) if n % 2 else frozenset()
        evidence.observe(Turn(True, 1.0, f"n{n}", faults, None if faults else 100 + n % 20))
    assert evidence.accused
    assert evidence.worst() == "failures"


def test_all_at_once_without_a_past_is_judged_by_a_set_rate() -> None:
    bad, fair = Evidence(0.01), Evidence(0.01)
    for n in range(200):
        bad.observe(Turn(True, 1.0, f"n{n}", frozenset({FAULTS[0]}), None))
        faults = frozenset({FAULTS[0]}) if n % 12 == 0 else frozenset()
        fair.observe(Turn(True, 1.0, f"n{n}", faults, 100.0))
    assert bad.accused
    assert not fair.accused


@pytest.mark.parametrize("late", [False, True])
def test_all_at_once_without_a_past_lore_says_nothing(late: bool) -> None:
    """The scar: a world whose lines say lore in other words; all that were no worse were taken back."""
    evidence = Evidence(0.01)
    for n in range(200):
        faults = frozenset({FAULTS[2]}) if n % 2 else frozenset()
        turn = Turn(True, 1.0, f"n{n}", frozenset() if late else faults, 100.0)
        evidence.observe(turn)
        if late and faults:
            evidence.found_late(FAULTS[2], turn)
    assert evidence.faults["lore"].candidate == 100
    assert evidence.faults["lore"].wealth == 1.0
    assert not evidence.accused


def test_turns_that_failed_never_pass_a_step() -> None:
    """With both models dead nothing speaks against the candidate, and nothing for it."""
    gate = watch()
    for n in range(300):
        model = NEW if n % 20 == 0 else OLD
        play(gate, n, model, answered(n, model, finish_reason="authored"))
    assert not isinstance(gate.verdict(SECOND), Passed)


def test_refusals_for_want_of_an_engine_are_failures() -> None:
    gate = watch(turns_min=500)
    for n in range(400):
        if n % 20:
            play(gate, n, OLD, answered(n, OLD))
            continue
        facts = {
            **InferenceRefused.example,
            "use_case": UC,
            "model_id": NEW,
            "who": f"p{n}",
            "code": "no_engine",
        }
        gate.observe(InferenceRefused.model_validate({**facts, "inference_id": f"{n:032x}"}), n, SECOND)
    verdict = gate.verdict(SECOND)
    assert isinstance(verdict, Accused)
    assert verdict.measure == "failures"


def test_who_chose_the_model_by_an_alias_is_no_evidence() -> None:
    gate = watch()
    for n in range(50):
        play(gate, n, NEW, failed(n, NEW), alias="next")
    assert gate.evidence.turns == {True: 0, False: 0}


def test_a_candidate_that_was_good_for_long_is_still_caught_at_the_last_step() -> None:
    """Its first bettor is ruined; the last step has stakes of its own."""
    evidence = Evidence(0.01, steps=4)
    for step, share in enumerate((0.05, 0.25, 0.5)):
        if step:
            evidence.begin_step()
        for n in range(400):
            candidate = n % 20 < share * 20
            latency = (80.0 if candidate else 100.0) + n % 7
            evidence.observe(Turn(candidate, share, f"{step}-{n}", frozenset(), latency))
    assert evidence.latency.wealth < 0.3
    evidence.begin_step()
    for n in range(60):
        evidence.observe(Turn(True, 1.0, f"last-{n}", frozenset(), 1_000.0))
        if evidence.accused:
            break
    assert evidence.accused
    assert n < 40


def test_players_who_differ_are_no_slower_model() -> None:
    """Each has a connection of their own and stays with one model; only their first turns are compared."""
    accused = 0
    for seed in range(150):
        draw, evidence = random.Random(seed), Evidence(0.05)
        players = [(draw.random() < 0.25, draw.gauss(100, 30)) for _ in range(40)]
        for _ in range(1_500):
            n = draw.randrange(len(players))
            candidate, mine = players[n]
            evidence.observe(Turn(candidate, 0.25, f"p{n}", frozenset(), mine + draw.gauss(0, 30)))
            if evidence.accused:
                accused += 1
                break
    assert accused <= 12


@pytest.mark.parametrize("share", [0.05, pytest.param(0.5, marks=pytest.mark.slow)])
def test_a_candidate_that_is_no_worse_is_accused_no_more_often_than_stated(share: float) -> None:
    """150 candidates of 1,500 turns: at 5 % stated, 7.5 are expected at most."""
    accused = 0
    for seed in range(150):
        draw, evidence = random.Random(seed), Evidence(0.05)
        for n in range(1_500):
            found = frozenset(name for name in FAULTS if draw.random() < 0.05)
            candidate = draw.random() < share
            evidence.observe(Turn(candidate, share, str(n), found, draw.gauss(100, 20)))
            if evidence.accused:
                accused += 1
                break
    assert accused <= 12


@given(st.integers(1, 2_000), st.data())
def test_the_bound_of_a_rate_is_above_what_was_seen(turns: int, data: Any) -> None:
    faults = data.draw(st.integers(0, turns))
    bound = upper_rate(faults, turns, 0.01)
    assert faults / turns <= bound <= 1
    assert upper_rate(faults, turns * 2, 0.01) <= bound + 1e-9


def test_a_verdict_can_be_repeated_from_the_same_events() -> None:
    def judged() -> Any:
        gate, draw = watch(turns_min=500), random.Random(3)
        for n in range(2_000):
            model = NEW if draw.random() < 0.05 else OLD
            bad = draw.random() < (0.4 if model == NEW else 0.01)
            play(gate, n, model, failed(n, model) if bad else answered(n, model))
            if verdict := gate.verdict(SECOND):
                return verdict
        raise AssertionError("nothing followed")

    assert isinstance(DeploymentStarted.model_validate(started().model_dump()), DeploymentStarted)
    assert judged() == judged()


def test_a_turn_of_the_current_model_is_compared_with_once() -> None:
    """Else one slow or quick turn of it would speak in each comparison."""
    evidence = Evidence(0.01)
    evidence.observe(Turn(False, 0.05, "old", frozenset(), 100.0))
    for n in range(5):
        evidence.observe(Turn(True, 0.05, f"new{n}", frozenset(), 500.0))
    assert evidence.latency.pairs == 1


def test_a_short_past_says_little_of_what_is_slow() -> None:
    """At 100 % the band around what was normal is wide until there were many turns."""
    few, many = Evidence(0.01), Evidence(0.01)
    for evidence, past in ((few, 16), (many, 400)):
        for n in range(past):
            evidence.observe(Turn(False, 0.05, f"old{n}", frozenset(), 100.0 + n))
        for n in range(60):
            evidence.observe(Turn(True, 1.0, f"new{n}", frozenset(), 5_000.0))
    assert few.latency.wealth < 1
    assert many.accused
    assert many.worst() == "latency"


def test_what_the_current_model_ends_after_it_lost_all_traffic_settles_nothing() -> None:
    """What is normal was settled before; a turn that was under way is of another time."""
    evidence = Evidence(0.01)
    evidence.observe(Turn(False, 0.5, "p0", frozenset(), 100.0))
    evidence.observe(Turn(False, 1.0, "p1", frozenset({FAULTS[0]}), None))
    assert evidence.turns[False] == 1
    assert evidence.faults["failures"].control == 0


def test_a_turn_counts_towards_the_step_in_which_it_was_asked() -> None:
    gate = watch(turns_min=2)
    for n in range(3):
        gate.observe(asked(n, NEW), n, SECOND)
    gate.observe(answered(0, NEW), 3, SECOND)
    gate.observe(answered(1, NEW), 4, SECOND)
    assert isinstance(gate.verdict(SECOND), Passed)
    gate.moved(StepStarted(**OF, step=1, share=25), SECOND)
    gate.observe(answered(2, NEW), 5, SECOND)
    assert gate.fact().step_turns == 0
    assert gate.evidence.turns[True] == 3


def test_each_later_step_has_a_stake_of_its_own() -> None:
    """The scar: who was quick at first and ten times slower at 100 % was promoted in 50 of 50 simulations."""
    plain, stepping = watch(turns_min=10_000), watch(turns_min=10_000)
    for gate in (plain, stepping):
        for n in range(120):
            play(gate, 2 * n, OLD, answered(2 * n, OLD, latency_ms=500))
            play(gate, 2 * n + 1, NEW, answered(2 * n + 1, NEW, latency_ms=100))
    stepping.moved(StepStarted(**OF, step=1, share=25), SECOND)
    for gate in (plain, stepping):
        for n in range(120, 160):
            play(gate, 2 * n, OLD, answered(2 * n, OLD, latency_ms=100))
            play(gate, 2 * n + 1, NEW, answered(2 * n + 1, NEW, latency_ms=5_000))
    assert plain.verdict(SECOND) is None
    assert isinstance(stepping.verdict(SECOND), Accused)


def test_turns_of_other_use_cases_cost_a_gate_no_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """With twenty deployments each turn is heard by twenty gates, of which one is concerned."""
    gate, summed = watch(), list[int]()
    e_value = vars(Evidence)["e_value"].fget

    def counted(evidence: Evidence) -> float:
        summed.append(1)
        return float(e_value(evidence))

    monkeypatch.setattr(Evidence, "e_value", property(counted))
    for number in range(100):
        gate.observe(asked(number, NEW, use_case="market_dialogue"), number, number)
        gate.observe(answered(number, NEW, use_case="market_dialogue"), number, number)

    assert summed == []
