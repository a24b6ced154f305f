"""What one thinks that another believes: by what all of a chain perceived together. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from domain.beliefs.mind import Mind, Perceived

AT = "at"
"""The predicate that says who is where."""


@dataclass(slots=True)
class View:
    """What the last of a group believes, as the others see it: by what all of them perceived."""

    mind: Mind
    group: frozenset[str]
    last: str
    seen: list[Perceived] = field(default_factory=list)

    def take_in(self, seen: Perceived, trusted: bool) -> bool:
        """Take in what all perceived; say whether the last takes it to be meant.

        ``trusted``: whether who comes before them does. To those a teller believes what they say.
        """
        if seen.teller != self.last:
            taken = self.mind.take_in(seen, self.last, partial(left_before, self.seen, seen.teller))
            trusted = taken != "doubted"
        elif trusted and not self.mind.believes(seen.claim):
            self.mind.take_in(seen._replace(steps=seen.steps[:-1], place=""), self.last)
        self.seen.append(seen)
        return trusted


def orders(chain: Sequence[str]) -> Iterable[int]:
    """Return the lengths of a chain's beginnings that are a thought of another's."""
    return range(min(2, len(chain)), len(chain) + 1)


def left_before(view: Sequence[Perceived], teller: str, place: str) -> bool:
    """Return whether, by what somebody perceived, a teller left a place before them: they know no better."""
    for seen in reversed(view):
        if seen.place == place and seen.claim.predicate == AT and seen.claim.subject == teller:
            return seen.over
    return False
