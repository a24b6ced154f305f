"""The envelope: one event as it travels (SPEC.md, "Envelope"), readable by any msgpack library.

Metadata and payload are byte strings inside the map: they are the bytes that the log holds and the chain
hashes, so they are never decoded and encoded again on the way. Unknown keys come back out as they came in.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import msgpack

from protocol.errors import WireError
from protocol.limits import META_BYTES_MAX, PAYLOAD_BYTES_MAX
from protocol.packing import INT_MAX, unpack
from protocol.subjects import check_name, check_realm, check_stream

FORMAT_VERSION = 1

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Envelope(NamedTuple):
    """An event on the wire."""

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
    version = fields.pop("v", None)
    if type(version) is not int:
        raise WireError("malformed_message", "v", "the format version is missing or no integer")
    if version != FORMAT_VERSION:
        raise WireError("unsupported_version", "v", f"is {version}; this reader knows {FORMAT_VERSION}")
    return checked(fields)


def checked(fields: dict[str, Any]) -> Envelope:
    """Return the envelope of a map without its ``v``; the known keys are taken out of ``fields``.

    Raises:
        WireError: ``too_large``, ``malformed_message`` or ``invalid_field``.
    """
    return Envelope(
        id=UUID(bytes=_bytes(fields, "id", 16, 16)),
        type=check_name(_text(fields, "type")),
        schema=_count(fields, "schema", 1),
        realm=check_realm(_text(fields, "realm")),
        stream=check_stream(_text(fields, "stream")),
        version=_count(fields, "version", 1),
        position=_count(fields, "position", 1),
        time=_count(fields, "time", 0),
        meta=_bytes(fields, "meta", 1, META_BYTES_MAX),
        hash=_bytes(fields, "hash", 32, 32),
        payload=_bytes(fields, "payload", 1, PAYLOAD_BYTES_MAX),
        extra=fields or _NOTHING,
    )


def _missing(field: str, wanted: str, value: Any) -> WireError:
    if value is None:
        return WireError("malformed_message", field, f"is missing; it must be {wanted}")
    return WireError("malformed_message", field, f"is of kind {type(value).__name__}; it must be {wanted}")


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.pop(key, None)
    if type(value) is not str:
        raise _missing(key, "a string", value)
    return value


def _count(fields: dict[str, Any], key: str, least: int) -> int:
    value = fields.pop(key, None)
    if type(value) is not int:
        raise _missing(key, "an integer", value)
    if not least <= value <= INT_MAX:
        raise WireError("invalid_field", key, f"must be at least {least}")
    return value


def _bytes(fields: dict[str, Any], key: str, least: int, most: int) -> bytes:
    value = fields.pop(key, None)
    if type(value) is not bytes:
        raise _missing(key, "bytes (msgpack bin)", value)
    if not least <= len(value) <= most:
        code = "too_large" if len(value) > most > 32 else "malformed_message"
        raise WireError(code, key, f"has {len(value)} bytes; allowed are {least} to {most}")
    return value
