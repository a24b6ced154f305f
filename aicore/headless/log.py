"""The log of a world of its own: whoever follows it has each event before the append returns."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from bus.catalogue import domain_catalogue
from bus.codec import EMPTY_META, EventCodec
from bus.memory import MemoryLog
from bus.ports import AppendResult, NewEvent, RecordedEvent, RecordedPayload, StreamWrite
from domain.kernel.event import Event
from protocol.meta import Meta

KEPT = 4_096
"""Events that were decoded last, at hand: ten views read each."""

Hear = Callable[[list[RecordedEvent]], Awaitable[None]]


class WorldLog(MemoryLog):
    """`MemoryLog` with one listener, who is told in the order of the log."""

    def __init__(self, realm: str, now_us: Callable[[], int]) -> None:
        super().__init__(realm, now_us)
        self.hear: Hear | None = None

    async def append(self, *writes: StreamWrite) -> AppendResult:
        """Append all writes or none, and tell of them; see `bus.ports.EventLog.append`."""
        before = len(self._events)
        result = await super().append(*writes)
        added = self._events[before:]
        if added and self.hear:
            await self.hear(added)
        return result

    @property
    def position(self) -> int:
        """Of the last event."""
        return len(self._events)

    def since(self, position: int) -> list[RecordedEvent]:
        """Return the events after a position."""
        return self._events[position:]


class WorldCodec(EventCodec):
    """The program's codec; what was decoded a moment ago is not decoded again."""

    def __init__(self) -> None:
        super().__init__(domain_catalogue())
        self._known: dict[UUID, Event] = {}

    def encode(self, event: Event, event_id: UUID, meta: Meta = EMPTY_META) -> NewEvent:
        """Return ``event`` ready to append; see `EventCodec.encode`."""
        self._known.pop(event_id, None)  # refused once, and decided anew
        return super().encode(event, event_id, meta)

    def decode(self, recorded: RecordedEvent | RecordedPayload) -> Event:
        """Return the typed event; see `EventCodec.decode`."""
        if not isinstance(recorded, RecordedEvent):
            return super().decode(recorded)
        if (found := self._known.get(recorded.id)) is None:
            found = self._known[recorded.id] = super().decode(recorded)
            if len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
        return found
