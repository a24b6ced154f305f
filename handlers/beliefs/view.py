"""What is true and who knows it, in memory, kept up by the log; and the queries over it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from bus.ports import EventLog, RecordedEvent
from domain.beliefs import showing
from domain.beliefs.beliefs import Beliefs
from domain.beliefs.ground import ground_of
from domain.beliefs.messages import ClaimTold
from domain.beliefs.mind import Conclusion
from domain.beliefs.outward import Outward
from domain.beliefs.queries import BelievedQuery, FactsQuery, WhyQuery
from domain.beliefs.table import TABLE
from domain.definition.definition import Definition
from domain.definition.loading import LOADED, definition_of, evolve
from domain.definition.messages import EntryDefined, EntryRetired, VersionPublished
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.people.messages import PersonTold
from domain.people.presence import KINDS
from domain.story.messages import LineSaid
from domain.traces.messages import Discovered
from handlers.kernel.follow import Decode, MemoryView

DEFINING = (EntryDefined, EntryRetired, VersionPublished)
HEARD: frozenset[type[Event]] = frozenset(
    (*TABLE, *KINDS, PersonTold, ClaimTold, LineSaid, Discovered, *DEFINING)
)

OUTWARD: frozenset[type[Event]] = frozenset((*TABLE, *KINDS, *DEFINING))
"""What says what is true, and who is where."""


class BeliefsView(MemoryView):
    """Run `run` in a task; answers come from memory."""

    name: ClassVar[str] = "beliefs"
    types: ClassVar[tuple[str, ...]] = tuple(sorted(kind.event_name for kind in HEARD))
    kind: ClassVar[type[Beliefs]] = Beliefs

    def __init__(self, log: EventLog, definition: Definition, *, decode: Decode) -> None:
        """Prepare; ``definition`` holds until another is published."""
        super().__init__(log, decode=decode)
        self._defined = LOADED
        self.beliefs = self.kind.of(ground_of(definition))

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if isinstance(event, DEFINING):
            self._defined = evolve(self._defined, event)
            if isinstance(event, VersionPublished) and (found := definition_of(self._defined)):
                self.beliefs.redefine(ground_of(found), recorded.position, str(recorded.id))
            return
        id_, position = str(recorded.id), recorded.position
        self.beliefs.apply(event, id_, position)
        if isinstance(event, Discovered) and event.claim:
            cause = event.cause_ms, event.cause, event.cause_position
            concluded = Conclusion(event.claim, event.certainty, *cause, event.place)
            self.beliefs.conclude(f"player.{event.player}", concluded, id_, position)

    async def answer_facts(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``beliefs.facts``."""
        return showing.facts(self.beliefs, parse(FactsQuery, query)), self.position

    async def answer_known(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``beliefs.known``."""
        return showing.known(self.beliefs, parse(BelievedQuery, query)), self.position

    async def answer_why(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``beliefs.why``."""
        return showing.why(self.beliefs, parse(WhyQuery, query)), self.position


class FactsView(BeliefsView):
    """What is true and who is where, by the same fold: nobody comes to believe anything, so it is quicker."""

    types: ClassVar[tuple[str, ...]] = tuple(sorted(each.event_name for each in OUTWARD))
    kind: ClassVar[type[Beliefs]] = Outward
