"""The place feed's fold: numbers without gaps, one way to read it, nothing private, crowds in cells."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from domain.kernel.event import Event
from domain.kernel.visibility import personal_of, private_of
from domain.places.feed import CELLS_MAX, CROWD, KEPT, KINDS, Cell, Change, Feed, Room, cell_of, public
from domain.places.messages import (
    Arrived,
    Departed,
    Entered,
    JourneyCut,
    Left,
    TurnedBack,
    WayClosed,
    WayOpened,
)
from tests.unit.places.asked import NOON_MS, T0
from tests.unit.spec import changed

ENTERED = Entered(who="ann", kind="player", place="quay", at_ms=NOON_MS, at_us=T0)
DEPARTED = Departed(
    who="ann",
    kind="player",
    places=["quay", "square", "lane"],
    ways=["a_rope", "b_steps"],
    times_ms=[100, 160, 250],
    means="foot",
    real_ms=2_500,
    errand="meet Bo",
    at_us=T0,
)
ARRIVED = Arrived(who="ann", place="lane", at_ms=250, at_us=T0)


def told(feed: Feed, *events: Event) -> list[dict[str, list[list[Any]]]]:
    """What each event changes, by place."""
    found = []
    for position, event in enumerate(events, 1):
        changes = feed.apply(event, position)
        found.append({cell.place: [list(op) for op in change.ops] for cell, change in changes})
    return found


def test_a_crossing_is_a_leave_in_one_place_and_an_enter_in_the_other() -> None:
    feed = Feed()
    assert told(feed, ENTERED, DEPARTED, ARRIVED) == [
        {"quay": [["in", "ann", "player", NOON_MS]]},
        {
            "quay": [["out", "ann"], ["way", "ann", "player", "", 100, "square", 100, 160]],
            "square": [["way", "ann", "player", "quay", 100, "lane", 160, 250]],
            "lane": [["way", "ann", "player", "square", 160, "", 250, 250]],
        },
        {
            "quay": [["off", "ann"]],
            "square": [["off", "ann"]],
            "lane": [["off", "ann"], ["in", "ann", "player", 250]],
        },
    ]
    assert feed.room(Cell("quay", 0)).state() == {"present": [], "ways": [], "shut": []}
    assert feed.room(Cell("lane", 0)).state()["present"] == [["ann", "player", 250]]
    assert [feed.room(Cell(place, 0)).seq for place in ("quay", "square", "lane", "gate")] == [3, 2, 2, 0]


def test_each_place_is_told_of_its_own_piece_of_the_way_only() -> None:
    [_, departed] = told(Feed(), ENTERED, DEPARTED)
    assert "lane" not in str(departed["quay"])
    assert "quay" not in str(departed["lane"])


def test_who_turns_back_is_gone_from_the_places_ahead() -> None:
    turned = TurnedBack(who="ann", place="square", away="lane", left_ms=110, arrives_ms=200, at_us=T0)
    feed = Feed()
    [_, _, back, home] = told(feed, ENTERED, DEPARTED, turned, changed(ARRIVED, place="square", at_ms=200))
    assert back == {
        "quay": [["off", "ann"]],
        "lane": [["way", "ann", "player", "", 110, "square", 110, 200]],
        "square": [["way", "ann", "player", "lane", 110, "", 200, 200]],
    }
    assert home == {
        "lane": [["off", "ann"]],
        "square": [["off", "ann"], ["in", "ann", "player", 200]],
    }


def test_a_cut_journey_is_told_where_it_changes_anything() -> None:
    cut = JourneyCut(who="ann", place="square", way="b_steps", at_us=T0)
    [_, _, short] = told(Feed(), ENTERED, DEPARTED, cut)
    assert short == {
        "lane": [["off", "ann"]],
        "square": [["way", "ann", "player", "quay", 100, "", 160, 160]],
    }
    none = changed(cut, place="quay", way="a_rope")
    [_, _, back] = told(Feed(), ENTERED, DEPARTED, none)
    assert back["quay"] == [["way", "ann", "player", "", 100, "", 100, 100]]


def test_who_leaves_the_world_is_seen_nowhere() -> None:
    for history in ([ENTERED], [ENTERED, DEPARTED]):
        feed = Feed()
        left = Left(who="ann", place="quay", at_ms=300, at_us=T0)
        told(feed, *history, left)
        assert all(room.state() == {"present": [], "ways": [], "shut": []} for room in feed.rooms.values())


def test_a_closed_way_is_seen_at_both_ends() -> None:
    shut = WayClosed(way="a_rope", ends=["quay", "square"], grounds="a plot", at_ms=1, at_us=T0)
    opened = WayOpened(way="a_rope", ends=["quay", "square"], at_ms=2, at_us=T0)
    feed = Feed()
    assert told(feed, shut) == [{"quay": [["shut", "a_rope"]], "square": [["shut", "a_rope"]]}]
    assert feed.room(Cell("quay", 0)).state()["shut"] == ["a_rope"]
    told(feed, opened)
    assert feed.room(Cell("quay", 0)).state()["shut"] == []


CANARY = "Xyzzy-canary"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.event_name)
def test_a_canary_in_every_private_field_reaches_no_op(kind: type[Event]) -> None:
    hidden = {*private_of(kind), *personal_of(kind)}
    event = kind.from_example()
    event = event.model_copy(update=dict.fromkeys(hidden, CANARY))
    assert CANARY not in str(public(event))
    feed = Feed()
    if kind in (TurnedBack, JourneyCut, Left):
        feed.apply(Departed.from_example(), 1)
    changes = feed.apply(event, 2)
    assert changes
    assert CANARY not in str(changes)
    assert hidden.isdisjoint(public(event))


def random_events(seed: int, count: int, people: int = 30) -> list[Event]:
    """A history as deciders might have made it."""
    rng, found = Random(seed), list[Event]()
    places = ["quay", "square", "lane", "gate", "inn"]
    where: dict[str, Any] = {}
    for n in range(count):
        who = f"p{rng.randrange(people)}"
        at = where.get(who)
        if at is None:
            where[who] = place = rng.choice(places)
            found.append(Entered(who=who, kind="player", place=place, at_ms=n, at_us=n))
        elif isinstance(at, Departed):
            if rng.random() < 0.3:
                where[who] = None
                found.append(Left(who=who, place=at.places[0], at_ms=n, at_us=n))
            else:
                where[who] = at.places[-1]
                found.append(Arrived(who=who, place=at.places[-1], at_ms=at.times_ms[-1], at_us=n))
        else:
            route = [at, *rng.sample([place for place in places if place != at], rng.randint(1, 3))]
            times = [n + 10 * step for step in range(len(route))]
            where[who] = changed(
                DEPARTED, who=who, places=route, ways=["w"] * (len(route) - 1), times_ms=times
            )
            found.append(where[who])
    return found


def read(changes: Sequence[Change]) -> Room:
    """What a reader makes of changes."""
    room = Room()
    for change in changes:
        assert room.seq + 1 == change.number
        room.take(change.position, change.ops)
    return room


def test_who_applies_the_changes_in_order_has_the_state_and_the_numbers_have_no_gap() -> None:
    feed, heard = Feed(), dict[Cell, list[Change]]()
    for position, event in enumerate(random_events(1, 3_000), 1):
        for cell, change in feed.apply(event, position):
            heard.setdefault(cell, []).append(change)
    assert heard.keys() == feed.rooms.keys()
    for cell, changes in heard.items():
        assert read(changes).state() == feed.rooms[cell].state()


def test_it_is_a_function_of_the_log() -> None:
    one, other = Feed(), Feed()
    for position, event in enumerate(random_events(2, 500), 1):
        assert one.apply(event, position) == other.apply(event, position)


def test_changes_since_are_exact_or_not_given() -> None:
    feed = Feed()
    for position, event in enumerate(random_events(3, 8_000), 1):
        feed.apply(event, position)
    room = feed.rooms[Cell("square", 0)]
    assert room.seq > KEPT
    assert room.since(room.seq) == []
    some = room.since(room.seq - 5)
    assert some is not None
    assert [change.number for change in some] == list(range(room.seq - 4, room.seq + 1))
    oldest = room.since(room.seq - KEPT)
    assert oldest is not None
    assert len(oldest) == KEPT
    assert room.since(room.seq - KEPT - 1) is None
    assert room.since(room.seq + 1) is None, "a number that we never gave"
    assert Room().since(0) == []


def test_a_full_place_splits_and_shows_everybody_once() -> None:
    feed, heard, people = Feed(), dict[Cell, list[Change]](), 8 * CROWD
    events = [changed(ENTERED, who=f"p{n}", at_ms=n) for n in range(people)]
    gone = [Left(who=f"p{n}", place="quay", at_ms=9_999, at_us=T0) for n in range(0, people, 2)]
    for position, event in enumerate([*events, *gone], 1):
        for cell, change in feed.apply(event, position):
            heard.setdefault(cell, []).append(change)
    cells = feed.cells["quay"]
    assert cells == 8
    shown = [who for cell, room in feed.rooms.items() for who in room.present]
    assert sorted(shown) == sorted(f"p{n}" for n in range(1, people, 2))
    for cell, room in feed.rooms.items():
        assert read(heard[cell]).state() == room.state()
        assert all(cell_of(who, cells) == cell.number for who in room.present)
    assert cells <= CELLS_MAX


def test_a_cell_is_computed_alike_everywhere() -> None:
    assert [cell_of(who, 8) for who in ("ann", "bo", "p-17_Z")] == [3, 3, 7]
