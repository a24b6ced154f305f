"""The evidence of a gate, by figures worked out by hand: any release must come to what was recorded."""

import math
from collections.abc import Callable, Iterable

import pytest

from domain.registry.evidence import (
    BASELINE_LATENCIES,
    BETS,
    BOUNDS,
    CONTROLS_MAX,
    FAULTS,
    KEPT,
    NORMAL_MAX,
    NORMAL_UNKNOWN,
    RISKS,
    WEALTH_MAX,
    WEIGHTS,
    Evidence,
    Faults,
    Latency,
    Measure,
    Stakes,
    Turn,
    rounded,
    upper_rate,
)


def turn(
    candidate: bool, key: object, *faults: Measure, share: float = 0.25, ms: float | None = None
) -> Turn:
    return Turn(candidate, share, str(key), frozenset(faults), ms)


def test_the_stakes_are_those_that_recorded_verdicts_were_made_with() -> None:
    """Another figure would judge every recorded deployment differently: it needs a new kind of gate."""
    assert FAULTS == ("failures", "violations", "lore")
    assert WEIGHTS == {"failures": 0.62, "violations": 0.1, "lore": 0.1, "latency": 0.18}
    assert RISKS == {2.5: 0.1, 7.0: 0.33, 12.0: 0.33, 30.0: 0.24}
    assert BETS == {0.1: 0.2, 0.25: 0.2, 0.5: 0.2, 0.75: 0.2, 0.95: 0.2}
    assert (CONTROLS_MAX, BASELINE_LATENCIES, KEPT, BOUNDS) == (16, 400, 0.15, 0.1)
    assert NORMAL_UNKNOWN == {"failures": 0.1, "violations": 0.1, "lore": 1.0}
    assert (NORMAL_MAX, WEALTH_MAX) == (0.5, 1e200)


# --- stakes ----------------------------------------------------------------------------------------------


def test_a_bet_multiplies_each_part_of_the_stake() -> None:
    stakes = Stakes([0.25, 0.75], 1)
    stakes.bet([2.0, 0.5])
    assert stakes.wealth == 0.25 * 2 + 0.75 * 0.5
    stakes.bet([2.0, 0.5])
    assert stakes.wealth == 0.25 * 4 + 0.75 * 0.25


def test_every_kind_of_bet_has_a_factor() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Stakes([0.5, 0.5], 1).bet([1.0])


@pytest.mark.parametrize("steps", [0, 1])
def test_where_there_is_one_step_nothing_is_kept(steps: int) -> None:
    stakes = Stakes([1.0], steps)
    stakes.begin()
    stakes.bet([3.0])
    assert stakes.wealth == 3.0


def test_each_later_step_begins_with_its_part_of_what_was_kept() -> None:
    stakes = Stakes([1.0], 3)
    assert stakes.wealth == pytest.approx(1)
    stakes.bet([2.0])
    assert stakes.wealth == pytest.approx(0.85 * 2 + 0.15)
    stakes.begin()
    stakes.bet([3.0])
    assert stakes.wealth == pytest.approx(0.85 * 6 + 0.075 * (3 + 1))
    stakes.begin()
    stakes.bet([5.0])
    assert stakes.wealth == pytest.approx(0.85 * 30 + 0.075 * (15 + 5))
    stakes.begin()  # a step that nobody had planned has no stake
    stakes.bet([2.0])
    assert stakes.wealth == pytest.approx(0.85 * 60 + 0.075 * (30 + 10))


def test_wealth_stays_a_number() -> None:
    stakes = Stakes([1.0], 1)
    for _ in range(3):
        stakes.bet([1e150])
    assert stakes.wealth == 1e200


# --- faults ----------------------------------------------------------------------------------------------


def on_risks(*factors: Callable[[float], float]) -> float:
    """Return the wealth of a stake on the risks, after bets by these functions of a risk."""
    return sum(part * math.prod(factor(risk) for factor in factors) for risk, part in RISKS.items())


def test_a_fault_is_bet_on_by_the_chance_that_it_was_the_candidates() -> None:
    faults = Faults()
    faults.observe(turn(True, "a", share=0.2))
    assert faults.wealth == pytest.approx(on_risks(lambda r: r / (r * 0.2 + 0.8)))
    faults.observe(turn(False, "b", share=0.2))
    assert faults.wealth == pytest.approx(
        on_risks(lambda r: r / (r * 0.2 + 0.8), lambda r: 1 / (r * 0.2 + 0.8))
    )
    assert (faults.candidate, faults.control) == (1, 1)


def test_only_a_players_first_fault_is_bet_on_and_all_are_counted() -> None:
    faults = Faults()
    for candidate in (True, False, True):
        faults.observe(turn(candidate, "a"))
    once = on_risks(lambda r: r / (r * 0.25 + 0.75))
    assert faults.wealth == pytest.approx(once)
    assert (faults.candidate, faults.control) == (2, 1)
    assert faults.first(turn(True, "b"))
    assert faults.first(turn(True, "b")) is False


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_where_the_hash_leaves_no_choice_a_fault_is_counted_and_not_bet_on(share: float) -> None:
    faults = Faults()
    for candidate in (True, False):
        faults.observe(turn(candidate, f"of {candidate}", share=share))
    assert (faults.wealth, faults.candidate, faults.control) == (1, 1, 1)


def usual(normal: float, risk: float) -> float:
    """Return the rate that is bet on: the risk's, or one that rises with it where that were too little."""
    return min(0.9, max(normal * risk, normal + 0.9 * (1 - normal) * risk / 30 / 4))


@pytest.mark.parametrize("normal", [0.001, 0.02, 0.1, 0.45])
def test_alone_a_fault_is_bet_on_by_what_is_normal(normal: float) -> None:
    faults = Faults()
    faults.against(normal, fault=True)
    assert faults.wealth == pytest.approx(on_risks(lambda r: usual(normal, r) / normal))
    faults.against(normal, fault=False)
    assert faults.wealth == pytest.approx(
        on_risks(lambda r: usual(normal, r) / normal, lambda r: (1 - usual(normal, r)) / (1 - normal))
    )


# --- latency ---------------------------------------------------------------------------------------------


def on_ranks(*ranks: float) -> float:
    return sum(part * math.prod(1 + bet * (2 * rank - 1) for rank in ranks) for bet, part in BETS.items())


def latencies(*turns: Turn, chance: float = 0.001) -> Latency:
    found = Latency()
    for each in turns:
        found.observe(each, chance)
    return found


@pytest.mark.parametrize(
    ("ms", "rank"), [(5.0, 0.0), (10.0, 1 / 6), (15.0, 1 / 3), (20.0, 0.5), (30.0, 5 / 6), (99.0, 1.0)]
)
def test_a_turn_is_bet_on_by_its_rank_among_the_current_models(ms: float, rank: float) -> None:
    olds = [turn(False, n, ms=10.0 * n) for n in (1, 2, 3)]
    found = latencies(*olds, turn(True, "new", ms=ms))
    assert found.wealth == pytest.approx(on_ranks(rank))
    assert found.pairs == 1


def test_each_turn_of_the_current_model_is_used_in_one_comparison() -> None:
    found = latencies(
        turn(False, 1, ms=10.0), turn(True, 2, ms=20.0), turn(True, 3, ms=20.0),
        turn(False, 4, ms=30.0), turn(True, 5, ms=20.0),
    )  # fmt: skip
    assert found.pairs == 2
    assert found.wealth == pytest.approx(on_ranks(1.0, 0.0))


def test_only_a_players_first_turn_with_each_model_counts_and_none_without_a_latency() -> None:
    found = latencies(
        turn(False, "a", ms=10.0), turn(False, "a", ms=90.0), turn(False, "b"), turn(True, "c"),
        turn(True, "a", ms=50.0), turn(False, "d", ms=10.0), turn(True, "a", ms=50.0),
    )  # fmt: skip
    assert found.pairs == 1
    assert found.wealth == pytest.approx(on_ranks(1.0)), "90 ms were no first turn"


def test_the_newest_turns_of_the_current_model_are_compared_with() -> None:
    olds = [turn(False, n, ms=1.0 if n == 0 else 100.0) for n in range(17)]
    assert latencies(*olds, turn(True, "new", ms=50.0)).wealth == pytest.approx(on_ranks(0.0))


def alone(past: Iterable[float], ms: float, chance: float = 0.001) -> Latency:
    olds = [turn(False, n, ms=each) for n, each in enumerate(past)]
    return latencies(*olds, turn(True, "new", ms=ms, share=1.0), chance=chance)


@pytest.mark.parametrize("count", [100, 200])
def test_alone_the_rank_is_among_the_past_less_its_band(count: int) -> None:
    band = math.sqrt(math.log(2 / 0.001) / (2 * count))
    found = alone(range(count), count * 0.9)
    assert found.wealth == pytest.approx(on_ranks(0.9 + 0.5 * (found.pairs == 0) - band), rel=0.02)
    assert alone(range(count), 1e9).wealth == pytest.approx(on_ranks(1 - band))
    assert found.pairs == 1


def test_alone_a_quick_turn_has_the_lowest_rank_and_no_lower() -> None:
    assert alone(range(1, 101), 0.0).wealth == pytest.approx(on_ranks(0.0))


def test_alone_the_past_is_the_newest_400_turns() -> None:
    band = math.sqrt(math.log(2 / 0.001) / 800)
    assert alone([1e9, *range(400)], 500.0).wealth == pytest.approx(on_ranks(1 - band))
    assert alone([1e9, *range(399)], 500.0).wealth == pytest.approx(on_ranks(399 / 400 - band))


def test_alone_and_without_a_past_nothing_is_compared() -> None:
    assert alone([], 100.0).pairs == 0


# --- all together ----------------------------------------------------------------------------------------


def fed(*turns: Turn, false_alarms: float = 0.01, steps: int = 1) -> Evidence:
    found = Evidence(false_alarms, steps)
    for each in turns:
        found.observe(each)
    return found


def test_the_limit_leaves_the_bounds_their_part_of_the_false_alarms() -> None:
    assert Evidence(0.01).limit == pytest.approx(1 / 0.009)
    assert Evidence(0.2).limit == pytest.approx(1 / 0.18)


def test_a_deployment_at_once_has_one_step_and_keeps_nothing() -> None:
    evidence = Evidence(0.01)
    evidence.observe(turn(False, "x", ms=10.0))
    evidence.observe(turn(True, "a", "failures"))
    evidence.observe(turn(True, "b", ms=20.0))
    assert evidence.faults["failures"].wealth == pytest.approx(on_risks(lambda r: r / (r * 0.25 + 0.75)))
    assert evidence.latency.wealth == pytest.approx(on_ranks(1.0))


@pytest.mark.parametrize("measure", FAULTS)
def test_a_fault_counts_for_its_measure_and_the_turn_for_its_model(measure: Measure) -> None:
    evidence = fed(turn(True, "a", measure), turn(False, "b"), turn(False, "c"))
    once = on_risks(lambda r: r / (r * 0.25 + 0.75))
    assert evidence.turns == {True: 1, False: 2}
    assert evidence.wealth() == {**dict.fromkeys(WEIGHTS, 1.0), measure: pytest.approx(once)}
    assert evidence.e_value == pytest.approx(1 + WEIGHTS[measure] * (once - 1))


def test_a_slow_turn_counts_for_the_latency() -> None:
    evidence = fed(turn(False, "a", ms=10.0), turn(True, "b", ms=20.0))
    assert evidence.wealth() == {**dict.fromkeys(FAULTS, 1.0), "latency": pytest.approx(on_ranks(1.0))}
    assert evidence.e_value == pytest.approx(1 + 0.18 * (on_ranks(1.0) - 1))


def test_the_worst_is_the_measure_with_most_weight_and_wealth() -> None:
    evidence = fed(*(turn(True, n, "violations", "failures", share=0.5) for n in range(3)))
    assert evidence.worst() == "failures"
    assert fed().worst() == "failures", "without evidence: the one that is seen most surely"
    three = fed(*(turn(True, n, "violations", share=0.1) for n in range(3)))
    assert three.worst() == "violations"
    assert fed(turn(True, 1, "violations")).worst() == "failures", "one is not worth as much"


def test_evidence_is_compared_with_six_digits() -> None:
    assert rounded(1.2345649) == 1.23456
    assert rounded(123_456_789.0) == 123_457_000.0
    evidence = Evidence(0.01)
    evidence.limit = evidence.e_value * (1 + 1e-9)
    assert evidence.accused, "the event keeps six digits, and by those they are equal"
    evidence.limit = evidence.e_value * 1.00001
    assert not evidence.accused


def test_a_further_step_has_stakes_of_its_own_in_every_measure() -> None:
    evidence = Evidence(0.01, 2)
    evidence.observe(turn(False, "x", ms=10.0))
    evidence.observe(turn(True, "a", *FAULTS, ms=20.0))
    evidence.begin_step()
    evidence.observe(turn(False, "y", ms=10.0))
    evidence.observe(turn(True, "b", *FAULTS, ms=20.0))
    risk = on_risks(lambda r: r / (r * 0.25 + 0.75))
    twice = on_risks(*[lambda r: r / (r * 0.25 + 0.75)] * 2)
    for measure in FAULTS:
        assert evidence.faults[measure].wealth == pytest.approx(0.85 * twice + 0.15 * risk)
    assert evidence.latency.wealth == pytest.approx(0.85 * on_ranks(1.0, 1.0) + 0.15 * on_ranks(1.0))


# --- at 100 % --------------------------------------------------------------------------------------------

CHANCE = 0.1 * 0.01 / 4
"""That one of four bounds is wrong: a tenth of the false alarms."""


def last(key: object, *faults: Measure, ms: float | None = None) -> Turn:
    return turn(True, key, *faults, share=1.0, ms=ms)


def past(faults: int, turns: int) -> list[Turn]:
    return [turn(False, f"old{n}", *(FAULTS[:1] if n < faults else ())) for n in range(turns)]


def test_alone_each_turn_is_compared_with_the_bound_of_what_was_normal() -> None:
    before = fed(*past(2, 100)).faults["failures"].wealth
    normal = upper_rate(2, 100, CHANCE)
    evidence = fed(*past(2, 100), last("a", "failures"), last("b"), last("a", "failures"))

    betting = on_risks(
        lambda r: 1 / (r * 0.25 + 0.75),
        lambda r: 1 / (r * 0.25 + 0.75),
        lambda r: usual(normal, r) / normal,
        lambda r: (1 - usual(normal, r)) / (1 - normal),
    )
    assert evidence.faults["failures"].wealth == pytest.approx(betting)
    assert before == pytest.approx(on_risks(*[lambda r: 1 / (r * 0.25 + 0.75)] * 2))
    assert evidence.faults["failures"].candidate == 2
    assert evidence.turns == {True: 3, False: 100}
    quiet = upper_rate(0, 100, CHANCE)
    assert evidence.faults["lore"].wealth == pytest.approx(
        on_risks(*[lambda r: (1 - usual(quiet, r)) / (1 - quiet)] * 3)
    )


def test_alone_latencies_are_compared_with_the_past_at_the_same_chance() -> None:
    olds = [turn(False, n, ms=float(n)) for n in range(100)]
    band = math.sqrt(math.log(2 / CHANCE) / 200)
    assert fed(*olds, last("a", ms=1e9)).latency.wealth == pytest.approx(on_ranks(1 - band))


@pytest.mark.parametrize("measure", FAULTS)
def test_alone_and_without_a_past_a_set_rate_is_normal(measure: Measure) -> None:
    found = fed(last("a", measure)).faults[measure].wealth
    assert found == pytest.approx(1.0 if measure == "lore" else on_risks(lambda r: usual(0.1, r) / 0.1))


def test_a_fault_that_is_usual_says_nothing_alone() -> None:
    """Half of 40 turns failed before: no bound below a half fits them."""
    evidence = fed(*past(20, 40))
    before = evidence.faults["failures"].wealth
    evidence.observe(last("a", "failures"))
    evidence.observe(last("b"))
    evidence.found_late("failures", last("c"))
    assert evidence.faults["failures"].wealth == before
    assert evidence.faults["failures"].candidate == 2, "it is counted"


def test_from_a_half_on_a_fault_is_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.registry.evidence.NORMAL_UNKNOWN", dict.fromkeys(FAULTS, 0.5))
    evidence = fed(last("a", "failures"), last("b"))
    evidence.found_late("violations", last("a"))
    assert evidence.e_value == pytest.approx(1)


def test_a_turn_of_the_current_model_that_ends_after_it_lost_all_is_none() -> None:
    evidence = fed(*past(0, 3), turn(False, "late", "failures", share=1.0, ms=5.0))
    assert evidence.turns == {True: 0, False: 3}
    assert evidence.faults["failures"].control == 0
    evidence.found_late("failures", turn(False, "late", share=1.0))
    assert evidence.faults["failures"].control == 0
    assert evidence.faults["failures"].wealth == 1


@pytest.mark.parametrize("candidate", [True, False])
def test_a_fault_that_is_found_late_counts_as_one_that_was_found_in_time(candidate: bool) -> None:
    late, intime = fed(turn(candidate, "a")), fed(turn(candidate, "a", "violations"))
    late.found_late("violations", turn(candidate, "a"))
    assert late.wealth() == intime.wealth()
    assert late.turns == intime.turns


def test_a_fault_that_is_found_late_alone_is_bet_on_once() -> None:
    evidence = fed(*past(0, 100))
    normal = upper_rate(0, 100, CHANCE)
    evidence.found_late("violations", last("a"))
    once = on_risks(lambda r: usual(normal, r) / normal)
    assert evidence.faults["violations"].wealth == pytest.approx(once)
    evidence.found_late("violations", last("a"))
    assert evidence.faults["violations"].wealth == pytest.approx(once)
    assert evidence.faults["violations"].candidate == 2


# --- bounds ----------------------------------------------------------------------------------------------


def test_before_the_first_turn_any_rate_is_possible() -> None:
    assert upper_rate(0, 0, 0.01) == 1.0


@pytest.mark.parametrize(
    ("faults", "turns", "chance"), [(0, 10, 0.01), (2, 100, 0.001), (50, 100, 0.05), (1, 1_000, 0.2)]
)
def test_the_bound_is_where_the_relative_entropy_reaches_the_chance(
    faults: int, turns: int, chance: float
) -> None:
    bound, seen = upper_rate(faults, turns, chance), faults / turns
    entropy = (seen * math.log(seen / bound) if seen else 0.0) + (1 - seen) * math.log(
        (1 - seen) / (1 - bound)
    )
    assert turns * entropy == pytest.approx(math.log(1 / chance), rel=1e-9)
    assert bound > seen


def test_the_bound_of_none_in_n_is_known_in_closed_form() -> None:
    assert upper_rate(0, 10, 0.01) == pytest.approx(1 - 0.01 ** (1 / 10), rel=1e-11)


def test_where_all_were_faults_the_bound_is_one() -> None:
    assert upper_rate(5, 5, 0.01) == 1.0


def test_what_is_recorded_of_a_history_stays_as_it_is() -> None:
    """A canary of four steps, its figures as an event would keep them."""
    evidence = Evidence(0.01, 4)
    for number, share in enumerate((0.05, 0.25, 0.5, 1.0)):
        if number:
            evidence.begin_step()
        for n in range(60):
            candidate = n % 20 < share * 20
            faults = [
                name
                for at, name in enumerate(FAULTS)
                if (n * (at + 3) + number) % (9 if candidate else 23) == 0
            ]
            evidence.observe(
                turn(candidate, f"{number}-{n}", *faults, share=share, ms=100.0 + n * 7 % 13 + 3 * candidate)
            )
    assert {name: rounded(value) for name, value in evidence.wealth().items()} == {
        "failures": 6.34749,
        "violations": 1.54088e-06,
        "lore": 3.4636e-06,
        "latency": 1.31364,
    }
    assert rounded(evidence.e_value) == 4.1719
