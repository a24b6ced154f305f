"""What a player sees done makes it tenser for them, or calmer: by how much, predicates say. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from domain.beliefs.claims import Claim
from domain.director.messages import STIRS_MAX, Stirred

STIRS_MS = 30 * 60_000
"""Game time: what was done longer ago, while nobody directed, stirs nobody any more."""

FULL = 1_000


class Sight(NamedTuple):
    """A deed that a player saw for themselves; `position`: of its event in the log."""

    claim: Claim
    at_ms: int
    position: int


def stirred(player: str, saw: Iterable[Sight], weights: Mapping[str, int], now_ms: int) -> Stirred | None:
    """Return the event of what a player saw; None: nothing of it moves anybody.

    Args:
        player: who saw it.
        saw: in the order of the log, since what was counted last.
        weights: by predicate, by how much it makes it tenser, in thousandths.
        now_ms: game time.
    """
    moving = [each for each in saw if each.at_ms > now_ms - STIRS_MS and weights.get(each.claim.predicate, 0)]
    if not moving:
        return None
    by = sum(weights[each.claim.predicate] for each in moving)
    return Stirred(
        player=player,
        by=max(-FULL, min(FULL, by)),
        claims=[str(each.claim) for each in moving[-STIRS_MAX:]],
        position=moving[-1].position,
        at_ms=now_ms,
    )
