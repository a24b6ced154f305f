"""Keys of the HTTP door: who may ask, by name; made here where nobody gave one.

A key is kept as its digest, so that neither a representation nor a comparison can give it away.
"""

import fcntl
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

OWN_NAME = "local"
"""Name of the key that we make, and of one that is given without a name."""

OWN_FILE = "http-key"
KEY_CHARACTERS_MIN = 16
OWN_BYTES = 32
OWN_PREFIX = "aicore-"
"""By which scanners of published code know the key, should somebody publish it."""

NAMED = re.compile(r"([a-z][a-z0-9_-]{0,31}):(.+)", re.DOTALL)


class Keys:
    """Keys by the name of whom they belong to; empty: nobody may ask."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._digests = {name: _digest(key.encode()) for name, key in keys.items()}

    def __repr__(self) -> str:
        return f"Keys({', '.join(self._digests)})"

    def owner(self, given: bytes) -> str | None:
        """Return whose key this is, or None; the time it takes says nothing about any key."""
        digest, found = _digest(given), None
        for name, known in self._digests.items():
            if hmac.compare_digest(digest, known):
                found = name
        return found


def named_keys(text: str) -> dict[str, str]:
    """Return the keys of a setting: ``name:key``, several with commas between; a key alone is `OWN_NAME`'s.

    Raises:
        ValueError: saying what is wrong without repeating any of it.
    """
    found = dict[str, str]()
    for number, part in enumerate(filter(None, map(str.strip, text.split(","))), 1):
        match = NAMED.fullmatch(part)
        name, key = match.groups() if match else (OWN_NAME, part)
        if len(key) < KEY_CHARACTERS_MIN:
            raise ValueError(f"key {number} has fewer than {KEY_CHARACTERS_MIN} characters")
        if not key.isprintable() or any(map(str.isspace, key)):
            raise ValueError(f"key {number} has a blank or something that cannot be printed")
        if name in found or key in found.values():
            raise ValueError(f"key {number} has the name or the value of an earlier one")
        found[name] = key
    return found


def own_key(folder: Path) -> str:
    """Return the key that the state directory keeps; made by whoever asks first, for its owner alone.

    Raises:
        OSError: there is none, and none can be kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if kept := kept_key(folder):
            return kept
        made = f"{OWN_PREFIX}{secrets.token_urlsafe(OWN_BYTES)}"
        draft = folder / f"{OWN_FILE}.new"
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(f"{made}\n")
        draft.rename(folder / OWN_FILE)
        return made


def kept_key(folder: Path) -> str | None:
    """Return the key that the state directory keeps, or None: none, not whole, or not for its owner alone."""
    with suppress(OSError, ValueError), (folder / OWN_FILE).open() as file:
        seen = os.fstat(file.fileno())
        # Put there by somebody else, it would be known to somebody else.
        ours = seen.st_uid in (os.geteuid(), folder.stat().st_uid) and not seen.st_mode & 0o077
        key = file.read().strip()
        return key if ours and len(key) >= KEY_CHARACTERS_MIN else None
    return None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time make a key in a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
