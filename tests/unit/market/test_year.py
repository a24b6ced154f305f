"""Stalls over many days: prices in their bands, money that adds up, and the same on every machine."""

import hashlib
from itertools import pairwise

import pytest

from aicore.content.sample_world import sample_definition
from domain.market.stalls import Stall, stalls_of
from domain.market.year import Year, turns_of

DAYS, DAYS_WHOLE = 25, 365


def some() -> dict[str, Stall]:
    stalls = stalls_of(sample_definition())
    return {name: stalls[name] for name in ("penny_loaf", "lamp_yard")}


@pytest.mark.parametrize(
    ("seeds", "days", "whole"), [(1, DAYS, False), pytest.param(20, DAYS_WHOLE, True, marks=pytest.mark.slow)]
)
@pytest.mark.timeout(3_600)
def test_prices_stay_in_their_bands_and_the_money_is_explained(seeds: int, days: int, whole: bool) -> None:
    stalls = dict(stalls_of(sample_definition())) if whole else some()
    for seed in range(seeds):
        year = Year(stalls, seed)
        year.run(days)
        for (market, good), levels in year.levels.items():
            terms = stalls[market].terms[good]
            assert all(terms.low <= level <= terms.high for level in levels)
            steps = [abs(b - a) <= max(1, a * terms.step // 1_000) for a, b in pairwise(levels)]
            assert all(steps)
        assert sum(map(turns_of, year.levels.values())) < days * len(year.levels) // 2
        for explained, there in year.money.values():
            assert explained == there > 0


def test_the_same_seed_gives_the_same_days() -> None:
    def digest() -> str:
        year = Year({"penny_loaf": some()["penny_loaf"]}, 7)
        year.run(10)
        return hashlib.sha256(repr(sorted(year.levels.items())).encode()).hexdigest()

    assert digest() == digest()


def test_turns_are_counted() -> None:
    assert [turns_of(levels) for levels in ([1, 2, 3], [1, 2, 2, 1], [1, 2, 1, 2], [])] == [0, 1, 2, 0]
