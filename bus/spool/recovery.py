"""Recovery of a spool's files at its opening: to ship, to cut, to set aside, missing. Pure."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from bus.spool.frames import Scan

Body = bytes

NEWEST_BYTES_MAX = 16 * 1024 * 1024
"""Some 5,000 turns: who was waiting for an answer when the process died asks again within minutes."""


@dataclass(slots=True)
class Recovery:
    """The findings so far; feed it every segment in order with `add`.

    Args:
        seen: to begin with, the last settled record: every record up to it was shipped or is a dead letter.
    """

    seen: int
    """The highest sequence known of; the next record gets the one after it."""
    records: int = 0
    """Records that are left to ship."""
    bytes: int = 0
    """Bytes of them, and of what is damaged between them."""
    oldest: list[tuple[int, int]] = field(default_factory=list)
    """(sequence, put µs) of the first such record of each segment."""
    cut: list[tuple[str, int]] = field(default_factory=list)
    """Segments with a torn tail, and the length to cut them to; nothing in a torn tail was ever confirmed."""
    damaged: list[str] = field(default_factory=list)
    """Segments with bytes that changed, of which a copy is kept for an operator."""
    missing: list[tuple[int, int]] = field(default_factory=list)
    """First and last sequence of records that were there and cannot be read."""
    newest: deque[Body] = field(default_factory=deque)
    """Bodies of the last records that are left to ship, up to `NEWEST_BYTES_MAX`."""
    spent: list[str] = field(default_factory=list)
    """Segments without anything left to ship."""
    tail: tuple[int, int] | None = None
    """Likewise, of those behind the last that is there; they are in ``missing``, too."""
    _present: int = 0
    _kept_bytes: int = 0

    def __post_init__(self) -> None:
        """Begin behind what is settled."""
        self._present = self.seen

    def end(self, confirmed: int) -> None:
        """Take in, after every segment, the record up to which puts are known to have been confirmed.

        A file that was cut off between two records, or is gone, looks as if nothing were wrong.
        """
        self._expect(confirmed + 1)
        if self.seen > self._present:
            self.tail = (self._present + 1, self.seen)

    def add(self, name: str, first: int, scan: Scan) -> None:
        """Take in the segment that by its name begins with the record ``first``."""
        # The name says how far the segments before it went, even if nothing of their ends can be read.
        self._expect(first)
        known = self.records
        for frame in scan.frames:
            if frame.sequence <= self.seen:
                continue
            self._expect(frame.sequence)
            if self.records == known:
                self.oldest.append((frame.sequence, frame.put_us))
            self.seen = self._present = frame.sequence
            self.records += 1
            self.bytes += frame.size
            self._keep(frame.body)
        if scan.torn:
            self.cut.append((name, scan.end))
        if scan.gaps:
            self.damaged.append(name)
        if self.records == known:
            self.spent.append(name)
        else:
            self.bytes += sum(gap.end - gap.start for gap in scan.gaps)

    def _keep(self, body: Body) -> None:
        self.newest.append(body)
        self._kept_bytes += len(body)
        while self._kept_bytes > NEWEST_BYTES_MAX:
            self._kept_bytes -= len(self.newest.popleft())

    def _expect(self, sequence: int) -> None:
        """Note what is missing before the record ``sequence``."""
        if sequence > self.seen + 1:
            self.missing.append((self.seen + 1, sequence - 1))
            self.seen = sequence - 1


def count_missing(ranges: Iterable[tuple[int, int]]) -> int:
    """Return how many records the ranges hold, those in several of them once."""
    found, upto = 0, 0
    for first, last in sorted(ranges):
        found += max(0, last - max(first, upto + 1) + 1)
        upto = max(upto, last)
    return found
