"""The log in memory: the same contract in the plainest code, for tests and as the model of the real one."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from uuid import UUID

from bus.checks import check_writes
from bus.expectations import first_result, matches, meets
from bus.ports import (
    AppendResult,
    Head,
    NewEvent,
    RecordedEvent,
    RecordedPayload,
    StreamWrite,
    VersionConflict,
    Where,
)
from protocol.chain import genesis, link


class MemoryLog:
    """An `EventLog` that ends with its process."""

    def __init__(self, realm: str, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._genesis = genesis(realm)
        self.reachable = True
        self._events: list[RecordedEvent] = []
        self._streams: dict[str, list[RecordedEvent]] = {}
        self._ids: dict[UUID, RecordedEvent] = {}
        self._news = asyncio.Event()

    async def append(self, *writes: StreamWrite) -> AppendResult:
        """Append all writes or none; see `bus.ports.EventLog.append`."""
        check_writes(writes)
        if first := self._first_result(writes):
            return first
        for write in writes:
            actual = len(self._streams.get(write.stream, ()))
            if not meets(actual, write.expected):
                raise VersionConflict(write.stream, write.expected, actual)
        last = self._events[-1].recorded_us if self._events else 0
        recorded_us = max(last, self._now_us())
        added = [self._add(write.stream, event, recorded_us) for write in writes for event in write.events]
        self._news.set()
        self._news = asyncio.Event()
        return AppendResult(
            tuple(event.position for event in added), tuple(event.version for event in added), recorded_us
        )

    def _first_result(self, writes: tuple[StreamWrite, ...]) -> AppendResult | None:
        pairs = [(write.stream, event, self._ids.get(event.id)) for write in writes for event in write.events]
        return first_result(pairs)

    def _add(self, stream: str, event: NewEvent, recorded_us: int) -> RecordedEvent:
        versions = self._streams.setdefault(stream, [])
        position, version = len(self._events) + 1, len(versions) + 1
        recorded = RecordedEvent(
            position,
            stream,
            version,
            event.id,
            event.type,
            event.schema_version,
            recorded_us,
            event.meta,
            event.payload,
            link(
                self._events[-1].hash if self._events else self._genesis,
                (position, event.id.bytes, recorded_us, version, event.schema_version),
                (event.type.encode(), stream.encode()),
                event.meta,
                event.payload,
            ),
        )
        self._events.append(recorded)
        versions.append(recorded)
        self._ids[event.id] = recorded
        return recorded

    async def read_stream(self, stream: str, *, after: int = 0, limit: int = 1_000) -> list[RecordedEvent]:
        """Return events of one stream; see the port."""
        return self._streams.get(stream, [])[after : after + limit]

    async def read_all(
        self, *, after: int = 0, limit: int = 1_000, where: Where = Where()
    ) -> list[RecordedEvent]:
        """Return events of the log; see the port."""
        found: list[RecordedEvent] = []
        for event in self._events[max(after, 0) :]:
            if matches(event, where):
                found.append(event)
            if len(found) == limit:
                break
        return found

    async def read_payloads(
        self, *, after: int = 0, limit: int = 1_000, where: Where = Where()
    ) -> Sequence[RecordedPayload]:
        """Return payloads of the log; see the port."""
        found = await self.read_all(after=after, limit=limit, where=where)
        return [
            RecordedPayload(e.position, e.recorded_us, e.type, e.schema_version, e.payload) for e in found
        ]

    async def find(self, event_id: UUID) -> RecordedEvent | None:
        """Return the event with this id; see the port."""
        return self._ids.get(event_id)

    async def head(self) -> Head:
        """Return the end of the log."""
        return Head(len(self._events), self._events[-1].hash if self._events else self._genesis)

    async def subscribe(
        self, *, after: int = 0, where: Where = Where(), batch_max: int = 500, pause_s: float = 0.0
    ) -> AsyncGenerator[list[RecordedEvent], None]:
        """Yield events after a position and then live ones; see the port."""
        while True:
            news, head = self._news, len(self._events)
            batch = await self.read_all(after=after, limit=batch_max, where=where)
            after = batch[-1].position if len(batch) == batch_max else max(after, head)
            if batch:
                yield batch
            elif after >= len(self._events):
                await news.wait()
