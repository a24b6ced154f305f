"""Between what the log holds and what travels: an event's subject and its envelope."""

from collections.abc import Callable

import asyncpg

from bus.ports import RecordedEvent
from protocol.envelope import Envelope, encode_envelope
from protocol.subjects import event_subject


def envelope_of(realm: str, event: RecordedEvent) -> Envelope:
    """Return the envelope of an event of the log."""
    return Envelope(
        id=event.id,
        type=event.type,
        schema=event.schema_version,
        realm=realm,
        stream=event.stream,
        version=event.version,
        position=event.position,
        time=event.recorded_us,
        meta=event.meta,
        hash=event.hash,
        payload=event.payload,
    )


def event_of(envelope: Envelope) -> RecordedEvent:
    """Return the event of the log that an envelope carries."""
    return RecordedEvent(
        position=envelope.position,
        stream=envelope.stream,
        version=envelope.version,
        id=envelope.id,
        type=envelope.type,
        schema_version=envelope.schema,
        recorded_us=envelope.time,
        meta=envelope.meta,
        payload=envelope.payload,
        hash=envelope.hash,
    )


def encode(realm: str, event: RecordedEvent) -> tuple[str, bytes]:
    """Return the subject and the envelope's bytes of an event of the log."""
    return event_subject(realm, event.type, event.stream), encode_envelope(envelope_of(realm, event))


def row_encoder(realm: str) -> Callable[[asyncpg.Record], tuple[str, bytes]]:
    """Return a function from a row in `RecordedEvent`'s column order to subject and bytes."""

    def encode_row(row: asyncpg.Record) -> tuple[str, bytes]:
        return encode(realm, RecordedEvent._make(row))

    return encode_row
