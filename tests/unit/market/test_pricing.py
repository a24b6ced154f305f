"""What a stall does overnight: within the band, a step a day at most, and without swinging for ever."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.market.pricing import DAMPING, Shelf, morning, salience
from domain.market.stalls import Terms
from tests.unit.market.kit import LOAF, OIL

PIECES = st.integers(0, 500)


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    step = draw(st.integers(1, 300))  # thousandths
    return replace(
        OIL,
        usual=draw(st.integers(1, 100_000)),
        low=draw(st.integers(1, 999)),
        high=draw(st.integers(1_001, 5_000)),
        shelf=draw(st.integers(1, 100)),
        made=draw(st.integers(0, 50)),
        carted=draw(st.integers(0, 50)),
        step=step,
        margin=draw(st.integers(2 * step, 900)),
    )


@given(terms(), st.integers(0, 10**6), st.tuples(PIECES, PIECES, PIECES), st.integers(0, 10**9))
def test_levels_stay_in_their_band_and_move_a_step_at_most(
    of: Terms, at: int, pieces: tuple[int, int, int], coins: int
) -> None:
    level = of.low + at % (of.high - of.low + 1)
    shelf = Shelf(*pieces)
    found = morning(of, level, shelf, coins)
    assert of.low <= found.level <= of.high
    assert abs(found.level - level) <= max(1, level * of.step // 1_000)
    assert found.arrives * of.cost <= coins
    assert 0 <= found.arrives <= shelf.coming + of.made
    assert 0 <= found.coming <= of.carted
    assert 1 <= of.price(level) <= max(1, (of.usual * of.high + 999) // 1_000)


@given(terms(), st.integers(0, 10**6))
def test_what_is_bought_today_sells_for_less_tomorrow(of: Terms, at: int) -> None:
    """Whoever empties the shelves makes things dearer for all, and gains nothing by the day after."""
    level = of.low + at % (of.high - of.low + 1)
    dearer = min(of.high, level + max(1, level * of.step // 1_000))
    for quantity in (1, 7, 100):
        assert of.pays(dearer, quantity) <= of.price(level) * quantity


@settings(max_examples=60)
@given(terms(), PIECES, st.integers(0, 40), st.integers(0, 10**6))
def test_an_even_demand_comes_to_rest(of: Terms, stock: int, need: int, at: int) -> None:
    """No cobweb: where as much is wanted every day, the swings end, whatever the shelf began with."""
    of = replace(of, step=min(of.step, 100))
    level, coming, levels = of.low + at % (of.high - of.low + 1), 0, list[int]()
    for _ in range(365):
        found = morning(of, level, Shelf(stock, 0, coming), 10**12)
        level, coming = found.level, found.coming
        stock += found.arrives
        stock -= min(stock, need * 1_000 // level)
        levels.append(level)
    early, late = (max(part) - min(part) for part in (levels[:120], levels[-60:]))
    assert late <= max(early, 100)
    rest = levels[-60:]
    assert max(map(abs, (b - a for a, b in pairwise(rest)))) <= max(1, of.high * of.step // 1_000)


def test_bought_out_it_gets_dear_and_full_shelves_make_it_cheap() -> None:
    assert morning(OIL, 1_000, Shelf(0), 10**9).level == 1_080
    assert morning(OIL, 1_000, Shelf(39), 10**9).level == 1_000
    assert morning(OIL, 1_000, Shelf(80), 10**9).level == 920
    assert morning(OIL, 1_000, Shelf(20, wanted=40), 10**9).level == 1_080


def test_the_carter_brings_some_the_day_after_and_not_all() -> None:
    first = morning(OIL, 1_000, Shelf(0), 10**9)
    assert (first.arrives, first.coming) == (OIL.made, OIL.carted)
    second = morning(OIL, first.level, Shelf(0, coming=first.coming), 10**9)
    assert second.arrives == OIL.made + OIL.carted
    assert morning(OIL, 1_000, Shelf(38), 10**9)[1:3] == (2, 0)
    assert morning(OIL, 1_000, Shelf(0), OIL.cost * 3).arrives == 3


def test_a_price_is_whole_coins_and_the_cheapest_thing_costs_one() -> None:
    assert [LOAF.price(level) for level in (400, 1_000, 1_499, 1_500, 3_000)] == [1, 1, 1, 2, 3]
    assert [LOAF.pays(1_000, quantity) for quantity in (1, 5)] == [0, 4]
    assert LOAF.pays(999, 5) == 0
    assert DAMPING > 1


def test_what_people_need_matters_more_and_more_the_dearer_it_is() -> None:
    assert [salience(OIL, level) for level in (400, 1_000, 2_000, 3_000)] == [600, 600, 750, 900]
    assert salience(replace(OIL, vital=False), 1_000) == 200
