"""The terminal's map: places where they lie, who is there, who is on the way."""

from typing import Any

from aicore.city_map import Frame, drawn, listed
from aicore.city_watch import CityWatch
from domain.places.feed import Cell, Feed
from handlers.places.map import place_row, way_row
from tests.unit.places.kit import city
from tests.unit.places.test_feed import DEPARTED, ENTERED
from tests.unit.spec import changed


def seen(*events: Any, shut: tuple[str, ...] = ()) -> CityWatch:
    """A watch that has seen events."""
    there, feed = city(), Feed()
    watch = CityWatch(None)  # type: ignore[arg-type]  # nothing is asked
    watch.map = {
        "places": [place_row(place) for place in there.places.values()],
        "ways": [way_row(way, closed=False) for way in there.ways.values()],
    }
    for position, event in enumerate(events, 1):
        feed.apply(event, position)
    watch.rooms = feed.rooms
    for way in shut:
        watch.rooms.setdefault(Cell("quay", 0), feed.room(Cell("quay", 0))).shut.add(way)
    return watch


def test_a_place_shows_how_many_are_there() -> None:
    watch = seen(ENTERED, changed(ENTERED, who="bo"))
    lines = drawn(watch, "light", 0, columns=31, lines=3)
    assert lines[-1][0] == "2"
    assert sum(line.count("o") for line in lines) == 5 - 1
    assert listed(watch, "light") == ["quay: ann, bo"]
    assert listed(watch, "dark") == []


def test_who_is_on_the_way_is_where_they_are() -> None:
    watch = seen(ENTERED, DEPARTED)
    [walker] = watch.walkers(130)
    assert (walker.who, walker.start, walker.end, walker.per_mille) == ("ann", "quay", "square", 500)
    assert "•" in "".join(drawn(watch, "light", 130, columns=31, lines=3))
    assert [(one.start, one.end) for one in watch.walkers(200)] == [("square", "lane")]
    assert list(watch.walkers(250)) == []


def test_a_closed_way_is_crossed() -> None:
    assert "x" in "".join(drawn(seen(shut=("a_rope",)), "light", 0))
    assert "x" not in "".join(drawn(seen(), "light", 0))


def test_north_is_up_and_everything_is_on_the_page() -> None:
    frame = Frame.around([{"x": -100, "y": 50}, {"x": 100, "y": -50}], 20, 10)
    assert frame.spot(-100, 50) == (0, 0)
    assert frame.spot(100, -50) == (19, 9)
    assert Frame.around([], 5, 5).spot(7, 7) == (4, 0)
