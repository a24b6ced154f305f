"""How tense it is: four states in their order, whole numbers, the same for all."""

from domain.definition.storylets import STATES
from domain.director.tension import (
    DECAYS,
    FADED_AT,
    PEAK_FROM,
    PEAK_MS,
    REST_MS,
    Tension,
    next_ms,
    passed,
)

MINUTE_MS = 60_000


def test_it_goes_through_its_four_states_in_order_and_rests_as_long_as_it_should() -> None:
    tension, now_ms, states, times = Tension(), 0, ["build"], [0]
    while len(states) < 9:
        now_ms += MINUTE_MS
        if tension.state == "build":
            tension = tension.moved(60, now_ms)
        after = passed(tension, now_ms, 7, "ann")
        if after.state != tension.state:
            states.append(after.state)
            times.append(now_ms)
        tension = after

    assert states == [*STATES, *STATES, "build"]
    peaks = [times[at + 1] - times[at] for at, state in enumerate(states) if state == "peak"]
    rests = [times[at + 1] - times[at] for at, state in enumerate(states[:-1]) if state == "relax"]
    assert all(PEAK_MS[0] <= each <= PEAK_MS[1] + MINUTE_MS for each in peaks)
    assert all(REST_MS[0] <= each <= REST_MS[1] + MINUTE_MS for each in rests)


def test_it_decays_by_itself_and_never_leaves_its_bounds() -> None:
    up = Tension().moved(5_000, MINUTE_MS)
    assert up.level == 1_000
    assert up.level_at(11 * MINUTE_MS) == 1_000 - 10 * DECAYS["build"]
    assert up.moved(-5_000, 2 * MINUTE_MS).level == 0


def test_when_time_alone_brings_the_next_state_is_known() -> None:
    assert next_ms(Tension()) is None
    fading = Tension(PEAK_FROM, 0, "fade")
    at_ms = next_ms(fading)
    assert at_ms is not None
    assert fading.level_at(at_ms) == FADED_AT
    assert passed(fading, at_ms, 7, "ann").state == "relax"
    assert passed(fading, at_ms - MINUTE_MS, 7, "ann") is fading


def test_what_happens_all_the_time_keeps_nothing_from_fading() -> None:
    for step_ms in (7, 1_000, 4_999, 60_000):
        for state, level in (("build", 600), ("fade", 700)):
            tension = Tension(level, 0, state)
            now_ms = 0
            while now_ms < 30 * MINUTE_MS:
                now_ms += step_ms
                tension = tension.moved(0, now_ms)
            assert tension.level_at(now_ms) == Tension(level, 0, state).level_at(now_ms)
