"""All of the world that the log tells, folded as processes fold it, and one hash over it."""

from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from hashlib import sha256
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from aicore.clock import now_us
from aicore.content.sample_world import sample_definition, sample_entries
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import EventLog, RecordedEvent
from domain.clock.units import RealTime
from domain.ledger.layers import Layers
from domain.places.city import city_of
from domain.places.moving import PLAYER
from handlers.clock.view import ClockView
from handlers.factions.view import FactionsView
from handlers.kernel.follow import MemoryView
from handlers.ledger.known import Known
from handlers.market.view import Stalls
from handlers.people.lives import read_lives
from handlers.people.memories import PeopleMemories
from handlers.places.feed import PlaceFeed
from handlers.places.whereabouts import Whereabouts
from handlers.quests.board import Clocked, QuestBoard
from handlers.weather.view import WeatherView

PAGE = 2_000
CODEC = EventCodec(domain_catalogue())


async def folded(log: EventLog) -> Mapping[str, str]:
    """Return a hash of each part of the world as of the log's end: players, places, ledger, people, ..."""
    whole = [event async for event in _everything(log)]
    known = Known(log, CODEC, lambda: None)
    await known.catch_up()
    people, _ = await read_lives(log, CODEC)
    clock = ClockView(log, decode=CODEC.decode, now=lambda: RealTime(now_us()))
    parts: dict[str, object] = {"players": _players(whole), "ledger": known.book, "people": people}
    parts |= {name: await _seen(view, whole, names) for name, (view, names) in _views(log, clock).items()}
    return {name: digest(part) for name, part in parts.items()}


def digest(part: object) -> str:
    """Return the hash of a state, whatever it is made of; of sets and maps the order does not count."""
    return sha256("\n".join(_words(part)).encode()).hexdigest()


def _views(log: EventLog, clock: ClockView) -> Mapping[str, tuple[MemoryView, tuple[str, ...]]]:
    """Return each read model in memory, with what is state in it."""
    definition, decode = sample_definition(), CODEC.decode
    city = city_of(definition)
    board = QuestBoard(log, definition, sample_entries(), decode=decode, clock=Clocked(lambda: clock.clock))
    there = "_places", "_journeys", "_on", "_closed"
    stalls = "markets", "versions", "postings", "units", "accounts", "_amounts", "_traded"
    return {
        "clock": (clock, ("clock", "version")),
        "places": (Whereabouts(log, city, decode=decode), there),
        "feed": (PlaceFeed(log, lambda: city, decode=decode, game_ms=lambda: 0), ("feed",)),
        "memories": (PeopleMemories(log, decode=decode), ("memories",)),
        "markets": (Stalls(log, decode=decode), stalls),
        "quests": (board, ("board",)),
        "weather": (WeatherView(log, clock, decode=decode), ("state", "version")),
        "factions": (FactionsView(log, clock, decode=decode), ("state", "version")),
    }


async def _seen(view: MemoryView, whole: list[RecordedEvent], names: tuple[str, ...]) -> object:
    await view.take([event for event in whole if event.type in view.types])
    assert not view.standing.error, view.standing
    return {name: getattr(view, name) for name in names}


def _players(whole: list[RecordedEvent]) -> Mapping[str, object]:
    found: dict[str, Any] = {}
    for event in whole:
        if event.stream.startswith("player-"):
            before = found.get(event.stream, PLAYER.initial)
            found[event.stream] = PLAYER.evolve(before, CODEC.decode(event))  # type: ignore[arg-type]
    return found


async def _everything(log: EventLog) -> AsyncIterator[RecordedEvent]:
    after = 0
    while page := await log.read_all(after=after, limit=PAGE):
        for event in page:
            yield event
        after = page[-1].position


def _words(part: object) -> Iterator[str]:
    """Yield a state as lines: a kind, and what is in it."""
    match part:
        case None | bool() | int() | str() | bytes() | float() | Fraction() | UUID() | Enum():
            yield repr(part)
        case BaseModel():
            yield type(part).__name__
            yield from _words(part.model_dump())
        case Layers():
            yield from _words(dict(part.items()))
        case Mapping():
            yield from ("{", *sorted(" ".join(_words(pair)) for pair in part.items()), "}")
        case set() | frozenset():
            yield from ("<", *sorted(" ".join(_words(each)) for each in part), ">")
        case list() | tuple() | deque():
            yield "["
            for each in part:
                yield from _words(each)
            yield "]"
        case _ if is_dataclass(part):
            yield type(part).__name__
            for each in fields(part):
                yield from _words(getattr(part, each.name))
        case _:
            yield from _other(part)


def _other(part: object) -> Iterator[str]:
    yield type(part).__name__
    slots = [name for kind in type(part).__mro__ for name in getattr(kind, "__slots__", ())]
    state = getattr(part, "__dict__", None) or {name: getattr(part, name, None) for name in slots}
    yield from _words(state or str(part))
