"""Forecasts that come true as often as they say. Pure.

The weather is known in advance, so a forecast is the truth with errors that are put in: of a line that is
said to be 80 % sure, one in five names another weather, drawn by the climate's shares. The hash is of the
hour that is spoken of, never of who asks or when; and what is still wrong when it is 80 % sure may be right
when it is 95 % sure, not the other way round. So forecasts only get better as the hour comes nearer.
"""

from collections.abc import Iterator

from domain.kernel.chance import below, chance, join, pick
from domain.weather.messages import Told
from domain.weather.sky import Sky, zone_index
from domain.weather.walk import FORECAST, Segment

SLOT_MS = 6 * 3_600_000
CONFIDENCE = (950, 900, 850, 800, 750, 700, 650, 600)
"""By slots ahead: the next one first."""

SURE = 1_000


def forecast(sky: Sky, now_ms: int) -> Iterator[Told]:
    """Yield what is expected in each zone in the next slots."""
    first = now_ms // SLOT_MS + 1
    for zone in sky.zones(now_ms):
        for ahead, confidence in enumerate(CONFIDENCE):
            at_ms = (first + ahead) * SLOT_MS
            if zone in sky.zones(at_ms):
                yield expected(sky, zone, at_ms, confidence)


def expected(sky: Sky, zone: str, at_ms: int, confidence: int) -> Told:
    """Return what is said of a zone's weather at a moment, so sure."""
    segment = sky.nature.segment(at_ms)
    index = zone_index(segment.law, zone)
    state = sky.piece(zone, at_ms).state
    bits = chance(segment.seed, FORECAST, segment.law.zones[index].key, at_ms // SLOT_MS)
    others = [0 if n == state else share for n, share in enumerate(_shares(segment, index))]
    if any(others) and below(join(bits, 0), SURE) >= confidence:
        state = pick(join(bits, 1), others)
    return Told(zone=zone, at_ms=at_ms, state=segment.law.states[state].id, confidence=confidence)


def _shares(segment: Segment, zone: int) -> list[int]:
    """Return each state's share of the season."""
    found = [0] * len(segment.law.states)
    for regime, states in zip(segment.season.regimes, segment.season.zones[zone].regimes, strict=True):
        total = sum(states.first)
        for n, weight in enumerate(states.first):
            found[n] += regime.share * weight // total if total else 0
    return found
