"""The way out of the spool: records from the segments, oldest first, as far as they are durable."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import structlog

from bus.spool.disk import Directory, Segment, load
from bus.spool.frames import Frame, Gap
from bus.spool.records import Record, Undecodable, decode_write
from bus.spool.recovery import count_missing

logger = structlog.get_logger(__name__)


class Begin(NamedTuple):
    """Beginning of a reader."""

    segments: Sequence[Segment]
    after: int
    """Behind this record."""
    tail: tuple[int, int] | None = None
    """Records that are known to be lost behind those in the segments."""


class Reader:
    """Reads each record once. What cannot be read is set aside, counted and told, never passed over."""

    def __init__(
        self, folder: Directory, executor: Executor, begin: Begin, *, on_missing: Callable[[int, int], None]
    ) -> None:
        """Take ``on_missing``, which gets the numbers of lost records and bytes."""
        self._folder = folder
        self._executor = executor
        self._on_missing = on_missing
        self._unread = deque(begin.segments)
        self._kept = deque(self._unread)
        self._offset = 0
        """Bytes of the first unread segment that were loaded."""
        self._data = b""
        self._at = 0
        self._tail = begin.tail
        self.last = begin.after
        """The last record read."""

    def add(self, segment: Segment) -> None:
        """Take in a new segment."""
        self._unread.append(segment)
        self._kept.append(segment)

    async def read(self, limit: int) -> list[Record]:
        """Return up to ``limit`` next records; [] when all that is durable was read.

        Raises:
            OSError: the disk cannot be read; nothing was passed over.
        """
        while True:
            if self._at < len(self._data):
                if records := await self._decode(limit):
                    return records
            elif not await self._load():
                self._pass_tail()
                return []

    def _pass_tail(self) -> None:
        """Go on behind the records that are known to be lost, once all before them was read."""
        if self._tail and self.last == self._tail[0] - 1:
            self.last = self._tail[1]
        self._tail = None

    async def _load(self) -> bool:
        """Load what is durable of the next segment; False if there is nothing new."""
        while self._unread:
            segment = self._unread[0]
            if self._offset < segment.length:
                start, end = self._offset, segment.length
                loop = asyncio.get_running_loop()
                self._data = await loop.run_in_executor(self._executor, load, segment.path, start, end)
                self._at, self._offset = 0, end
                return True
            if len(self._unread) == 1:
                return False
            self._unread.popleft()
            self._offset = 0
        return False

    async def _decode(self, limit: int) -> list[Record]:
        segment = self._unread[0]
        found = segment.scan(self._data, start=self._at, limit=limit, after=self.last)
        torn = [Gap(found.end, len(self._data))] if found.torn else []
        self._at = len(self._data) if found.torn else found.end
        records: list[Record] = []
        lost: list[tuple[int, int]] = []
        for frame in found.frames:
            if frame.sequence > self.last + 1:
                lost.append((self.last + 1, frame.sequence - 1))
            self.last = frame.sequence
            record = _record(frame)
            if record:
                records.append(record)
            else:
                lost.append((frame.sequence, frame.sequence))
        if lost or found.gaps or torn:
            size = sum(gap.end - gap.start for gap in (*found.gaps, *torn))
            await self._report(segment, lost, size)
        return records

    async def _report(self, segment: Segment, lost: list[tuple[int, int]], size: int) -> None:
        many, name = count_missing(lost), segment.path.name
        logger.error("spool_segment_damaged", segment=name, records_missing=many, missing=lost, bytes=size)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._folder.set_aside, segment.path)
        await loop.run_in_executor(self._executor, self._folder.note_missing, lost)
        self._on_missing(many, size)

    def spent(self, settled: int) -> list[Segment]:
        """Return, and forget, the segments in which everything is settled; never one that is written to."""
        found: list[Segment] = []
        while (
            len(self._kept) > 1
            and self._kept[1].first - 1 <= settled
            and self._kept[0] is not self._unread[0]
        ):
            found.append(self._kept.popleft())
        if len(self._kept) == 1 and self._kept[0].closed and self._is_read() and self.last <= settled:
            found.append(self._kept.popleft())
            self._unread.clear()
            self._offset = 0
        return found

    def _is_read(self) -> bool:
        """Say whether all that is durable of the newest segment was read."""
        return (
            self._unread[0] is self._kept[-1]
            and self._offset == self._kept[-1].length
            and self._at == len(self._data)
        )

    def rest(self) -> list[Segment]:
        """Return every segment that is there."""
        return list(self._kept)


def _record(frame: Frame) -> Record | None:
    try:
        return Record(frame.sequence, frame.put_us, decode_write(frame.body), frame.size)
    except Undecodable as error:
        logger.error("spool_record_undecodable", sequence=frame.sequence, error=str(error))  # noqa: TRY400 - no bug
        return None
