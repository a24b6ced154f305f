"""A spooled append and a dead letter as msgpack bytes, and back. Pure."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import msgpack

from bus.ports import NewEvent, StreamWrite


class Record(NamedTuple):
    """One append of the spool."""

    sequence: int
    """Its number in this spool: 1, 2, 3, … in the order of the puts."""
    put_us: int
    write: StreamWrite
    size: int
    """Bytes on the disk."""


@dataclass(frozen=True, slots=True)
class Letter:
    """An append that the log refused for good, with the reason. ``name`` is its file's name."""

    sequence: int
    put_us: int
    refused_us: int
    error: str
    """Class of the refusal, e.g. VersionConflict."""
    reason: str
    write: StreamWrite

    @property
    def name(self) -> str:
        """The same for the same record, however often it is refused; another for any other record."""
        return f"{self.sequence}-{self.write.events[0].id.hex}"


class Undecodable(ValueError):
    """A record whose checksum is right and whose content is not ours to read: of another version."""


def encode_write(write: StreamWrite) -> bytes:
    """Return an append as a record's body."""
    events = [(e.id.bytes, e.type, e.schema_version, e.payload, e.meta) for e in write.events]
    packed: bytes = msgpack.packb((write.stream, write.expected, events))
    return packed


def decode_write(body: bytes) -> StreamWrite:
    """Return the append of a record's body.

    Raises:
        Undecodable: it is none.
    """
    try:
        stream, expected, events = msgpack.unpackb(body)
        return StreamWrite(stream, [NewEvent(UUID(bytes=e[0]), *e[1:]) for e in events], expected)
    except (ValueError, TypeError, IndexError, msgpack.UnpackException) as error:
        raise Undecodable(f"{type(error).__name__}: {error}") from error


def encode_letter(letter: Letter) -> bytes:
    """Return a letter as the content of its file."""
    values = {name: getattr(letter, name) for name in ("sequence", "put_us", "refused_us", "error", "reason")}
    packed: bytes = msgpack.packb({**values, "write": encode_write(letter.write)})
    return packed


def decode_letter(data: bytes) -> Letter:
    """Return the letter of a file.

    Raises:
        Undecodable: it is none.
    """
    try:
        values: Mapping[str, Any] = msgpack.unpackb(data)
        return Letter(**{**values, "write": decode_write(values["write"])})
    except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
        raise Undecodable(f"no dead letter ({type(error).__name__}: {error})") from error


def by_stream(bodies: Iterable[bytes]) -> dict[str, list[NewEvent]]:
    """Return the events of records by their stream, in order."""
    found: dict[str, list[NewEvent]] = {}
    for body in bodies:
        with suppress(Undecodable):  # the reader tells of it
            write = decode_write(body)
            found.setdefault(write.stream, []).extend(write.events)
    return found
