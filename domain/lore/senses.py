"""Related words: a passage that speaks of cargo answers a question about freight.

Every term of a shelf has the vector of a word that it stands for, by the encoder that reads the passages. A
question's term also finds what is near to it, for a share that grows with the square of the likeness.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from domain.lore.products import products

Vector = NDArray[np.float32]
Related = Sequence[tuple[str, float]]

LIKE_MIN = 0.45
"""Cosine from which a word counts as related; tuned with the arms' weights (`benchmarks/lore_fit.py`)."""

RELATED_MAX = 30
"""Related words of one term."""

FAR, SAME = 0.3, 1.0
"""Cosines that count as nothing and as all where it is asked how well a passage covers a term."""


class Senses:
    """Vectors of a shelf's terms, a row each."""

    def __init__(self, vectors: Mapping[str, Vector]) -> None:
        """Take over the vectors, by term; there must be one at least."""
        self.terms = tuple(vectors)
        self.at = {term: at for at, term in enumerate(self.terms)}
        self.rows: Vector = np.stack(list(vectors.values())).astype(np.float32, copy=False)

    def likeness(self, wanted: Mapping[str, Vector], terms: Sequence[str]) -> Mapping[str, Vector]:
        """Return for each of a question's terms its cosine with every term of the shelf.

        Args:
            wanted: vectors of those terms of the question that the shelf has not.
            terms: of the question; one without a vector is left out.
        """
        known = {term: self.rows[self.at[term]] for term in terms if term in self.at}
        vectors = {**{term: wanted[term] for term in terms if term in wanted}, **known}
        return {term: products(self.rows, vector) for term, vector in vectors.items()}

    def related(self, term: str, likeness: Vector) -> Related:
        """Return the terms that are related to one of a question, and for what share each counts."""
        near = np.flatnonzero(likeness >= LIKE_MIN)
        best = near[np.argsort(-likeness[near], kind="stable")][: RELATED_MAX + 1]
        found = [(self.terms[at], float(likeness[at]) ** 2) for at in best]
        return [(other, share) for other, share in found if other != term][:RELATED_MAX]

    def nearest(self, likeness: Vector, terms: frozenset[str]) -> float:
        """Return how well some terms cover one of a question, from 0 to 1, by the likest of them."""
        at = [self.at[term] for term in terms if term in self.at]
        best = float(likeness[at].max()) if at else 0.0
        return min(1.0, max(0.0, (best - FAR) / (SAME - FAR)))
