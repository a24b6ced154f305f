"""Frames of the place feed (SPEC.md, "Place feed"): bytes to values and back, no I/O."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from protocol.fields import FORMAT_VERSION, FRAME
from protocol.kinds import read
from protocol.packing import pack, unpack


class Frame(NamedTuple):
    """What changed in a place in a tick; its first change has the number ``seq - len(changes) + 1``."""

    epoch: int
    """Of the feeder; a later one's is greater."""
    fold: int
    """By which rules changes are numbered; with another one everything begins anew."""
    seq: int
    """Number of the last change."""
    changes: Sequence[Sequence[Any]]
    """Each a list of its position in the log, and ops."""

    @property
    def after(self) -> int:
        """Number of the change before the first."""
        return self.seq - len(self.changes)


def encode_frame(frame: Frame) -> bytes:
    """Return a frame's bytes."""
    epoch, fold, seq, changes = frame
    return pack({"v": FORMAT_VERSION, "epoch": epoch, "fold": fold, "seq": seq, "changes": changes})


def decode_frame(data: bytes) -> Frame:
    """Return the frame that ``data`` is.

    Raises:
        WireError: it is none.
    """
    _, *values = read(unpack(data, "frame"), FRAME)
    return Frame(*values)
