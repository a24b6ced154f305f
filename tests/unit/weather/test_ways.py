"""A storm closes the ways that it bars, and they open after it; what operators closed stays closed."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from domain.kernel.event import Event
from domain.kernel.process import Heard, Moment
from domain.places.city import city_of
from domain.places.messages import CloseWay, OpenWay, WayClosed, WayOpened
from domain.weather.messages import WeatherChanged
from domain.weather.ways import ACTOR, way_keeper
from tests.unit.spec import changed
from tests.unit.weather.kit import DEFINITION

CITY = city_of(DEFINITION)
KEEPER = way_keeper(lambda: CITY)
SPACE = UUID("1c7a0c57-2d34-4c53-8d43-5a25d6f00350")
NOW = Moment(0, 0, tick=False)


def weather(zone: str, state: str) -> tuple[Event, str]:
    return changed(WeatherChanged.from_example(), zone=zone, state=state), ACTOR


def closed(way: str, actor: str = ACTOR) -> tuple[Event, str]:
    found = CITY.ways[way]
    return changed(WayClosed.from_example(), way=way, ends=[found.start, found.end]), actor


def opened(way: str) -> tuple[Event, str]:
    return changed(WayOpened.from_example(), way=way), ACTOR


def due(*events: tuple[Event, str]) -> Sequence[CloseWay | OpenWay]:
    state = KEEPER.initial(0)
    for n, (event, actor) in enumerate(events):
        id_ = uuid5(SPACE, str(n))
        state = KEEPER.evolve(state, Heard(event, id_, n + 1, 0, id_, actor))
    found = [each.command for each in KEEPER.react(state, NOW)]
    assert all(isinstance(each, CloseWay | OpenWay) for each in found)
    return found  # type: ignore[return-value]


def test_a_storm_stops_the_ferry_and_says_why() -> None:
    assert due(weather("harbour", "fog"), weather("marsh", "clear")) == []
    found = due(weather("harbour", "storm"), weather("marsh", "clear"))
    barred = {way.id for way in CITY.ways.values() if "storm" in way.closed_in}
    assert {each.way for each in found} <= barred
    ferry = next(way.id for way in CITY.ways.values() if any(t.means == "ferry" for t in way.times))
    assert CloseWay(way=ferry, grounds="storm over harbour") in found


def test_after_it_the_ways_open_again_when_it_is_over_at_both_ends() -> None:
    ferry = next(way.id for way in CITY.ways.values() if any(t.means == "ferry" for t in way.times))
    storm = weather("harbour", "storm"), weather("marsh", "storm"), closed(ferry)
    assert ferry not in {each.way for each in due(*storm)}, "it is so already"
    half = due(*storm, weather("harbour", "rain"))
    assert OpenWay(way=ferry) not in half
    assert OpenWay(way=ferry) in due(*storm, weather("harbour", "rain"), weather("marsh", "rain"))
    calm = weather("harbour", "rain"), weather("marsh", "rain")
    assert due(*storm, *calm, opened(ferry)) == []


def test_what_an_operator_closed_stays_closed() -> None:
    ferry = next(way.id for way in CITY.ways.values() if any(t.means == "ferry" for t in way.times))
    calm = weather("harbour", "rain"), weather("marsh", "rain")
    assert due(closed(ferry, "operator:mira"), *calm) == []
