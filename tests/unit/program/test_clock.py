"""The process's clock goes forward only, unless the machine's was wrong by more than a second."""

from aicore.clock import STEP_BACK_NS_MAX, ForwardClock, now_us

HOUR_NS = 3_600 * 10**9


class Machine:
    """A machine whose clock can be set."""

    steady = 5 * HOUR_NS
    wall = 100 * HOUR_NS

    def passes(self, ns: int) -> None:
        self.steady += ns
        self.wall += ns


def test_a_clock_that_is_set_back_goes_on_at_its_own_pace() -> None:
    machine = Machine()
    clock = ForwardClock(lambda: machine.wall, lambda: machine.steady)
    before = clock()

    machine.wall -= STEP_BACK_NS_MAX
    assert clock() == before
    machine.passes(2_000)
    assert clock() == before + 2


def test_a_clock_that_is_set_forward_or_slept_is_followed() -> None:
    machine = Machine()
    clock = ForwardClock(lambda: machine.wall, lambda: machine.steady)

    machine.wall += 3 * HOUR_NS
    assert clock() == machine.wall // 1_000
    machine.passes(HOUR_NS + 7_000)
    assert clock() == machine.wall // 1_000


def test_a_clock_that_was_far_ahead_is_followed_back() -> None:
    machine = Machine()
    clock = ForwardClock(lambda: machine.wall, lambda: machine.steady)
    machine.wall += 72 * HOUR_NS
    clock()

    machine.wall -= 72 * HOUR_NS
    assert clock() == machine.wall // 1_000
    machine.wall -= 1_000_000
    assert clock() == machine.wall // 1_000 + 1_000


def test_the_process_has_one() -> None:
    assert 0 <= now_us() <= now_us()
