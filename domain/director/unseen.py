"""Why nobody saw a storylet, by what is noted while players play. Pure.

Whether conditions hold is noted for all storylets at once, as they are sets; whether somebody could play it,
and another one was chosen, for some of those that nobody has seen so far.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Literal, NamedTuple

from domain.director.choosing import Question, conditions, played
from domain.director.content import Content, bits_of
from domain.kernel.chance import below, chance

LOOKED_INTO = 8
"""Storylets at most that are looked into one by one at a moment."""

Cause = Literal["conditions", "cast", "order"]


class Unseen(NamedTuple):
    """A storylet that nobody saw.

    Attributes:
        cause: conditions: they never held together; cast: nobody could play it when they did; order: somebody
            could, and others came first.
        why: the same with figures, in words.
    """

    storylet: str
    cause: Cause
    why: str


@dataclass(slots=True)
class Watch:
    """What is noted of the storylets of one content.

    Attributes:
        moments: at how many it was looked.
        held: by condition, the storylets for which it held at one of them; together: those for which all did.
        looked: those that were looked into.
        cast, order: at how many nobody could play it, or somebody could, by number.
    """

    content: Content
    moments: int = 0
    held: dict[str, int] = field(default_factory=dict)
    together: int = 0
    looked: int = 0
    cast: Counter[int] = field(default_factory=Counter)
    order: Counter[int] = field(default_factory=Counter)

    def look(self, asked: Question, missed: int) -> None:
        """Note what holds when a storylet is to be chosen; ``missed``: those that nobody has seen so far."""
        self.moments += 1
        may = self.content.all
        for name, mask in conditions(self.content, asked):
            self.held[name] = self.held.get(name, 0) | mask
            may &= mask
        self.together |= may
        missed &= may
        drawn = chance(asked.seed, asked.now_ms, self.moments)
        start = below(drawn, missed.bit_length()) if missed else 0
        late = missed & self.looked
        parts = (missed ^ late, late >> start << start, late)
        for number in islice(chain.from_iterable(map(bits_of, parts)), LOOKED_INTO):
            self.looked |= 1 << number
            found = played(self.content, self.content.playables[number], asked, drawn)
            (self.cast if found is None else self.order)[number] += 1

    def reason(self, number: int) -> Unseen:
        """Return why nobody saw a storylet, by its number."""
        id_, cast, order = self.content.playables[number].storylet.id, self.cast[number], self.order[number]
        if order:
            return Unseen(
                id_, "order", f"others came first, {order} of the {order + cast} times it was looked into"
            )
        if cast:
            return Unseen(id_, "cast", f"nobody could play it, {cast} of the {cast} times it was looked into")
        if self.together >> number & 1:
            return Unseen(id_, "conditions", "they held together too seldom for it to be looked into")
        never = [name for name, mask in self.held.items() if not mask >> number & 1]
        what = f"never so: {', '.join(never)}" if never else "each was so, never all together"
        return Unseen(id_, "conditions", f"{what}, in {self.moments} moments")
