"""Brings the spool's records to the log: in order per stream, in batches that adapt, as often as it takes.

One batch is on its way at a time, so the order needs no care. A batch is one atomic append. If the log
refuses it, or knows a part of it from before a crash, its records go one by one, the streams beside each
other: what can never succeed becomes a dead letter, the rest goes on. Event ids make every repetition
harmless.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from bus.ports import (
    AppendResult,
    IdConflict,
    InvalidAppend,
    LogError,
    LogUnavailable,
    StreamWrite,
    VersionConflict,
)
from bus.retry import Backoff
from bus.spool.batches import BatchSize, plan_batch
from bus.spool.figures import Window
from bus.spool.reader import Reader
from bus.spool.records import Letter, Record

APPEND_TIMEOUT_S = 30.0
"""Longest wait for one append; what became of it is then unknown, and it is tried again."""

POISON = (VersionConflict, IdConflict, InvalidAppend)
"""Refusals that no repetition changes."""

REFUSALS_MAX = 5
"""A record refused so often for an unclear reason, while the log took others, is a dead letter, too."""

logger = structlog.get_logger(__name__)


class Appends(Protocol):
    """The part of a log that a spool needs; every `bus.ports.EventLog` has it."""

    async def append(self, *writes: StreamWrite) -> AppendResult:
        """Append all writes atomically; see `bus.ports.EventLog.append`."""
        ...


class Shipper:
    """Ships what `reader` reads; `step` does one batch."""

    def __init__(
        self,
        log: Appends,
        reader: Reader,
        *,
        now_us: Callable[[], int],
        backoff: Backoff,
        size: BatchSize,
    ) -> None:
        self._log = log
        self._reader = reader
        self._now_us = now_us
        self._backoff = backoff
        self._size = size
        self._waiting: deque[Record] = deque()
        self._refusals: dict[int, int] = {}
        self.window = Window()
        self.shipped = 0

    @property
    def settled(self) -> int:
        """The record up to which everything is in the log or a dead letter."""
        return self._waiting[0].sequence - 1 if self._waiting else self._reader.last

    async def step(self, put_letter: Callable[[Letter], Awaitable[None]]) -> tuple[list[Record], float]:
        """Ship one batch; return the records that are settled now, and the seconds to wait before the next.

        No record and no pause means that there is nothing to ship. ``put_letter`` makes a
        letter durable.

        Raises:
            OSError: the disk cannot be read, or a letter not written; nothing was passed over.
        """
        if len(self._waiting) < self._size.most:
            self._waiting.extend(await self._reader.read(self._size.most))
        if not self._waiting:
            return [], 0.0
        batch = plan_batch(self._waiting, self._size.events)
        outcomes = await self._ship(batch.records, batch.writes)
        settled = await self._settle(batch.records, outcomes, put_letter)
        if settled:
            self._backoff.succeeded()
            return settled, 0.0
        return [], self._backoff.failed()

    async def _ship(
        self, records: Sequence[Record], writes: Sequence[StreamWrite]
    ) -> dict[int, LogError | None]:
        """Try to append; return what became of each record by its sequence. Those not tried are left out."""
        clock = asyncio.get_running_loop()
        began = clock.time()
        error = await self._append(writes)
        if error is None:
            events = sum(len(write.events) for write in writes)
            self._size.succeeded(events, clock.time() - began)
        elif error.retriable:
            self._size.failed()
        elif len(records) > 1:
            return await self._one_by_one(records)
        return dict.fromkeys((record.sequence for record in records), error)

    async def _one_by_one(self, records: Sequence[Record]) -> dict[int, LogError | None]:
        """Append every record by itself, the streams beside each other."""
        streams: dict[str, list[Record]] = {}
        for record in records:
            streams.setdefault(record.write.stream, []).append(record)
        outcomes: dict[int, LogError | None] = {}

        async def in_order(queue: Sequence[Record]) -> None:
            for record in queue:
                outcomes[record.sequence] = error = await self._append([record.write])
                if error is not None and not isinstance(error, POISON):
                    return

        async with asyncio.TaskGroup() as group:
            for queue in streams.values():
                group.create_task(in_order(queue))
        return outcomes

    async def _append(self, writes: Sequence[StreamWrite]) -> LogError | None:
        try:
            async with asyncio.timeout(APPEND_TIMEOUT_S):
                await self._log.append(*writes)
        except LogError as error:
            return error
        except TimeoutError:
            return LogUnavailable(f"no answer to an append within {APPEND_TIMEOUT_S:g} s")
        return None

    async def _settle(
        self,
        records: Sequence[Record],
        outcomes: Mapping[int, LogError | None],
        put_letter: Callable[[Letter], Awaitable[None]],
    ) -> list[Record]:
        """Take what is settled from the queue, writing letters first; return it."""
        shipped = [record for record in records if outcomes.get(record.sequence, self) is None]
        refused: list[tuple[Record, LogError]] = []
        for record in records:
            error = outcomes.get(record.sequence)
            if error is not None and self._is_final(record, error, others=bool(shipped)):
                refused.append((record, error))
        for record, error in refused:
            await self._bury(record, error, put_letter)
        settled = {record.sequence for record in shipped} | {record.sequence for record, _ in refused}
        kept = [record for record in records if record.sequence not in settled]
        for _ in records:
            self._waiting.popleft()
        self._waiting.extendleft(reversed(kept))
        self.shipped += len(shipped)
        failures = sum(error is not None for error in outcomes.values())
        self.window.add(self._now_us(), successes=len(shipped), failures=failures)
        if kept:
            self._tell(kept, outcomes)
        return [record for record in records if record.sequence in settled]

    def _is_final(self, record: Record, error: LogError, *, others: bool) -> bool:
        """Say whether the record can never succeed."""
        if isinstance(error, POISON):
            return True
        if error.retriable or not others:
            return False
        self._refusals[record.sequence] = self._refusals.get(record.sequence, 0) + 1
        return self._refusals[record.sequence] >= REFUSALS_MAX

    async def _bury(
        self, record: Record, error: LogError, put_letter: Callable[[Letter], Awaitable[None]]
    ) -> None:
        name, now = type(error).__name__, self._now_us()
        await put_letter(Letter(record.sequence, record.put_us, now, name, str(error), record.write))
        self._refusals.pop(record.sequence, None)
        logger.error("spool_dead_letter", stream=record.write.stream, error=name, reason=str(error))

    def _tell(self, kept: Sequence[Record], outcomes: Mapping[int, LogError | None]) -> None:
        error = next(error for error in outcomes.values() if error is not None)
        logger.warning(
            "spool_append_failed",
            records=len(kept),
            error=type(error).__name__,
            reason=str(error),
            failures_in_a_row=self._backoff.failures + 1,
        )
