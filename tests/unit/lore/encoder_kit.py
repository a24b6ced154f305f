"""An encoder whose vectors can be foretold: each word has a direction of its own."""

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from domain.lore.terms import terms_of

WIDTH = 384


class WordEncoder:
    """Adds up what its words are; two encoders of other names agree in nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.read: list[str] = []

    @cached_property
    def digest(self) -> str:
        return f"sha256:{sha256(self.name.encode()).hexdigest()}"

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read += texts
        rows = [sum((self._of(term) for term in terms_of(text)), np.full(WIDTH, 1e-3)) for text in texts]
        found = np.array(rows, np.float32)
        unit: NDArray[np.float32] = found / np.linalg.norm(found, axis=1, keepdims=True)
        return unit

    def _of(self, term: str) -> NDArray[np.float64]:
        seed = int.from_bytes(sha256(f"{self.name} {term}".encode()).digest()[:8], "big")
        return np.random.default_rng(seed).standard_normal(WIDTH)
