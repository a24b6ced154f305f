"""BM25 over stems: what of a question stands in a chunk, rare words counting most.

Scores are computed when the index is made (as BM25S does, Lù 2024), so that a question adds up a few arrays.
The formula is Lucene's: idf = ln(1 + (N - df + 0.5) / (df + 0.5)), and of a term that stands tf times in
a chunk idf · tf / (tf + k1 · (1 - b + b · length / average)).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from domain.lore.senses import Related

K1, B = 1.2, 0.75
"""Saturation and length, as Robertson and Zaragoza 2009 give them."""

Scores = NDArray[np.float32]


class Words:
    """Postings of chunks by term."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        """Index texts, each given by its terms."""
        self.size = len(texts)
        lengths = [len(text) for text in texts]
        average = (sum(lengths) / self.size if self.size else 0.0) or 1.0
        at: dict[str, list[int]] = defaultdict(list)
        weights: dict[str, list[float]] = defaultdict(list)
        for number, text in enumerate(texts):
            norm = K1 * (1 - B + B * lengths[number] / average)
            for term, times in Counter(text).items():
                at[term].append(number)
                weights[term].append(times / (times + norm))
        self._at = {term: np.array(numbers, np.int32) for term, numbers in at.items()}
        self._scores = {term: np.array(weights[term], np.float32) * np.float32(self.idf(term)) for term in at}

    def idf(self, term: str) -> float:
        """Return how much a term tells; that of a term that nothing has is the highest."""
        there = len(self._at[term]) if term in self._at else 0
        return log(1 + (self.size - there + 0.5) / (there + 0.5))

    def __contains__(self, term: str) -> bool:
        """Say whether any chunk has a term."""
        return term in self._at

    def having(self, term: str) -> NDArray[np.int32]:
        """Return the numbers of the chunks that have a term."""
        return self._at.get(term, np.empty(0, np.int32))

    def scores(self, terms: Iterable[str], related: Mapping[str, Related] | None = None) -> Scores:
        """Return the score of every chunk for a question's terms; each counts once.

        Args:
            terms: of the question.
            related: of a term, the terms that count for it where it does not stand itself or scores less,
                each for a share of its own score; a common term tells no more by a rare one.
        """
        total = np.zeros(self.size, np.float32)
        for term in dict.fromkeys(terms):
            others = related.get(term, ()) if related else ()
            if others:
                total += self._best(term, others)
            elif term in self._at:
                total[self._at[term]] += self._scores[term]
        return total

    def _best(self, term: str, related: Related) -> Scores:
        """Return of every chunk the best score by a term or one that is related to it."""
        best = np.zeros(self.size, np.float32)
        if term in self._at:
            best[self._at[term]] = self._scores[term]
        most = self.idf(term)
        for other, share in related:
            at, own = self._at[other], self.idf(other)
            scores = self._scores[other] * np.float32(share * min(own, most) / own)
            best[at] = np.maximum(best[at], scores)
        return best
