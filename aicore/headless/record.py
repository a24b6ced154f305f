"""The log of a world as lines of JSON: what a person can read, and all of what the log holds."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import orjson

from bus.ports import NewEvent, RecordedEvent
from protocol.meta import Meta, decode_meta, encode_meta
from protocol.packing import pack, unpack


def row_of(event: RecordedEvent) -> dict[str, Any]:
    """Return an event as a row of what JSON can hold; `event_of` gives its bytes back."""
    meta = decode_meta(event.meta)
    return {
        "position": event.position,
        "stream": event.stream,
        "version": event.version,
        "id": str(event.id),
        "type": event.type,
        "schema": event.schema_version,
        "at_us": event.recorded_us,
        "actor": meta.actor,
        "causation": meta.causation and str(meta.causation),
        "correlation": meta.correlation and str(meta.correlation),
        "extra": dict(meta.extra),
        "payload": unpack(event.payload, "payload"),
        "hash": event.hash.hex(),
    }


def lines_of(events: Iterable[RecordedEvent]) -> Iterator[bytes]:
    """Yield a line for each event."""
    for event in events:
        yield orjson.dumps(row_of(event)) + b"\n"


def event_of(row: Mapping[str, Any]) -> NewEvent:
    """Return what was appended when a row was recorded, byte for byte."""
    meta = Meta(_id(row["correlation"]), _id(row["causation"]), row["actor"], extra=row["extra"])
    return NewEvent(UUID(row["id"]), row["type"], row["schema"], pack(row["payload"]), encode_meta(meta))


def _id(text: str | None) -> UUID | None:
    return UUID(text) if text else None
