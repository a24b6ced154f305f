"""What stalls ask, what they lack, and who keeps them. What somebody bought there is their own business."""

from collections.abc import Iterable

from domain.beliefs.changes import Begins, Change, Ends, Lines, Told
from domain.beliefs.claims import Claim
from domain.kernel.event import Event
from domain.market.messages import PricesPosted, RanShort, Recovered, StallShut, StallTakenOver

DAY_MS = 86_400_000


def _posted(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, PricesPosted)
    place, at_ms = f"place.{event.market}", event.day * DAY_MS
    for each in event.prices:
        price = Claim("price", place, f"good.{each.good}", f"number.{each.price}")
        yield Begins(price, at_ms, event.market)


def _short(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, RanShort | Recovered)
    predicate = "sold_out" if isinstance(event, RanShort) else "sells"
    claim = Claim(predicate, f"place.{event.market}", f"good.{event.good}")
    return [Begins(claim, told.now_ms, event.market)]


def _shut(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, StallShut)
    place = f"place.{event.market}"
    yield Begins(Claim("shut", place), told.now_ms, event.market)
    for person in sorted(told.ground.people.values()):
        if Claim("keeps", f"person.{person}", place) in told.ground.common:
            yield Ends(Claim("keeps", f"person.{person}", place), told.now_ms, event.market)


def _taken_over(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, StallTakenOver)
    yield Ends(Claim("shut", f"place.{event.market}"), told.now_ms, event.market)
    if keeper := told.ground.people.get(event.keeper):
        claim = Claim("keeps", f"person.{keeper}", f"place.{event.market}")
        yield Begins(claim, told.now_ms, event.market)


LINES: Lines = {
    PricesPosted: _posted,
    RanShort: _short,
    Recovered: _short,
    StallShut: _shut,
    StallTakenOver: _taken_over,
}
