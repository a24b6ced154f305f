"""How much a line is in the manner of its voice: pure, counted once for a corpus.

For each word, mark of punctuation and pair of two of them it is counted how often this voice has it, and how
often the other voices of its genre have it. A line's score is the sum of the logarithms of the ratios (naive
Bayes, two classes), counted without the line itself, so that a word that stands nowhere else tells nothing.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import log

from domain.story.corpus import Pair
from domain.story.slots import SLOT

TOKEN = re.compile(r"[\w']+|[^\w\s]")
SMOOTHING = 0.3
"""Added to each count."""

PLAIN_BELOW, OWN_FROM = 7.0, 14.0
"""Scores below which anybody might have said a line, and from which on it is one voice's own."""


def features_of(text: str) -> Iterator[str]:
    """Yield what is counted of a line: words, marks, and pairs; a placeholder is one word, whatever it is."""
    tokens = TOKEN.findall(SLOT.sub("name", text).lower())
    yield from tokens
    yield from (f"{one} {two}" for one, two in pairwise(["^", *tokens]))


def scores_of(pairs: Sequence[Pair]) -> list[float]:
    """Return how typical each line is: above 0, of this voice rather than of its genre's others."""
    features = [list(features_of(pair.text)) for pair in pairs]
    own: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    every: dict[str, Counter[str]] = defaultdict(Counter)
    for pair, found in zip(pairs, features, strict=True):
        own[pair.voice.genre, pair.voice.name].update(found)
        every[pair.voice.genre].update(found)
    totals = {name: counted.total() for name, counted in own.items()}
    of_all = {genre: counted.total() for genre, counted in every.items()}
    scores = []
    for pair, found in zip(pairs, features, strict=True):
        genre, name = pair.voice.genre, (pair.voice.genre, pair.voice.name)
        mine, all_ = own[name], every[genre]
        ratio = log(max(1, of_all[genre] - totals[name]) / max(1, totals[name] - len(found)))
        scores.append(
            sum(
                log((mine[each] - 1 + SMOOTHING) / (all_[each] - mine[each] + SMOOTHING)) + ratio
                for each in found
                if all_[each] > 1
            )
        )
    return scores


def level_of(score: float) -> int:
    """Return 0 for a line that anybody might have said, 2 for one that is a voice's own, else 1."""
    return (score >= PLAIN_BELOW) + (score >= OWN_FROM)
