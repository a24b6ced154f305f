"""The levels with which somebody begins: drawn from world, person and need by a hash, the same everywhere."""

from collections.abc import Sequence
from hashlib import sha256

LEAST, SPREAD = 650_000, 300_000


def first_levels(seed: int, person: str, needs: Sequence[str]) -> dict[str, int]:
    """Return how full each need is at first, in millionths: two thirds to nearly all."""
    return {need: LEAST + _draw(f"{seed} {person} {need}") % SPREAD for need in needs}


def _draw(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big")
