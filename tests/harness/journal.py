"""Line files that a killed process leaves behind: appended with fsync, read without a torn last line."""

import os
from pathlib import Path

END = " ."
"""Ends every line, so that a line cut by a kill is never taken for a whole one."""


class Journal:
    """Appends lines, each on the disk before `write` returns."""

    def __init__(self, path: Path) -> None:
        """Open ``path`` for appending; a torn last line is ended first."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    def write(self, *fields: object) -> None:
        """Append one line of fields without spaces."""
        os.write(self._file, (" ".join(map(str, fields)) + END + "\n").encode())
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class JournalReader:
    """Reads a journal that another process writes; each look parses only what is new."""

    def __init__(self, path: Path) -> None:
        """Read ``path``, which need not exist yet."""
        self._path = path
        self._offset = 0
        self._lines: list[list[str]] = []

    def lines(self) -> list[list[str]]:
        """Return the fields of every whole line so far."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._offset += len(whole)
            texts = whole.decode().split("\n")
            self._lines += [text.removesuffix(END).split(" ") for text in texts if text.endswith(END)]
        return self._lines
