"""Asides: one or two words of a voice's own that stand before a line. Pure.

An aside stands where a line would begin as another that was heard, or where anybody might have said it;
before what who listens was told already, one that says so.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

from domain.story.variety import OPENING_WORDS, words_of

ASIDE_WORDS = 2
SENTENCE_END = re.compile(r"(?<=[.?!…])\s")


def line_id(voice: str, text: str) -> str:
    """Return the id of a written line or an aside: it stays as long as the words do."""
    return sha256(f"{voice} {text}".encode()).hexdigest()[:12]


def opening_of(text: str) -> str:
    """Return the words that a line begins with."""
    return " ".join(words_of(text)[:OPENING_WORDS])


def interjects(text: str) -> bool:
    """Tell whether a line begins with a sentence of one or two words, as an aside is: "Yes. Gault did."."""
    return len(words_of(SENTENCE_END.split(text, maxsplit=1)[0])) <= ASIDE_WORDS


def aside_before(
    text: str, asides: Sequence[str], lines: Mapping[str, int], openings: Collection[str], seed: str
) -> tuple[str, str]:
    """Return id and words of the aside that goes best before a text.

    Args:
        text: what is said behind it.
        asides: those of a voice; one or more.
        lines: ids of what was heard, and when: what was heard longest ago comes first.
        openings: that were heard; one that is new goes before.
        seed: decides where nothing else does.
    """

    def rank(aside: tuple[str, str]) -> tuple[object, ...]:
        drawn = sha256(f"{seed} {aside[0]}".encode()).digest()
        return opening_of(f"{aside[1]} {text}") in openings, lines.get(aside[0], 0), drawn

    return min(((line_id("aside", each), each) for each in asides), key=rank)
