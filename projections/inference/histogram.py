"""Latencies counted in buckets, so that any hours, tiers and models can be added up.

Bucket n holds latencies above ``2^((n-1)/8) * 0.1`` ms and up to ``2^(n/8) * 0.1`` ms; bucket 0 all up to
0.1 ms, bucket 192, the last, all above 1,538 s. A percentile is given as its bucket's upper bound: never too
low (below 1,677 s), and at most 9.1 % (2^(1/8) - 1) too high, or the exact maximum where that is lower.
"""

import math
from collections.abc import Iterable, Mapping

BUCKETS_PER_DOUBLING = 8
LOWEST_MS = 0.1
BUCKET_MAX = 192

Histogram = Mapping[str, int]
"""Counts by bucket number, which is a string because JSON's keys are."""


def bucket_of(value_ms: float) -> int:
    """Return the bucket of a latency."""
    if value_ms <= LOWEST_MS:
        return 0
    return min(BUCKET_MAX, math.ceil(math.log2(value_ms / LOWEST_MS) * BUCKETS_PER_DOUBLING - 1e-9))


def upper_bound_ms(bucket: int) -> float:
    """Return the largest latency of a bucket; the last one holds longer ones, too."""
    return LOWEST_MS * 2 ** (bucket / BUCKETS_PER_DOUBLING)


def counted(histogram: Histogram, value_ms: float) -> dict[str, int]:
    """Return ``histogram`` with one more latency."""
    bucket = str(bucket_of(value_ms))
    return {**histogram, bucket: histogram.get(bucket, 0) + 1}


def added(histograms: Iterable[Histogram]) -> dict[str, int]:
    """Return the sum of histograms."""
    total: dict[str, int] = {}
    for histogram in histograms:
        for bucket, count in histogram.items():
            total[bucket] = total.get(bucket, 0) + count
    return total


def percentile_ms(histogram: Histogram, share: float, *, max_ms: float = math.inf) -> float | None:
    """Return the latency that ``share`` (0 to 1) of the values do not exceed, or None without values.

    ``max_ms`` is the largest value counted, if known.
    """
    rank = math.ceil(share * sum(histogram.values()))
    seen = 0
    for bucket in sorted(map(int, histogram)):
        seen += histogram[str(bucket)]
        if seen >= rank:
            return round(min(upper_bound_ms(bucket), max_ms), 3)
    return None
