"""inference.tiers: what the router of this process knows of its tiers and engines."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from domain.parse import parse
from handlers.routing import Router


class TiersQuery(BaseModel):
    """inference.tiers: all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TierBoard:
    """Answers the query from memory."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Return each tier's promise and its engines' state; the position is 0, as the log is not asked."""
        parse(TiersQuery, query)
        views, now_ms = self._router.views(), self._router.now() * 1e3
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
                        "ok": (view := views[engine.name]).ok,
                        "reason": view.reason,
                        "circuit": view.breaker.circuit(now_ms),
                        "active": view.active,
                        "capacity": view.capacity,
                        **dataclasses.asdict(view.pace),
                    }
                    for engine in tier.engines
                ],
            }
            for name, tier in self._router.tiers.items()
        ]
        return shown, 0
