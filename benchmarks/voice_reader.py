"""A plain classifier that names the voice of a line: log-linear over words, their pairs, and runs of letters.

Features are counted as is usual (logarithm of how often, times how rare: tf-idf).

It knows nothing of how lines are made. Names are masked, so that it reads manner alone. It learns from the
written lines of the voices and judges what was said with them; they are dealt into `FOLDS` parts, and a line
is judged by the model that saw no written line of the parts that it was made of.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from aicore.content.line_files import read_tongues
from domain.story.saying import Said, Tongue, Written
from domain.story.slots import SLOT

FOLDS = 5
FEATURES = 1 << 17
"""Hashed; two that share a place are one."""

STEPS, RATE, DECAY = 120, 2.0, 2e-5
RUNS = (2, 3, 4, 5)
NAME = re.compile(r"\b[A-Z][a-z]*(?:bel|cor|dun|ef|gal|hes|in|jor|kem|lo|mur|nev|ost|pell|ar)\b")
TOKEN = re.compile(r"[\w']+|[^\w\s]")

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Known:
    """How often the right voice was named.

    Attributes:
        lines: how many were judged.
        each: by voice.
    """

    share: float
    lines: int
    each: Mapping[str, float]


@dataclass(slots=True)
class Rows:
    """Texts as rows of a sparse matrix: features, and how much each counts."""

    places: list[NDArray[np.int64]] = field(default_factory=list)
    weights: list[Floats] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Add one text."""
        counted = Counter(features_of(text))
        self.places.append(np.fromiter(counted, np.int64, len(counted)))
        self.weights.append(1 + np.log(np.fromiter(counted.values(), np.float32, len(counted))))

    def rarity(self) -> Floats:
        """Return for each feature how few of these texts have it (idf, smoothed)."""
        having = np.bincount(np.concatenate(self.places), minlength=FEATURES)
        found: Floats = (1 + np.log((1 + len(self.places)) / (1 + having))).astype(np.float32)
        return found

    def weighed(self, rarity: Floats) -> "Rows":
        """Return the rows with each feature counted by its rarity, each of length one."""
        weights = [each * rarity[places] for places, each in zip(self.places, self.weights, strict=True)]
        return Rows(self.places, [each / np.linalg.norm(each) for each in weights])


def features_of(text: str) -> Iterator[int]:
    """Yield the places of a text's features: words, pairs of words, runs of letters within words."""
    words = TOKEN.findall(text.lower())
    for feature in (*words, *(f"{one} {two}" for one, two in pairwise(words))):
        yield _place("w" + feature)
    for word in words:
        bounded = f" {word} "
        for run in RUNS:
            for at in range(len(bounded) - run + 1):
                yield _place("c" + bounded[at : at + run])


def _place(feature: str) -> int:
    """Return a place for a feature: FNV-1a, which is the same in every process."""
    number = 0x811C9DC5
    for byte in feature.encode():
        number = ((number ^ byte) * 0x01000193) & 0xFFFFFFFF
    return number % FEATURES


@dataclass(slots=True)
class Reader:
    """A log-linear model of which voice a text is in."""

    voices: Sequence[str]
    weights: Floats
    rarity: Floats

    def named(self, rows: Rows) -> list[str]:
        """Return the likeliest voice of each row."""
        scores = _scores(self.weights, rows.weighed(self.rarity))
        return [self.voices[at] for at in scores.argmax(axis=1)]


def taught(voices: Sequence[str], texts: Sequence[tuple[str, str]]) -> Reader:
    """Return a reader that learnt from voices and their texts."""
    rows = Rows()
    for _, text in texts:
        rows.add(text)
    rarity = rows.rarity()
    rows = rows.weighed(rarity)
    right = np.array([voices.index(voice) for voice, _ in texts])
    places, weights = np.concatenate(rows.places), np.concatenate(rows.weights)
    owner = np.repeat(np.arange(len(texts)), [len(each) for each in rows.places])
    model = np.zeros((FEATURES, len(voices)), np.float32)
    momentum = np.zeros_like(model)
    for _ in range(STEPS):
        scores = _scores(model, rows)
        chances = np.exp(scores - scores.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        chances[np.arange(len(texts)), right] -= 1
        slope = np.stack(
            [np.bincount(places, weights * chances[owner, at], FEATURES) for at in range(len(voices))], axis=1
        ).astype(np.float32)
        momentum = 0.9 * momentum + slope / len(texts) * len(voices) + DECAY * model
        model = (model - RATE * momentum).astype(np.float32)
    return Reader(voices, model, rarity)


def _scores(model: Floats, rows: Rows) -> Floats:
    starts = np.cumsum([0, *(len(each) for each in rows.places)])[:-1]
    places, weights = np.concatenate(rows.places), np.concatenate(rows.weights)
    found: Floats = np.add.reduceat(model[places] * weights[:, None], starts, axis=0) * 10
    return found


def masked(text: str) -> str:
    """Return a written line with each placeholder as one word that says no more than its letter."""
    return SLOT.sub("name", text)


def voice_known(told: Mapping[str, Sequence[Said]]) -> Known:
    """Return how often a reader names the voice of what was said.

    Args:
        told: voice → what it said, whose written lines are found by their ids.
    """
    tongues = read_tongues()
    written = {name: list(_written(tongues[name])) for name in told}
    ids = {line.id for lines in written.values() for line in lines}  # asides have ids, too, and are no lines
    judged = [
        (name, said, frozenset(fold_of(line) for line in said.lines if line in ids))
        for name, lines in told.items()
        for said in {each.text: each for each in lines}.values()
    ]
    right: Counter[str] = Counter()
    for left_out in {folds for *_, folds in judged}:
        texts = [
            (name, masked(line.pair.text))
            for name, lines in written.items()
            for line in lines
            if fold_of(line.id) not in left_out
        ]
        reader, rows = taught(list(told), texts), Rows()
        mine = [(name, said) for name, said, folds in judged if folds == left_out]
        for _, said in mine:
            rows.add(NAME.sub("name", said.text))
        right.update(name for (name, _), guess in zip(mine, reader.named(rows), strict=True) if name == guess)
    count = Counter(name for name, *_ in judged)
    return Known(
        right.total() / count.total(), count.total(), {name: right[name] / count[name] for name in told}
    )


def fold_of(line: str) -> int:
    """Return the part that a written line belongs to."""
    return int(line, 16) % FOLDS


def _written(tongue: Tongue) -> Iterable[Written]:
    for lines in (*tongue.by_shape.values(), *tongue.frames.values()):
        yield from lines
