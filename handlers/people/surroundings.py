"""The world that people decide by, in memory, kept up by the log."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

from bus.ports import EventLog, RecordedEvent
from domain.definition.definition import Definition
from domain.definition.loading import Loaded, definition_of
from domain.kernel.event import Event
from domain.people.outside import DEFINING, KINDS, Outside
from domain.people.scene import Times, World
from domain.places.city import city_of
from handlers.clock.view import ClockView
from handlers.kernel.follow import Decode, MemoryView


class Surroundings(MemoryView):
    """Run `run` in a task; `world` is the newest. Of players only where they are is looked at."""

    name: ClassVar[str] = "people_surroundings"
    types: ClassVar[tuple[str, ...]] = tuple(kind.event_name for kind in KINDS)

    def __init__(
        self,
        log: EventLog,
        clock: ClockView,
        definition: Callable[[], Definition],
        times: Times,
        *,
        decode: Decode,
    ) -> None:
        """Prepare; ``definition`` returns the one that holds until another is published."""
        super().__init__(log, decode=decode)
        self._otherwise = definition
        self._times = times
        self.clock = clock
        self._made: World | None = None
        self._redefined = False
        self.outside = Outside()
        self.known = 0
        """Position of the last event that changed anything; people's own do not."""
        self.news = asyncio.Event()
        """Set at whatever changes; whoever waits for it clears it."""

    @property
    def alive(self) -> bool:
        """Whether people live."""
        return self.outside.alive

    async def world(self) -> World:
        """Return the world as it is known now: all of it as of one position of the log."""
        while (made := self._made) is None or self._redefined or made.city.closed != self._shut(made):
            outside, closed = self.outside, frozenset(self.outside.closed)
            if made is None or self._redefined:
                self._redefined = False
                self._made = await asyncio.to_thread(self._make, outside.defined, closed)
            else:
                self._made = await asyncio.to_thread(made.shut, closed)
        if made.known != self.known:
            seen = made.seen(self.outside.watched, self.known)
            self._made = made = seen.harmed(self.outside.dangers, self.outside.dead)
        return made

    def _shut(self, made: World) -> frozenset[str]:
        return frozenset(self.outside.closed & made.city.ways.keys())

    def _make(self, defined: Loaded, closed: frozenset[str]) -> World:
        definition = definition_of(defined) or self._otherwise()
        return World(definition, city_of(definition).with_closed(closed), self._times)

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if self.outside.apply(event):
            self.known = recorded.position
            self._redefined = self._redefined or isinstance(event, DEFINING)

    async def settle(self) -> None:
        """Tell who waits."""
        self.news.set()
