"""Places: what is beside, around, over, near and open."""

from domain.definition.places import Place
from domain.places.city import TimeOfDay
from tests.unit.places.kit import city

CITY = city()
NOON, MIDNIGHT = TimeOfDay(12 * 60), TimeOfDay(0)


def test_times_and_routes_are_of_a_means() -> None:
    assert CITY.seconds("foot", "quay", "gate") == 270
    assert CITY.seconds("boat", "quay", "gate") == 200
    assert CITY.seconds("boat", "square", "gate") is None
    route = CITY.route("foot", "quay", "lane")
    assert route is not None
    assert [(way.id, to, seconds) for way, to, seconds in route] == [
        ("a_rope", "square", 60),
        ("b_steps", "lane", 90),
    ]
    assert CITY.seconds("foot", "lane", "quay") == 30, "down is shorter than up"


def test_a_closed_way_is_gone_round_and_comes_back() -> None:
    shut = CITY.with_closed({"g_drop", "no_such_way"})

    assert shut.seconds("foot", "lane", "quay") == 150
    assert shut.with_closed({"a_rope", "g_drop"}).seconds("foot", "lane", "quay") is None
    assert shut.with_closed(()).seconds("foot", "lane", "quay") == 30
    assert CITY.with_closed(()) is CITY
    assert CITY.seconds("foot", "lane", "quay") == 30


def test_containment_goes_both_ways_at_any_depth() -> None:
    assert CITY.around("room") == ("inn",)
    assert CITY.inside("inn") == ("room",)
    assert CITY.around("quay") == ()


def test_twins_and_what_is_beside() -> None:
    twin = CITY.twin("quay")
    assert twin is not None
    assert (twin.id, twin.side) == ("quay_dark", "dark")
    assert CITY.twin("lane") is None
    assert CITY.beside["quay"] == ("gate", "quay_dark", "square")
    assert CITY.beside["lane"] == ("gate", "quay", "square"), "one way down counts from above"
    assert CITY.beside["inn"] == ("room", "square")


def test_a_radius_is_in_metres_as_the_crow_flies_and_on_one_side() -> None:
    assert CITY.within_metres("quay", 0) == [("quay", 0)]
    assert [place for place, _ in CITY.within_metres("square", 50)] == ["square", "inn", "room"]
    assert [place for place, _ in CITY.within_metres("square", 39)] == ["square"]
    assert CITY.within_metres("square", 40) == [("square", 0), ("inn", 1600)]


def test_the_nearest_is_the_one_that_is_reached_first() -> None:
    def inn(place: Place) -> bool:
        return place.kind == "inn" and NOON.opens(place.hours)

    assert CITY.nearest("foot", "quay", inn) == ("inn", 80)
    assert CITY.nearest("foot", "quay", lambda place: place.kind == "bakery") is None
    assert CITY.nearest("foot", "quay", lambda place: place.id == "quay") == ("quay", 0)


def test_hours_over_midnight() -> None:
    well = CITY.ways["h_well"]
    assert MIDNIGHT.opens(well.hours)
    assert not NOON.opens(well.hours)
    assert not MIDNIGHT.opens(CITY.places["gate"].hours)


def test_territories_are_neighbours_by_ways() -> None:
    assert CITY.territory_beside == {"docks": ("walk",), "walk": ("docks",)}
