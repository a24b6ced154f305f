"""Limits of everything on the wire; one place, so that a sender and a receiver refuse the same things.

`LIMITS` is SPEC.md's table ("Data model"), row by row; a test compares them.
"""

from typing import NamedTuple

MESSAGE_BYTES_MAX = 1024 * 1024
"""One NATS message: the server's default `max_payload`."""

PAYLOAD_BYTES_MAX = 512 * 1024
"""One event's payload: half a message, so that its envelope always fits."""

META_BYTES_MAX = 16 * 1024

REQUEST_BYTES_MAX = PAYLOAD_BYTES_MAX + META_BYTES_MAX + 4_096
"""A command's payload, its metadata and what is around them."""

DEPTH_MAX = 32
"""Nested maps and lists; the outermost is 1."""

ITEMS_MAX = 65_536
"""Entries of one map or list."""

NAME_BYTES_MAX = 200
"""Bytes of a type or a stream name."""

ACTOR_BYTES_MAX = 128

COUNT_MAX = 2**53 - 1
"""Largest position, version or time: a double holds every integer up to it (ECMA-262, MAX_SAFE_INTEGER)."""

SCHEMA_MAX = 2**31 - 1
"""Largest schema version: Postgres keeps it as an integer, and the chain as four bytes."""

INT_MIN, INT_MAX = -(2**63), 2**64 - 1
"""Range of msgpack's integers."""


class Limit(NamedTuple):
    """One size that a reader checks, and the error code that goes over it."""

    what: str
    most: int
    unit: str
    code: str


LIMITS = (
    Limit("one message", MESSAGE_BYTES_MAX, "bytes", "too_large"),
    Limit("one request", REQUEST_BYTES_MAX, "bytes", "too_large"),
    Limit("one payload", PAYLOAD_BYTES_MAX, "bytes", "too_large"),
    Limit("one event's metadata", META_BYTES_MAX, "bytes", "too_large"),
    Limit("nesting", DEPTH_MAX, "maps and lists, the outermost counted", "malformed_message"),
    Limit("one map or list", ITEMS_MAX, "entries", "malformed_message"),
)
