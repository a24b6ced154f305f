"""Latency and cost of two models in an evaluation, at the load at which it ran. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.evaluation.scorers import Answer
from handlers.evaluation.runner import Finding

PRICE = "cost_micro_per_1k_tokens"
"""The model's price in its configuration, micro-dollars for 1,000 tokens of prompt and answer."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity of both models."""

    name: str
    current: float
    candidate: float


def figures(finding: Finding, current: Mapping[str, str], candidate: Mapping[str, str]) -> Sequence[Figure]:
    """Return what was measured of the answers; of nothing there is nothing.

    Args:
        finding: the evaluation.
        current: what is known of the current model, its price among it if it has one.
        candidate: the same of the candidate.
    """
    ours = _of([step.pair.candidate for step in finding.steps], candidate)
    theirs = _of([step.pair.current for step in finding.steps], current)
    return [Figure(name, theirs[name], ours[name]) for name in ours if name in theirs]


def _of(answers: Sequence[Answer], facts: Mapping[str, str]) -> Mapping[str, float]:
    answered = [answer for answer in answers if answer.answered]
    if not answered:
        return {}
    paces = [pace for answer in answered if (pace := answer.token_ms) is not None]
    tokens = sum(answer.completion_tokens for answer in answered) / len(answered)
    found = {
        "first token p50, ms": _rank([answer.ttft_ms for answer in answered], 0.5),
        "first token p95, ms": _rank([answer.ttft_ms for answer in answered], 0.95),
        "per token p50, ms": _rank(paces, 0.5),
        "per token p95, ms": _rank(paces, 0.95),
        "tokens of an answer": round(tokens, 1),
        "failed or empty": float(len(answers) - len(answered)),
    }
    if price := _price(facts.get(PRICE, "")):
        used = sum(answer.prompt_tokens + answer.completion_tokens for answer in answered)
        found["1,000 answers, micro-dollars"] = round(used / len(answered) * price, 1)
    return found


def _price(told: str) -> float:
    """Return a price; 0 for what is none."""
    try:
        price = float(told)
    except ValueError:
        return 0.0
    return price if math.isfinite(price) and price > 0 else 0.0


def _rank(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2) if ordered else 0.0
