"""The envelope: one event as it travels (SPEC.md, "Envelope"), readable by any msgpack library.

Metadata and payload are byte strings inside the map: they are the bytes that the log holds and the chain
hashes, so they are never decoded and encoded again on the way. Unknown keys come back out as they came in.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import msgpack

from protocol.fields import ENVELOPE, FORMAT_VERSION
from protocol.kinds import read
from protocol.packing import unpack

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Envelope(NamedTuple):
    """An event on the wire: the keys of `protocol.fields.ENVELOPE` but ``v``, in its order."""

    id: UUID
    type: str
    schema: int
    realm: str
    stream: str
    version: int
    position: int
    time: int
    """When it was recorded: µs since 1970-01-01T00:00Z."""
    meta: bytes
    hash: bytes
    payload: bytes
    extra: Mapping[str, Any] = _NOTHING
    """Keys that this version does not know."""

    def __repr__(self) -> str:
        """Return its place without the payload, which may hold a player's words."""
        return f"Envelope(id={self.id}, type={self.type!r}, stream={self.stream!r}, position={self.position})"


_packb = msgpack.Packer().pack


def encode_envelope(envelope: Envelope) -> bytes:
    """Return the envelope's bytes, keys in SPEC.md's order; the values are trusted, they are the log's."""
    fields = {
        "v": FORMAT_VERSION,
        "id": envelope.id.bytes,
        "type": envelope.type,
        "schema": envelope.schema,
        "realm": envelope.realm,
        "stream": envelope.stream,
        "version": envelope.version,
        "position": envelope.position,
        "time": envelope.time,
        "meta": envelope.meta,
        "hash": envelope.hash,
        "payload": envelope.payload,
    }
    if envelope.extra:
        fields.update(envelope.extra)
    packed: bytes = _packb(fields)
    return packed


def decode_envelope(data: bytes) -> Envelope:
    """Return the envelope that ``data`` is; payload and metadata stay bytes.

    Raises:
        WireError: ``too_large``, ``malformed_message``, ``unsupported_version`` or ``invalid_field``.
    """
    fields = unpack(data, "envelope")
    _, *values = read(fields, ENVELOPE)
    values.append(fields or _NOTHING)
    return Envelope(*values)
