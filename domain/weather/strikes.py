"""What the leader has to tell of the weather now, and when there is something next. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from domain.weather.forecast import forecast
from domain.weather.law import Law
from domain.weather.messages import (
    ClimateSet,
    DayBegan,
    ForecastIssued,
    FrontSeen,
    OverrideEnded,
    WeatherChanged,
    WeatherEvent,
    ZoneDay,
)
from domain.weather.nature import HEADINGS
from domain.weather.sky import MS, Piece, Sky
from domain.weather.walk import Front, Segment
from domain.weather.weather import Weather


class Strike(NamedTuple):
    """Something to tell; name and number make its id."""

    event: WeatherEvent
    name: str
    number: int


def climate_to_set(state: Weather, wanted: tuple[Law, int] | None, today: int, began: int) -> list[Strike]:
    """Return the law that is to be set, if it is another one: from ``began`` on, or tomorrow if one holds."""
    last = state.climates[-1] if state.climates else None
    if wanted is None or (last and (last.law, last.seed) == wanted):
        return []
    number, from_day = len(state.climates), began if last is None else max(today + 1, last.from_day)
    event = ClimateSet(number=number, from_day=from_day, law=wanted[0], seed=wanted[1])
    return [Strike(event, "climate", number)]


def strikes(state: Weather, sky: Sky, now_ms: int) -> list[Strike]:
    """Return what is to be told at a game time: the climate is set already."""
    return [
        *_ended(state, now_ms),
        *_day(state, sky, now_ms),
        *_changes(state, sky, now_ms),
        *_forecast(state, sky, now_ms),
    ]


def next_due(state: Weather, sky: Sky, now_ms: int) -> int:
    """Return when there is something to tell next, if the clock goes on as it does."""
    day_ms = sky.nature.day_ms
    ends = [sky.piece(zone, now_ms).end_ms for zone in sky.zones(now_ms)]
    open_ = [state.laid[n].until_ms for n in state.open]
    return min([(now_ms // day_ms + 1) * day_ms, *ends, *(end for end in open_ if end > now_ms)])


def _ended(state: Weather, now_ms: int) -> Iterator[Strike]:
    for number in sorted(state.open):
        laid = state.laid[number]
        if laid.until_ms <= now_ms:
            event = OverrideEnded(handle=laid.handle, serial=number, at_ms=laid.until_ms)
            yield Strike(event, "override", number)


def _day(state: Weather, sky: Sky, now_ms: int) -> Iterator[Strike]:
    day_ms = sky.nature.day_ms
    day = now_ms // day_ms
    if state.day and state.day.day == day:
        return
    begin_ms, segment = day * day_ms, sky.nature.segment(now_ms)
    last = [front for front in segment.fronts if front.at_s * MS <= begin_ms][-1]
    number = state.day.number + 1 if state.day else 0
    event = DayBegan(
        number=number,
        passed=max(0, day - state.day.day - 1) if state.day else 0,
        day=day,
        season=segment.season.id,
        segment_day=segment.first_day,
        front=front_seen(segment, last),
        zones=[_zone_day(sky, zone, day) for zone in sky.zones(now_ms)],
    )
    yield Strike(event, "day", number)


def _zone_day(sky: Sky, zone: str, day: int) -> ZoneDay:
    segment = sky.nature.segment(day * sky.nature.day_ms)
    piece = sky.piece(zone, day * sky.nature.day_ms)
    key = next(each.key for each in segment.law.zones if each.id == zone)
    return ZoneDay(
        zone=zone,
        state=segment.law.states[piece.state].id,
        since_ms=piece.begin_ms,
        warmth=sky.warmth(key, day - 1),
        warmth_end=sky.warmth(key, day),
    )


def front_seen(segment: Segment, front: Front) -> FrontSeen:
    """Return a front as events tell it."""
    return FrontSeen(
        number=front.number,
        at_ms=front.at_s * MS,
        regime=segment.law.regimes[front.regime],
        heading=HEADINGS[front.heading] if len(segment.law.slant) == len(HEADINGS) else 0,
        speed=front.speed,
        strength=front.strength,
    )


def _changes(state: Weather, sky: Sky, now_ms: int) -> Iterator[Strike]:
    for zone in sky.zones(now_ms):
        told, piece = state.told.get(zone), sky.piece(zone, now_ms)
        if told and (told.at_ms, told.override or "") == (piece.begin_ms, piece.handle):
            continue
        event = changed(sky, zone, piece, told)
        yield Strike(event, f"zone/{zone}", event.number)


def changed(sky: Sky, zone: str, piece: Piece, told: WeatherChanged | None) -> WeatherChanged:
    """Return what is told of a weather that a zone has."""
    at_ms = piece.begin_ms if zone in sky.zones(piece.begin_ms) else piece.end_ms - 1
    segment, front = sky.nature.segment(at_ms), sky.visit(zone, at_ms).front
    return WeatherChanged(
        zone=zone,
        number=told.number + 1 if told else 0,
        before=told.state if told else None,
        state=segment.law.states[piece.state].id,
        at_ms=piece.begin_ms,
        until_ms=piece.end_ms,
        then=then(sky, zone, piece),
        regime=segment.law.regimes[front.regime],
        front=front.number,
        override=piece.handle or None,
    )


def then(sky: Sky, zone: str, piece: Piece) -> str:
    """Return what comes after a weather."""
    law = sky.nature.segment(piece.end_ms).law
    following = sky.piece(zone, piece.end_ms) if any(each.id == zone for each in law.zones) else piece
    return law.states[following.state].id


def _forecast(state: Weather, sky: Sky, now_ms: int) -> Iterator[Strike]:
    last, day_ms = state.forecast, sky.nature.day_ms
    if last is None or state.stale or last.at_ms // day_ms != now_ms // day_ms:
        number = last.number + 1 if last else 0
        event = ForecastIssued(number=number, at_ms=now_ms, entries=list(forecast(sky, now_ms)))
        yield Strike(event, "forecast", number)
