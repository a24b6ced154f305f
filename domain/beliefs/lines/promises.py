"""Promises that are no quest's: who promised whom what, how it ended. Promised money is owed."""

from collections.abc import Iterable

from domain.beliefs.changes import Begins, Change, Ends, Lines, Told
from domain.beliefs.claims import Claim
from domain.kernel.event import Event
from domain.promises.messages import (
    PromiseBroken,
    PromiseExpired,
    PromiseKept,
    PromiseMade,
    PromiseReleased,
)
from domain.promises.wording import value_of


def _made(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, PromiseMade)
    yield Begins(Claim("promised", event.by, event.to, value_of(event)), event.at_ms, event.place)
    if event.kind == "pay":
        yield Begins(Claim("owes", event.by, event.to, value_of(event)), event.at_ms, event.place)


def _ended(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, PromiseKept | PromiseBroken | PromiseExpired | PromiseReleased)
    value = value_of(event)
    match event:
        case PromiseKept():
            yield Begins(Claim("kept_promise", event.by, event.to, value), event.at_ms)
        case PromiseBroken():
            yield Begins(Claim("broke_promise", event.by, event.to, value), event.at_ms)
        case _:
            yield Ends(Claim("promised", event.by, event.to, value), event.at_ms)
    if event.kind == "pay":
        yield Ends(Claim("owes", event.by, event.to, value), event.at_ms)


LINES: Lines = {
    PromiseMade: _made,
    PromiseKept: _ended,
    PromiseBroken: _ended,
    PromiseExpired: _ended,
    PromiseReleased: _ended,
}
