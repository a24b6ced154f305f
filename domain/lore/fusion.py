"""Puts the arms together: a convex combination of normalised scores, and reciprocal ranks to compare it with.

A convex combination beats reciprocal rank fusion in and out of domain and needs few examples for its
weights (Bruch, Gai, Ingber 2023, arXiv 2210.11934). Each arm is divided by its own best, its least being 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Weights:
    """Shares of the arms; of one that is away the others take the share."""

    names: float
    words: float
    meaning: float
    sentence: float = 0.0


WEIGHTS = Weights(names=0.2, words=0.3, meaning=0.3, sentence=0.2)
"""Tuned on the tuning half of `benchmarks lore`'s questions and on its questions for training."""

RRF_K = 60
"""Cormack, Clarke, Büttcher 2009."""


def normalised(scores: Scores) -> Scores:
    """Return scores as shares of the best; zeros if none is above 0."""
    best = float(scores.max(initial=0.0))
    if best <= 0:
        return np.zeros_like(scores)
    return (np.maximum(scores, 0) / np.float32(best)).astype(np.float32, copy=False)


def fused(arms: Sequence[tuple[float, Scores]]) -> Scores:
    """Return the weighted sum of the arms' normalised scores, at most 1.

    Args:
        arms: weight and scores of each, all of one length. An arm without a score above 0 says nothing of
            this question (nobody is named in it, say), and the others take its share.
    """
    speaking = [(weight, normalised(scores)) for weight, scores in arms if scores.max(initial=0.0) > 0]
    total = sum(weight for weight, _ in speaking)
    if not total:
        return np.zeros_like(arms[0][1])
    found: Scores = sum(
        (np.float32(weight / total) * scores for weight, scores in speaking), np.zeros_like(arms[0][1])
    )
    return found


def reciprocal_ranks(arms: Sequence[Scores]) -> Scores:
    """Return the sum of 1 / (60 + rank) over the arms in which a chunk has a score above 0."""
    total = np.zeros_like(arms[0])
    for scores in arms:
        order = np.argsort(-scores, kind="stable")
        ranks = np.empty(len(scores), np.float32)
        ranks[order] = np.arange(1, len(scores) + 1, dtype=np.float32)
        total += np.where(scores > 0, 1 / (RRF_K + ranks), 0).astype(np.float32)
    return total


def best_of(scores: Scores, count: int) -> NDArray[np.intp]:
    """Return the places of the best scores above 0, the best first; of equal ones the first."""
    if count < len(scores):
        candidates = np.argpartition(-scores, count - 1)[:count]
        # Of those that are as good as the last the first, whatever the partition took.
        least = scores[candidates].min(initial=np.inf)
        candidates = np.flatnonzero(scores >= least)
    else:
        candidates = np.arange(len(scores))
    order = candidates[np.argsort(-scores[candidates], kind="stable")][:count]
    return order[scores[order] > 0]
