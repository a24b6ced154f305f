"""What is kept beside the log so that a start need not take in all of history: a cache, never the truth.

What is kept says which fold made it, and up to which event of which log: that event's hash is of all before
it. Whatever does not fit is no use, and is passed over: then the log is folded as if nothing had been kept.
"""

import os
from contextlib import suppress
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgpack

DIGEST_BYTES = 32
_drafts = count(1)


class Kept(NamedTuple):
    """A state as plain data, and the last event that is in it."""

    position: int
    hash: bytes
    state: Any


class Shelf(Protocol):
    """Where something is kept under a name. What was put may be gone, or other, when it is wanted."""

    def get(self, name: str) -> bytes:
        """Return what is kept; empty: nothing is, or it cannot be read."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Keep something in the place of what was there.

        Raises:
            OSError: it could not be kept; what was there is there still.
        """
        ...


class FolderShelf:
    """A folder with a file for each name; several processes may use it. It may be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> bytes:
        """Return a file; see `Shelf`."""
        with suppress(OSError):
            return self._file(name).read_bytes()
        return b""

    def put(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all; see `Shelf`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f"{name}.{os.getpid()}-{next(_drafts)}.draft"
        try:
            draft.write_bytes(data)
            draft.replace(self._file(name))
        finally:
            draft.unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.kept"


def packed(fold: str, kept: Kept) -> bytes:
    """Return what is kept, as bytes, with their digest before them."""
    body: bytes = msgpack.packb([fold, kept.position, kept.hash, kept.state])
    return sha256(body).digest() + body


def unpacked(fold: str, data: bytes) -> Kept | None:
    """Return what was kept; None: it is damaged, or another fold made it."""
    digest, body = data[:DIGEST_BYTES], data[DIGEST_BYTES:]
    if not body or sha256(body).digest() != digest:
        return None
    try:
        by, position, hash_, state = msgpack.unpackb(body, use_list=True, strict_map_key=False)
    except (ValueError, TypeError, msgpack.UnpackException):
        return None
    return Kept(position, hash_, state) if by == fold else None
