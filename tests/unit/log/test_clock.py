"""How far a node's clock may be from the server's, and when that is asked."""

import pytest

from bus.ports import ClockWrong
from bus.postgres.clock import MEASURE_S, MEASURED_S_MAX, SKEW_US_MAX, ServerClock

NOW_US = 1_700_000_000_000_000
DAYS_US = 3 * 24 * 3_600_000_000


class Times:
    """A node and a server, whose clocks go on together and can be set; it is the session, too."""

    def __init__(self, ahead_us: int = 0, trip_us: int = 0) -> None:
        self.seconds = 0.0
        self.ahead_us = ahead_us
        self.trip_us = trip_us
        self.asked = 0

    def node_us(self) -> int:
        return NOW_US + self.ahead_us + round(self.seconds * 1e6)

    def steady(self) -> float:
        return self.seconds

    async def fetchval(self, _query: str, **bounds: float) -> int:
        assert bounds["timeout"] > 0
        self.asked += 1
        self.seconds += self.trip_us / 2e6
        server_us = NOW_US + round(self.seconds * 1e6)
        self.seconds += self.trip_us / 2e6
        return server_us


async def checked(clock: ServerClock, times: Times) -> ServerClock:
    await clock.check(times)
    return clock


def clock_of(times: Times, skew_us_max: int | None = SKEW_US_MAX) -> ServerClock:
    return ServerClock(times.node_us, times.steady, skew_us_max)


@pytest.mark.parametrize("ahead_us", [0, 900_000, -900_000, SKEW_US_MAX, -SKEW_US_MAX])
async def test_a_clock_within_a_second_may_write_and_is_asked_once(ahead_us: int) -> None:
    times = Times(ahead_us)
    clock = await checked(clock_of(times), times)
    times.seconds += MEASURED_S_MAX - 0.1
    await checked(clock, times)

    assert (times.asked, clock.skew_us, clock.wrong, clock.sure) == (1, ahead_us, False, True)


@pytest.mark.parametrize("ahead_us", [DAYS_US, -DAYS_US, SKEW_US_MAX + 1, -SKEW_US_MAX - 1])
async def test_a_clock_further_off_may_not_until_it_is_set_right(ahead_us: int) -> None:
    times = Times(ahead_us)
    clock = clock_of(times)
    for _ in range(2):
        with pytest.raises(ClockWrong, match="ahead of" if ahead_us > 0 else "behind") as caught:
            await checked(clock, times)
        assert caught.value.skew_us == clock.skew_us == ahead_us

    times.ahead_us = 0
    assert not (await checked(clock, times)).wrong


@pytest.mark.parametrize("step_us", [DAYS_US, -DAYS_US])
async def test_a_clock_that_is_set_is_noticed_before_the_next_plan(step_us: int) -> None:
    times = Times()
    clock = await checked(clock_of(times), times)
    times.seconds += 0.001
    times.ahead_us = step_us

    assert not clock.sure
    with pytest.raises(ClockWrong):
        await checked(clock, times)


async def test_an_old_comparison_is_made_again() -> None:
    times = Times()
    clock = await checked(clock_of(times), times)
    assert clock.fresh
    times.seconds += MEASURE_S
    assert not clock.fresh
    assert clock.sure
    times.seconds = MEASURED_S_MAX + 0.1

    assert not clock.sure
    assert (await checked(clock, times)).sure
    assert times.asked == 2


async def test_a_slow_answer_is_no_difference() -> None:
    times = Times(trip_us=4_000_000)
    clock = await checked(clock_of(times), times)

    assert (clock.skew_us, clock.sure) == (0, True)


async def test_a_test_with_a_time_of_its_own_is_not_asked() -> None:
    times = Times(DAYS_US)
    clock = await checked(clock_of(times, None), times)

    assert (times.asked, clock.wrong, clock.fresh) == (0, False, True)


@pytest.mark.parametrize("ahead_us", [DAYS_US, -DAYS_US, SKEW_US_MAX + 1, -SKEW_US_MAX - 1])
async def test_verdicts_go_by_the_servers_time_while_the_clock_is_wrong(ahead_us: int) -> None:
    times = Times()
    clock = await checked(clock_of(times), times)
    times.ahead_us, times.seconds = ahead_us, 3.25

    assert clock.now_us() == NOW_US + 3_250_000, "from the moment at which it was set"
    times.ahead_us = 0
    assert clock.now_us() == times.node_us()


@pytest.mark.parametrize("ahead_us", [0, SKEW_US_MAX, -SKEW_US_MAX])
async def test_verdicts_go_by_the_nodes_clock_while_it_may_write(ahead_us: int) -> None:
    times = Times(ahead_us)
    clock = await checked(clock_of(times), times)
    times.seconds = 3.25
    assert clock.now_us() == times.node_us()


def test_before_the_first_comparison_and_with_a_time_of_its_own_a_node_has_only_its_clock() -> None:
    times = Times(DAYS_US)
    assert clock_of(times).now_us() == clock_of(times, None).now_us() == NOW_US + DAYS_US
