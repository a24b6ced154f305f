"""The stage that admits a turn: the engines must have room, and its player and its service an allowance.

Allowances are in memory, per process.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.inference.messages import Generate
from domain.inference.recording import RecordCancellation, RecordCompletion, RecordFailure
from domain.kernel.decider import Rejected
from domain.routing.allowance import Bucket, Rate
from handlers.routing.router import Router
from handlers.routing.turns import NoEngine, RoutedTurn

BURST_S = 4.0
"""Burst: this many seconds' worth may be used at once."""

KEYS_MAX = 100_000
"""Players and services remembered; who is forgotten begins with a full bucket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceLimits:
    """Rates per second; 0 sets no limit."""

    player_requests: float = 10.0
    player_tokens: float = 500.0
    service_requests: float = 2_000.0


class Overloaded(Rejected):
    """No engine has room, or none is there; the same command may come again."""

    def __init__(self, refusal: NoEngine) -> None:
        why = "no engine can be asked" if refusal.away else "no engine can keep the tier's promise"
        super().__init__(
            "engines_away" if refusal.away else "overloaded",
            f"{why} now: {refusal}",
            remedy=f"send the same command again in {refusal.retry_after_ms} ms",
        )
        self.retry_after_ms = refusal.retry_after_ms


class OverAllowance(Rejected):
    """Too much for now; nothing was recorded, and the same command may come again."""

    def __init__(self, what: str, rate: Rate, retry_after_ms: int) -> None:
        super().__init__(
            "over_allowance",
            f"more {what} than allowed: {rate.per_second:g} a second, {rate.burst:g} at once",
            remedy=f"send the same command again in {retry_after_ms} ms; the limits are "
            "AICORE_PLAYER_REQUESTS_PER_S, AICORE_PLAYER_TOKENS_PER_S and AICORE_SERVICE_REQUESTS_PER_S",
        )
        self.retry_after_ms = retry_after_ms


class Allowances:
    """Keeps the buckets. ``clock`` counts seconds."""

    def __init__(self, limits: AllowanceLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, *, player: str | None, service: str | None, tokens: int) -> None:
        """Use one request and the tokens asked for, or nothing at all.

        Raises:
            OverAllowance: naming what, and when to come again.
        """
        now_ms = self._clock() * 1e3
        wanted = self._wanted(player, service, tokens)
        buckets = {what: self._bucket(what, rate, now_ms) for what, (rate, _) in wanted.items()}
        for what, (_, amount) in wanted.items():
            if not buckets[what].admits(amount):
                raise OverAllowance(what, buckets[what].rate, buckets[what].wait_ms(amount))
        for what, (_, amount) in wanted.items():
            self._buckets[what] = buckets[what].used(amount)
            self._buckets.move_to_end(what)
        while len(self._buckets) > KEYS_MAX:
            self._buckets.popitem(last=False)

    def charge(self, *, player: str | None, tokens: int) -> None:
        """Use tokens that an answer took beyond those that were asked for: its model thought, or wrote on.

        They were generated and are paid for, so nothing is refused here; what is left may be below 0.
        """
        rate = self._limits.player_tokens
        if player and rate and tokens > 0:
            what = f"tokens of player {player}"
            self._buckets[what] = self._bucket(what, rate, self._clock() * 1e3).used(float(tokens))

    def _wanted(
        self, player: str | None, service: str | None, tokens: int
    ) -> Mapping[str, tuple[float, float]]:
        """Return rate and amount by what is limited."""
        limits = self._limits
        wanted = {
            f"requests of player {player}": (limits.player_requests if player else 0.0, 1.0),
            f"tokens of player {player}": (limits.player_tokens if player else 0.0, float(tokens)),
            f"requests of {service}": (limits.service_requests if service else 0.0, 1.0),
        }
        return {what: pair for what, pair in wanted.items() if pair[0]}

    def _bucket(self, what: str, per_second: float, now_ms: float) -> Bucket:
        known = self._buckets.get(what)
        if known is not None:
            return known.at(now_ms)
        return Bucket.full(Rate(per_second=per_second, burst=per_second * BURST_S), now_ms)


class Admission:
    """Lets turns in, or says when to come again."""

    def __init__(self, router: Router, allowances: Allowances | None) -> None:
        """Prepare; without ``allowances`` everybody may ask for as much as the engines can do."""
        self._router = router
        self._allowances = allowances

    def admit(self, routed: RoutedTurn, question: Generate, service: str | None) -> None:
        """Use a turn's allowance, if an engine has room for it.

        Raises:
            Overloaded: no engine has room, or none is there.
            OverAllowance: the player or the service asked for too much.
        """
        if refusal := self._router.refusal(routed):
            raise Overloaded(refusal)
        if self._allowances:
            self._allowances.take(player=question.player, service=service, tokens=question.max_tokens)

    def charge(
        self, question: Generate, outcome: RecordCompletion | RecordFailure | RecordCancellation
    ) -> None:
        """Count what an answer took beyond what was asked for, unless it was another turn's."""
        if not self._allowances or not isinstance(outcome, RecordCompletion) or outcome.source_inference_id:
            return
        more = outcome.completion_tokens - question.max_tokens
        self._allowances.charge(player=question.player, tokens=more)
