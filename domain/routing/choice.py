"""The choice of an engine for a turn: who can keep the tier's promise, in which order to try. Pure.

An engine is expected to begin as fast as its last answers did, later by what waits in front, and to go on as
fast as it was measured to be with so many turns on it, this one among them. Measurements fade with time: an
engine that rested is asked up to its capacity, and measured anew. A turn goes to the engine that has its
prefix cached if that one keeps the promise, else to the one with the most room to spare (two that are equally
loaded share by the turn's own draw). If none keeps it, the turn is refused now, with the time after which to
come again: a late answer helps nobody and makes the next ones late, too.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from domain.routing.health import EngineView

TTFT_MS_UNKNOWN = 20.0
TOKEN_MS_UNKNOWN = 5.0
TURN_MS_UNKNOWN = 100.0
"""What is assumed of an engine of which nothing is known, or nothing any more: a small model on a CPU
(docs/benchmarks.md)."""

SPREADS = 1.65
"""Standard deviations kept clear of the promise: 95 of 100 measurements stay below, were they normal."""

AWAY_MS = 1_000.0
"""When to come again where an engine is away: it is probed several times a second, and nobody knows more."""

RETRY_MS_LEAST = 50.0
AWAY = ("circuit", "unhealthy", "failed this turn")
"""Beginning of the reason for an engine that cannot be asked at all, however little there is to do."""

HEADROOM_TIE = 0.05
"""Headrooms that differ by less are equal: the turn's draw decides, so that equals share the load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """Promises of a tier; None: no promise."""

    ttft_ms: float | None = None
    token_ms: float | None = None
    waiting_max: int = 64
    """Turns beyond an engine's capacity that may wait for it."""


@dataclass(slots=True, kw_only=True)  # not frozen: as `EngineView`
class Turn:
    """Surroundings of the choice besides the engines."""

    tokens: int
    """Longest answer."""
    budget_ms: float | None = None
    """Until the first token: what is left until the caller's deadline, or the tier's own limit."""
    home: str = ""
    """Name of the engine that has the turn's prefix cached; "" if none has."""
    draw: float = 0.0
    """In [0, 1): breaks ties."""
    excluded: Collection[str] = ()
    """Engines that failed this turn already."""


@dataclass(slots=True, kw_only=True)  # not frozen: as `EngineView`
class Candidate:
    """An engine as the choice saw it; part of the record of the decision."""

    name: str
    ttft_ms: float
    """Expected, with what waits in front."""
    token_ms: float
    headroom: float
    """Share of the promise that is left: 1 all of it, below 0 it would be broken."""
    ruled_out: str = ""
    """Why it is no candidate; "" if it is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The engines to try, best first, or none and when to come again."""

    order: tuple[str, ...]
    reason: str
    candidates: tuple[Candidate, ...]
    retry_after_ms: int = 0

    @property
    def away(self) -> bool:
        """Whether there are engines, and none can be asked at all: it is not that there is too much to do."""
        return bool(self.candidates) and all(c.ruled_out.startswith(AWAY) for c in self.candidates)


def fits(models: Collection[str], model: str) -> bool:
    """Say whether an engine serves a model, ``name@version``, by the models that it names.

    It may name a model with its version, without one (then it serves any), or none: then it serves all.
    """
    return not models or model in models or model.partition("@")[0] in models


def choose(turn: Turn, engines: Sequence[EngineView], objective: Objective, now_ms: float) -> Choice:
    """Return the engines to try for a turn; an empty order refuses it."""
    seen = tuple(_seen(turn, engine, objective, now_ms) for engine in engines)
    able = [candidate for candidate in seen if not candidate.ruled_out]
    if not able:
        return Choice(
            order=(),
            reason="; ".join(f"{c.name}: {c.ruled_out}" for c in seen) or "no engine serves this tier",
            candidates=seen,
            retry_after_ms=_retry_after_ms(engines, now_ms),
        )
    start = int(turn.draw * len(able))
    turned = able[start:] + able[:start]
    best = max(candidate.headroom for candidate in turned)
    ordered = sorted(turned, key=lambda c: (c.name != turn.home, -_step(c.headroom)))
    first = ordered[0]
    if first.name == turn.home:
        reason = f"{first.name} has the prefix"
    elif (
        _step(first.headroom) == _step(best)
        and len([c for c in able if _step(c.headroom) == _step(best)]) > 1
    ):
        reason = f"{first.name} by draw among equals"
    else:
        reason = f"{first.name} has the most room"
    return Choice(order=tuple(c.name for c in ordered), reason=reason, candidates=seen)


def _seen(turn: Turn, engine: EngineView, objective: Objective, now_ms: float) -> Candidate:
    known_ms = engine.load.expected_ms(engine.active + 1) if engine.load.known(now_ms) else None
    token_ms = TOKEN_MS_UNKNOWN if known_ms is None else known_ms
    ttft_ms = engine.pace.ttft_known_ms(now_ms, otherwise=TTFT_MS_UNKNOWN) + _wait_ms(engine, now_ms)
    shares = [1 - (engine.active + 1) / (engine.capacity + objective.waiting_max + 1)]
    if objective.ttft_ms is not None:
        shares.append(1 - ttft_ms / objective.ttft_ms)
    if objective.token_ms is not None:
        shares.append(1 - token_ms / objective.token_ms)
    return Candidate(
        name=engine.name,
        ttft_ms=round(ttft_ms, 3),
        token_ms=round(token_ms, 3),
        headroom=round(min(shares), 4),
        ruled_out=_ruled_out(turn, engine, objective, now_ms, (ttft_ms, known_ms)),
    )


def _ruled_out(
    turn: Turn, engine: EngineView, objective: Objective, now_ms: float, expected: tuple[float, float | None]
) -> str:
    ttft_ms, token_ms = expected
    if engine.name in turn.excluded:
        return "failed this turn"
    if not engine.breaker.admits(now_ms):
        return f"circuit {engine.breaker.circuit(now_ms)}"
    if not engine.ok:
        return f"unhealthy: {engine.reason}"
    if engine.active >= engine.capacity + objective.waiting_max:
        return f"{engine.active} turns are there"
    # An idle engine is asked in any case: its last answers may have been slow for a reason that has gone.
    if engine.active >= engine.capacity:
        if objective.ttft_ms is not None and ttft_ms > objective.ttft_ms:
            return f"first token expected after {ttft_ms:.0f} ms, promised are {objective.ttft_ms:g}"
        if turn.budget_ms is not None and ttft_ms > turn.budget_ms:
            return f"first token expected after {ttft_ms:.0f} ms, at most {turn.budget_ms:.0f} may pass"
    elif objective.token_ms is not None and engine.active > 0 and token_ms is not None:
        most_ms = token_ms + SPREADS * engine.load.spread_ms
        if most_ms > objective.token_ms:
            return (
                f"{most_ms:.1f} ms per token expected with {engine.active + 1} turns, "
                f"promised are {objective.token_ms:g}"
            )
    return ""


def _wait_ms(engine: EngineView, now_ms: float) -> float:
    """Return how long a turn waits until the engine begins with it."""
    if engine.active < engine.capacity:
        return 0.0
    turn_ms = engine.pace.turn_known_ms(now_ms, otherwise=TURN_MS_UNKNOWN)
    return (engine.active + 1 - engine.capacity) * turn_ms / engine.capacity


def _retry_after_ms(engines: Sequence[EngineView], now_ms: float) -> int:
    """Return when the first engine is expected to take a turn again; one that is away is probed first."""

    def wait_ms(engine: EngineView) -> float:
        broken_ms = engine.breaker.retry_at_ms - now_ms if engine.breaker.open_ms else 0.0
        away_ms = 0.0 if engine.ok else AWAY_MS
        return max(RETRY_MS_LEAST, _wait_ms(engine, now_ms), broken_ms, away_ms)

    return round(min(map(wait_ms, engines), default=AWAY_MS))


def _step(headroom: float) -> int:
    return int(headroom / HEADROOM_TIE)
