"""When the clock slows down because the work does not keep up, and when it may go faster again. Pure."""

from typing import NamedTuple

from domain.clock.timeline import UNDILATED
from domain.clock.units import Rate, RealSpan, RealTime

BEHIND = RealSpan(3_000_000)
"""So long something must have been due all the time, before the clock slows down, by half each time."""

WELL = RealSpan(10_000_000)
"""So long nothing may have been late before it goes twice as fast again."""

SLOWEST = Rate(1, 16)


class Pace(NamedTuple):
    """Since when the work keeps up, or does not."""

    behind: bool
    since: RealTime

    def seen(self, now: RealTime, *, behind: bool) -> "Pace":
        """Return the pace after a look at ``now``."""
        return self if behind == self.behind and now >= self.since else Pace(behind, now)

    def wanted(self, now: RealTime, dilation: Rate) -> Rate:
        """Return the dilation that is right at ``now``; the same one: leave it."""
        if self.behind:
            return max(SLOWEST, dilation / 2) if now - self.since > BEHIND else dilation
        return min(UNDILATED, dilation * 2) if now - self.since > WELL else dilation
