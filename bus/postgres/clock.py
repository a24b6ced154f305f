"""Distance of this node's clock from Postgres's, the clock that the log's time is held to.

The rule (docs/decisions.md, "The log's time"): an event's time is the later of the one before it and the
node's, and the node's is at most a second from the server's. A node that is further off writes nothing.
Postgres itself refuses what is ahead; what is behind, only the node can know.
"""

from collections.abc import Callable

import asyncpg

from bus.ports import ClockWrong

SKEW_US_MAX = 1_000_000
"""Most that a node's clock may differ. log_append (migrations/0007) has the same limit."""

MEASURE_S = 5.0
"""Age of a measurement after which another one is due."""

MEASURED_S_MAX = 15.0
"""Age of a measurement after which nothing is written without another one."""

# Purpose: the server's clock. Lock: none.
NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

TIMEOUT_S = 5.0


class ServerClock:
    """What Postgres's clock showed when it was last asked, and what it should show by now."""

    def __init__(
        self, now_us: Callable[[], int], steady: Callable[[], float], skew_us_max: int | None = SKEW_US_MAX
    ) -> None:
        """Prepare; nothing is known yet.

        Args:
            now_us: this node's clock, which stamps events, µs since 1970.
            steady: seconds that only run forward, such as an event loop's.
            skew_us_max: most that both may differ; None: anything, for tests with a time of their own.
        """
        self._now_us = now_us
        self._steady = steady
        self._skew_us_max = skew_us_max
        self._measured_at = float("-inf")
        self._server_us = 0
        self._unsure_us = 0
        self.skew_us = 0
        """How far this node's clock was ahead when it was last compared; below zero: behind."""

    @property
    def wrong(self) -> bool:
        """Whether the clocks differed by too much when they were last compared."""
        return self._skew_us_max is not None and abs(self.skew_us) > self._skew_us_max

    @property
    def sure(self) -> bool:
        """Whether the clocks were right when last compared, not long ago, and neither was set since then."""
        if self._skew_us_max is None:
            return True
        since_s = self._steady() - self._measured_at
        if self.wrong or since_s > MEASURED_S_MAX:
            return False
        apart = self._now_us() - (self._server_us + int(since_s * 1e6))
        return abs(apart) <= self._skew_us_max + self._unsure_us

    @property
    def fresh(self) -> bool:
        """Whether the clocks need no comparison now."""
        return (self.sure and self._steady() - self._measured_at < MEASURE_S) or self._skew_us_max is None

    def now_us(self) -> int:
        """Return the time to judge by: this node's while it is right, else the server's as it is by now.

        A verdict that the wrong time gives could be written once the clock is right. Before the first
        comparison this node's is all that is known.
        """
        ours = self._now_us()
        if self._skew_us_max is None or self._measured_at == float("-inf"):
            return ours
        theirs = self._server_us + int((self._steady() - self._measured_at) * 1e6)
        return ours if abs(ours - theirs) <= self._skew_us_max + self._unsure_us else theirs

    async def measure(self, session: asyncpg.Connection) -> None:
        """Ask the server for its time."""
        before = self._now_us()
        theirs: int = await session.fetchval(NOW, timeout=TIMEOUT_S)
        after = self._now_us()
        # It was read somewhere between; only what that cannot explain is a difference.
        self.skew_us = before - theirs if before > theirs else min(after - theirs, 0)
        self._measured_at, self._server_us = self._steady(), theirs
        self._unsure_us = max(after - before, 0)

    async def check(self, session: asyncpg.Connection) -> None:
        """See that this node may write, asking the server if there is a doubt.

        Raises:
            ClockWrong: the clocks differ by too much.
        """
        if not self.sure:
            await self.measure(session)
        if self.wrong:
            raise ClockWrong(self.skew_us)
