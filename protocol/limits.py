"""Limits of everything on the wire; one place, so that a sender and a receiver refuse the same things."""

MESSAGE_BYTES_MAX = 1024 * 1024
"""One NATS message: the server's default `max_payload`."""

PAYLOAD_BYTES_MAX = 512 * 1024
"""One event's payload: half a message, so that its envelope always fits."""

META_BYTES_MAX = 16 * 1024
DEPTH_MAX = 32
"""Nested maps and lists; the outermost is 1."""

ITEMS_MAX = 65_536
"""Entries of one map or list."""

NAME_BYTES_MAX = 200
"""Bytes of a type or a stream name."""

ACTOR_BYTES_MAX = 128
