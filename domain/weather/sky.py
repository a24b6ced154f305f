"""The weather as one meets it: what goes of itself, what operators laid over it, and how it changes. Pure.

Everything is a function of a zone and a moment; nothing is added up, so whoever asks later sees the same. A
change takes `Law.ease_ms`: at each moment the air is the mean of what the weather was in the span before
it, by the share of each. So it never leaps, whatever begins or ends meanwhile. Times are game ms since day
0; floor division.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.clock.almanac import Almanac
from domain.kernel.chance import below, chance
from domain.weather.law import Law
from domain.weather.walk import GUSTS, WARMTH, Segment, Visit

MS = 1_000
HOUR_MS = 3_600_000
PASSAGE_MS = 2 * HOUR_MS
"""So long a front's own wind blows, and it is strongest in the middle."""

PASSAGE_SLOWER = 5 * HOUR_MS
"""The strength of a front by the ms since its edge, to tenths of km/h."""

SEGMENTS_KEPT = 8


@dataclass(frozen=True, slots=True)
class Climate:
    """A law, and from which day on it holds; the first one holds for all days before, too."""

    from_day: int
    law: Law
    seed: int


@dataclass(frozen=True, slots=True)
class Override:
    """What an operator laid over some zones: the state, from a moment until another."""

    handle: str
    zones: frozenset[str]
    state: int
    from_ms: int
    until_ms: int

    def holds(self, zone: str, at_ms: int) -> bool:
        """Say whether it is over a zone at a moment."""
        return self.from_ms <= at_ms < self.until_ms and zone in self.zones


class Piece(NamedTuple):
    """One weather without a break; `handle` is the override's, or ""."""

    begin_ms: int
    end_ms: int
    state: int
    handle: str


class Air(NamedTuple):
    """What one feels and sees."""

    temperature: int
    """1/100 °C."""
    wind: int
    """1/10 km/h."""
    humidity: int
    """Thousandths."""
    visibility: int
    """Metres."""
    intensity: int
    """Thousandths."""


class Nature:
    """Climates under a calendar: the segments of time, each made once."""

    def __init__(self, almanac: Almanac, climates: Sequence[Climate]) -> None:
        self.almanac = almanac
        self.day_ms = almanac.day_ms
        self._climates = list(climates)
        self._made: dict[tuple[int, int], Segment] = {}

    def climate(self, day: int) -> Climate:
        """Return the climate of a day."""
        return self._climates[self._number(day)]

    def _number(self, day: int) -> int:
        return max(0, bisect_right(self._climates, day, key=lambda each: each.from_day) - 1)

    def segment(self, at_ms: int) -> Segment:
        """Return the segment that a moment falls into."""
        day = at_ms // self.day_ms
        number, index = self._number(day), self.almanac.season_index(day)
        found = self._made.get((number, index))
        if found is None:
            found = self._made[number, index] = self._segment(number, index)
            if len(self._made) > SEGMENTS_KEPT:
                del self._made[next(iter(self._made))]
        return found

    def _segment(self, number: int, index: int) -> Segment:
        climate = self._climates[number]
        begin, end = self.almanac.season_begins(index), self.almanac.season_begins(index + 1)
        if number:
            begin = max(begin, climate.from_day)
        if number + 1 < len(self._climates):
            end = min(end, self._climates[number + 1].from_day)
        season = climate.law.season(self.almanac.season(index), index)
        return Segment(climate.law, season, climate.seed, begin, end, self.day_ms // MS)


class Sky:
    """The weather of a realm. Zones are given by their ids, which are those of the climate in force."""

    def __init__(self, nature: Nature, overrides: Sequence[Override] = ()) -> None:
        self.nature = nature
        self.overrides = tuple(overrides)

    def zones(self, at_ms: int) -> Sequence[str]:
        """Return the zones that there are."""
        return [each.id for each in self.nature.segment(at_ms).law.zones]

    def piece(self, zone: str, at_ms: int) -> Piece:
        """Return the weather of a zone at a moment: of the overrides the one that was set last, or nature's.

        Raises:
            KeyError: there is no such zone.
        """
        over = [each for each in self.overrides if zone in each.zones]
        top = max((n for n, each in enumerate(over) if each.holds(zone, at_ms)), default=-1)
        if top >= 0:
            begin, end, state, handle = (
                over[top].from_ms,
                over[top].until_ms,
                over[top].state,
                over[top].handle,
            )
        else:
            (begin, end, state), handle = self._natural(zone, at_ms), ""
        for each in over[top + 1 :]:
            if each.from_ms < each.until_ms <= at_ms:
                begin = max(begin, each.until_ms)
            elif at_ms < each.from_ms < each.until_ms:
                end = min(end, each.from_ms)
        return Piece(begin, end, state, handle)

    def _natural(self, zone: str, at_ms: int) -> tuple[int, int, int]:
        segment = self.nature.segment(at_ms)
        pieces = segment.pieces(zone_index(segment.law, zone))
        n = bisect_right(pieces, at_ms // MS, key=lambda each: each.at_s) - 1
        end_s = pieces[n + 1].at_s if n + 1 < len(pieces) else segment.end_s
        return pieces[n].at_s * MS, end_s * MS, pieces[n].state

    def visit(self, zone: str, at_ms: int) -> Visit:
        """Return which front's regime a zone is under, and between which seconds."""
        segment = self.nature.segment(at_ms)
        index = zone_index(segment.law, zone)
        return segment.visits(index)[segment.visit(index, at_ms // MS)]

    # --- the air ------------------------------------------------------------------------------------------

    def air(self, zone: str, at_ms: int) -> Air:
        """Return what the air is like: the mean over what the weather was while it eased."""
        law = self.nature.segment(at_ms).law
        left, until, sums = law.ease_ms, at_ms + 1, [0] * len(Air._fields)
        while left > 0:
            piece = self.piece(zone, until - 1)
            new = zone not in self.zones(piece.begin_ms - 1)  # nothing was before it that could ease out
            share = left if new else min(left, until - piece.begin_ms)
            for n, value in enumerate(self._in(zone, piece.state, until - 1, at_ms)):
                sums[n] += value * share
            left, until = left - share, piece.begin_ms
        mean = Air(*(each // law.ease_ms for each in sums))
        return mean._replace(wind=mean.wind + self._passage(zone, at_ms))

    def _in(self, zone: str, state: int, of_ms: int, at_ms: int) -> Air:
        """Return what the air would be like at a moment, were the weather what it was at another."""
        law, day_ms = self.nature.segment(of_ms).law, self.nature.day_ms
        here, seen = law.zones[zone_index(law, zone)], law.states[state]
        season = self.nature.segment(of_ms).season.zones[zone_index(law, zone)]
        range_ = season.warmest - season.coldest
        usual = season.coldest + range_ * _warmed(at_ms % day_ms, day_ms) // 1_000
        drift = range_ * self._warmth(here.key, at_ms) // 4_000
        gust = _between(at_ms, HOUR_MS, lambda hour: 750 + below(chance(0, GUSTS, here.key, hour), 501))
        return Air(
            max(seen.at_least, min(usual + drift + seen.warmer, seen.at_most)),
            seen.wind * gust // 1_000,
            seen.humidity,
            seen.visibility,
            seen.intensity,
        )

    def _warmth(self, key: int, at_ms: int) -> int:
        """Return how warm the days are, in thousandths of what days differ by: from day to day in a line."""
        day_ms = self.nature.day_ms
        return _between(at_ms, day_ms, lambda day: self.warmth(key, day - 1))

    def warmth(self, key: int, day: int) -> int:
        """Return how warm a day ends, by its hash: -1,000 to 1,000."""
        return below(chance(self.nature.climate(day).seed, WARMTH, key, day), 2_001) - 1_000

    def _passage(self, zone: str, at_ms: int) -> int:
        front, begin_s, _ = self.visit(zone, at_ms)
        age = at_ms - begin_s * MS
        edge = min(age, PASSAGE_MS - age)
        return front.strength * edge // PASSAGE_SLOWER if front.number and edge > 0 else 0


def zone_index(law: Law, zone: str) -> int:
    """Return a zone's place in a law.

    Raises:
        KeyError: there is none of that id.
    """
    for n, each in enumerate(law.zones):
        if each.id == zone:
            return n
    raise KeyError(zone)


def _warmed(of_day: int, day: int) -> int:
    """Return how far a day has warmed up, in thousandths: coldest at 5 of 24 hours, warmest at 15."""
    since = (24 * of_day - 5 * day) % (24 * day)
    return since * 1_000 // (10 * day) if since < 10 * day else (24 * day - since) * 1_000 // (14 * day)


def _between(at_ms: int, every_ms: int, value: Callable[[int], int]) -> int:
    """Return what lies, in a line, between the values of two moments that are so far apart."""
    number, gone = divmod(at_ms, every_ms)
    return (value(number) * (every_ms - gone) + value(number + 1) * gone) // every_ms
