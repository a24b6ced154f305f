"""Whether somebody heard nearly the same lately: runs of three words that two lines have in common. Pure."""

from collections.abc import Sequence

from domain.story.variety import words_of

RUN = 3
ALIKE_FROM = 0.5
"""Share of their runs that two lines have in common from which on they are nearly the same (Jaccard)."""

SHORT_BELOW = 4
"""Words below which a line is compared as a whole: ``Yes.`` may come again."""

Grams = frozenset[str]


def grams_of(text: str) -> Grams:
    """Return the runs of three words of a line; of a short one the words themselves."""
    words = words_of(text)
    if len(words) < SHORT_BELOW:
        return frozenset({" ".join(words)})
    return frozenset(" ".join(words[at : at + RUN]) for at in range(len(words) - RUN + 1))


def likeness(one: Grams, other: Grams) -> float:
    """Return the share of their runs that two lines have in common, 0 to 1."""
    return len(one & other) / max(1, len(one | other))


def nearly_heard(text: str, heard: Sequence[Grams]) -> str:
    """Return why a text is a repetition; "" if it is none, or too short to be one."""
    if not heard or len(words_of(text)) < SHORT_BELOW:
        return ""
    own = grams_of(text)
    best = max((likeness(own, other) for other in heard), default=0.0)
    return f"{best:.0%} of its runs of three words were heard lately" if best >= ALIKE_FROM else ""
