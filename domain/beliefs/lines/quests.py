"""Promises: who took a quest promised it to its giver, and keeps or breaks that; each of a party did."""

from collections.abc import Iterable, Iterator

from domain.beliefs.changes import Begins, Change, Ends, Lines, Told
from domain.beliefs.claims import Claim
from domain.kernel.event import Event
from domain.quests.messages import (
    Abandoned,
    Accepted,
    Closed,
    Completed,
    Failed,
    Happened,
    Joined,
    OfferMade,
    Parted,
    Withdrawn,
)


def _offered(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, OfferMade)
    told.givers[event.instance] = _giver(event)
    yield Begins(Claim("quest_offered", _giver(event), _quest(event)), event.at_ms)


def _withdrawn(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, Withdrawn)
    giver = told.givers.pop(event.instance, "")
    yield Ends(Claim("quest_offered", giver, _quest(event)), event.at_ms)


def _accepted(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, Accepted)
    told.givers[event.instance] = _giver(event)
    yield Begins(Claim("needs_help", _giver(event), _quest(event)), event.at_ms)
    for player in event.players:
        yield Begins(Claim("promised", f"player.{player}", _giver(event), _quest(event)), event.at_ms)


def _joined(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, Joined)
    return _promise("promised", event, told, [event.player])


def _parted(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, Parted)
    return _promise("broke_promise", event, told, [event.player])


def _completed(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, Completed)
    for player in event.players:
        yield Begins(Claim("quest_done", f"player.{player}", _quest(event)), event.at_ms)
    yield from _promise("kept_promise", event, told, event.players)
    yield Ends(Claim("needs_help", told.givers.pop(event.instance, ""), _quest(event)), event.at_ms)


def _broken(event: Event, told: Told) -> Iterable[Change]:
    assert isinstance(event, Failed | Abandoned)
    yield from _promise("broke_promise", event, told, event.players)
    told.givers.pop(event.instance, None)


def _closed(event: Event, told: Told) -> Iterable[Change]:
    """The world took what it needs: nobody broke anything."""
    assert isinstance(event, Closed)
    giver = told.givers.pop(event.instance, "")
    for player in event.players:
        yield Ends(Claim("promised", f"player.{player}", giver, _quest(event)), event.at_ms)


def _promise(predicate: str, event: Event, told: Told, players: Iterable[str]) -> Iterator[Begins]:
    assert isinstance(event, Joined | Parted | Completed | Failed | Abandoned)
    if giver := told.givers.get(event.instance):
        for player in players:
            yield Begins(Claim(predicate, f"player.{player}", giver, _quest(event)), event.at_ms)


def _giver(event: Accepted | OfferMade) -> str:
    return f"person.{event.written.get('giver')}"


def _quest(event: Happened) -> str:
    return f"quest.{event.quest}"


LINES: Lines = {
    OfferMade: _offered,
    Withdrawn: _withdrawn,
    Accepted: _accepted,
    Joined: _joined,
    Parted: _parted,
    Completed: _completed,
    Failed: _broken,
    Abandoned: _broken,
    Closed: _closed,
}
