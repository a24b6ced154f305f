"""Loads the heads of the embedded guard; what they were made from is told beside the file."""

import json
from functools import lru_cache
from importlib.resources import files

from domain.guardrails.meaning import Head, Heads


@lru_cache(1)
def load_heads() -> Heads:
    """Return the head for each side.

    Raises:
        ValueError: the file is not a head's.
    """
    data = json.loads(files("aicore.content").joinpath("guard_head.json").read_text(encoding="utf-8"))
    return {side: _head(data[side]) for side in ("input", "output")}


def _head(data: dict[str, list[list[float]]]) -> Head:
    weights = tuple(tuple(row) for row in data["weights"])
    return Head(tuple(map(str, data["categories"])), weights, float(str(data["threshold"])))
