r"""Regular expressions for answers: read, checked, and continued in the middle. Pure.

An engine that goes on after another one's words must hold the rest of the answer to the rest of the pattern:
the derivative of the pattern by those words (J. Brzozowski, "Derivatives of Regular Expressions", JACM 11,
1964). Printed again it is a pattern that any engine takes.

The dialect is what engines for structured output have in common: literals, escapes (``\d \w \s`` mean
ASCII), classes, the dot (any character but a line's end), groups, ``|``, ``* + ? {n} {n,} {n,m}``. ``^`` and
``$`` may stand at the ends and mean nothing, as the whole answer is held to the pattern.
"""

from collections.abc import Sequence

from domain.patterns.reader import parse
from domain.patterns.tree import (
    NOTHING,
    Chars,
    PatternError,
    TooInvolved,
    after,
    alt,
    nullable,
    printed,
    seq,
    size,
)
from domain.patterns.walk import Walk

__all__ = ["PatternError", "TooInvolved", "Walk", "can_end", "check", "choice_of", "matches", "rest_of"]

EFFORT_MAX = 250_000
"""Places of a pattern that are looked at for the rest of it, 0.3 to 3 us each: a thousand characters into a
pattern of 250 parts. Few that are not made for it need a tenth."""


def check(pattern: str) -> str:
    """Return ``pattern`` if it is one.

    Raises:
        PatternError: it is not.
    """
    parse(pattern)
    return pattern


def rest_of(pattern: str, sent: str) -> str | None:
    """Return the pattern of what may follow ``sent``, "" if nothing may; None if nothing can begin with it.

    Raises:
        PatternError: ``pattern`` is none.
        TooInvolved: what follows ``sent`` is, or takes more than `EFFORT_MAX` to find.
    """
    node, effort = parse(pattern), 0
    for char in sent:
        node = after(node, char)
        if node == NOTHING:
            return None
        if (effort := effort + size(node)) > EFFORT_MAX:
            raise TooInvolved(f"the pattern is too involved: more than {EFFORT_MAX} places for its rest")
    if node == NOTHING:
        return None
    return printed(node)


def can_end(pattern: str) -> bool:
    """Say whether the empty text matches. Raises `PatternError`."""
    return nullable(parse(pattern))


def matches(pattern: str, text: str) -> bool:
    """Say whether the whole text matches. Raises `PatternError`."""
    rest = rest_of(pattern, text)
    return rest is not None and can_end(rest)


def choice_of(texts: Sequence[str]) -> str:
    """Return the pattern that exactly these texts match."""
    return printed(alt(seq(*(Chars(((ord(c), ord(c)),)) for c in text)) for text in texts))
