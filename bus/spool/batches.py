"""Appends made of records: merged by stream, sized by the log's pace, paused after failures. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from bus.ports import ExpectedVersion, NewEvent, StreamWrite
from bus.retry import Backoff
from bus.spool.records import Record

BATCH_EVENTS_MIN = 16
BATCH_EVENTS_MAX = 500
"""A batch is planned and hashed on the event loop, about 20 µs an event: 500 hold up a token by 10 ms.

2,000 catch up a tenth faster and hold everything up by 27 ms (p99, measured 2026-11-21)."""

BATCH_BYTES_MAX = 4 * 1024 * 1024
SLOW_S = 0.25
"""A batch that takes longer is halved: more would only hold up the log's other writers."""

BACKOFF_S_MIN = 0.05
BACKOFF_S_MAX = 5.0


class Batch(NamedTuple):
    """The first ``records`` of what waits, as one atomic append."""

    records: list[Record]
    writes: list[StreamWrite]


def plan_batch(waiting: Iterable[Record], events_max: int) -> Batch:
    """Return the longest beginning of ``waiting`` that can be one append; it has at least one record.

    Records of one stream become one write if together they mean the same as one after the other; where that
    cannot be known, the batch ends, and the record comes first in the next one.
    """
    taken: list[Record] = []
    merged: dict[str, tuple[ExpectedVersion, list[NewEvent]]] = {}
    events = size = 0
    for record in waiting:
        write = record.write
        events += len(write.events)
        size += record.size
        if taken and (events > events_max or size > BATCH_BYTES_MAX):
            break
        known = merged.get(write.stream)
        if known is None:
            merged[write.stream] = (write.expected, list(write.events))
        elif follows(known[0], len(known[1]), write.expected):
            known[1].extend(write.events)
        else:
            break
        taken.append(record)
    writes = [StreamWrite(stream, found, expected) for stream, (expected, found) in merged.items()]
    return Batch(taken, writes)


def follows(before: ExpectedVersion, events: int, expected: ExpectedVersion) -> bool:
    """Say whether ``expected`` surely holds after ``events`` were appended expecting ``before``."""
    if expected in ("any", "exists"):
        return True
    if expected == "none" or before in ("any", "exists"):
        return False
    return expected == (0 if before == "none" else int(before)) + events


@dataclass(slots=True)
class BatchSize:
    """Events in the next batch: doubled while the log is quick, halved when it is slow or fails."""

    events: int = 64
    most: int = BATCH_EVENTS_MAX

    def succeeded(self, events: int, took_s: float) -> None:
        """Learn from a batch of so many events; one that was not full says nothing about larger ones."""
        if took_s > SLOW_S:
            self.events = max(BATCH_EVENTS_MIN, self.events // 2)
        elif events * 2 >= self.events:
            self.events = min(self.most, self.events * 2)

    def failed(self) -> None:
        """Learn from a batch that failed."""
        self.events = max(BATCH_EVENTS_MIN, self.events // 2)


def backoff_of(draw: Callable[[], float]) -> Backoff:
    """Return the pauses after failures of the disk or the log."""
    return Backoff(draw, s_min=BACKOFF_S_MIN, s_max=BACKOFF_S_MAX)
