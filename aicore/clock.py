"""Time and fresh ids; everything below `aicore/` receives them as values."""

import os
import time
from collections.abc import Callable
from uuid import UUID

STEP_BACK_NS_MAX = 1_000_000_000
"""A wall clock that is set back by more was wrong before; as much is what the log's time allows."""


class ForwardClock:
    """The wall clock, as a clock that goes on at its own pace where that is set back a little.

    Else gates, windows and cool-downs would stand still until it has caught up with the log. Where it is set
    back by more than a second, it was that far ahead of Postgres's, and this process wrote nothing meanwhile
    (`bus.postgres.clock`): then it is followed, so that the process may write again.
    """

    def __init__(self, wall_ns: Callable[[], int], steady_ns: Callable[[], int]) -> None:
        self._wall_ns = wall_ns
        self._steady_ns = steady_ns
        self._ahead_ns = wall_ns() - steady_ns()
        """The most that the wall clock was seen ahead of the steady one since it was last set back far."""

    def __call__(self) -> int:
        """Return microseconds since 1970-01-01T00:00Z."""
        steady = self._steady_ns()
        ahead = self._wall_ns() - steady
        if ahead > self._ahead_ns or ahead < self._ahead_ns - STEP_BACK_NS_MAX:
            self._ahead_ns = ahead
        return (steady + self._ahead_ns) // 1_000


now_us = ForwardClock(time.time_ns, time.monotonic_ns)
"""The clock of this process."""


def new_id() -> UUID:
    """Return a fresh UUIDv7 (RFC 9562, section 5.7): time-ordered, so that indexes stay local."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
