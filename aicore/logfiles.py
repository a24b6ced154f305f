"""Log files of bounded size and number: our own, and those that a child process appends to.

A file that has grown too long becomes NAME.1, the one before it NAME.2, and so on; the oldest is removed. A
line is in one file, whole.
"""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

LOG_BYTES_MAX = 16 * 1024**2
"""Of one file."""

LOGS_EARLIER_MAX = 4
"""Files that are kept beside the one that is written to."""

COPY_BYTES = 1024**2
COPIES = 2
"""A process that writes faster than its lines are copied loses those beyond so many times ``bytes_max``."""

UNENDED_MAX, UNENDED_S = 1_000, 0.001
"""How often, and after how long a pause, the end of a line is looked for; then it was written without one."""


class LogFile:
    """A text file to append lines to, from any thread of one process; `set_up` of `aicore.logs` takes it.

    Each `write` is whole lines. A file that somebody moves or removes meanwhile is begun anew.
    """

    def __init__(
        self, path: Path, *, bytes_max: int = LOG_BYTES_MAX, earlier_max: int = LOGS_EARLIER_MAX
    ) -> None:
        """Open ``path``, readable by its owner alone if it is new. Raises `OSError`."""
        self._path = path
        self._bytes_max = bytes_max
        self._earlier_max = earlier_max
        self._lock = threading.RLock()
        self._file = _opened(path)

    def write(self, text: str) -> int:
        """Append ``text``, all of it or nothing.

        Raises:
            OSError: the disk is full, or failing.
        """
        data = text.encode("utf-8", "backslashreplace")
        with self._lock:
            length = self._make_room(len(data))
            try:
                if os.write(self._file, data) < len(data):
                    raise OSError(f"{self._path} took a part of a line")
            except OSError:
                os.ftruncate(self._file, length)
                raise
        return len(text)

    def flush(self) -> None:
        """Do nothing: a line is the kernel's when `write` returns."""

    def isatty(self) -> bool:
        """Say that this is no terminal."""
        return False

    def close(self) -> None:
        """Close the file; nothing may be written any more."""
        with self._lock:
            os.close(self._file)

    def _make_room(self, wanted: int) -> int:
        """Begin another file if this one is full, moved or removed; return the length of the open one."""
        mine = os.fstat(self._file)
        if mine.st_size and mine.st_size + wanted > self._bytes_max:
            with suppress(OSError):  # a file that cannot be moved is written on
                shift(self._path, self._earlier_max)
        with suppress(OSError):
            there = os.stat(self._path)
            if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
                return mine.st_size
        with suppress(OSError):  # no file may be opened now: the old one is better than none
            new = _opened(self._path)
            os.close(self._file)
            self._file = new
        return os.fstat(self._file).st_size


def trim(path: Path, *, bytes_max: int = LOG_BYTES_MAX, earlier_max: int = LOGS_EARLIER_MAX) -> bool:
    """Empty the log of a running process that appends to it, if it is too long; return whether it was.

    What was in it is NAME.1 afterwards, its last ``bytes_max`` if it was longer. The process goes on writing
    to the same file. A line that it writes between the last read and the cut is lost; none is torn. May wait
    for the end of a line, so not for an event loop.

    Raises:
        OSError: the disk is full, or failing; the log is as it was.
    """
    with path.open("r+b") as log:
        if (length := os.fstat(log.fileno()).st_size) <= bytes_max:
            return False
        draft = path.with_name(f"{path.name}.new")
        draft.unlink(missing_ok=True)
        try:
            with os.fdopen(_opened(draft), "wb") as copy:
                if log.seek(max(0, length - bytes_max)):
                    log.readline()  # from its middle on
                _copy(log, copy, COPIES * bytes_max)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        os.ftruncate(log.fileno(), 0)
    shift(path, earlier_max, newest=draft)
    return True


def _copy(log: BinaryIO, copy: BinaryIO, most: int) -> None:
    """Copy ``most`` bytes of ``log``, less if it ends before that, and then to the end of the line."""
    last = b"\n"
    while most > 0 and (chunk := log.read(min(most, COPY_BYTES))):
        copy.write(chunk)
        most, last = most - len(chunk), chunk[-1:]
    for _ in range(UNENDED_MAX):
        if last == b"\n":
            return
        # A line across two pages can be seen half, while its writer has lost the processor.
        rest = log.readline()
        copy.write(rest)
        last = rest[-1:] or last
        time.sleep(UNENDED_S)


def shift(path: Path, earlier_max: int, *, newest: Path | None = None) -> None:
    """Rename the earlier files of ``path`` to the next number each; ``newest``, or ``path``, becomes 1."""
    for number in range(earlier_max - 1, 0, -1):
        with suppress(FileNotFoundError):
            numbered(path, number).replace(numbered(path, number + 1))
    (newest or path).replace(numbered(path, 1))


def numbered(path: Path, number: int) -> Path:
    """Return the name of an earlier file."""
    return path.with_name(f"{path.name}.{number}")


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
