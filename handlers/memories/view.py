"""What everybody remembers and promised, in memory, kept up by the log; and the queries over it.

Memories are made of what the same fold of beliefs has people perceive, so both are one view.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from bus.ports import EventLog, RecordedEvent
from domain.definition.definition import Definition
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.memories import showing
from domain.memories.memories import Memories
from domain.memories.pledges import KINDS, Pledges
from domain.memories.queries import PromisesQuery, RecallQuery, SummaryQuery
from domain.memories.talks import talked
from domain.people.messages import PersonGone
from domain.story.messages import LineSaid
from handlers.beliefs.view import BeliefsView
from handlers.kernel.follow import Decode

PROMISING = tuple(kind.event_name for kind in KINDS)


class MemoriesView(BeliefsView):
    """Run `run` in a task; answers come from memory."""

    types: ClassVar[tuple[str, ...]] = tuple(sorted({*BeliefsView.types, *PROMISING, LineSaid.event_name}))

    def __init__(self, log: EventLog, definition: Definition, *, decode: Decode) -> None:
        """Prepare; ``definition`` holds until another is published."""
        super().__init__(log, definition, decode=decode)
        memories = Memories(self.beliefs.ground.vocabulary)
        self.beliefs.perceives = memories.take
        self.kept = showing.Kept(self.beliefs, memories, Pledges())

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        self.kept.pledges.apply(event, str(recorded.id), recorded.position)
        super().apply(event, recorded)
        self.kept.memories.words = self.beliefs.ground.vocabulary
        if isinstance(event, LineSaid) and event.listener == f"player.{event.player}":
            talked(
                self.kept.memories,
                (f"player.{event.player}", event.speaker),
                (event.heard.act, event.plan.act),
                (event.place, event.at_ms),
                (str(recorded.id), recorded.position),
            )
        if isinstance(event, PersonGone):
            self.kept.memories.lose(f"person.{event.person}")

    async def answer_recall(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``memories.recall``."""
        return showing.recalled(self.kept, parse(RecallQuery, query)), self.position

    async def answer_summary(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``memories.summary``."""
        return showing.summed_up(self.kept, parse(SummaryQuery, query)), self.position

    async def answer_promises(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``memories.promises``."""
        return showing.promised(self.kept, parse(PromisesQuery, query)), self.position
