"""Game time is a function of its anchors: it never runs back, never drifts, and its inverse is exact."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock.timeline import Timeline
from domain.clock.units import GameSpan, GameTime, Rate, RealSpan, RealTime, needed, passed

START = Timeline(RealTime(1_790_000_000_000_000), GameTime(25_200_000), Rate(60))
rates = st.builds(Rate, st.integers(1, 100_000), st.integers(1, 1_000))
spans = st.integers(0, 10**12)
steps = st.lists(
    st.tuples(
        spans,
        st.one_of(
            st.tuples(st.just("scaled"), rates),
            st.tuples(st.just("dilated"), st.sampled_from([Rate(1, 2), Rate(1, 16), Rate(1)])),
            st.tuples(st.just("halted"), st.booleans()),
        ),
    ),
    max_size=12,
)


def stepped(line: Timeline, now: RealTime, what: str, value: Any) -> Timeline:
    if what == "halted":
        return line.halted(now, paused=value)
    changed: Timeline = getattr(line, what)(now, value)
    return changed


@given(steps, st.lists(spans, max_size=5))
def test_time_goes_forward_and_is_off_by_less_than_a_ms_for_each_anchor(
    history: list[tuple[int, tuple[str, Any]]], looks: list[int]
) -> None:
    line, now = START, START.real
    exact = Fraction(START.game.ms)
    for anchors, (elapsed, (what, value)) in enumerate(history, 1):
        before = line.at(now)
        now += RealSpan(elapsed)
        exact += Fraction(elapsed, 1_000) * line.rate
        assert line.at(now) >= before
        assert 0 <= exact - line.at(now).ms < anchors
        changed = stepped(line, now, what, value)
        assert changed.at(now) == line.at(now), "no change but a jump makes it another time"
        line = changed
    seen = [line.at(now + RealSpan(elapsed)) for elapsed in sorted(looks)]
    assert seen == sorted(seen)


@given(rates, st.integers(0, 10**11), st.integers(-(10**12), 10**12))
def test_the_inverse_is_the_first_moment_at_which_it_is_so(rate: Fraction, later: int, game: int) -> None:
    line = Timeline(RealTime(later), GameTime(game), rate)
    wanted = GameTime(game + later)
    when = line.when(wanted)
    assert when is not None
    assert line.at(when) >= wanted
    if when > line.real:
        assert line.at(when - RealSpan(1)) < wanted


@given(rates, spans)
def test_what_passes_and_what_it_needs_are_inverse(rate: Fraction, elapsed: int) -> None:
    span = passed(RealSpan(elapsed), rate)
    assert needed(span, rate) <= RealSpan(elapsed)
    assert passed(needed(span, rate), rate) >= span


def test_the_default_scale_is_a_game_hour_a_real_minute() -> None:
    assert START.at(START.real + RealSpan(60_000_000)) == START.game + GameSpan(3_600_000)


def test_before_the_anchor_it_is_the_anchors_time() -> None:
    """As after a wall clock that was ahead was set back: the log's time waits, and so does the game's."""
    assert START.at(START.real - RealSpan(3_600_000_000)) == START.game


def test_in_a_pause_nothing_passes_and_nothing_comes() -> None:
    now = START.real + RealSpan(1_000_000)
    paused = START.halted(now, paused=True)
    later = now + RealSpan(10**12)

    assert paused.at(later) == START.at(now)
    assert paused.when(paused.game + GameSpan(1)) is None
    assert paused.when(paused.game) == now
    assert paused.halted(later, paused=False).at(later + RealSpan(1_000)) == paused.game + GameSpan(60)


def test_a_jump_goes_either_way_and_the_course_goes_on_from_there() -> None:
    now = START.real + RealSpan(5)
    for to in (GameTime(-(10**14)), GameTime(10**14)):
        line = START.jumped(now, to)
        assert line.at(now) == to
        assert line.at(now + RealSpan(1_000_000)) == to + GameSpan(60_000)


def test_a_dilation_slows_the_scale_that_is_set_and_outlives_another_one() -> None:
    line = START.dilated(START.real, Rate(1, 2)).scaled(START.real, Rate(120))
    assert line.rate == 60


def test_game_time_and_real_time_do_not_mix() -> None:
    """Two types, or a pause becomes an exploit. mypy refuses each of these lines; so does Python."""
    game, real = GameTime(1), RealTime(1)
    for wrong in (
        lambda: game + RealSpan(1),  # type: ignore[operator]
        lambda: real + GameSpan(1),  # type: ignore[operator]
        lambda: game - real,  # type: ignore[operator]
        lambda: real - game,  # type: ignore[operator]
        lambda: game < real,  # type: ignore[operator]
        lambda: GameSpan(1) < RealSpan(1),  # type: ignore[operator]
        lambda: game + 1,  # type: ignore[operator]
    ):
        with pytest.raises(TypeError):
            wrong()
    assert GameTime(5) - GameTime(3) == GameSpan(2)
    assert RealTime(5) - RealSpan(3) == RealTime(2)
    assert (GameSpan(2) * 3, RealSpan(2) * 3) == (GameSpan(6), RealSpan(6))
