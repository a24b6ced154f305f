"""The process that ends journeys: arrivals when they are due, and cuts where a way ahead has closed. Pure.

Nothing is remembered about what was said: a journey that is over is due until the log has its end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from uuid import UUID

from domain.kernel.process import Due, Heard, Moment, Process
from domain.places.journey import Journey
from domain.places.messages import (
    Arrive,
    Arrived,
    CutJourney,
    Departed,
    JourneyCut,
    Left,
    TurnedBack,
    WayClosed,
    WayOpened,
)

KINDS = (Departed, Arrived, TurnedBack, JourneyCut, Left, WayClosed, WayOpened)
TICK_S = 0.1
"""So much later than it is due may an arrival be recorded; it says when it was due."""

GameClock = Callable[[int], int]
"""From real µs to game ms."""


@dataclass(slots=True)
class UnderWay:
    """Who is under way, with the event that last changed the journey, and the ways that are closed."""

    journeys: dict[str, tuple[Journey, Heard]] = field(default_factory=dict)
    ends: list[tuple[int, str]] = field(default_factory=list)
    """A heap of the journeys' ends; those that ended otherwise are passed over."""
    closed: dict[str, int] = field(default_factory=dict)
    """When each closed way was closed, in game ms: a late look must not let anybody set out on it."""


def evolve(state: UnderWay, heard: Heard) -> UnderWay:
    """Return who is under way after an event; changes the state in place."""
    match heard.event:
        case Departed() as event if event.kind == "player":  # people's own leader ends their journeys
            _note(state, event.who, Journey.of(event), heard)
        case TurnedBack() as event:
            if known := state.journeys.get(event.who):
                _note(state, event.who, known[0].turned(event), heard)
        case JourneyCut() as event:
            if known := state.journeys.get(event.who):
                _note(state, event.who, known[0].cut(event), heard)
        case Arrived() | Left() as event:
            state.journeys.pop(event.who, None)
        case WayClosed() as event:
            state.closed[event.way] = event.at_ms
        case WayOpened() as event:
            state.closed.pop(event.way, None)
        case _:
            pass
    return state


def _note(state: UnderWay, who: str, journey: Journey, heard: Heard) -> None:
    state.journeys[who] = journey, heard
    heappush(state.ends, (journey.ends_ms, who))


def arrivals(game_ms: GameClock) -> Process[UnderWay]:
    """Return the process; ``game_ms`` tells the game time of a moment."""

    def react(state: UnderWay, moment: Moment) -> Iterator[Due]:
        yield from _cut(state)  # first: who must not set out does not arrive behind it
        for who in _over(state, game_ms(moment.now_us)):
            journey, heard = state.journeys[who]
            arrive = Arrive(who=who, arrives_ms=journey.ends_ms)
            yield _due(arrive, heard.id, "places.arrive", heard)

    return Process(
        name="arrivals",
        types=tuple(kind.event_name for kind in KINDS),
        initial=lambda _: UnderWay(),
        evolve=evolve,
        react=react,
        tick_s=TICK_S,
        next_ms=lambda state: state.ends[0][0] if state.ends else None,
    )


def _over(state: UnderWay, now: int) -> list[str]:
    """Return whose journey is over, the earliest first; they stay in the heap until the log has the end."""
    found: dict[str, int] = {}
    while state.ends and state.ends[0][0] <= now:
        ends_ms, who = heappop(state.ends)
        if (known := state.journeys.get(who)) and known[0].ends_ms == ends_ms:
            found[who] = ends_ms
    for who, ends_ms in found.items():
        heappush(state.ends, (ends_ms, who))
    return list(found)


def _cut(state: UnderWay) -> Iterator[Due]:
    if not state.closed:
        return
    for who, (journey, heard) in list(state.journeys.items()):
        for way in journey.ways:
            closed_ms = state.closed.get(way)
            if closed_ms is not None and journey.ahead(way, closed_ms) is not None:
                cut = CutJourney(who=who, way=way, closed_ms=closed_ms)
                yield _due(cut, heard.id, f"places.cut.{way}.{closed_ms}", heard)
                break


def _due(command: Arrive | CutJourney, of: UUID, what: str, heard: Heard) -> Due:
    return Due(command, of, what, heard.id, heard.correlation, heard.actor)
