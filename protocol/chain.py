"""The hash chain of the log (SPEC.md, "Chain"): each event's hash covers the one before and every column.

The layout is fixed and length-prefixed, so that no two different rows have the same bytes.
"""

from hashlib import sha256
from struct import Struct

_HEADER = Struct(">Q16sqQIH")
_STREAM = Struct(">H")
_BYTES = Struct(">I")


def genesis(realm: str) -> bytes:
    """Return the 32 bytes that stand before the first event of a realm."""
    return sha256(b"aicore-log/1\0" + realm.encode()).digest()


def link(
    previous: bytes, header: tuple[int, bytes, int, int, int], names: tuple[bytes, bytes], *bodies: bytes
) -> bytes:
    """Return an event's 32-byte hash.

    Args:
        previous: hash of the event before, or the genesis.
        header: position, id (16 bytes), recorded time (µs), stream version, schema version.
        names: type and stream, UTF-8.
        bodies: metadata and payload, as stored.
    """
    position, event_id, recorded_us, version, schema = header
    kind, stream = names
    meta, payload = bodies
    return sha256(
        b"".join(
            (
                previous,
                _HEADER.pack(position, event_id, recorded_us, version, schema, len(kind)),
                kind,
                _STREAM.pack(len(stream)),
                stream,
                _BYTES.pack(len(meta)),
                meta,
                _BYTES.pack(len(payload)),
                payload,
            )
        )
    ).digest()
