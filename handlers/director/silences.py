"""Why nothing is played for a player now, from what a process has in memory, however long the log is."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from bus.ports import EventLog, RecordedEvent
from domain.director.direction import Direction
from domain.director.explaining import shown, silence_of
from domain.director.messages import EVENTS, STREAM
from domain.director.queries import SilenceQuery
from domain.director.seen_world import SeenWorld
from domain.director.stage import Stage
from domain.kernel.event import Event
from domain.kernel.parse import parse
from handlers.beliefs.view import BeliefsView
from handlers.clock.view import ClockView
from handlers.director.view import DirectorView
from handlers.kernel.follow import Decode, MemoryView


class DirectionView(MemoryView):
    """What is played and was, in memory. Run `run` in a task."""

    name: ClassVar[str] = "direction"
    types: ClassVar[tuple[str, ...]] = tuple(kind.event_name for kind in EVENTS)

    def __init__(self, log: EventLog, *, decode: Decode) -> None:
        super().__init__(log, decode=decode)
        self.direction = Direction()

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if recorded.stream == STREAM and isinstance(event, EVENTS):
            self.direction.evolve(event)


class Silences:
    """Answers ``director.silence`` by the read models of its process."""

    def __init__(
        self, direction: DirectionView, view: DirectorView, beliefs: BeliefsView, clock: ClockView
    ) -> None:
        self._direction = direction
        self._view = view
        self._beliefs = beliefs
        self._clock = clock

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``director.silence``."""
        asked, contents = parse(SilenceQuery, query), self._view.contents
        await asyncio.to_thread(contents.__getitem__, contents.version)  # compiled once for each version
        known, clock = self._beliefs.position, self._clock.clock
        if clock is None:
            return None, known
        position = max(each.position for each in (self._beliefs, self._view, self._direction, self._clock))
        world = SeenWorld(
            self._beliefs.beliefs, self._view.newsroom, clock.almanac, position, contents.people()
        )
        if not world.place_of(asked.player):
            return None, known
        seed = contents[contents.version].definition.world.seed
        stage = Stage(self._direction.direction, contents, contents.version, world, seed)
        now_ms = clock.line.at(self._clock.now()).ms
        return shown(silence_of(stage, position, asked.player, now_ms, asked.most)), known
