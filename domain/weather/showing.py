"""What is shown of the weather at a moment, with what is under way: who joins late sees the same. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from domain.weather.sky import MS, Sky, zone_index
from domain.weather.strikes import front_seen, then
from domain.weather.walk import Front, Segment

KMH_TENTHS = 36_000
"""Metres per game second are tenths of km/h times 1,000, by this."""


def shown(sky: Sky, at_ms: int, only: str | None = None) -> Mapping[str, Any]:
    """Return the answer to ``weather.now``."""
    segment = sky.nature.segment(at_ms)
    return {
        "game_ms": at_ms,
        "ease_ms": segment.law.ease_ms,
        "zones": [zone_shown(sky, zone, at_ms) for zone in sky.zones(at_ms) if only in (None, zone)],
        "fronts": [_front(segment, front, at_ms) for front in _under_way(segment, at_ms)],
        "overrides": [
            {
                "handle": each.handle,
                "zones": sorted(each.zones),
                "state": segment.law.states[each.state].id,
                "from_ms": each.from_ms,
                "until_ms": each.until_ms,
            }
            for each in sky.overrides
            if each.from_ms <= at_ms < each.until_ms
        ],
    }


def zone_shown(sky: Sky, zone: str, at_ms: int) -> dict[str, Any]:
    """Return what a zone's weather is, what it goes over from, and what comes next."""
    segment, piece, visit = sky.nature.segment(at_ms), sky.piece(zone, at_ms), sky.visit(zone, at_ms)
    law = segment.law
    return {
        "zone": zone,
        "state": law.states[piece.state].id,
        "since_ms": piece.begin_ms,
        "until_ms": piece.end_ms,
        "then": then(sky, zone, piece),
        "regime": law.regimes[visit.front.regime],
        "front": visit.front.number,
        "override": piece.handle or None,
        "transition": _transition(sky, zone, at_ms),
        **sky.air(zone, at_ms)._asdict(),
    }


def _transition(sky: Sky, zone: str, at_ms: int) -> dict[str, Any] | None:
    piece, law = sky.piece(zone, at_ms), sky.nature.segment(at_ms).law
    ends_ms = piece.begin_ms + law.ease_ms
    if at_ms >= ends_ms or zone not in sky.zones(piece.begin_ms - 1):
        return None
    before = sky.piece(zone, piece.begin_ms - 1).state
    if before == piece.state:
        return None
    return {
        "from": law.states[before].id,
        "to": law.states[piece.state].id,
        "began_ms": piece.begin_ms,
        "ends_ms": ends_ms,
    }


def _under_way(segment: Segment, at_ms: int) -> Iterator[Front]:
    zones = range(len(segment.law.zones))
    for front in segment.fronts:
        last_ms = max(segment.arrival(front, zone) for zone in zones) * MS
        if front.number and front.at_s * MS <= at_ms < last_ms:
            yield front


def _front(segment: Segment, front: Front, at_ms: int) -> dict[str, Any]:
    law = segment.law
    gone_s = (at_ms - front.at_s * MS) // MS
    return {
        **front_seen(segment, front).model_dump(),
        "inland_m": gone_s * front.speed * 1_000 // KMH_TENTHS,
        "arrives": [
            {"zone": zone.id, "at_ms": segment.arrival(front, zone_index(law, zone.id)) * MS}
            for zone in law.zones
        ],
    }
