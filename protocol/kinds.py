"""The kinds of values that a message's keys take, and the one way to read a map by a table of them.

A table (protocol/fields.py) is SPEC.md's: `Kind.spelled` is what stands there in the column "kind". One rule
decides between two codes, for every key of every message: a key that is missing or whose value is of another
kind makes the message ``malformed_message``; a value of the right kind outside of its range, length, form or
words is ``invalid_field``. A kind's fixed length in bytes belongs to the kind.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from protocol.errors import WireError

NAMES_CACHED = 4_096
_POWERS = {2**53 - 1: "2^53-1", 2**31 - 1: "2^31-1"}


class Kind(Protocol):
    """Kind of a key's values."""

    @property
    def spelled(self) -> str:
        """Its name in SPEC.md."""
        ...

    def read(self, value: Any, path: str) -> Any:
        """Return the value as our code has it.

        Raises:
            WireError: ``malformed_message`` or ``invalid_field``, naming ``path``.
        """
        ...


class Field(NamedTuple):
    """One key of a message. One that is optional may be nil, too, which is the same as its absence."""

    key: str
    kind: Kind
    optional: bool = False
    default: Any = None

    @property
    def spelled(self) -> str:
        """How SPEC.md writes its kind."""
        return f"{self.kind.spelled}; optional" if self.optional else self.kind.spelled


def read(fields: dict[str, Any], table: Sequence[Field], path: str = "") -> list[Any]:
    """Return the values of a table's keys, in its order; they are taken out of ``fields``.

    Raises:
        WireError: see the module; or as a kind says.
    """
    found = []
    for key, kind, optional, default in table:
        value = fields.pop(key, None)
        if value is not None:
            found.append(kind.read(value, path + key))
        elif optional:
            found.append(default)
        else:
            found.append(_nil(kind, path + key))
    return found


def _nil(kind: Kind, path: str) -> Any:
    if isinstance(kind, OrNil | Anything):
        return None
    raise WireError("malformed_message", path, f"is missing; it must be {kind.spelled}")


def wrong_kind(kind: Kind, value: Any, path: str) -> WireError:
    """Return the error for a value of another kind."""
    return WireError(
        "malformed_message", path, f"is of kind {type(value).__name__}; it must be {kind.spelled}"
    )


class Whole:
    """An integer from ``least`` to ``most``. A float is none, whatever its value, nor is a boolean."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most
        self.spelled = f"int, {least} to {_POWERS.get(most, most)}"

    def read(self, value: Any, path: str) -> int:  # noqa: D102 - as the protocol says, here and below
        if type(value) is not int:
            raise wrong_kind(self, value, path)
        if not self.least <= value <= self.most:
            raise WireError("invalid_field", path, f"must be {self.spelled}")
        return value


class Version:
    """The format's version: an integer, and this very one."""

    def __init__(self, known: int) -> None:
        self.known, self.spelled = known, f"int, {known}"

    def read(self, value: Any, path: str) -> int:  # noqa: D102
        if type(value) is not int:
            raise wrong_kind(self, value, path)
        if value != self.known:
            raise WireError("unsupported_version", path, f"is {value}; this reader knows {self.known}")
        return value


class Octets:
    """Bytes, exactly so many."""

    def __init__(self, size: int) -> None:
        self.size, self.spelled = size, f"bin {size}"

    def read(self, value: Any, path: str) -> bytes:  # noqa: D102
        if type(value) is not bytes:
            raise wrong_kind(self, value, path)
        if len(value) != self.size:
            raise WireError("malformed_message", path, f"has {len(value)} bytes; it must be {self.spelled}")
        return value


class Id(Octets):
    """An id: 16 bytes, whatever they are; no variant or version of UUIDs is asked for."""

    def __init__(self) -> None:
        super().__init__(16)

    def read(self, value: Any, path: str) -> Any:  # noqa: D102 - a UUID
        return UUID(bytes=super().read(value, path))


class Packed:
    """Bytes that hold a msgpack map, at most so many (a limit of SPEC.md's table); they stay bytes."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max, self.spelled = bytes_max, "bin"

    def read(self, value: Any, path: str) -> bytes:  # noqa: D102
        if type(value) is not bytes:
            raise wrong_kind(self, value, path)
        if len(value) > self.bytes_max:
            raise WireError("too_large", path, f"has {len(value)} bytes, the limit is {self.bytes_max}")
        if not value:
            raise WireError("malformed_message", path, "is empty; it must hold a msgpack map")
        return value


class Text:
    """A string, at most ``bytes_max`` bytes of UTF-8 if that is given."""

    def __init__(self, bytes_max: int | None = None) -> None:
        self.bytes_max = bytes_max
        self.spelled = "string" if bytes_max is None else f"string, at most {bytes_max} bytes"

    def read(self, value: Any, path: str) -> str:  # noqa: D102
        if type(value) is not str:
            raise wrong_kind(self, value, path)
        if self.bytes_max is not None and len(value.encode()) > self.bytes_max:
            raise WireError("invalid_field", path, f"must be {self.spelled}")
        return value


class Form:
    """A string of a form that SPEC.md names; with ``few`` different values, those seen are remembered."""

    def __init__(self, what: str, pattern: str, *, bytes_max: int | None = None, few: bool = False) -> None:
        self.what, self.pattern, self.bytes_max = what, pattern, bytes_max
        self.spelled = f"string, {what}"
        matches: Callable[[str], re.Match[str] | None] = re.compile(pattern).fullmatch
        self._matches = lru_cache(NAMES_CACHED)(matches) if few else matches

    def fits(self, value: str) -> bool:
        """Return whether ``value`` is of the form."""
        return (self.bytes_max is None or len(value) <= self.bytes_max) and bool(self._matches(value))

    def checked(self, value: str, path: str) -> str:
        """Return ``value`` if it is of the form.

        Raises:
            WireError: ``invalid_field``.
        """
        if type(value) is str and self.fits(value):
            return value
        size = "" if self.bytes_max is None else f", at most {self.bytes_max} bytes"
        raise WireError("invalid_field", path, f"is not of the form {self.pattern}{size}")

    def read(self, value: Any, path: str) -> str:  # noqa: D102
        if type(value) is not str:
            raise wrong_kind(self, value, path)
        return self.checked(value, path)


class Words:
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.spelled = ", ".join(f"`{word}`" for word in words)

    def read(self, value: Any, path: str) -> str:  # noqa: D102
        if type(value) is not str:
            raise wrong_kind(self, value, path)
        if value not in self.words:
            raise WireError("invalid_field", path, f"must be one of {', '.join(self.words)}")
        return value


class Flag:
    """True or false."""

    spelled = "bool"

    def read(self, value: Any, path: str) -> bool:  # noqa: D102
        if type(value) is not bool:
            raise wrong_kind(self, value, path)
        return value


class MapOf:
    """A map with string keys."""

    spelled = "map"

    def read(self, value: Any, path: str) -> Mapping[str, Any]:  # noqa: D102
        if type(value) is not dict:
            raise wrong_kind(self, value, path)
        return value


class Rows:
    """A list of maps that are read by a table of their own."""

    def __init__(self, table: Sequence[Field]) -> None:
        self.table, self.spelled = table, "list of maps"

    def read(self, value: Any, path: str) -> list[list[Any]]:  # noqa: D102
        if type(value) is not list:
            raise wrong_kind(self, value, path)
        return [read(self._row(row, path), self.table, f"{path}.") for row in value]

    def _row(self, row: Any, path: str) -> dict[str, Any]:
        if type(row) is not dict:
            raise wrong_kind(self, row, path)
        return dict(row)


class Changes:
    """Changes of a place: lists of a position and ops; an op is a list that begins with a word."""

    def __init__(self, position: Whole) -> None:
        self.position, self.spelled = position, "list of changes"

    def read(self, value: Any, path: str) -> list[list[Any]]:  # noqa: D102
        if type(value) is not list:
            raise wrong_kind(self, value, path)
        return _changes(self, value, path, str)


class ShortChanges:
    """The same with numbers for words, which are the end of a list themselves."""

    def __init__(self, position: Whole) -> None:
        self.position, self.spelled = position, "short changes, each an element of the list"

    def read(self, value: Any, path: str) -> list[list[Any]]:  # noqa: D102
        return _changes(self, value, path, int)


def _changes(kind: Changes | ShortChanges, value: Any, path: str, word: type) -> list[list[Any]]:
    """Return changes, each of a position and of ops that begin with a word of some type."""
    for change in value:
        if type(change) is not list or len(change) < 2:
            raise wrong_kind(kind, change, path)
        kind.position.read(change[0], path)
        for op in change[1:]:
            if type(op) is not list or not op or type(op[0]) is not word:
                raise wrong_kind(kind, op, path)
    return list(value)


class Anything:
    """Any value of the data model."""

    spelled = "any value"

    def read(self, value: Any, path: str) -> Any:  # noqa: D102
        return value


class OrNil:
    """What ``kind`` takes, or nil."""

    def __init__(self, kind: Kind) -> None:
        self.kind, self.spelled = kind, f"{kind.spelled}, or nil"

    def read(self, value: Any, path: str) -> Any:  # noqa: D102
        return self.kind.read(value, path)


class Either:
    """An integer, or one of a few words."""

    def __init__(self, whole: Whole, words: Words) -> None:
        self.whole, self.words = whole, words
        self.spelled = f"{whole.spelled}, or {words.spelled}"

    def read(self, value: Any, path: str) -> int | str:  # noqa: D102
        if type(value) is str:
            return self.words.read(value, path)
        if type(value) is not int:
            raise wrong_kind(self, value, path)
        return self.whole.read(value, path)
