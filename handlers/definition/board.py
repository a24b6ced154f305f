"""The definition of the world in memory: the version that holds, and what was drafted since."""

from collections.abc import Mapping
from typing import Any

from bus.ports import EventLog, RecordedEvent
from domain.definition.entries import Key
from domain.definition.loading import LOADED, evolve
from domain.definition.messages import EntryDefined, EntryRetired, VersionPublished
from domain.definition.queries import DefinitionQuery, EntryQuery
from domain.kernel.event import Event
from domain.kernel.parse import parse
from handlers.kernel.follow import Decode, MemoryView

KINDS = (EntryDefined, EntryRetired, VersionPublished)


class DefinitionBoard(MemoryView):
    """Run `run` in a task; answers come from memory."""

    name = "definition"
    types = tuple(kind.event_name for kind in KINDS)

    def __init__(self, log: EventLog, *, decode: Decode) -> None:
        super().__init__(log, decode=decode)
        self.state = LOADED

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if isinstance(event, KINDS):
            self.state = evolve(self.state, event)

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``world.definition``."""
        parse(DefinitionQuery, query)
        state = self.state
        return {
            "version": state.version,
            "digest": state.digest,
            "drafted": state.draft != state.published,
            "entries": [[key.section, key.id, digest] for key, digest in state.digests.items()],
        }, self.position

    async def answer_entry(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``world.entry``."""
        asked = parse(EntryQuery, query)
        key, state = Key(asked.section, asked.entry_id), self.state
        retired = key not in state.published and key in state.retired
        written = state.retired[key] if retired else state.published.get(key)
        return {"written": written, "retired": retired}, self.position
