"""Which version of a model a player meets: by shares of the traffic, always the same one. Pure."""

import hashlib
from collections.abc import Mapping

BUCKETS = 100
"""Traffic is split in percents."""


def bucket_of(key: str, *, salt: str = "") -> int:
    """Return a number from 0 to `BUCKETS` - 1 that is always the same for a key.

    Args:
        key: who must stay with one version: a player, a conversation.
        salt: makes two splits independent of each other: a deployment's id, or the use case's name.
    """
    digest = hashlib.blake2b(f"{salt}\x00{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def version_for(key: str, shares: Mapping[str, int], *, salt: str = "") -> str:
    """Return the version that ``key`` meets.

    Shares are laid out in the mapping's order. Whoever has the first version keeps it while its share grows,
    so put the candidate first and the current version last.

    Args:
        key: as in `bucket_of`.
        shares: percent by version, together `BUCKETS`.
        salt: as in `bucket_of`.

    Raises:
        ValueError: the shares are negative or do not add up.
    """
    if sum(shares.values()) != BUCKETS or min(shares.values(), default=-1) < 0:
        raise ValueError(f"shares are at least 0 and together {BUCKETS}, got {dict(shares)}")
    bucket = bucket_of(key, salt=salt)
    for version, share in shares.items():
        if bucket < share:
            return version
        bucket -= share
    raise AssertionError("the shares add up, so some version was met")
