"""Not to know is an answer: whether what was found answers the question at all, and if not, why.

Signs, each from 0 to 1, are weighed by a logistic function whose weights were fitted on the tuning half of
the questions of `benchmarks lore` and on its questions for training, so that of what the lore answers about
one in thirty is refused. Without the encoder those that are left decide, by weights of their own.
"""

from dataclasses import dataclass
from math import exp
from typing import Literal

Reason = Literal["", "nothing_asked", "nothing_visible", "no_such_name", "nothing_near"]

WHY: dict[Reason, str] = {
    "": "",
    "nothing_asked": "the question has no word that tells anything",
    "nothing_visible": "there is no lore that this holder may know, at this day and stage",
    "no_such_name": "nothing that this holder may know has that name",
    "nothing_near": "nothing that this holder may know is near enough to the question",
}


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for an answer.

    Attributes:
        meaning: cosine of question and best sentence; None: the encoder is away.
        covered: how much of what the question says stands in the best passages, rare words counting most.
        unheard: how much of it stands nowhere in what the holder may know.
        strange: how much of it is written as a name, and names nobody and nothing that they may know of.
        named: share of the entities that the question names which the best passage speaks of; 0.5: it
            names none.
        ahead: how far the best passage is before the fifth, as a share.
        told: how well the best passage covers what is asked beside names, related words counted.
        least: the same of the word that it covers worst, names counted.
    """

    meaning: float | None
    covered: float
    unheard: float
    strange: float
    named: float
    ahead: float
    told: float
    least: float


SIGNS = ("meaning", "covered", "unheard", "strange", "named", "ahead", "told", "least")


@dataclass(frozen=True, slots=True)
class Judge:
    """Weights of the signs, in the order of `SIGNS`."""

    bias: float
    weights: tuple[float, ...]


FITTED_ON = "sha256:d4e6638529bee5402c4b5f5d3e12797325c13d9d1c53515d38b3cab9976be80b"
"""Digest of the questions that these weights were fitted on; `benchmarks/lore_fit.py` prints all three."""

WITH_ENCODER = Judge(-6.79, (8.18, 2.78, 1.26, -9.77, -0.40, 1.24, 3.25, 1.55))
WITHOUT_ENCODER = Judge(-2.08, (0.00, 0.99, -1.41, -8.45, 2.29, 0.73, 4.25, -0.35))


def values_of(signs: Signs) -> tuple[float, ...]:
    """Return the signs in the order of `SIGNS`; one that is away is 0."""
    return tuple(getattr(signs, name) or 0.0 for name in SIGNS)


def likelihood(signs: Signs) -> float:
    """Return how likely it is that the best passages answer the question, from 0 to 1."""
    judge = WITHOUT_ENCODER if signs.meaning is None else WITH_ENCODER
    total = sum(weight * value for weight, value in zip(judge.weights, values_of(signs), strict=True))
    return 1 / (1 + exp(-judge.bias - total))


def answers(signs: Signs) -> bool:
    """Say whether the best passages answer the question."""
    return likelihood(signs) >= 0.5
