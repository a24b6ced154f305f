"""What is wrong with a definition, said so that who wrote it can mend it without asking anybody."""

from collections.abc import Iterable
from dataclasses import dataclass

FOUND_MAX = 60
"""Characters of a value that a fault shows."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: what sort of fault it is: one of a fixed list of words, for who counts or filters.
        path: where it is: `people.odalys_pike.schedule[2].at`.
        found: what stands there, as a clause.
        allowed: what may stand there, as a clause; "" if there is nothing to add.
        nearest: the known name that is most like the one found; "": none is.
        other: the path of a second place that it is about (what is there already); "": none.
        at_key: whether the key is meant and not its value.
    """

    kind: str
    path: str
    found: str
    allowed: str = ""
    nearest: str = ""
    other: str = ""
    at_key: bool = False


def shown(value: object) -> str:
    """Return a value of a definition as a fault shows it: short, and in the words of who wrote it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            text = value if len(value) <= FOUND_MAX else value[: FOUND_MAX - 1] + "…"
            return f"the text {text!r}"
        case dict():
            return f"a map of {len(value)}" if value else "an empty map"
        case list():
            return f"a list of {len(value)}" if value else "an empty list"
        case _:
            return f"the number {value}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like ``name``; "" if none is near.

    Near is an edit distance of at most a third of the name, so that a slip of the hand is found and a guess
    is not. Of several the first in the order of the alphabet.
    """
    most = max(1, len(name) // 3)
    best, best_at = "", most + 1
    for other in sorted(known):
        if abs(len(other) - len(name)) < best_at:
            distance = _distance(name, other, best_at)
            if distance < best_at:
                best, best_at = other, distance
    if best:
        return best
    long = [other for other in sorted(known) if min(len(name), len(other)) > 2]
    return next((other for other in long if name in other or other in name), "")


def _distance(one: str, other: str, enough: int) -> int:
    """Return the edit distance of two names, or ``enough`` as soon as it is not less.

    Two neighbours the wrong way round are one slip (optimal string alignment: Damerau 1964).
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        following = [at]
        for to, against in enumerate(other, 1):
            best = min(row[to] + 1, following[to - 1] + 1, row[to - 1] + (letter != against))
            if at > 1 < to and letter == other[to - 2] and one[at - 2] == against:
                best = min(best, before[to - 2] + 1)
            following.append(best)
        before, row = row, following
        if min(row) >= enough:
            return enough
    return min(row[-1], enough)
