"""inference.tiers: what the router of this process knows of its tiers and engines."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from domain.kernel.parse import parse
from domain.routing.queries import TiersQuery
from handlers.routing.router import Router


class TierBoard:
    """Answers the query from memory."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Return each tier's promise and its engines' state; the position is 0, as the log is not asked."""
        parse(TiersQuery, query)
        views, now_ms = self._router.views(), self._router.now() * 1e3
        engine_states = self._router.engine_states()
        shown = [
            {
                "tier": name,
                "promise": dataclasses.asdict(tier.objective),
                "below": tier.below,
                "engines": [
                    {
                        "name": engine.name,
                        "provider": engine.provider,
                        "models": sorted(engine.models),
                        "own": engine.own,
                        "ok": (view := views[engine.name]).ok,
                        "reason": view.reason,
                        "circuit": view.breaker.circuit(now_ms),
                        "settings_fault": engine_states[engine.name].settings_fault,
                        "active": view.active,
                        "capacity": view.capacity,
                        "waiting": max(0, view.active - view.capacity),
                        "answered": engine_states[engine.name].answered[name],
                        "failed": engine_states[engine.name].failed[name],
                        "ttft_percentiles_ms": _percentiles(engine_states[engine.name].ttft_ms),
                        "token_percentiles_ms": _percentiles(engine_states[engine.name].token_ms),
                        "ttft_ms": view.pace.ttft_ms,
                        "turn_ms": view.pace.turn_ms,
                        "token_ms": view.load.token_ms if view.load.weight else None,
                    }
                    for engine in tier.engines
                ],
            }
            for name, tier in self._router.tiers.items()
        ]
        return shown, 0


def _percentiles(values: Collection[float]) -> Mapping[str, float]:
    """Return p50, p95 and p99 (nearest rank) of the newest values; nothing without any."""
    ordered = sorted(values)
    ranks = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    if not ordered:
        return {}
    return {
        name: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3)
        for name, share in ranks.items()
    }
