"""What everybody knows, in memory, kept up by the log; and the query over it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from bus.ports import EventLog, RecordedEvent
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.people.memory import KINDS, Memories
from domain.people.queries import KnownQuery
from handlers.kernel.follow import Decode, MemoryView


class PeopleMemories(MemoryView):
    """Run `run` in a task. Whoever tells by it may know a moment less than the log does, never more."""

    name: ClassVar[str] = "people_memories"
    types: ClassVar[tuple[str, ...]] = tuple(kind.event_name for kind in KINDS)

    def __init__(self, log: EventLog, *, decode: Decode) -> None:
        super().__init__(log, decode=decode)
        self.memories = Memories()

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        self.memories.apply(event, recorded.id, recorded.position)

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``people.known``."""
        asked = parse(KnownQuery, query)
        return [thing._asdict() for thing in self.memories.of(asked.person)], self.position
