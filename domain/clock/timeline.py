"""Game time as a function of an anchor: no counter, so no drift. Pure integers; see docs/world.md.

`protocol/vectors/clock.json` holds what any reader in any language must compute.
"""

from dataclasses import dataclass, replace

from domain.clock.units import GameTime, Rate, RealTime, needed, passed

UNDILATED = Rate(1)


@dataclass(frozen=True, slots=True)
class Timeline:
    """How game time goes, from the anchor on.

    Attributes:
        real: the log's time at which the anchor was recorded.
        game: game time then.
        scale: game time per real time, as operators set it.
        dilation: what the leader makes of it, 0 to 1, while the work does not keep up.
        paused: whether game time stands still.
    """

    real: RealTime
    game: GameTime
    scale: Rate
    dilation: Rate = UNDILATED
    paused: bool = False

    @property
    def rate(self) -> Rate:
        """Game time per real time as it goes now; 0 in a pause."""
        return Rate(0) if self.paused else self.scale * self.dilation

    def at(self, now: RealTime) -> GameTime:
        """Return the game time at a moment; before the anchor it is the anchor's: it never runs backwards."""
        return self.game if now <= self.real else self.game + passed(now - self.real, self.rate)

    def when(self, game: GameTime) -> RealTime | None:
        """Return the first moment, not before the anchor, at which it is ``game`` or later; None: never."""
        if game <= self.game:
            return self.real
        return self.real + needed(game - self.game, self.rate) if self.rate else None

    def anchored(self, now: RealTime) -> "Timeline":
        """Return the same course with its anchor at ``now``; the game time does not leap."""
        return replace(self, real=max(now, self.real), game=self.at(now))

    def scaled(self, now: RealTime, scale: Rate) -> "Timeline":
        """Return the course that goes at another scale from ``now`` on."""
        return replace(self.anchored(now), scale=scale)

    def dilated(self, now: RealTime, dilation: Rate) -> "Timeline":
        """Return the course that is slowed down from ``now`` on."""
        return replace(self.anchored(now), dilation=dilation)

    def halted(self, now: RealTime, *, paused: bool) -> "Timeline":
        """Return the course that stands still from ``now`` on, or goes on."""
        return replace(self.anchored(now), paused=paused)

    def jumped(self, now: RealTime, to: GameTime) -> "Timeline":
        """Return the course on which it is ``to`` at ``now``."""
        return replace(self.anchored(now), game=to)
