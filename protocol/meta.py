"""What surrounds an event without being part of the fact: who, because of what, in which trace."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from protocol.errors import WireError
from protocol.limits import ACTOR_BYTES_MAX, META_BYTES_MAX
from protocol.packing import pack, unpack

TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, section 3.2: version, trace id, parent id, flags."""


@dataclass(frozen=True, slots=True)
class Meta:
    """Metadata of an event or a command (SPEC.md, "Meta"). Unknown keys are kept in ``extra``."""

    correlation: UUID | None = None
    """The id of the first message of the conversation that this belongs to."""
    causation: UUID | None = None
    """The id of the message that caused this one."""
    actor: str = ""
    """Who: ``kind:id``, at most 128 bytes; "" if nobody said."""
    trace: str = ""
    """W3C traceparent, or ""."""
    extra: Mapping[str, Any] = field(default_factory=dict)


def meta_to_map(meta: Meta) -> dict[str, Any]:
    """Return the map that stands for ``meta`` on the wire; empty fields are left out."""
    found: dict[str, Any] = {}
    if meta.correlation is not None:
        found["correlation"] = meta.correlation.bytes
    if meta.causation is not None:
        found["causation"] = meta.causation.bytes
    if meta.actor:
        found["actor"] = meta.actor
    if meta.trace:
        found["trace"] = meta.trace
    found.update(meta.extra)
    return found


def meta_from_map(found: Mapping[str, Any]) -> Meta:
    """Return the metadata in a decoded map.

    Raises:
        WireError: ``invalid_field``, a known key with a wrong value.
    """
    rest = dict(found)
    actor, trace = rest.pop("actor", ""), rest.pop("trace", "")
    if not isinstance(actor, str) or len(actor.encode("utf-8", "replace")) > ACTOR_BYTES_MAX:
        raise WireError("invalid_field", "meta.actor", f"must be a string of at most {ACTOR_BYTES_MAX} bytes")
    if not isinstance(trace, str) or (trace and not TRACEPARENT.fullmatch(trace)):
        raise WireError(
            "invalid_field", "meta.trace", "must be a W3C traceparent: 00-{32 hex}-{16 hex}-{2 hex}"
        )
    return Meta(
        correlation=_uuid(rest.pop("correlation", None), "meta.correlation"),
        causation=_uuid(rest.pop("causation", None), "meta.causation"),
        actor=actor,
        trace=trace,
        extra=rest,
    )


def encode_meta(meta: Meta) -> bytes:
    """Return the metadata's bytes, as they are stored and hashed."""
    data = pack(meta_to_map(meta))
    if len(data) > META_BYTES_MAX:
        raise WireError("too_large", "meta", f"has {len(data)} bytes, the limit is {META_BYTES_MAX}")
    return data


def decode_meta(data: bytes) -> Meta:
    """Return the metadata that ``data`` is.

    Raises:
        WireError: malformed bytes or a wrong value.
    """
    return meta_from_map(unpack(data, "meta", bytes_max=META_BYTES_MAX))


def _uuid(value: Any, field_name: str) -> UUID | None:
    if value is None:
        return None
    if type(value) is not bytes or len(value) != 16:
        raise WireError("invalid_field", field_name, "must be 16 bytes (msgpack bin)")
    return UUID(bytes=value)
