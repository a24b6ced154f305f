"""Budgets of requests and tokens per player and per service: token buckets. Pure; the clock comes in."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How much may be used: ``per_second`` over time, ``burst`` at once."""

    per_second: float
    burst: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """The rest of a rate at an instant; may be below 0, as a use's size is known only afterwards."""

    rate: Rate
    left: float
    at_ms: float

    @classmethod
    def full(cls, rate: Rate, now_ms: float) -> "Bucket":
        """Return a bucket of which nothing was used."""
        return cls(rate, rate.burst, now_ms)

    def at(self, now_ms: float) -> "Bucket":
        """Return the bucket after time has passed."""
        gained = max(0.0, now_ms - self.at_ms) / 1e3 * self.rate.per_second
        return Bucket(self.rate, min(self.rate.burst, self.left + gained), now_ms)

    def admits(self, amount: float) -> bool:
        """Say whether ``amount`` may be used now; the bucket must be of now (`at`)."""
        return self.left >= min(amount, self.rate.burst)

    def used(self, amount: float) -> "Bucket":
        """Return the bucket after a use."""
        return replace(self, left=self.left - amount)

    def wait_ms(self, amount: float) -> int:
        """Return after how long ``amount`` may be used, at least 1."""
        short = min(amount, self.rate.burst) - self.left
        return max(1, round(short / self.rate.per_second * 1e3))
