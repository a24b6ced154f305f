"""Metadata of an event, beside the fact: actor, cause, trace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from protocol.errors import WireError
from protocol.fields import META
from protocol.kinds import read
from protocol.limits import META_BYTES_MAX
from protocol.packing import pack, unpack

LABEL = "label"
"""Key for what a caller says of who asked, where ``actor`` is what its connection proves."""

ROLE = "role"
"""Key for the role in which an operator sent the command; as proven as ``actor``."""

SECOND = "second"
"""Key for the operator who confirmed the command, where two had to; as proven as ``actor``."""


@dataclass(frozen=True, slots=True)
class Meta:
    """Metadata of an event or a command (SPEC.md, "Meta"). Unknown keys are kept in ``extra``."""

    correlation: UUID | None = None
    """The id of the first message of the conversation that this belongs to."""
    causation: UUID | None = None
    """The id of the message that caused this one."""
    actor: str = ""
    """The actor: ``kind:id``, at most 128 bytes; "" if nobody said."""
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
        WireError: ``malformed_message`` or ``invalid_field``, naming the key.
    """
    rest = dict(found)
    return Meta(*[*read(rest, META, "meta."), rest])


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
