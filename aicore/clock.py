"""Where time and fresh ids come from; everything below `aicore/` receives them as values."""

import os
import time
from uuid import UUID


def now_us() -> int:
    """Return the wall clock: microseconds since 1970-01-01T00:00Z."""
    return time.time_ns() // 1_000


def new_id() -> UUID:
    """Return a fresh UUIDv7 (RFC 9562, section 5.7): time-ordered, so that indexes stay local."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
