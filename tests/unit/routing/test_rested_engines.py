"""An estimate does not outlive its cause: after any load, an engine that rested is asked again."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from domain.routing.choice import Objective, Turn, choose
from domain.routing.health import EngineView, Load, Pace

OBJECTIVE = Objective(ttft_ms=250.0, token_ms=16.0, waiting_max=64)
TOKENS_MEASURED = 8


@dataclass
class Played:
    """An engine as a router sees it: asked by the rules, and measured by what it does."""

    capacity: int
    base_ms: float
    """Time of a token of the only turn."""
    turn_ms: float
    """That each further turn adds to it."""
    now_ms: float = 0.0
    load: Load = Load()  # noqa: RUF009 - it is frozen
    pace: Pace = Pace()  # noqa: RUF009 - it is frozen

    def admits(self, active: int) -> bool:
        view = EngineView(name="a", capacity=self.capacity, active=active, load=self.load, pace=self.pace)
        return bool(choose(Turn(tokens=32, budget_ms=10_000.0), [view], OBJECTIVE, self.now_ms).order)

    def burst(self, size: int) -> int:
        """Return how many of so many turns that come at once to the idle engine are admitted."""
        active = 0
        for _ in range(size):
            active += self.admits(active)
        return active

    def measure(self, turns: int, slower: float = 1.0) -> None:
        """Let some tokens be given with so many turns on the engine."""
        token_ms = (self.base_ms + self.turn_ms * (turns - 1)) * slower
        self.now_ms += TOKENS_MEASURED * token_ms
        self.load = self.load.after(turns, token_ms, self.now_ms)
        self.pace = self.pace.after(self.now_ms, ttft_ms=10 * token_ms, turn_ms=32 * token_ms)

    def under(self, load: Sequence[tuple[int, float, int]]) -> None:
        """Measure under load: turns, how much slower than it could be, how often."""
        for turns, slower, times in load:
            for _ in range(times):
                self.measure(turns, slower)


@st.composite
def engines(draw: st.DrawFn) -> Played:
    """Engines that keep the promise at their capacity, with a fifth to spare."""
    capacity, base_ms = draw(st.integers(2, 64)), draw(st.floats(0.5, 8.0))
    most = (OBJECTIVE.token_ms or 0) * 0.8
    return Played(capacity, base_ms, draw(st.floats(0.0, (most - base_ms) / capacity)))


LOADS = st.lists(
    st.tuples(st.integers(1, 80), st.floats(1.0, 40.0), st.integers(1, 120)), min_size=1, max_size=6
)


@given(engine=engines(), load=LOADS, rest_ms=st.floats(60_000, 3_600_000))
def test_after_a_rest_an_engine_takes_as_many_turns_at_once_as_it_has_capacity_for(
    engine: Played, load: Sequence[tuple[int, float, int]], rest_ms: float
) -> None:
    """The scar: 49 of 50 were refused a minute after heavy load, and the engines stood idle."""
    engine.under(load)
    engine.now_ms += rest_ms
    assert engine.burst(engine.capacity) == engine.capacity
    unknown = Played(engine.capacity, engine.base_ms, engine.turn_ms)
    assert engine.burst(200) == unknown.burst(200), "its queue is judged as that of an engine nobody knows"


@given(engine=engines(), load=LOADS)
def test_single_turns_are_enough_for_an_engine_to_be_believed_again(
    engine: Played, load: Sequence[tuple[int, float, int]]
) -> None:
    """It never rests for long: one turn after the other, a second between them."""
    engine.under(load)
    until_ms = engine.now_ms + 90_000
    while engine.now_ms < until_ms:
        engine.now_ms += 1_000
        engine.measure(1)
    assert engine.admits(1)
    assert engine.burst(engine.capacity) == engine.capacity


@given(engine=engines(), load=LOADS, pause_ms=st.floats(0, 3_600_000))
def test_an_idle_engine_is_asked_at_any_time(
    engine: Played, load: Sequence[tuple[int, float, int]], pause_ms: float
) -> None:
    engine.under(load)
    engine.now_ms += pause_ms
    assert engine.admits(0)


@given(load=LOADS, rest_ms=st.floats(60_000, 3_600_000))
def test_after_a_rest_an_engine_that_is_too_slow_is_found_out_by_one_measurement(
    load: Sequence[tuple[int, float, int]], rest_ms: float
) -> None:
    """What is forgotten is no promise: of a full engine the next eight tokens tell."""
    engine = Played(capacity=16, base_ms=20.0, turn_ms=1.0)
    engine.under(load)
    engine.now_ms += rest_ms
    engine.measure(16)
    assert not engine.admits(8)
