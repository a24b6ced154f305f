"""The pinned lines, in memory, kept up by the log."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from bus.ports import EventLog, RecordedEvent
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.story.corpus import Words
from domain.story.messages import LinePinned, LineUnpinned
from domain.story.pin_queries import PinsQuery
from domain.story.pins import PinLine, pin_pair
from domain.story.plan import Signature
from handlers.kernel.follow import Decode, MemoryView


class PinBoard(MemoryView):
    """Run `run` in a task; `lines` are the pins that hold."""

    name: ClassVar[str] = "story_pins"
    types: ClassVar[tuple[str, ...]] = (LinePinned.event_name, LineUnpinned.event_name)

    def __init__(
        self, log: EventLog, *, decode: Decode, signatures: Callable[[], dict[str, Signature]]
    ) -> None:
        """Prepare; ``signatures`` returns what lines can state."""
        super().__init__(log, decode=decode)
        self._signatures = signatures
        self.lines: dict[str, PinLine] = {}
        self._at: dict[str, int] = {}
        """By pin, the position of its event."""

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        match event:
            case LinePinned():
                self.lines.pop(event.pin, None)
                self.lines[event.pin] = pin_line(event, str(recorded.id), self._signatures())
                self._at[event.pin] = recorded.position
            case LineUnpinned():
                self.lines.pop(event.pin, None)
            case _:
                pass

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``story.pins``."""
        by = parse(PinsQuery, query).by
        rows = [
            {**line.pinned.model_dump(mode="json"), "event": line.event, "position": self._at[pin]}
            for pin, line in self.lines.items()
            if by in (None, line.pinned.by)
        ]
        return {"pins": rows}, self.position


def pin_line(pinned: LinePinned, event: str, signatures: dict[str, Signature]) -> PinLine:
    """Return a pin, ready to be said; it was checked when it was recorded.

    Raises:
        Rejected: this program's predicates are others.
    """
    return PinLine(pinned, pin_pair(pinned, signatures, Words()), event)
