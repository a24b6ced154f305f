"""Which version of a model a player meets: by the deployment's weights, and always the same one. Pure."""

import hashlib
from collections.abc import Mapping

BUCKETS = 10_000
"""Traffic is split in hundredths of a percent."""


def bucket_of(key: str, *, salt: str = "") -> int:
    """Return a number from 0 to `BUCKETS` - 1 that is always the same for a key.

    Args:
        key: who must stay with one version: a player, a conversation.
        salt: makes two splits independent of each other, for example the use case.
    """
    digest = hashlib.blake2b(f"{salt}\x00{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def version_for(key: str, weights: Mapping[str, int], *, salt: str = "") -> str:
    """Return the version that ``key`` meets.

    Whoever has version B keeps it while B's weight grows: shares are laid out in the mapping's order, so put
    the candidate first and the current version last.

    Args:
        key: as in `bucket_of`.
        weights: hundredths of a percent by version, together `BUCKETS`.
        salt: as in `bucket_of`.

    Raises:
        ValueError: the weights are negative or do not add up.
    """
    if sum(weights.values()) != BUCKETS or min(weights.values(), default=-1) < 0:
        raise ValueError(f"weights are at least 0 and together {BUCKETS}, got {dict(weights)}")
    bucket = bucket_of(key, salt=salt)
    for version, weight in weights.items():
        if bucket < weight:
            return version
        bucket -= weight
    raise AssertionError("the weights add up, so some version was met")
