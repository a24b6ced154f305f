"""Trains the heads of the embedded guard: `python -m aicore.training.guard_head`, about a minute.

It needs the package of the weights (`handlers.guardrails.sentence_encoder.INSTALL`). Same texts, same heads,
up to the last digit of another machine's floating point. The texts are in `guard_texts.toml`; lines of our
own corpus are added as what may pass.

The threshold is where `HARD_FALSE` of the hard texts that may pass, each judged by heads that were not taught
it (cross-validation), are stopped; they may have met it beside another text, as its neighbour (`Company`).
What was chosen how is told in `aicore/content/guard_head.md`.
"""

import argparse
import json
import random
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np

from aicore.content.corpus import Source
from aicore.content.speech import load_speech
from aicore.content.world import load_world
from domain.guardrails.meaning import SAFE, Side, windows
from domain.guardrails.spelling import readable
from handlers.guardrails.sentence_encoder import SentenceEncoder, open_encoder

TEXTS = Path(__file__).with_name("guard_texts.toml")
OUT = Path(__file__).parents[1] / "content" / "guard_head.json"

SEED = 20_261_121
CORPUS = 400
"""Lines of our own corpus; they show how the world's characters speak, and are easy."""

FOLDS = 8
STEPS = 300
DECAY = 5e-5
"""Weight of the squared weights in the loss; from 2e-5 to 3e-3, cross-validation found most here."""

BALANCE = 0.5
"""A category's texts weigh its count to the power of minus this, so that few texts still count."""

HARD_FALSE = 0.035
"""Share of the hard texts that may be stopped. They were written to be mistaken, so play sees far less."""

BATCH = 32
DIGITS = 4

Matrix = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Sample:
    """A text, what it is, and on which sides."""

    text: str
    category: str
    sides: tuple[str, ...]
    hard: bool = True


@dataclass(frozen=True, slots=True)
class Rows:
    """Windows of samples: a vector each, its category's number, and whose it is."""

    vectors: Matrix
    categories: "np.ndarray[Any, np.dtype[np.int64]]"
    samples: "np.ndarray[Any, np.dtype[np.int64]]"
    taught: "np.ndarray[Any, np.dtype[np.bool_]]"
    """True for rows to learn from: all of a text, or a part of a safe one, as that is safe, too."""
    judged: "np.ndarray[Any, np.dtype[np.bool_]]"
    """True for rows that are a window of the text as it stands."""


def read_samples() -> list[Sample]:
    """Return every text of the file, with names for its slots, and lines of the corpus."""
    world = load_world()
    names, places = [npc.name for npc in world.npc], [district.name for district in world.district]
    samples: list[Sample] = []
    for each in tomllib.loads(TEXTS.read_text(encoding="utf-8"))["set"]:
        for line in each["texts"].strip().splitlines():
            n = len(samples)
            text = line.replace("{npc}", names[n % len(names)]).replace("{place}", places[n % len(places)])
            samples.append(Sample(text, each["category"], tuple(each["sides"])))
    source = Source(world, load_speech(), random.Random(SEED))  # noqa: S311 - a corpus, no secret
    lines = (Sample(each.line, SAFE, ("output",), hard=False) for each in source.examples())
    return [*samples, *islice(lines, CORPUS)]


def rows_of(samples: Sequence[Sample], names: Sequence[str], encoder: SentenceEncoder) -> Rows:
    """Return the windows of samples, and some of each in company, as rows."""
    words, draws = encoder.words, random.Random(SEED)  # noqa: S311
    company = Company.of_world([sample.text for sample in samples if sample.category == SAFE], draws)
    texts: list[str] = []
    about: list[tuple[int, int, bool, bool]] = []
    for n, sample in enumerate(samples):
        plain, category = readable(sample.text, words), names.index(sample.category)
        for text in dict.fromkeys([plain, *windows(plain)]):
            texts.append(text)
            about.append((category, n, text == plain or sample.category == SAFE, True))
        for text in company.around(sample.text):
            texts.append(readable(text, words))
            about.append((category, n, True, False))
    parts = [encoder.vectors(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)]
    categories, owners, taught, judged = (np.array(each) for each in zip(*about, strict=True))
    return Rows(np.concatenate(parts), categories, owners, taught, judged)


@dataclass(frozen=True, slots=True)
class Company:
    """What may stand around a text without changing what it is: names, places, a harmless neighbour.

    Without it a head takes any name of the world for a sign of fiction, and so of safety.
    """

    names: Sequence[str]
    places: Sequence[str]
    neighbours: Sequence[str]
    draws: random.Random

    @classmethod
    def of_world(cls, neighbours: Sequence[str], draws: random.Random) -> "Company":
        """Return the sample world's names and places, and given neighbours."""
        world = load_world()
        places = [district.name for district in world.district]
        return cls([npc.name for npc in world.npc], places, neighbours, draws)

    def around(self, text: str) -> list[str]:
        """Return a text in two kinds of company."""
        name, place = self.draws.choice(self.names), self.draws.choice(self.places)
        bare = text.rstrip(".")
        forms = (
            f"{bare}, {name}.",
            f"{bare}, says {name}.",
            f"{name} says: {text}",
            f"{name}: {text}",
            f"{name}, {text[:1].lower()}{text[1:]}",
            f"{bare}, here at {place}.",
            f"At {place}, {text[:1].lower()}{text[1:]}",
            f"{bare}, they say at {place}.",
        )
        neighbour = self.draws.choice(self.neighbours)
        pairs = (f"{neighbour} {text}", f"{text} {neighbour}")
        return [self.draws.choice(forms), self.draws.choice(pairs)]


def fitted(vectors: Matrix, categories: "np.ndarray[Any, np.dtype[np.int64]]", count: int) -> Matrix:
    """Return weights, numbers + 1 by categories, by accelerated gradient descent (Nesterov 1983)."""
    rows = np.hstack([vectors, np.ones((len(vectors), 1), np.float32)])
    per = np.bincount(categories, minlength=count).astype(np.float32)
    share = (np.maximum(per, 1) ** -BALANCE)[categories]
    share = (share / share.sum())[:, None]
    truth = np.eye(count, dtype=np.float32)[categories]
    # A step as long as the curvature allows: at most half the largest eigenvalue of the rows (Böhning 1992).
    step = 1 / (0.5 * float(np.linalg.eigvalsh((rows * share).T @ rows)[-1]) + DECAY)
    weights = ahead = np.zeros((rows.shape[1], count), np.float32)
    pace = 1.0
    for _ in range(STEPS):
        slope = rows.T @ ((probabilities(rows, ahead) - truth) * share)
        slope[:-1] += DECAY * ahead[:-1]
        after = ahead - step * slope
        faster = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
        ahead = after + np.float32((pace - 1) / faster) * (after - weights)
        weights, pace = after, faster
    return cast("Matrix", weights.astype(np.float32))


def probabilities(rows: Matrix, weights: Matrix) -> Matrix:
    """Return each row's share of each category."""
    scores = rows @ weights
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return cast("Matrix", powers / powers.sum(axis=1, keepdims=True))


def unseen(rows: Rows, count: int) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return how unsafe each sample's worst window is to heads that were fitted without the sample's rows.

    A safe sample may be the neighbour in another one's row, and that row may be among those fitted to.
    """
    owners = np.unique(rows.samples)
    fold_of = dict(zip(owners, np.random.default_rng(SEED).permutation(len(owners)) % FOLDS, strict=True))
    folds = np.array([fold_of[owner] for owner in rows.samples])
    scores = np.zeros(int(owners.max()) + 1)
    for fold in range(FOLDS):
        taught = (folds != fold) & rows.taught
        weights = fitted(rows.vectors[taught], rows.categories[taught], count)
        judged = (folds == fold) & rows.judged
        test = np.hstack([rows.vectors[judged], np.ones((int(judged.sum()), 1), np.float32)])
        np.maximum.at(scores, rows.samples[judged], 1 - probabilities(test, weights)[:, 0])
    return scores


def train(side: Side, samples: Sequence[Sample], encoder: SentenceEncoder) -> dict[str, Any]:
    """Return a side's head with what cross-validation says of it."""
    mine = [sample for sample in samples if side in sample.sides]
    names = [SAFE, *sorted({sample.category for sample in mine} - {SAFE})]
    rows = rows_of(mine, names, encoder)
    scores = unseen(rows, len(names))
    hard = np.array([sample.hard and sample.category == SAFE for sample in mine])
    threshold = round(float(np.quantile(scores[hard], 1 - HARD_FALSE)), DIGITS)
    found = {
        name: round(float(np.mean(scores[[s.category == name for s in mine]] >= threshold)), 3)
        for name in names[1:]
    }
    easy = np.array([not sample.hard for sample in mine])
    facts = {
        "texts": len(mine),
        "hard_texts_stopped": round(float(np.mean(scores[hard] >= threshold)), 3),
        "corpus_lines_stopped": round(float(np.mean(scores[easy] >= threshold)), 3) if easy.any() else None,
        "found": found,
        "found_of_all": round(float(np.mean(scores[[s.category != SAFE for s in mine]] >= threshold)), 3),
    }
    weights = fitted(rows.vectors[rows.taught], rows.categories[rows.taught], len(names))
    shown = [[round(float(each), DIGITS) for each in column] for column in weights.T]
    return {"categories": names, "threshold": threshold, "cross_validation": facts, "weights": shown}


def main() -> None:
    """Train both heads and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--cache", type=Path, default=Path(".state/models"))
    options = parser.parse_args()
    encoder, samples = open_encoder(options.cache), read_samples()
    heads = {side: train(side, samples, encoder) for side in ("input", "output")}
    for side, head in heads.items():
        sys.stdout.write(f"{side}: {json.dumps(head['cross_validation'])}\n")
    lines = [f"{json.dumps(side)}: {_written(head)}" for side, head in heads.items()]
    options.out.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _written(head: dict[str, Any]) -> str:
    """Return a head as JSON, a category's weights a line."""
    rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in head["weights"])
    about = json.dumps({key: value for key, value in head.items() if key != "weights"})
    return f'{about[:-1]}, "weights": [\n{rows}\n]}}'


if __name__ == "__main__":
    main()
