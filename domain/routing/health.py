"""Health of an engine, from its own recent answers: latencies, load and a circuit breaker. Pure."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

SMOOTHING = 0.2
"""Weight of the newest latency; about the last ten answers count."""

FORGETTING = 0.995
"""Weight that a measurement of the load keeps at each newer one; about the last 200 count."""

HALF_LIFE_MS = 5_000.0
"""Time in which what was measured loses half of its weight: what made an engine slow may be over."""

FORGOTTEN_MS = 8 * HALF_LIFE_MS
"""Age at which a latency says nothing any more."""

SLOPE_RIDGE = 0.25
"""Turns squared: below this variance of the load little is believed of its effect."""

OUTLIER = 4.0
"""A measurement counts as at most so many times what was expected: a hiccup is no load."""

FAILURES_MAX = 3
"""Failures in a row after which an engine is left alone for a while."""

OPEN_MS_FIRST = 500.0
OPEN_MS_MOST = 30_000.0
"""Longest time between two probes of a broken engine that does not say how long it wants."""

Circuit = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class Breaker:
    """A circuit breaker: closed lets everything through, open nothing, half-open one probe at a time.

    Source: M. Nygard, "Release It!", 2nd edition, chapter 5.
    """

    failures: int = 0
    """Failures in a row."""
    retry_at_ms: float = 0.0
    """When an open circuit lets a probe through."""
    open_ms: float = 0.0
    """How long the circuit is open this time; 0: it is closed."""
    probing: bool = False
    asked: bool = False
    """It is open because the engine asked for it, or would refuse the next one, too: none is let through."""

    def circuit(self, now_ms: float) -> Circuit:
        """Return the state at ``now_ms``."""
        if not self.open_ms:
            return "closed"
        return "half_open" if now_ms >= self.retry_at_ms else "open"

    def admits(self, now_ms: float) -> bool:
        """Say whether a request may go to the engine now."""
        return not self.open_ms or (now_ms >= self.retry_at_ms and not self.probing)

    def began(self) -> "Breaker":
        """Return the state after a request was sent; on a half-open circuit it is the probe."""
        return replace(self, probing=True) if self.open_ms else self

    def succeeded(self) -> "Breaker":
        """Return the state after an answer: the circuit is closed."""
        return CLOSED

    def probed(self, now_ms: float) -> "Breaker":
        """Return the state after a health probe that went well: an open circuit lets a turn through now."""
        return replace(self, retry_at_ms=min(self.retry_at_ms, now_ms)) if self.open_ms else self

    def answering(self) -> "Breaker":
        """Return the state after a first token: an open circuit closes, and opens again at the next failure.

        Waiting for the probe's end instead would leave a recovered engine alone for as long as a turn takes.
        """
        return Breaker(failures=FAILURES_MAX - 1) if self.open_ms else self

    def abandoned(self) -> "Breaker":
        """Return the state after a request that says nothing of the engine, such as a cancelled one."""
        return replace(self, probing=False)

    def failed(self, now_ms: float, *, jitter: float = 0.0, wait_ms: float | None = None) -> "Breaker":
        """Return the state after a failure; each time the circuit opens it stays open twice as long.

        Args:
            now_ms: the clock.
            jitter: 0 to 1; spreads the probes of several routers over half of the time more.
            wait_ms: how long the engine wants to be left alone, at least: then one failure opens the circuit.
        """
        failures = self.failures + 1
        if failures < FAILURES_MAX and not self.open_ms and wait_ms is None:
            return replace(self, failures=failures)
        open_ms = min(OPEN_MS_MOST, self.open_ms * 2 if self.open_ms else OPEN_MS_FIRST)
        until_ms = now_ms + max(open_ms, wait_ms or 0.0) * (1 + jitter / 2)
        return Breaker(failures, until_ms, open_ms, asked=wait_ms is not None)


CLOSED = Breaker()


@dataclass(frozen=True, slots=True)
class Pace:
    """Smoothed latencies of an engine's recent answers, in ms, without what waits in front; None before any.

    How long a turn waits is reckoned from the queue (`domain.routing.choice`): counted here as well it would
    multiply with itself. An older latency weighs less against a new one, and is forgotten in the end.
    """

    ttft_ms: float | None = None
    """Time to the first token."""
    turn_ms: float | None = None
    """Time that a turn has its place on the engine."""
    ttft_at_ms: float = 0.0
    """When it was measured last, on the router's clock; as the next one."""
    turn_at_ms: float = 0.0

    def after(self, now_ms: float, *, ttft_ms: float | None = None, turn_ms: float | None = None) -> "Pace":
        """Return the pace after one more measurement of what is given."""
        return Pace(
            _smoothed(self.ttft_ms, ttft_ms, now_ms - self.ttft_at_ms),
            _smoothed(self.turn_ms, turn_ms, now_ms - self.turn_at_ms),
            self.ttft_at_ms if ttft_ms is None else now_ms,
            self.turn_at_ms if turn_ms is None else now_ms,
        )

    def ttft_known_ms(self, now_ms: float, *, otherwise: float) -> float:
        """Return the time to the first token, ``otherwise`` if none was measured lately."""
        known = self.ttft_ms
        return otherwise if known is None or now_ms - self.ttft_at_ms > FORGOTTEN_MS else known

    def turn_known_ms(self, now_ms: float, *, otherwise: float) -> float:
        """Return how long a turn has its place, ``otherwise`` if that was not measured lately."""
        known = self.turn_ms
        return otherwise if known is None or now_ms - self.turn_at_ms > FORGOTTEN_MS else known


@dataclass(frozen=True, slots=True)
class Load:
    """How an engine's time per token grows with the turns on it: a line fitted to what was measured.

    Weighted least squares with exponential forgetting (S. Haykin, "Adaptive Filter Theory", chapter 10),
    kept as moments. A batching engine's step takes a fixed time and a time for each sequence in it, so the
    line is also the physics.

    Measurements are forgotten by newer ones and by time (`HALF_LIFE_MS`). Once all of them together weigh
    less than one new one, nothing is known: turns that the line refused would never have measured it again.
    """

    weight: float = 0.0
    turns: float = 0.0
    """Mean, as all that follows: of the turns on the engine,"""
    token_ms: float = 0.0
    """of the time per token,"""
    turns_var: float = 0.0
    token_var: float = 0.0
    both_cov: float = 0.0
    slope_ms: float = 0.0
    """The time that one more turn adds to each token, ms; not below 0. Kept: decisions ask for it often."""
    spread_ms: float = 0.0
    """Standard deviation of what was measured around the line, ms."""
    at_ms: float = 0.0
    """When it was measured last, on the router's clock."""
    until_ms: float = 0.0
    """When it is forgotten unless something is measured again."""

    def known(self, now_ms: float) -> bool:
        """Say whether enough was measured lately to be believed."""
        return self.weight > 0 and now_ms <= self.until_ms

    def after(self, turns: float, token_ms: float, now_ms: float) -> "Load":
        """Return what is known after one more measurement, taken with ``turns`` on the engine."""
        if not self.known(now_ms):
            return Load(1.0, turns, token_ms, at_ms=now_ms, until_ms=now_ms + HALF_LIFE_MS)
        if (expected := self.expected_ms(turns)) > 0:
            token_ms = min(token_ms, OUTLIER * expected)
        # Whichever forgets more: under load it is what was measured since, else the time.
        weight = self.weight * min(FORGETTING, _faded(now_ms - self.at_ms)) + 1
        share = 1 / weight
        by_turns, by_ms = turns - self.turns, token_ms - self.token_ms
        keep = 1 - share
        turns_var = keep * (self.turns_var + share * by_turns * by_turns)
        token_var = keep * (self.token_var + share * by_ms * by_ms)
        both_cov = keep * (self.both_cov + share * by_turns * by_ms)
        slope = max(0.0, both_cov / (turns_var + SLOPE_RIDGE))
        left_var = max(0.0, token_var - 2 * slope * both_cov + slope**2 * turns_var)
        return Load(
            weight,
            self.turns + share * by_turns,
            self.token_ms + share * by_ms,
            turns_var,
            token_var,
            both_cov,
            slope,
            math.sqrt(left_var),
            now_ms,
            now_ms + HALF_LIFE_MS * (1 + math.log2(weight)),
        )

    def expected_ms(self, turns: float) -> float:
        """Return the time per token to be expected with ``turns`` on the engine, ms."""
        return max(0.0, self.token_ms + self.slope_ms * (turns - self.turns))


def _smoothed(known: float | None, new: float | None, age_ms: float) -> float | None:
    if new is None or known is None:
        return known if new is None else new
    return new + (1 - SMOOTHING) * _faded(age_ms) * (known - new)


def _faded(age_ms: float) -> float:
    """Return the share of its weight that a measurement of this age still has."""
    return math.pow(0.5, max(0.0, age_ms) / HALF_LIFE_MS)


@dataclass(slots=True, kw_only=True)
class EngineView:
    """State of one engine at one instant, as the router knows it.

    Nobody changes one; it is not frozen because each decision makes one for every engine, and a frozen one
    takes twice as long to make.
    """

    name: str
    capacity: int
    """Requests that it works on at a time without slowing each other down unduly."""
    active: int = 0
    """Requests of this router that are there now."""
    ok: bool = True
    """Result of its last health probe."""
    reason: str = ""
    breaker: Breaker = CLOSED
    pace: Pace = field(default_factory=Pace)
    load: Load = field(default_factory=Load)
