"""How many commands may come for one player, at once and over time. Pure; the clock comes in.

Two buckets (after PlayFab's burst and sustained limits): the first stops a stutter, the second a program that
plays day and night. A refused command uses nothing up: who waits as long as they are told is taken.
"""

from dataclasses import dataclass

from domain.kernel.decider import Rejected
from domain.routing.allowance import Bucket, Rate

BURST = Rate(per_second=5.0, burst=20.0)
SUSTAINED = Rate(per_second=1.0, burst=600.0)


class OverAllowance(Rejected):
    """Too many commands for a player; nothing was looked at, and the same command may come again."""

    def __init__(self, player: str, rate: Rate, retry_after_ms: int) -> None:
        super().__init__(
            "over_allowance",
            f"more commands for player {player} than {rate.per_second:g} a second, {rate.burst:g} at once",
            field="player",
            remedy=f"send the same command again in {retry_after_ms} ms",
        )
        self.retry_after_ms = retry_after_ms


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left for one player."""

    short: Bucket
    long: Bucket

    @classmethod
    def full(cls, now_ms: float) -> "Allowance":
        """Return an allowance of which nothing was used."""
        return cls(Bucket.full(BURST, now_ms), Bucket.full(SUSTAINED, now_ms))

    def used(self, now_ms: float) -> tuple["Allowance", int, Rate]:
        """Return what is left after one more command, the ms to wait (0: it is taken), and by which rate."""
        buckets = self.short.at(now_ms), self.long.at(now_ms)
        waits = [(0 if bucket.admits(1) else bucket.wait_ms(1), bucket.rate) for bucket in buckets]
        wait_ms, rate = max(waits, key=lambda wait: wait[0])
        if not wait_ms:
            buckets = buckets[0].used(1), buckets[1].used(1)
        return Allowance(*buckets), wait_ms, rate
