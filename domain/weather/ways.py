"""The process that closes ways in weather that bars them, and opens them when it is over. Pure.

What operators closed themselves stays closed: only what this process closed does it open.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from domain.kernel.process import Due, Heard, Moment, Process
from domain.places.city import City
from domain.places.messages import CloseWay, OpenWay, WayClosed, WayOpened
from domain.weather.messages import WeatherChanged

ACTOR = "component:weather"
KINDS = (WeatherChanged, WayClosed, WayOpened)


@dataclass(slots=True)
class Barred:
    """The weather of each zone as it was told, and the ways that are closed, with who closed them."""

    told: dict[str, Heard] = field(default_factory=dict)
    closed: dict[str, Heard] = field(default_factory=dict)


def evolve(state: Barred, heard: Heard) -> Barred:
    """Return what is known after an event; changes the state in place."""
    match heard.event:
        case WeatherChanged() as event:
            state.told[event.zone] = heard
        case WayClosed() as event:
            state.closed[event.way] = heard
        case WayOpened() as event:
            state.closed.pop(event.way, None)
        case _:
            pass
    return state


def way_keeper(city: Callable[[], City]) -> Process[Barred]:
    """Return the process; ``city`` returns the city as it is defined now."""

    def react(state: Barred, _: Moment) -> Iterator[Due]:
        now = city()
        for way, zones in _exposed(now).items():
            found = [state.told[zone] for zone in zones if zone in state.told]
            bad = next((each for each in found if _state(each) in now.ways[way].closed_in), None)
            shut = state.closed.get(way)
            if bad and not shut:
                event = bad.event
                assert isinstance(event, WeatherChanged)
                grounds = f"{event.state.replace('_', ' ')} over {event.zone.replace('_', ' ')}"
                yield _due(CloseWay(way=way, grounds=grounds), f"weather.close.{way}", bad)
            elif shut and shut.actor == ACTOR and found and not bad:
                newest = max(found, key=lambda each: each.position)
                yield _due(OpenWay(way=way), f"weather.open.{way}.{shut.position}", newest)

    return Process(
        name="ways_in_the_weather",
        types=tuple(kind.event_name for kind in KINDS),
        initial=lambda _: Barred(),
        evolve=evolve,
        react=react,
    )


def _exposed(city: City) -> Mapping[str, tuple[str, ...]]:
    """Return the zones over each way that some weather closes."""
    districts = {place.id: city.districts[place.district].zone for place in city.places.values()}
    return {way.id: (districts[way.start], districts[way.end]) for way in city.ways.values() if way.closed_in}


def _state(heard: Heard) -> str:
    return heard.event.state if isinstance(heard.event, WeatherChanged) else ""


def _due(command: CloseWay | OpenWay, what: str, heard: Heard) -> Due:
    return Due(command, heard.id, what, heard.id, heard.correlation, ACTOR)
