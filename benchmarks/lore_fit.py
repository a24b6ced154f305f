"""Fits what decides that something is not known: `python -m benchmarks.lore_fit`.

Questions for training and the tuning half of the others, never the kept one. A logistic function of the signs
of a search is fitted by Newton's method with a small penalty, and its bias is set so that of the answerable
questions `FALSE` would be refused by weights that were fitted without them. What it prints goes into
`domain/lore/refusal.py`, with the digest of the questions.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from benchmarks.lore_kit import Question, asked_of, questions_to_train, worlds
from domain.lore.refusal import SIGNS, values_of
from domain.lore.search import search
from handlers.guardrails.sentence_encoder import shared_encoder

MODELS = Path(".state/benchmarks/models")
FALSE = 0.035
PENALTY = 0.3
RIDDLE = 0.15
"""Weight of a question of which hardly a word is left: to refuse it is no great fault."""

FOLDS = 10
Numbers = NDArray[np.float64]


def digest_of(asked: Sequence[Question]) -> str:
    """Return the digest of what was fitted on."""
    said = "\n".join(f"{each.world}|{each.kind}|{each.text}|{sorted(each.gold)}" for each in asked)
    return f"sha256:{sha256(said.encode()).hexdigest()}"


def fitted(signs: Numbers, known: NDArray[np.bool_], weights: Numbers) -> Numbers:
    """Return bias and weights of the signs, of which each is scaled to its own spread for the penalty."""
    mean, spread = signs.mean(axis=0), signs.std(axis=0) + 1e-9
    rows = np.c_[np.ones(len(signs)), (signs - mean) / spread]
    penalty = np.diag([0.0, *[2 * PENALTY] * signs.shape[1]])
    found = np.zeros(rows.shape[1])
    for _ in range(50):
        likely = 1 / (1 + np.exp(-rows @ found))
        slope = rows.T @ (weights * (likely - known)) + penalty @ found
        curve = (rows * (weights * likely * (1 - likely))[:, None]).T @ rows + penalty
        found -= np.linalg.solve(curve, slope)
    scaled = found[1:] / spread
    return np.array([found[0] - scaled @ mean, *scaled])


def scores(signs: Numbers, judge: Numbers) -> Numbers:
    """Return what the logistic function is taken of."""
    found: Numbers = judge[0] + signs @ judge[1:]
    return found


def told(name: str, asked: Sequence[Question], signs: Numbers) -> None:
    """Fit, and print the weights and how they do on questions that they were not fitted on."""
    known = np.array([bool(each.gold) for each in asked])
    kinds, places = np.array([each.kind for each in asked]), np.array([each.world for each in asked])
    weights = np.where(kinds == "riddle", RIDDLE, 1.0)
    folds = np.array([crc32(each.text.encode()) % FOLDS for each in asked])

    def apart(groups: NDArray[np.generic]) -> Numbers:
        found = np.zeros(len(asked))
        for group in np.unique(groups):
            rest = groups != group
            judge = fitted(signs[rest], known[rest], weights[rest])
            found[~rest] = scores(signs[~rest], judge)
        return found

    fair, answerable = apart(folds), known & (kinds != "riddle")
    least = float(np.quantile(fair[answerable], FALSE))
    judge = fitted(signs, known, weights)
    judge[0] -= least
    print(f"{name} = Judge({judge[0]:.2f}, ({', '.join(f'{each:.2f}' for each in judge[1:])}))")
    for way, by in (("each tenth by the others", fair), ("each world by the other", apart(places))):
        for world in np.unique(places):
            own = places == world
            rates = [
                f"{kind} {float((by[own & (kinds == kind) & ~known] < least).mean()):.3f}"
                for kind in ("none", "world", "attribute", "invented", "limits")
            ]
            false = float((by[own & answerable] < least).mean())
            print(f"  {way}, {world}: refused {', '.join(rates)}; of the answerable {false:.3f}")


def main() -> None:
    encoder = shared_encoder(MODELS)
    asked = questions_to_train()
    print(f'FITTED_ON = "{digest_of(asked)}"  # {len(asked)} questions; signs {", ".join(SIGNS)}')
    for name, by in (("WITH_ENCODER", worlds(encoder)), ("WITHOUT_ENCODER", worlds(None))):
        rows, those = [], []
        for each in asked:
            found = search(by[each.world].shelf, asked_of(encoder, by[each.world], each))
            if found.signs is not None:
                rows.append(values_of(found.signs))
                those.append(each)
        told(name, those, np.array(rows, np.float64))


if __name__ == "__main__":
    main()
