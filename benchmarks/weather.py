"""The weather of 100 years in six regions beside the climate that was written, its fronts and its forecasts.

Three regions are the sample world's, three have the same climates and lie further inland. Each round has a
seed of its own. Measured are the time that computing takes, and how far what came is from what was
promised: the worst share of a season's time, the worst mean length of a spell (of those that came at least
`SPELLS_LEAST` times), fronts that were not in a region when their way and their speed say or did not bring
its weather with them, and how often a line of the forecast came true that was said to be 80 % sure.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from aicore.content.sample_world import sample_definition
from benchmarks.harness import Progress, Report, rounds_of
from domain.clock.almanac import Almanac
from domain.definition.climate import Zone
from domain.weather.calibration import law_of
from domain.weather.forecast import SLOT_MS, expected
from domain.weather.sky import Climate, Nature, Sky
from domain.weather.walk import Segment

YEARS, YEARS_QUICK = 100, 10
INLAND_S = 3_600
SPELLS_LEAST = 200
SURE = 800
SLOTS_APART = 5
"""A forecast is looked at every so many slots of six hours: a time of day that changes."""

Key = tuple[str, str, int]
"""Region, season and state."""


@dataclass
class Seen:
    """What came.

    Attributes:
        lasted: seconds.
        spells: how many.
        fronts: arrivals that were looked at.
        wrong: those that were not as they should be.
    """

    lasted: Counter[Key] = field(default_factory=Counter)
    spells: Counter[Key] = field(default_factory=Counter)
    fronts: int = 0
    wrong: int = 0


def regions() -> Sequence[Zone]:
    """Return six regions: the sample world's, and as many further inland."""
    zones = sample_definition().zones
    return [*zones, *(replace(zone, id=f"{zone.id}_inland", lag=zone.lag + INLAND_S) for zone in zones)]


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    rounds, years = rounds_of(quick) if quick else 3, YEARS_QUICK if quick else YEARS
    report, zones = Report("weather", rounds), regions()
    almanac = Almanac(sample_definition().calendar)
    for number in range(rounds):
        progress(f"round {number + 1}: {years} years")
        begun = time.process_time()
        climate = Climate(0, law_of(zones), number + 1)
        report.add("law", time.process_time() - begun, "s")
        seen = Seen()
        for segment in _segments(almanac, climate, years):
            for n in range(len(zones)):
                _look(segment, n, seen)
        report.add("computed", time.process_time() - begun, "s")
        _compare(report, zones, seen)
        true = _forecasts(Sky(Nature(almanac, [climate])), zones, years * almanac.year_begins(2))
        report.add("80 % sure, came true", 100 * true, "%")
    report.facts |= {"years": years, "regions": len(zones), "spells_least": SPELLS_LEAST}
    return report


def _segments(almanac: Almanac, climate: Climate, years: int) -> Iterator[Segment]:
    nature = Nature(almanac, [climate])
    for index in range(years * len(almanac.calendar.seasons)):
        yield nature.segment(almanac.season_begins(index) * almanac.day_ms)


def _look(segment: Segment, zone: int, seen: Seen) -> None:
    """Add what a region had in a season."""
    law, pieces = segment.law, segment.pieces(zone)
    ends = [piece.at_s for piece in pieces[1:]] + [segment.end_s]
    for (at_s, state), end_s in zip(pieces, ends, strict=True):
        key = law.zones[zone].id, segment.season.id, state
        seen.lasted[key] += end_s - at_s
        seen.spells[key] += 1
    metres = law.zones[zone].lag_s * law.speed / 36
    begins = {piece.at_s: piece.state for piece in pieces}
    for visit in segment.visits(zone)[1:]:
        front = visit.front
        due_s = front.at_s + metres * law.slant[front.heading] / 1_000 * 36 / front.speed
        first = next(segment.spells(zone, visit)).state
        seen.fronts += 1
        seen.wrong += abs(visit.begin_s - due_s) > 1 or begins.get(visit.begin_s, first) != first


def _compare(report: Report, zones: Sequence[Zone], seen: Seen) -> None:
    shares, spells = [0.0], [0.0]
    states = {state.id: n for n, state in enumerate(law_of(zones).states)}
    for zone in zones:
        for season in zone.seasons:
            keys = {spell.state: (zone.id, season.season, states[spell.state]) for spell in season.spells}
            total = sum(seen.lasted[key] for key in keys.values())
            for spell in season.spells:
                key = keys[spell.state]
                shares.append(abs(100 * seen.lasted[key] / total - spell.share / 10))
                if seen.spells[key] >= SPELLS_LEAST:
                    spells.append(abs(100 * seen.lasted[key] / seen.spells[key] / spell.lasts - 100))
    report.add("worst share, off by", max(shares), "points")
    report.add("worst spell, off by", max(spells), "%")
    report.add("fronts", seen.fronts, "arrivals")
    report.add("fronts, wrong", seen.wrong, "arrivals")
    report.add("changes a region and day", sum(seen.spells.values()) * 86_400 / sum(seen.lasted.values()), "")


def _forecasts(sky: Sky, zones: Sequence[Zone], days: int) -> float:
    """Return the share of lines that came true, of those that were this sure."""
    found = []
    for slot in range(1, days * 4, SLOTS_APART):
        at_ms = slot * SLOT_MS
        states = sky.nature.segment(at_ms).law.states
        for zone in zones:
            told = expected(sky, zone.id, at_ms, SURE).state
            found.append(told == states[sky.piece(zone.id, at_ms).state].id)
    return sum(found) / len(found)
