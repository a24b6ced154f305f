"""The outcome of a turn for its model: an answer, a failure, a line that was stopped, or nothing.

The codes and the reasons are storage format, so this reads what any version of the program recorded; one
that is not known counts as an answer, or, of a failure or a refusal, as the caller's own.
"""

from typing import Literal

Counts = Literal["answered", "failed", "blocked"]
"""``blocked``: the guardrails ended the model's line, so only its violation tells of it; or the provider's
own filter did, which says something of the words and nothing of who served them."""

MODEL_FAULTS = frozenset(
    {
        "engine_failed",
        "engine_unreachable",
        "engine_timeout",
        "engine_overloaded",
        "engine_nonsense",
        "engine_denied",
        "engine_misconfigured",
        "empty_output",
        "deadline_exceeded",
    }
)
"""Failures that speak against a model and its engine; the others are the caller's."""

MODEL_REFUSALS = frozenset({"no_engine", "overloaded", "engines_away"})
"""Refusals that speak against a model and its engines."""

WHOLE = frozenset({"stop", "length"})
"""Reasons of an answer that a model brought to its end: it may be given again, and learned from."""

REPLACED = frozenset({"authored", "cut", "filtered", "blocked"})
"""Reasons of an answer that was not served as it was meant to be."""


def of_answer(
    finish_reason: str, *, engine: str, own_tier: bool, source_inference_id: str | None
) -> Counts | None:
    """Return what an answer counts as; None: it says nothing of its model.

    Args:
        finish_reason: why it ended.
        engine: the engine that was asked; "" for none.
        own_tier: whether the tier that was asked for served it, or none did.
        source_inference_id: the turn whose answer it is, which stands for itself; None: its own.
    """
    if source_inference_id is not None:
        return None
    blocked = finish_reason == "blocked"
    if blocked and not engine:  # the question was: no model was asked
        return None
    if finish_reason in {"authored", "cut"} or not own_tier:
        return "failed"
    return "blocked" if blocked or finish_reason == "filtered" else "answered"


def of_failure(code: str) -> Literal["failed"] | None:
    """Return what a turn without an answer counts as; None: it was the caller's own fault."""
    return "failed" if code in MODEL_FAULTS else None


def of_refusal(code: str) -> Literal["failed"] | None:
    """Return what a request that was turned away counts as; None: no model was at fault."""
    return "failed" if code in MODEL_REFUSALS else None
