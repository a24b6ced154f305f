"""The paired decision: its error rates hold however often one looks, and it decides soon where it can."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.evaluation.paired import (
    ALPHA,
    BETA,
    STAKES,
    Comparison,
    Criterion,
    Errors,
    interval,
    judged,
    overall,
)
from tests.harness.examples import examples

RUNS, LOOKS = 1_000, 1_000
MARGIN = 0.1
Array = NDArray[np.float64]


def comparison(margin: float = MARGIN, errors: Errors | None = None) -> Comparison:
    return Comparison([Criterion(name="s", margin=margin)], errors)


def wealths(values: Array, null: float) -> Array:
    """Return the bettor's wealth against "the mean is at most null" after every value; a run per row."""
    gains = (1 + values) / (1 + null) - 1
    wealth: Array = np.zeros_like(values)
    for stake, weight in STAKES:
        wealth += weight * np.exp(np.cumsum(np.log1p(stake * gains), axis=1))
    return wealth


def drawn(name: str) -> Array:
    """Return differences of mean 0, a run per row."""
    draws = np.random.default_rng(sum(map(ord, name)))
    size = (RUNS, LOOKS)
    match name:
        case "rare":
            return draws.choice([-1.0, 0.0, 1.0], p=[0.03, 0.94, 0.03], size=size)
        case "often":
            return draws.choice([-1.0, 1.0], size=size)
        case "skewed":  # seldom much worse, often a little better
            return draws.choice([-0.9, 0.1], p=[0.1, 0.9], size=size)
        case "smooth":
            return draws.uniform(-0.4, 0.4, size=size)
        case _:  # cases that differ, each asked once before any is asked again
            cases = np.repeat([[-0.5, 0.5]], 50, axis=1).ravel()
            return np.stack(
                [np.concatenate([draws.permutation(cases) for _ in range(10)]) for _ in range(RUNS)]
            )


NULLS = ("rare", "often", "skewed", "smooth", "cases")


def allowed(rate: float) -> float:
    """Return what a share of `RUNS` with this rate exceeds once in ten thousand times."""
    return rate + 3.7 * math.sqrt(rate / RUNS)


def test_the_weights_of_the_stakes_are_one() -> None:
    assert math.isclose(sum(weight for _, weight in STAKES), 1.0)


def test_the_simulation_bets_as_the_comparison_does() -> None:
    values = np.random.default_rng(3).uniform(-1, 1, size=200)
    compared = comparison()
    for value in values:
        compared.see({"s": float(value)})
    worse, not_worse = compared.wealths()["s"]
    assert math.isclose(worse, math.log(wealths(-values[None], 0.0)[0, -1]), abs_tol=1e-9)
    assert math.isclose(not_worse, math.log(wealths(values[None], -MARGIN)[0, -1]), abs_tol=1e-9)


@pytest.mark.parametrize("name", NULLS)
@pytest.mark.parametrize("alpha", [ALPHA, 0.05])
def test_no_regression_is_seldom_called_one_however_often_one_looks(name: str, alpha: float) -> None:
    alarms = (wealths(-drawn(name), 0.0) >= 1 / alpha).any(axis=1).mean()
    assert alarms <= allowed(alpha)


@pytest.mark.parametrize("name", [name for name in NULLS if name != "often"])
def test_what_is_worse_by_the_margin_seldom_passes_however_often_one_looks(name: str) -> None:
    worse = np.maximum(drawn(name) - MARGIN, -1.0)
    passes = (wealths(worse, -MARGIN) >= 1 / BETA).any(axis=1).mean()
    assert passes <= allowed(BETA)


def test_the_bounds_hold_at_every_pair_at_once() -> None:
    """A mean is outside only where a bettor against it has made 1/alpha, so the same runs tell."""
    values = drawn("smooth") + 0.3
    outside = (wealths(values, 0.3) >= 20) | (wealths(-values, -0.3) >= 20)
    assert outside.any(axis=1).mean() <= allowed(0.1)


def test_the_interval_agrees_with_the_bets() -> None:
    values = drawn("skewed")[0] - 0.05
    low, high = interval(Counter(values.tolist()), below=ALPHA, above=ALPHA)
    for null, inside in ((low + 1e-3, True), (low - 1e-3, False)):
        assert (wealths(values[None], null)[0, -1] < 1 / ALPHA) == inside
    for null, inside in ((high - 1e-3, True), (high + 1e-3, False)):
        assert (wealths(-values[None], -null)[0, -1] < 1 / ALPHA) == inside


@pytest.mark.parametrize(
    ("worse", "better", "verdict", "pairs"),
    [
        (0.0, 0.0, "passed", 50),  # the same answers: as soon as so little can be told at all
        (0.05, 0.05, "passed", 200),
        (0.3, 0.05, "failed", 200),
        (1.0, 0.0, "failed", 20),
    ],
)
def test_clear_cases_are_decided_soon(worse: float, better: float, verdict: str, pairs: int) -> None:
    needed, verdicts = [], Counter[str]()
    for seed in range(30):
        draws, compared = np.random.default_rng(seed), comparison()
        while compared.overall == "undecided" and compared.pairs < 1_000:
            draw = draws.random()
            compared.see({"s": -1.0 if draw < worse else 1.0 if draw < worse + better else 0.0})
        verdicts[compared.overall] += 1
        needed.append(compared.pairs)
        assert _judged(compared) == compared.overall
    assert verdicts[verdict] >= 29
    assert np.median(needed) <= pairs


def _judged(compared: Comparison) -> str:
    """What somebody makes of the bounds alone."""
    return overall(judged(found.low, found.high, MARGIN) for found in compared.evidence())


def test_bounds_stay_as_they_were_when_they_decided() -> None:
    """A verdict stands, so whoever is told the bounds must come to it whatever came after."""
    compared = comparison()
    while compared.overall == "undecided":
        compared.see({"s": 0.0})
    for _ in range(30):
        compared.see({"s": -1.0})
    (evidence,) = compared.evidence()
    assert evidence.verdict == judged(evidence.low, evidence.high, MARGIN) == "not_worse"


def test_nothing_seen_is_undecided() -> None:
    compared = comparison()
    assert compared.overall == "undecided"
    (evidence,) = compared.evidence()
    assert evidence.applied == 0
    assert [evidence.low, evidence.high] == pytest.approx([-1, 1])


def test_a_scorer_that_never_applies_holds_the_candidate() -> None:
    compared = Comparison([Criterion(name="a", margin=0.1), Criterion(name="b", margin=0.1)])
    for _ in range(500):
        compared.see({"a": 0.0, "b": None})
    assert {e.name: e.verdict for e in compared.evidence()} == {"a": "not_worse", "b": "undecided"}
    assert compared.overall == "undecided"


def test_one_worse_scorer_fails_the_candidate() -> None:
    compared = Comparison([Criterion(name="a", margin=0.1), Criterion(name="b", margin=0.1)])
    for _ in range(60):
        compared.see({"a": 0.0, "b": -1.0})
    assert compared.overall == "failed"
    better = Comparison([Criterion(name="a", margin=0.1)])
    for _ in range(60):
        better.see({"a": 1.0})
    assert better.overall == "passed"


def test_alpha_is_split_by_weight() -> None:
    compared = Comparison([Criterion(name="a", margin=0.1, weight=3), Criterion(name="b", margin=0.1)])
    (worse_a, passed_a), (worse_b, passed_b) = compared.thresholds("a"), compared.thresholds("b")
    assert math.exp(-worse_a) + math.exp(-worse_b) == pytest.approx(ALPHA)
    assert math.exp(-worse_a) == pytest.approx(3 * math.exp(-worse_b))
    assert passed_a == passed_b == pytest.approx(-math.log(BETA))


@settings(deadline=None, max_examples=examples(30))
@given(st.lists(st.floats(-1, 1, allow_nan=False), min_size=1, max_size=60))
def test_the_mean_is_within_its_bounds_and_a_worse_one_is_below_zero(values: list[float]) -> None:
    compared = comparison()
    for value in values:
        compared.see({"s": value})
    (evidence,) = compared.evidence()
    assert evidence.low - 1e-6 <= evidence.difference <= evidence.high + 1e-6
    if evidence.worse >= compared.thresholds("s")[0]:
        assert evidence.high <= 1e-6
