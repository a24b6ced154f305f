"""Who came and went, and which ways are closed."""

from collections.abc import Iterable

from domain.beliefs.changes import Begins, Change, Ends, Lines, Told
from domain.beliefs.claims import Claim
from domain.kernel.event import Event
from domain.people.presence import whose
from domain.places.messages import Arrived, Departed, Entered, Left, WayClosed, WayOpened


def _came(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, Entered | Arrived)
    who, place = whose(event.who), f"place.{event.place}"
    yield Begins(Claim("arrived", who, place), event.at_ms, event.place)
    yield Begins(Claim("at", who, place), event.at_ms, event.place)


def _departed(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, Departed)
    return _went(event.who, event.places[0], event.times_ms[0])


def _left(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, Left)
    return _went(event.who, event.place, event.at_ms)


def _went(who: str, place: str, at_ms: int) -> Iterable[Change]:
    yield Begins(Claim("left", whose(who), f"place.{place}"), at_ms, place)
    yield Ends(Claim("at", whose(who)), at_ms, place)


def _way(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, WayClosed | WayOpened)
    kind = Begins if isinstance(event, WayClosed) else Ends
    claim = Claim("way_closed", f"way.{event.way}")
    return [kind(claim, event.at_ms, end) for end in event.ends]


LINES: Lines = {
    Entered: _came,
    Arrived: _came,
    Departed: _departed,
    Left: _left,
    WayClosed: _way,
    WayOpened: _way,
}
