"""Passwords of the embedded Postgres's logins: made once per state directory, readable by its owner only."""

import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

FILE = "postgres-logins.json"
BYTES = 24
"""Of chance in each password: nobody guesses it, so that one round of hashing is as good as thousands."""


def passwords_in(folder: Path, logins: Iterable[str]) -> Mapping[str, str]:
    """Return the password of each login, by name; those that are not there yet are made.

    Two processes that make them at once get the same ones.
    """
    path = folder / FILE
    while True:
        found = _read(path)
        if missing := [login for login in logins if login not in found]:
            _write(path, {**found, **{login: secrets.token_hex(BYTES) for login in missing}}, new=not found)
            continue
        return found


def _read(path: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def _write(path: Path, passwords: Mapping[str, str], *, new: bool) -> None:
    """Keep the passwords, whole or not at all; ``new`` ones give way to a file that is there meanwhile."""
    handle, draft = tempfile.mkstemp(prefix=f"{FILE}.", dir=path.parent)  # readable by its owner only
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(passwords, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        if new:
            with suppress(FileExistsError):
                os.link(draft, path)
        else:
            Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
