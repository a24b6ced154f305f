"""A definition as entries: section, id, and what is written there, as JSON can hold it.

Events carry entries, and versions are compared by them: what is in one and not in the other. A share that is
written 0.25 is a `Decimal` while files are read and a float here; its shortest form gives the same decimal.
"""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import NamedTuple

from pydantic import JsonValue

WHOLE = ("world", "calendar", "speech", "trained")
"""Sections that are one entry, under their own name; the others have an entry for each id."""


class Key(NamedTuple):
    """Where an entry stands."""

    section: str
    id: str

    def __str__(self) -> str:
        return self.section if self.section == self.id else f"{self.section}.{self.id}"


Entries = Mapping[Key, JsonValue]


def entries_of(data: Mapping[str, object]) -> dict[Key, JsonValue]:
    """Return the entries of sections that were read and found right, in their order."""
    found: dict[Key, JsonValue] = {}
    for section, content in data.items():
        if section in WHOLE or not isinstance(content, dict):
            found[Key(section, section)] = _json(content)
        else:
            found |= {Key(section, id_): _json(entry) for id_, entry in content.items()}
    return found


def data_of(entries: Entries) -> dict[str, object]:
    """Return the sections that entries make, as the reader of definitions takes them."""
    data: dict[str, object] = {}
    for key, content in entries.items():
        if key.section in WHOLE:
            data[key.section] = _plain(content)
        else:
            section = data.setdefault(key.section, {})
            assert isinstance(section, dict)
            section[key.id] = _plain(content)
    return data


def digest_of(content: JsonValue) -> str:
    """Return the SHA-256 of an entry, whatever the order of its fields."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def digest_of_all(digests: Iterable[tuple[Key, str]]) -> str:
    """Return the SHA-256 of a whole definition: of its entries' digests, by their keys."""
    lines = sorted(f"{key.section} {key.id} {digest}\n" for key, digest in digests)
    return f"sha256:{sha256(''.join(lines).encode()).hexdigest()}"


def _json(value: object) -> JsonValue:
    match value:
        case Decimal():
            return float(value)
        case dict():
            return {str(key): _json(inner) for key, inner in value.items()}
        case list():
            return [_json(inner) for inner in value]
        case None | bool() | int() | str():
            return value
    raise TypeError(f"{type(value).__name__} is nothing that a file says")


def _plain(value: JsonValue) -> object:
    match value:
        case float():
            return Decimal(repr(value))
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
    return value
