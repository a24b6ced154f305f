"""Judges what a text means from vectors of its sentences: a linear head per side. Pure.

Where the vectors come from is not known here; a head only fits the model that it was trained over. A text
is judged by its worst window, a sentence or two neighbours, so that much harmless talk around a line cannot
thin it out.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import mul
from typing import Literal

Side = Literal["input", "output"]

SAFE = "safe"

SENTENCE = re.compile(r"(?<=[.!?;:…])\s+|\n+")

PIECE_MIN = 24
"""Characters; a shorter sentence is read together with the next one, as it says little by itself."""

PIECE_MAX = 240
"""Characters; a longer sentence is cut between words: a model reads only so much at a time."""


@dataclass(frozen=True, slots=True)
class Head:
    """Multinomial logistic regression over one side's categories."""

    categories: tuple[str, ...]
    """The first is `SAFE`."""
    weights: tuple[tuple[float, ...], ...]
    """By category: one for each number of the vector, and one that is always added."""
    threshold: float
    """The probability of being unsafe from which on a text is stopped."""

    def __post_init__(self) -> None:
        """Check that the parts fit each other.

        Raises:
            ValueError: they do not.
        """
        lengths = {len(each) for each in self.weights}
        if self.categories[:1] != (SAFE,) or len(self.weights) != len(self.categories) or len(lengths) != 1:
            raise ValueError(f"a head of {self.categories} needs as many rows of weights of one length")

    def unsafe(self, vector: Sequence[float]) -> float:
        """Return the probability that a text breaks any rule."""
        return 1.0 - self._shares(vector)[0]

    def worst(self, vectors: Sequence[Sequence[float]]) -> str | None:
        """Return the category that the worst of a text's windows breaks; None if all are safe."""
        shares = max(map(self._shares, vectors), key=lambda each: -each[0], default=(1.0,))
        if 1.0 - shares[0] < self.threshold:
            return None
        return max(zip(shares[1:], self.categories[1:], strict=True))[1]

    def _shares(self, vector: Sequence[float]) -> tuple[float, ...]:
        if len(vector) != len(self.weights[0]) - 1:
            raise ValueError(f"the head takes {len(self.weights[0]) - 1} numbers, not {len(vector)}")
        # `map` ends with the shorter one: the last weight has no number of the vector, it is added.
        scores = [sum(map(mul, each, vector)) + each[-1] for each in self.weights]
        largest = max(scores)
        powers = [math.exp(score - largest) for score in scores]
        whole = sum(powers)
        return tuple(power / whole for power in powers)


Heads = Mapping[Side, Head]


def windows(text: str, before: str = "") -> list[str]:
    """Return what is judged of a text: its sentences, and each with the one before it.

    Args:
        text: what is new.
        before: what stood before it and was judged already; only its last sentence is read, as a neighbour.
    """
    new = _pieces(text)
    pieces = [*_pieces(before)[-1:], *new]
    pairs = [f"{first} {second}" for first, second in pairwise(pieces)]
    return [*new, *pairs]


def _pieces(text: str) -> list[str]:
    """Return sentences, short ones joined and long ones cut."""
    pieces: list[str] = []
    short = ""
    for sentence in SENTENCE.split(text):
        short = f"{short} {sentence}".strip()
        while len(short) > PIECE_MAX:
            cut = short.rfind(" ", PIECE_MIN, PIECE_MAX)
            cut = PIECE_MAX if cut < 0 else cut
            pieces.append(short[:cut])
            short = short[cut:].strip()
        if len(short) >= PIECE_MIN:
            pieces.append(short)
            short = ""
    return [*pieces, short] if short else pieces
