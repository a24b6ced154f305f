"""Who was hurt, killed or robbed, who is dead, who is no more.

What people tell each other is no claim by itself: `domain.beliefs.beliefs` takes it in. Who did something is
private in its event; here it is known to who was there, and to whom they tell it.
"""

from collections.abc import Iterable

from domain.beliefs.changes import Begins, Change, Lines, Retires, Told
from domain.beliefs.claims import Claim
from domain.kernel.event import Event
from domain.people.harm_messages import Died, Harmed, Robbed
from domain.people.messages import PersonFled, PersonGone


def _harmed(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, Harmed)
    if event.by:
        yield Begins(Claim("hurt", event.by, event.who), event.at_ms, event.place)


def _died(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, Died)
    who = f"person.{event.person}"
    if event.by:
        yield Begins(Claim("killed", event.by, who), event.at_ms, event.place)
    yield Begins(Claim("dead", who), event.at_ms, event.place)


def _robbed(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, Robbed)
    kind, id_ = event.of.split(".", 1)
    robbed = f"place.{id_}" if kind == "stall" else event.of
    yield Begins(Claim("took", event.by, robbed, f"good.{event.unit}"), event.at_ms, event.place)


def _fled(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, PersonFled)
    yield Begins(Claim("fled", f"person.{event.person}", f"place.{event.place}"), event.at_ms, event.place)


def _gone(event: Event, _: Told) -> Iterable[Change]:
    assert isinstance(event, PersonGone)
    yield Retires(f"person.{event.person}", event.at_ms)


LINES: Lines = {Harmed: _harmed, Died: _died, Robbed: _robbed, PersonFled: _fled, PersonGone: _gone}
