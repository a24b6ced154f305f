"""Where time and fresh ids come from; everything below `aicore/` receives them as values."""

import os
import time
from collections.abc import Callable
from uuid import UUID


class ForwardClock:
    """The wall clock, which may be set back, as a clock that never is: then it goes on at its own pace.

    Else gates, windows and cool-downs would stand still until the wall clock has caught up with the log.
    """

    def __init__(self, wall_ns: Callable[[], int], steady_ns: Callable[[], int]) -> None:
        self._wall_ns = wall_ns
        self._steady_ns = steady_ns
        self._ahead_ns = wall_ns() - steady_ns()
        """The most that the wall clock was ever seen ahead of the steady one."""

    def __call__(self) -> int:
        """Return microseconds since 1970-01-01T00:00Z."""
        steady = self._steady_ns()
        self._ahead_ns = max(self._ahead_ns, self._wall_ns() - steady)
        return (steady + self._ahead_ns) // 1_000


now_us = ForwardClock(time.time_ns, time.monotonic_ns)
"""The clock of this process."""


def new_id() -> UUID:
    """Return a fresh UUIDv7 (RFC 9562, section 5.7): time-ordered, so that indexes stay local."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
