"""Everybody's whereabouts, the city as it is defined and the closed ways, in memory, kept up by the log."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from typing import ClassVar

from bus.ports import EventLog, RecordedEvent
from domain.definition.loading import LOADED, Loaded, definition_of, evolve
from domain.definition.messages import EntryDefined, EntryRetired, VersionPublished
from domain.kernel.event import Event
from domain.places.city import City, city_of
from domain.places.journey import Journey
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
from handlers.kernel.follow import Decode, MemoryView

KINDS = (Entered, Departed, Arrived, TurnedBack, JourneyCut, Left, WayClosed, WayOpened)
DEFINING = (EntryDefined, EntryRetired, VersionPublished)


class Whereabouts(MemoryView):
    """Who is in which place and on which way; a `Crowd`. Run `run` in a task."""

    name: ClassVar[str] = "whereabouts"
    types: ClassVar[tuple[str, ...]] = tuple(kind.event_name for kind in (*KINDS, *DEFINING))

    def __init__(self, log: EventLog, city: City, *, decode: Decode) -> None:
        """Prepare; ``city`` holds until a version of the world's definition is published."""
        super().__init__(log, decode=decode)
        self.city = city
        """With the ways that are closed."""
        self._defined = LOADED
        self._redefined = False
        self._closed: set[str] = set()
        self._places: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._journeys: dict[str, Journey] = {}
        self._on: dict[str, dict[str, tuple[int, int]]] = {}
        """By way and traveller, between which game times they are on it."""

    def apply(self, event: Event, _: RecordedEvent) -> None:
        """Take an event in."""
        if isinstance(event, DEFINING):
            self._defined = evolve(self._defined, event)
            self._redefined = self._redefined or isinstance(event, VersionPublished)
        else:
            self._moves(event)

    def _moves(self, event: Event) -> None:
        match event:
            case Entered() | Arrived():
                self._gone(event.who)
                self._places[event.who] = event.place
                self._counts[event.place] += 1
            case Left():
                self._gone(event.who)
            case Departed():
                self._travels(event.who, Journey.of(event))
            case TurnedBack():
                if journey := self._journeys.get(event.who):
                    self._travels(event.who, journey.turned(event))
            case JourneyCut():
                if journey := self._journeys.get(event.who):
                    self._travels(event.who, journey.cut(event))
            case WayClosed():
                self._closed.add(event.way)
            case WayOpened():
                self._closed.discard(event.way)
            case _:
                pass

    async def settle(self) -> None:
        """Change the city once for a batch: it costs a part of the tables, or all."""
        if self._redefined:
            self.city = await asyncio.to_thread(_city_of, self._defined, self.city)
            self._redefined = False
        if self._closed & self.city.ways.keys() != self.city.closed:
            self.city = await asyncio.to_thread(self.city.with_closed, frozenset(self._closed))

    @property
    def state(self) -> tuple[Mapping[str, str], Mapping[str, Journey], Collection[str]]:
        """Who is in which place, who is under way, and the ways that are closed."""
        return self._places, self._journeys, self._closed

    def place_of(self, who: str) -> str:
        """Return the place that somebody is in; "" if they are under way, or nowhere."""
        return self._places.get(who, "")

    def under_way(self, who: str) -> bool:
        """Say whether somebody is on a journey."""
        return who in self._journeys

    def in_place(self, place: str) -> int:
        """Return how many are in a place."""
        return self._counts[place]

    def on_way(self, way: str, start_ms: int, end_ms: int) -> int:
        """Return how many are on a way at some moment between two game times."""
        spans = self._on.get(way, {}).values()
        return sum(begin < end_ms and start_ms < end for begin, end in spans)

    def _gone(self, who: str) -> None:
        if place := self._places.pop(who, ""):
            self._counts[place] -= 1
        if journey := self._journeys.pop(who, None):
            for way in journey.ways:
                self._on.get(way, {}).pop(who, None)

    def _travels(self, who: str, journey: Journey) -> None:
        self._gone(who)
        self._journeys[who] = journey
        for way, begin, end in zip(journey.ways, journey.times, journey.times[1:], strict=False):
            self._on.setdefault(way, {})[who] = begin, end


def _city_of(defined: Loaded, before: City) -> City:
    """Return the city of the version that holds, everything open."""
    definition = definition_of(defined)
    return city_of(definition) if definition else before
