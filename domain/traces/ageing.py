"""How traces age: a whole-number function of game time and of the weather that was told. Pure.

What is left halves with each half-life that has passed, and falls evenly in between; under another weather a
half-life is another. So it is the same for everybody, for each time, without anything that counts along.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter

HALF = 1 << 20
"""Wear in which half is gone."""

FADED = 100
"""Thousandths below which nothing is to be seen any more."""


@dataclass(slots=True)
class Sky:
    """The weather of each zone as it was told: positions, game times, states, in the order of the log."""

    told: defaultdict[str, list[tuple[int, int, str]]] = field(default_factory=lambda: defaultdict(list))

    def note(self, zone: str, position: int, at_ms: int, state: str) -> None:
        """Take a change of the weather in."""
        self.told[zone].append((position, at_ms, state))

    def at(self, zone: str, at_ms: int, as_of: int | None = None) -> str:
        """Return the weather at a game time; "": none is known."""
        spans = self.spans(zone, at_ms, at_ms + 1, as_of)
        return next((state for *_, state in spans), "")

    def spans(
        self, zone: str, from_ms: int, to_ms: int, as_of: int | None = None
    ) -> Iterator[tuple[int, int, str]]:
        """Yield the spans between two game times with their weather, the last one first.

        A clock that was set back tells its hours anew: what was told later holds. Before anything was told
        the weather is "".
        """
        told, end = self.told.get(zone, ()), to_ms
        count = len(told) if as_of is None else bisect_right(told, as_of, key=itemgetter(0))
        for n in range(count - 1, -1, -1):
            if end <= from_ms:
                return
            _, at_ms, state = told[n]
            if at_ms < end:
                yield max(at_ms, from_ms), end, state
                end = at_ms
        if end > from_ms:
            yield from_ms, end, ""


def left(strength: int, wear: int) -> int:
    """Return what is left of a strength, in thousandths, after so much wear (in parts of `HALF`)."""
    halvings, part = divmod(wear, HALF)
    return (strength * (2 * HALF - part) // (2 * HALF)) >> halvings


def worn_out(strength: int, wear: int) -> bool:
    """Return whether nothing is to be seen any more."""
    return left(strength, wear) < FADED
