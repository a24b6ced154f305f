"""How everybody is, in memory, kept up by the log; and the queries over it."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from bus.ports import EventLog, RecordedEvent
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.people.card import card
from domain.people.lives import People
from domain.people.messages import EVENTS, STREAM
from domain.people.outside import MOVING
from domain.people.queries import PeopleHereQuery, PersonQuery
from handlers.kernel.follow import Decode, MemoryView
from handlers.people.surroundings import Surroundings


class PeopleBoard(MemoryView):
    """Run `run` in a task; answers come from memory."""

    name: ClassVar[str] = "people"
    types: ClassVar[tuple[str, ...]] = tuple(kind.event_name for kind in (*EVENTS, *MOVING))

    def __init__(
        self, log: EventLog, surroundings: Surroundings, *, decode: Decode, game_ms: Callable[[], int]
    ) -> None:
        """Prepare; ``game_ms`` returns the game time."""
        super().__init__(log, decode=decode)
        self._surroundings = surroundings
        self._game_ms = game_ms
        self.people = People()

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if recorded.stream == STREAM:
            self.people.evolve(event)

    async def answer_person(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``people.person``."""
        asked = parse(PersonQuery, query)
        return next(iter(await self._cards([asked.person])), None), self.position

    async def answer_here(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``people.here``."""
        place = parse(PeopleHereQuery, query).place
        there = [
            life.person
            for life in self.people.lives.values()
            if place is None or (life.place == place and life.journey is None)
        ]
        return await self._cards(sorted(there)), self.position

    async def _cards(self, people: list[str]) -> list[Mapping[str, Any]]:
        world, now_ms = await self._surroundings.world(), self._game_ms()
        lives = [self.people.lives[each] for each in people if each in self.people.lives]
        return [card(life, world.cast, now_ms) for life in lives if life.person in world.cast.rows]
