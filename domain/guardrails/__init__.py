"""Guardrails: a policy of rules, and a machine that finds violations as a text is written. Pure.

Text is read one character at a time in two foldings (`normalise`): as letters, for phrases that somebody may
have spelled with signs, look-alikes or gaps; and as plain lower case, for forms such as an address or a card
number. Phrases stand in a tree of letters, forms are walked by their derivatives (`domain.patterns`): both
take the same small time for every character whatever the text is, there is nothing to backtrack into.

A whole text (`check`) and a stream (`stream`) go through the same machine (`scan`). It always knows the
earliest place at which something forbidden could still be growing; a stream releases what lies before that
place and nothing else. So a split of the text cannot change what is released, and no part of a forbidden
span goes out.

Python's ``re`` has no partial matching, so with it a stream would need a fixed window as long as the
longest rule, held back from every harmless line, too.
"""

from domain.guardrails.messages import (
    ActivatePolicy,
    PolicyActivated,
    PolicyPublished,
    PublishPolicy,
    RevealViolation,
    ReviewViolation,
    ViolationDetected,
    ViolationRevealed,
    ViolationReviewed,
)
from domain.guardrails.queries import PolicyQuery, ViolationsQuery
from domain.kernel.context import Context, Payload


def _without_time(payload: Payload) -> Payload:
    """From the first version of a violation, which said how long its check took."""
    return {key: value for key, value in payload.items() if key != "took_us"}


CONTEXT = Context(
    "guardrails",
    events=(
        PolicyPublished,
        PolicyActivated,
        ViolationDetected,
        ViolationReviewed,
        ViolationRevealed,
    ),
    commands=(
        PublishPolicy,
        ActivatePolicy,
        ReviewViolation,
        RevealViolation,
    ),
    queries=(
        ViolationsQuery,
        PolicyQuery,
    ),
    upcasters={(ViolationDetected.event_name, 1): _without_time},
)
