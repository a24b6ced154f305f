"""The log and claims in memory: their contracts in the plainest code, for tests and as models."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

from bus.checks import check_writes
from bus.expectations import first_result, matches, meets
from bus.ports import (
    AppendResult,
    Claim,
    Head,
    NewEvent,
    NobodyLeads,
    OwnerGone,
    OwnerSilent,
    PayloadPage,
    RecordedEvent,
    StreamWrite,
    VersionConflict,
    Where,
)
from bus.problems import problem_of
from protocol.chain import genesis, link
from protocol.messages import CommandMessage, ErrorReply, Reply


class MemoryLog:
    """An `EventLog` that ends with its process."""

    def __init__(self, realm: str, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._genesis = genesis(realm)
        self.reachable = True
        self.clock_wrong = ""
        self._events: list[RecordedEvent] = []
        self._streams: dict[str, list[RecordedEvent]] = {}
        self._ids: dict[UUID, RecordedEvent] = {}
        self._news = asyncio.Event()

    def now_us(self) -> int:
        """Return the log's time by now."""
        return self._now_us()

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
    ) -> PayloadPage:
        """Return payloads of the log; see the port."""
        return PayloadPage.of(await self.read_all(after=after, limit=limit, where=where))

    async def read_stream_payloads(self, stream: str, *, after: int = 0, limit: int = 1_000) -> PayloadPage:
        """Return payloads of one stream; see the port."""
        return PayloadPage.of(await self.read_stream(stream, after=after, limit=limit))

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


@dataclass(slots=True, eq=False)
class ClaimBoard:
    """Claims shared by the processes of a realm: `MemoryClaims` of one board know each other."""

    claims: dict[UUID, Claim] = field(default_factory=dict)
    answers: dict[str, Callable[[CommandMessage], Awaitable[Reply]]] = field(default_factory=dict)
    """By process; who is not in it is gone."""
    revision: int = 0


class MemoryClaims:
    """The `Claims` of one process, on a board in memory."""

    def __init__(self, board: ClaimBoard, process: UUID) -> None:
        self._board = board
        self.process = process.hex

    def answer_with(self, answer: Callable[[CommandMessage], Awaitable[Reply]]) -> None:
        """Let ``answer`` reply to what other processes ask us."""
        self._board.answers[self.process] = answer

    async def claim(self, id_: UUID) -> Claim:
        """Make an id ours, or say whose it is; see `bus.ports.Claims.claim`."""
        return self._newest(id_) or self._make(id_)

    async def inherit(self, claim: Claim) -> Claim:
        """Make an id ours whose owner is gone; see `bus.ports.Claims.inherit`."""
        newest = self._newest(claim.id)
        return newest if newest and newest.revision != claim.revision else self._make(claim.id)

    async def release(self, claim: Claim) -> None:
        """Let go of an id; see `bus.ports.Claims.release`."""
        newest = self._newest(claim.id)
        if newest and newest.revision == claim.revision:
            del self._board.claims[claim.id]

    async def ask(self, claim: Claim, message: CommandMessage, within_s: float) -> Reply | ErrorReply:
        """Return what the owner replies; see `bus.ports.Claims.ask`."""
        answer = self._board.answers.get(claim.owner)
        if answer is None:
            raise OwnerGone(claim.owner)
        try:
            async with asyncio.timeout(within_s):
                return await answer(message)
        except TimeoutError:
            raise OwnerSilent(claim.owner) from None
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                raise
            return problem

    def _newest(self, id_: UUID) -> Claim | None:
        found = self._board.claims.get(id_)
        return found and Claim(id_, found.owner, ours=found.owner == self.process, revision=found.revision)

    def _make(self, id_: UUID) -> Claim:
        self._board.revision += 1
        first = id_ not in self._board.claims
        self._board.claims[id_] = Claim(id_, self.process, ours=True, revision=self._board.revision)
        return replace(self._board.claims[id_], first=first)


class MemoryLead:
    """A `Lead` among the tasks of one process."""

    def __init__(self) -> None:
        self._answers: list[Callable[[CommandMessage], Awaitable[Reply]]] = []

    async def ask(self, message: CommandMessage, within_s: float) -> Reply | ErrorReply:
        """Return what the newest leader replies; see `bus.ports.Lead.ask`."""
        if not self._answers:
            raise NobodyLeads
        try:
            async with asyncio.timeout(within_s):
                return await self._answers[-1](message)
        except TimeoutError:
            raise NobodyLeads from None
        except Exception as error:
            if (reply := problem_of(error)) is None:
                raise
            return reply

    @asynccontextmanager
    async def answering(self, answer: Callable[[CommandMessage], Awaitable[Reply]]) -> AsyncIterator[None]:
        """Let ``answer`` reply; see `bus.ports.Lead.answering`."""
        self._answers.append(answer)
        try:
            yield
        finally:
            self._answers.remove(answer)
