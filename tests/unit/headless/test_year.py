"""A long time of the whole world: prices in their bands, money to the coin, nobody stuck, chains, needs."""

import asyncio

import pytest

from aicore.headless.simulation import Made
from aicore.headless.year import JointYear, joint_year
from tests.unit.headless.kit import sample, small
from tests.unit.kit import in_case

SEEDS, DAYS = 20, 365


def lived(made: Made, days: int) -> JointYear:
    """Return a world after so many game days."""

    async def live() -> JointYear:
        year = await joint_year(made)
        async for _ in year.days(days):
            pass
        return year

    return asyncio.run(live())


def is_sound(year: JointYear, days: int) -> None:
    """What is to be true of any long time."""
    found = year.lived
    assert found.days == days
    assert found.in_band >= 0.99
    assert {unit: by for unit, by in year.unexplained().items() if by} == {}
    assert found.stuck_days < 30
    assert found.above_alarm >= 0.95
    assert year.traders.trades > 0


def test_a_day_with_traders_is_sound() -> None:
    year = lived(small(), 1)

    is_sound(year, 1)
    assert year.lived.flows["crowns", "source.wages"] > 0
    assert len(year.lived.levels["lamp_yard", "lamp_oil"]) == 1


@pytest.mark.slow
def test_a_month_of_three_worlds_is_sound() -> None:
    for seed in (1, 2, 3):
        with in_case(f"seed {seed}"):
            is_sound(lived(sample(seed), 30), 30)


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600)
def test_a_year_of_twenty_worlds_is_sound() -> None:
    for seed in range(1, SEEDS + 1):
        with in_case(f"seed {seed}"):
            year = lived(sample(seed), DAYS)
            is_sound(year, DAYS)
            assert year.lived.chains >= 10
            levels = [level for each in year.lived.levels.values() for level in each]
            assert min(levels) < 1_000 < max(levels)
