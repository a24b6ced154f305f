"""The sample world's climate, its skies, and what is seen in them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from aicore.content.sample_world import sample_definition
from domain.clock.almanac import Almanac
from domain.clock.calendar import Calendar
from domain.weather.calibration import law_of
from domain.weather.sky import Climate, Nature, Override, Sky
from domain.weather.walk import Segment
from domain.weather.weather import Weather

HOUR = 3_600_000
DAY = 24 * HOUR
DEFINITION = sample_definition()
ALMANAC = Almanac(DEFINITION.calendar)
LAW = law_of(DEFINITION.zones)
CLIMATE = Climate(0, LAW, DEFINITION.world.seed)
NATURE = Nature(ALMANAC, [CLIMATE])
STATES = [state.id for state in LAW.states]
ZONES = [zone.id for zone in LAW.zones]
WEATHER = Weather(climates=(CLIMATE,))


def sky(*overrides: Override) -> Sky:
    return Sky(NATURE, overrides)


def laid(handle: str, state: str, from_ms: int, until_ms: int, *zones: str) -> Override:
    return Override(handle, frozenset(zones or ZONES), STATES.index(state), from_ms, until_ms)


def segments(years: int, seed: int, calendar: Calendar = DEFINITION.calendar) -> Iterator[Segment]:
    """Yield the seasons of some years."""
    almanac = Almanac(calendar)
    nature = Nature(almanac, [replace(CLIMATE, seed=seed)])
    for index in range(years * len(calendar.seasons)):
        yield nature.segment(almanac.season_begins(index) * almanac.day_ms)


def seen(found: Iterator[Segment]) -> tuple[Counter[tuple[str, str, str]], Counter[tuple[str, str, str]]]:
    """Return how long each weather was, and how often, by zone, season and state."""
    time, spells = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for segment in found:
        for zone, name in enumerate(ZONES):
            pieces = segment.pieces(zone)
            ends = [piece.at_s for piece in pieces[1:]] + [segment.end_s]
            for (at_s, state), end_s in zip(pieces, ends, strict=True):
                key = name, segment.season.id, STATES[state]
                time[key] += end_s - at_s
                spells[key] += 1
    return time, spells
