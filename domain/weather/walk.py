"""The weather as it goes of itself: fronts that travel, and each zone's spells between them. Pure integers.

A *front* is where one regime ends and another begins. It leaves the coast at a moment, with a heading and a
speed, and is in a zone when it has gone that zone's way inland; so all zones have the same regimes, later
or sooner. Time is in *segments* (a season, or what is left of it when a climate changes): the first front
of a segment stands everywhere at its beginning, and nothing before it matters. Everything is a hash of
(seed, what, segment, number).

Times are game seconds since day 0.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from domain.kernel.chance import below, chance, join, pick
from domain.weather.law import Law, SeasonLaw

FRONTS, SPELLS, WARMTH, GUSTS, FORECAST = range(1, 6)
"""The second word of each hash: what it is for."""

SPEEDS = (200, 500)
"""Of fronts, in tenths of km/h, the last one left out."""

STRENGTHS = (200, 1_000)


class Front(NamedTuple):
    """A regime's beginning, as it leaves the coast."""

    number: int
    at_s: int
    regime: int
    heading: int
    """Index into `Law.slant`."""
    speed: int
    strength: int


class Spell(NamedTuple):
    """A state from a moment on."""

    at_s: int
    state: int


class Visit(NamedTuple):
    """What a zone has of a front: from its arrival until the next one's."""

    front: Front
    begin_s: int
    end_s: int


@dataclass(frozen=True, eq=False)
class Segment:
    """A stretch of time under one season's law.

    Attributes:
        first_day, end_day: absolute days; the last one is out.
        begin_s, end_s: the same in seconds.
    """

    law: Law
    season: SeasonLaw
    seed: int
    first_day: int
    end_day: int
    day_s: int

    @property
    def begin_s(self) -> int:
        """When it begins."""
        return self.first_day * self.day_s

    @property
    def end_s(self) -> int:
        """When it is over."""
        return self.end_day * self.day_s

    @cached_property
    def fronts(self) -> Sequence[Front]:
        """All its fronts; the first one is everywhere at once."""
        return list(self.fronts_from(self.first_front()))

    # --- fronts -------------------------------------------------------------------------------------------

    def first_front(self) -> Front:
        """Return the regime that it begins in the middle of."""
        bits = chance(self.seed, FRONTS, self.first_day, 0)
        regime = pick(join(bits, 0), [each.share for each in self.season.regimes])
        return self._front(bits, 0, self.begin_s, regime)

    def fronts_from(self, front: Front) -> Iterator[Front]:
        """Yield a front and those after it: from any of them the rest follows."""
        while front.at_s < self.end_s:
            yield front
            front = self._after(front)

    def _after(self, front: Front) -> Front:
        mean = self.season.regimes[front.regime].mean_s
        length = (self.span if front.number else self.rest)(mean, self._bits(front.number, 1))
        weights = [each.then for each in self.season.regimes]
        if sum(map(bool, weights)) > 1:
            weights[front.regime] = 0
        number = front.number + 1
        bits = chance(self.seed, FRONTS, self.first_day, number)
        return self._front(bits, number, front.at_s + length, pick(join(bits, 0), weights))

    def _bits(self, number: int, word: int) -> int:
        return join(chance(self.seed, FRONTS, self.first_day, number), word)

    def _front(self, bits: int, number: int, at_s: int, regime: int) -> Front:
        return Front(
            number,
            at_s,
            regime,
            below(join(bits, 2), len(self.law.slant)),
            _between(join(bits, 3), SPEEDS),
            _between(join(bits, 4), STRENGTHS),
        )

    def arrival(self, front: Front, zone: int) -> int:
        """Return when a front is in a zone: when it left the coast, and its way by its speed."""
        if not front.number:
            return front.at_s
        law = self.law
        way = law.zones[zone].lag_s * law.slant[front.heading]
        return front.at_s + way * law.speed // (1_000 * front.speed)

    def visits(self, zone: int) -> Sequence[Visit]:
        """Return what a zone has of each front, in turn; together they are the segment."""
        found = self._visits.get(zone)
        if found is None:
            begins = [(each, self.arrival(each, zone)) for each in self.fronts]
            inside = [(each, at_s) for each, at_s in begins if at_s < self.end_s]
            ends = [at_s for _, at_s in inside[1:]] + [self.end_s]
            found = [Visit(each, at_s, end) for (each, at_s), end in zip(inside, ends, strict=True)]
            self._visits[zone] = found
        return found

    def visit(self, zone: int, at_s: int) -> int:
        """Return the number of the visit that a moment of the segment falls into."""
        return bisect_right(self.visits(zone), at_s, key=lambda each: each.begin_s) - 1

    # --- spells -------------------------------------------------------------------------------------------

    def spells(self, zone: int, visit: Visit) -> Iterator[Spell]:
        """Yield the spells that a zone has while a front's regime lasts; two in a row may be of one state."""
        law, here = self.law, self.season.zones[zone]
        states = here.regimes[visit.front.regime]
        bits = chance(self.seed, SPELLS, law.zones[zone].key, self.first_day, visit.front.number)
        state = pick(join(bits, 0), states.first)
        at_s = visit.begin_s
        length = self.rest(here.means[state], join(bits, 1))
        number = 2
        while at_s < visit.end_s:
            yield Spell(at_s, state)
            at_s += length
            near = law.kernel[state]
            state = pick(join(bits, number), [a * b for a, b in zip(near, states.then, strict=True)])
            length = self.span(here.means[state], join(bits, number + 1))
            number += 2

    def pieces(self, zone: int) -> Sequence[Spell]:
        """Return what one sees in a zone: each spell with those of its kind that follow it at once."""
        found = self._pieces.get(zone)
        if found is None:
            found = []
            for visit in self.visits(zone):
                for spell in self.spells(zone, visit):
                    if not found or found[-1].state != spell.state:
                        found.append(spell)
            self._pieces[zone] = found
        return found

    @cached_property
    def _visits(self) -> dict[int, Sequence[Visit]]:
        return {}

    @cached_property
    def _pieces(self) -> dict[int, list[Spell]]:
        return {}

    def span(self, mean_s: int, bits: int) -> int:
        """Return the length of something that begins."""
        spans = self.law.spans
        n = below(bits, len(spans) - 1)
        return max(1, mean_s * (spans[n + 1] - spans[n]) // self.law.unit)

    def rest(self, mean_s: int, bits: int) -> int:
        """Return what is left of something that is found under way: what is longer is found more often."""
        spans = self.law.spans
        at = below(bits, spans[-1])
        return max(1, mean_s * (spans[bisect_right(spans, at)] - at) // self.law.unit)


def _between(bits: int, limits: tuple[int, int]) -> int:
    low, high = limits
    return low + below(bits, high - low)
