"""Needs are a function of time: whole numbers, the same however often one looks."""

from hypothesis import given
from hypothesis import strategies as st

from domain.people.lives import Life
from domain.people.needs import HALF, crossings, levels_at
from domain.people.rules import FULL, HOUR_MS, MINUTE_MS
from tests.unit.people.hamlet import NOON_MS, entry, person, world

CAST = world(person("ada", entry(9, 17, "market", "trade"))).cast
LEVELS = st.integers(0, FULL)


def life(level: int, action: str = "idle", hours: int = 1) -> Life:
    """Ada's, with so much food, who has done something from noon on."""
    levels = {"coin": FULL, "company": FULL, "food": level, "rest": FULL}
    until = NOON_MS + hours * HOUR_MS
    return Life("ada", "inn", levels, NOON_MS, NOON_MS, until, "inn", action)


def food(one: Life, at_ms: int) -> int:
    return levels_at(CAST, one, at_ms)[CAST.needs.index("food")]


def test_food_empties_in_sixteen_hours_and_half_an_hour_of_eating_fills_three_quarters() -> None:
    assert food(life(FULL), NOON_MS + 8 * HOUR_MS) == FULL // 2
    assert food(life(FULL), NOON_MS + 40 * HOUR_MS) == 0
    eaten = food(life(0, "eat"), NOON_MS + 30 * MINUTE_MS)
    assert eaten == 750_000 - FULL // 32
    assert food(life(0, "eat"), NOON_MS + 15 * MINUTE_MS) == 375_000 - FULL // 64, (
        "half of it in half the time"
    )


@given(LEVELS, st.sampled_from(["idle", "eat"]), st.integers(0, 48 * 60), st.integers(0, 48 * 60))
def test_a_level_stays_within_its_bounds_and_only_eating_fills_it(
    level: int, action: str, one: int, other: int
) -> None:
    early, late = sorted((one, other))
    before, after = (food(life(level, action), NOON_MS + at * MINUTE_MS) for at in (early, late))
    assert 0 <= after <= FULL
    if action == "idle" or early >= 60:
        assert after <= before


@given(LEVELS, st.sampled_from(["idle", "eat"]))
def test_a_crossing_is_told_when_the_level_gets_there(level: int, action: str) -> None:
    one, alarm = life(level, action, hours=100), 250_000
    found = dict.fromkeys(when for when, _ in crossings(CAST, one, NOON_MS))
    for when in found:
        before, after = food(one, when - MINUTE_MS), food(one, when + MINUTE_MS)
        bands = [band for band in (HALF, alarm, alarm // 2) if (before <= band) != (after <= band)]
        others = min(abs(band - FULL) for band in (HALF, alarm, alarm // 2))
        assert bands or others, "of another need"
    bands = [
        band
        for band in (HALF, alarm, alarm // 2)
        if (level > band if action == "idle" else level < band != HALF)
    ]
    assert len(found) >= len(set(bands))
