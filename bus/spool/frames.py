"""Frames of a segment file: how records lie on the disk, and how they are found again after damage. Pure.

A frame is a header of 32 bytes and a body. The header has a checksum of its own, so that a tail that was not
written in full ("torn") is told apart from bytes that changed ("a gap"). After a gap the scan goes on at the
next whole frame. Checksums start from the segment's salt, which lies in the file's name only: a body that
holds the bytes of a frame, say a player's text made for it, is never taken for one.
"""

import struct
import zlib
from typing import NamedTuple

MAGIC = b"\xf5\xc1SP"
"""Begins a frame; 0xF5 is in no UTF-8 text, 0xC1 in no msgpack marker."""

HEADER = struct.Struct("<4sIQQI")
"""Magic, bytes of the body, sequence, time of the put in µs, CRC-32 of the body."""

CHECK = struct.Struct("<I")
"""CRC-32 of the header before it."""

HEADER_BYTES = HEADER.size + CHECK.size
BODY_BYTES_MAX = 64 * 1024 * 1024
"""Far above the largest record that is taken; a header that says more is damaged."""


class Frame(NamedTuple):
    """One whole record as it lies in the file."""

    sequence: int
    put_us: int
    body: bytes
    offset: int
    size: int
    """Bytes of the header and the body."""

    def __repr__(self) -> str:
        """Return its place without the body, which may hold a player's words."""
        return f"Frame(sequence={self.sequence}, offset={self.offset}, size={self.size})"


class Gap(NamedTuple):
    """Bytes from ``start`` to ``end`` that are no frame and were one."""

    start: int
    end: int


class Scan(NamedTuple):
    """Content of a run of bytes."""

    frames: list[Frame]
    gaps: list[Gap]
    end: int
    """End of the scan: at the limit, or behind the last frame or gap."""
    torn: bool
    """The bytes from ``end`` on are the beginning of a frame that was never written in full."""


def encode_frame(sequence: int, put_us: int, body: bytes, salt: int) -> bytes:
    """Return the frame of one record.

    Args:
        sequence: the record's number, larger than that of the frame before.
        put_us: when it was put, µs since 1970.
        body: at most `BODY_BYTES_MAX` bytes.
        salt: of the segment, 32 bits.
    """
    header = HEADER.pack(MAGIC, len(body), sequence, put_us, zlib.crc32(body, salt))
    return b"".join((header, CHECK.pack(zlib.crc32(header, salt)), body))


def scan(data: bytes, salt: int, *, start: int = 0, limit: int | None = None, after: int = 0) -> Scan:
    """Return the frames of ``data`` from ``start`` on, at most ``limit``, and what is damaged between them.

    Every frame that is whole comes back; nothing comes back that was not written under this salt. A frame
    whose sequence is not above ``after`` and above the one before it is left out: it is there twice.
    """
    frames: list[Frame] = []
    gaps: list[Gap] = []
    offset, end = start, len(data)
    while offset < end and (limit is None or len(frames) < limit):
        frame = _frame_at(data, offset, salt)
        if frame is None:
            following = _next_frame(data, offset + 1, salt)
            if following is None:
                if _unfinished(data, offset, salt):
                    return Scan(frames, gaps, offset, torn=True)
                following = end
            gaps.append(Gap(offset, following))
            offset = following
            continue
        offset += frame.size
        if frame.sequence > after:
            frames.append(frame)
            after = frame.sequence
    return Scan(frames, gaps, offset, torn=False)


def _frame_at(data: bytes, offset: int, salt: int) -> Frame | None:
    """Return the whole frame that begins at ``offset``, or None."""
    header = _header_at(data, offset, salt)
    if header is None:
        return None
    length, sequence, put_us, check = header
    begin = offset + HEADER_BYTES
    body = data[begin : begin + length]
    if len(body) < length or zlib.crc32(body, salt) != check:
        return None
    return Frame(sequence, put_us, body, offset, HEADER_BYTES + length)


def _header_at(data: bytes, offset: int, salt: int) -> tuple[int, int, int, int] | None:
    """Return body length, sequence, time and body checksum of a sound header, or None."""
    if len(data) - offset < HEADER_BYTES:
        return None
    magic, length, sequence, put_us, check = HEADER.unpack_from(data, offset)
    if magic != MAGIC or length > BODY_BYTES_MAX:
        return None
    (own,) = CHECK.unpack_from(data, offset + HEADER.size)
    if own != zlib.crc32(data[offset : offset + HEADER.size], salt):
        return None
    return length, sequence, put_us, check


def _next_frame(data: bytes, offset: int, salt: int) -> int | None:
    """Return where the next whole frame begins, or None."""
    while (offset := data.find(MAGIC, offset)) >= 0:
        if _frame_at(data, offset, salt) is not None:
            return offset
        offset += 1
    return None


def _unfinished(data: bytes, offset: int, salt: int) -> bool:
    """Say whether the bytes from ``offset`` on, with no frame among them, are a write that did not end.

    They are if a sound header asks for more bytes than there are, if they are too few for a header, or if
    they are zeros: the file had grown, its content never came.
    """
    left = len(data) - offset
    if left < HEADER_BYTES:
        return True
    header = _header_at(data, offset, salt)
    if header is not None:
        return header[0] > left - HEADER_BYTES
    return data.count(0, offset) == left
