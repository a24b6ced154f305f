"""The benchmarks' own logic: that a figure cannot be right by accident."""

import pytest

from benchmarks import canary
from benchmarks.harness import Report


@pytest.mark.parametrize("name", ["failures_1_to_50", "latency_one_sigma"])
def test_a_simulated_canary_ends_where_the_decider_ends_it(name: str) -> None:
    case = canary.REGRESSIONS[name]
    found = canary.judged(case, canary.SEED, peers=False).ours
    assert found is not None
    assert canary.whole_way(case, canary.SEED) == found[0]


def test_a_regression_that_is_never_caught_is_no_median_of_those_that_were() -> None:
    report = Report("canary", 1)
    found = [canary.Found(ours=(7, 3)), canary.Found(), canary.Found()]
    canary._caught(report, "x", canary.Case(failing=0.1), found)
    assert report.figures["x_caught"].median == pytest.approx(1 / 3)
    assert report.figures["x_median"].median == canary.TURNS
