"""Checks that every adapter of the log makes before an append: limits and formats."""

import re
from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from bus.ports import (
    APPEND_EVENTS_MAX,
    META_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    InvalidAppend,
    NewEvent,
    StreamWrite,
)
from protocol.errors import WireError
from protocol.limits import SCHEMA_MAX
from protocol.subjects import check_name, check_stream

PRINTABLE = re.compile(r"[^\x20-\x7e]")


def check_writes(writes: Sequence[StreamWrite]) -> tuple[int, int]:
    """Check an append as a whole; return its number of events and their bytes.

    Raises:
        InvalidAppend: naming the field, what it is, what is allowed, and the fix.
    """
    if not writes:
        raise InvalidAppend("an append needs at least one write; got none")
    if len(writes) > 1 and len({write.stream for write in writes}) < len(writes):
        raise InvalidAppend("writes: a stream is there twice; put all its events into one write")
    events = size = 0
    for write in writes:
        _check_stream(write.stream)
        _check_expected(write)
        if not write.events:
            raise InvalidAppend(f"events of {write.stream!r}: is empty; a write has at least one event")
        events += len(write.events)
        for event in write.events:
            size += _check_event(event)
    if events > APPEND_EVENTS_MAX:
        raise InvalidAppend(
            f"events: {events} in one append, the limit is {APPEND_EVENTS_MAX}; make several appends"
        )
    if events > 1 and len({event.id.int for write in writes for event in write.events}) < events:
        raise InvalidAppend("id: two events of one append have the same id; each event needs its own")
    return events, size


def _check_expected(write: StreamWrite) -> None:
    expected = write.expected
    if expected in ("any", "none", "exists") or (type(expected) is int and expected >= 0):
        return
    raise InvalidAppend(
        f"expected of {write.stream!r}: is of kind {type(expected).__name__}; "
        'it must be a version from 0, "none", "exists" or "any"'
    )


@lru_cache(4_096)
def _check_stream(stream: str) -> None:
    try:
        check_stream(stream)
    except (WireError, TypeError) as error:
        shown = PRINTABLE.sub("?", str(stream))[:80]
        raise InvalidAppend(
            f"stream {shown!r}: {error}; use {{context}}-{{id}} with letters, digits, '_' and '-'"
        ) from error


@lru_cache(4_096)
def _check_type(kind: str) -> None:
    try:
        check_name(kind)
    except (WireError, TypeError) as error:
        raise InvalidAppend(
            f"type {str(kind)[:80]!r}: {error}; use {{context}}.{{name}} in lower case"
        ) from error


def _check_event(event: NewEvent) -> int:
    """Check one event; return the bytes of its payload and metadata."""
    if not isinstance(event.id, UUID):
        raise InvalidAppend(f"id: is of kind {type(event.id).__name__}; it must be a UUID")
    _check_type(event.type)
    if type(event.schema_version) is not int or not 0 < event.schema_version <= SCHEMA_MAX:
        raise InvalidAppend(f"schema_version: must be an integer from 1 to {SCHEMA_MAX:,}")
    if type(event.payload) is not bytes or not 0 < len(event.payload) <= PAYLOAD_BYTES_MAX:
        raise InvalidAppend(_size("payload", event.payload, PAYLOAD_BYTES_MAX))
    if type(event.meta) is not bytes or not 0 < len(event.meta) <= META_BYTES_MAX:
        raise InvalidAppend(_size("meta", event.meta, META_BYTES_MAX))
    return len(event.payload) + len(event.meta)


def _size(field: str, value: object, most: int) -> str:
    if not isinstance(value, bytes):
        return f"{field}: is of kind {type(value).__name__}; it must be bytes, a msgpack map"
    return f"{field}: has {len(value)} bytes, allowed are 1 to {most}; keep large content elsewhere"
