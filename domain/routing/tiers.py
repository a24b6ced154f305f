"""Readings of the answer of the query ``inference.tiers``, wherever it came from."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.routing.choice import fits


def tiers_serving(shown: Sequence[Mapping[str, Any]], provider: str, model: str) -> frozenset[str]:
    """Return the tiers that have an engine of their own for a model, ``name@version``.

    Args:
        shown: the result of ``inference.tiers``.
        provider: of the model.
        model: its name and version.
    """
    return frozenset(
        tier["tier"]
        for tier in shown
        if any(each["provider"] == provider and fits(each["models"], model) for each in tier["engines"])
    )


def own_engines(shown: Sequence[Mapping[str, Any]]) -> int:
    """Return how many engines there are whose hours are paid for; one may serve several tiers."""
    return len({each["name"] for tier in shown for each in tier["engines"] if each.get("own", True)})
