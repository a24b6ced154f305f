"""Not to know is an answer: whether what was found answers the question at all, and if not, why.

Signs, each from 0 to 1, are weighed by a logistic function whose weights were fitted on the tuning half of
the questions of `benchmarks lore`. Without
the encoder those that are left decide, by weights of their own.
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
        meaning: cosine of question and best passage; None: the encoder is away.
        covered: how much of what the question says stands in the best passages, rare words counting most.
        unheard: how much of it stands nowhere in what the holder may know.
        named: share of the entities that the question names which the best passage speaks of; 0.5: it
            names none.
        ahead: how far the best passage is before the fifth, as a share.
    """

    meaning: float | None
    covered: float
    unheard: float
    named: float
    ahead: float


@dataclass(frozen=True, slots=True)
class Judge:
    """Weights of the signs."""

    bias: float
    meaning: float
    covered: float
    unheard: float
    named: float
    ahead: float


WITH_ENCODER = Judge(bias=-3.97, meaning=3.43, covered=2.71, unheard=-2.2, named=2.38, ahead=2.78)
WITHOUT_ENCODER = Judge(bias=-2.0, meaning=0.0, covered=2.57, unheard=-2.42, named=2.97, ahead=0.42)


def likelihood(signs: Signs) -> float:
    """Return how likely it is that the best passages answer the question, from 0 to 1."""
    judge = WITHOUT_ENCODER if signs.meaning is None else WITH_ENCODER
    total = (
        judge.bias
        + judge.meaning * (signs.meaning or 0.0)
        + judge.covered * signs.covered
        + judge.unheard * signs.unheard
        + judge.named * signs.named
        + judge.ahead * signs.ahead
    )
    return 1 / (1 + exp(-total))


def answers(signs: Signs) -> bool:
    """Say whether the best passages answer the question."""
    return likelihood(signs) >= 0.5
