"""The spool's directory: its lock, segments, checkpoint, dead letters. Blocking calls; run them in a thread.

    lock                        held while a process has the spool
    {first}-{salt}.segment      frames; ``first`` is the sequence of its first record, the salt is hexadecimal
    checkpoint                  a frame: up to which record everything is settled, the newest confirmed
    letters/{sequence}-{event}  an append that the log refused, with the reason; `redrive/` gives it back
    damaged/                    copies of segments with bytes that changed; `missing-FIRST-LAST`: records lost

Whatever must not be lost is synced before the call returns, names included.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bus.ports import OutboxError
from bus.spool.frames import Frame, Scan, encode_frame, scan
from bus.spool.records import Letter, Undecodable, decode_letter, encode_letter
from bus.spool.recovery import Recovery

SUFFIX = ".segment"
LOCK, CHECKPOINT, LETTERS, REDRIVE, DAMAGED = "lock", "checkpoint", "letters", "redrive", "damaged"
DISMISSED = "dismissed"
MISSING = "missing"
CHECKPOINT_SALT = 0
DRAFT = ".draft"


class SpoolInUse(OutboxError):
    """Another process has this spool."""


class NoSuchLetter(LookupError):
    """There is no dead letter of that name."""


@dataclass(slots=True, eq=False)
class Segment:
    """One segment file. ``length`` is how much of it is durable; nothing beyond is read.

    ``closed``: nothing is added to it any more.
    """

    path: Path
    first: int
    salt: int
    length: int
    closed: bool = False

    def scan(self, data: bytes, *, start: int = 0, limit: int | None = None, after: int = 0) -> Scan:
        """Return what bytes of this segment hold; see `bus.spool.frames.scan`."""
        return scan(data, self.salt, start=start, limit=limit, after=after)

    def delete(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


class Directory:
    """The files of one spool; made by `held`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.letters_path = path / LETTERS
        self.redrive_path = path / REDRIVE
        self.dismissed_path = path / DISMISSED
        self.damaged_path = path / DAMAGED

    # --- opening --------------------------------------------------------------------------------------------

    def segments(self) -> list[Segment]:
        """Return the segments there are, oldest first; files with other names are left alone."""
        found = []
        for path in self.path.glob(f"*{SUFFIX}"):
            first, _, salt = path.name.removesuffix(SUFFIX).partition("-")
            with suppress(ValueError):
                size = path.stat().st_size
                found.append(Segment(path, int(first), int(salt, 16), size, closed=True))
        return sorted(found, key=lambda segment: (segment.first, segment.path.name))

    def is_left_to_do(self) -> bool:
        """Say whether something lies here to be shipped; where a process is at work it may."""
        return any(self.path.glob(f"*{SUFFIX}")) or _count(self.redrive_path) > 0

    def examine(self) -> Recovery:
        """Return what the files come to; nothing is changed."""
        recovery = Recovery(self.settled())
        for segment in self.segments():
            data = load(segment.path, 0, segment.length)
            found = segment.scan(data, after=recovery.seen)
            recovery.add(segment.path.name, segment.first, found)
        recovery.end(self.confirmed())
        return recovery

    def mend(self, recovery: Recovery) -> None:
        """Do what a recovery says: set aside, cut, delete."""
        for name in recovery.damaged:
            self.set_aside(self.path / name)
        for name, length in recovery.cut:
            os.truncate(self.path / name, length)
        for name in recovery.spent:
            (self.path / name).unlink(missing_ok=True)
        self.note_missing(recovery.missing)
        sync_folder(self.path)

    def note_missing(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Write down which records are lost, for an operator; a second time changes nothing."""
        for first, last in ranges:
            self.damaged_path.mkdir(exist_ok=True)
            (self.damaged_path / f"{MISSING}-{first}-{last}").touch()

    def missing(self) -> list[tuple[int, int]]:
        """Return first and last of the records that were written down as lost."""
        names = (path.name.split("-") for path in _files(self.damaged_path))
        return [(int(name[1]), int(name[2])) for name in names if name[0] == MISSING and len(name) == 3]

    def set_aside(self, path: Path) -> None:
        """Keep a copy of a damaged segment; a second time changes nothing."""
        self.damaged_path.mkdir(exist_ok=True)
        copy = self.damaged_path / path.name
        if not copy.exists():
            # A copy of its own: the segment's torn tail may be cut next.
            write_whole(copy, path.read_bytes())

    def damaged(self) -> int:
        """Return how many damaged segments lie there."""
        return sum(path.suffix == SUFFIX for path in _files(self.damaged_path))

    # --- the checkpoint -------------------------------------------------------------------------------------

    def settled(self) -> int:
        """Return up to which record everything is settled.

        Without a sound checkpoint everything that is there is shipped again: what is not there was settled
        before it was deleted.
        """
        checkpoint = self._checkpoint()
        if checkpoint:
            return checkpoint.sequence
        return min((segment.first for segment in self.segments()), default=1) - 1

    def confirmed(self) -> int:
        """Return the newest record that is known to have been confirmed; 0: none is known."""
        checkpoint = self._checkpoint()
        return int.from_bytes(checkpoint.body, "big") if checkpoint else 0

    def _checkpoint(self) -> Frame | None:
        try:
            frames = scan((self.path / CHECKPOINT).read_bytes(), CHECKPOINT_SALT, after=-1).frames
        except FileNotFoundError:
            return None
        return frames[0] if frames else None

    def settle(self, sequence: int, confirmed: int) -> None:
        """Record that everything up to a record is settled, and which was the newest confirmed."""
        body = confirmed.to_bytes(8, "big")
        write_whole(self.path / CHECKPOINT, encode_frame(sequence, 0, body, CHECKPOINT_SALT))

    def unsettle(self) -> None:
        """Forget the checkpoint: segments may then be deleted without one, as `settled` says."""
        for name in (CHECKPOINT, CHECKPOINT + DRAFT):
            (self.path / name).unlink(missing_ok=True)
        sync_folder(self.path)

    # --- dead letters ---------------------------------------------------------------------------------------

    def put_letter(self, letter: Letter) -> None:
        """Keep a letter; the same one a second time changes nothing."""
        self.letters_path.mkdir(exist_ok=True)
        write_whole(self.letters_path / letter.name, encode_letter(letter))

    def letters(self) -> list[Letter]:
        """Return the letters, oldest first; unreadable files are left out."""
        return sorted(_letters(self.letters_path), key=lambda letter: letter.sequence)

    def count_letters(self) -> int:
        """Return how many letters lie there."""
        return _count(self.letters_path)

    def set_aside_events(self) -> set[str]:
        """Return the events of all letters there are: those that wait, are given back, or were dismissed."""
        folders = (self.letters_path, self.redrive_path, self.dismissed_path)
        return {path.stem.partition("-")[2] for folder in folders for path in _files(folder)}

    def redrive(self, name: str, *, anyhow: bool = False) -> None:
        """Give a letter back; the process that has the spool takes it from there.

        Args:
            name: the letter's.
            anyhow: without the version that the append expected; for one that came too late.

        Raises:
            NoSuchLetter: there is none of that name.
        """
        letter = self._letter(name)
        self.redrive_path.mkdir(exist_ok=True)
        if anyhow:
            letter = replace(letter, write=replace(letter.write, expected="any"))
        write_whole(self.redrive_path / name, encode_letter(letter))
        (self.letters_path / name).unlink(missing_ok=True)

    def dismiss(self, name: str, why: str) -> None:
        """Set a letter aside that needs nothing: it is kept, with the reason beside it, and alarms nobody.

        Raises:
            NoSuchLetter: there is none of that name.
        """
        self._letter(name)
        self.dismissed_path.mkdir(exist_ok=True)
        write_whole(self.dismissed_path / f"{name}.why", why.encode())
        (self.letters_path / name).replace(self.dismissed_path / name)
        sync_folder(self.dismissed_path)

    def _letter(self, name: str) -> Letter:
        letter = next((letter for letter in self.letters() if letter.name == name), None)
        if letter is None:
            raise NoSuchLetter(f"there is no dead letter {name!r}")
        return letter

    def redriven(self) -> list[Letter]:
        """Return the letters that were given back and not taken yet."""
        return list(_letters(self.redrive_path))

    def took(self, letter: Letter) -> None:
        """Forget a letter that was given back: its record is durable again."""
        (self.redrive_path / letter.name).unlink(missing_ok=True)


@contextmanager
def held(path: Path) -> Iterator[Directory]:
    """Hold a spool's directory, making it if need be. The kernel frees it when we die, however we die.

    Raises:
        SpoolInUse: another process has it.
    """
    path.mkdir(parents=True, exist_ok=True)
    with (path / LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            who = lock.read(20).strip() or "unknown"
            raise SpoolInUse(
                f"the spool {path} is in use by process {who}; stop that one, or use another directory"
            ) from None
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield Directory(path)


class SegmentWriter:
    """Appends frames to segments, durably. Used by one thread at a time. `end` it.

    It can begin a segment when the process may open no more files: its folder stays open, and a file is held
    back for the first segment; a later one takes the place of the one before it.
    """

    def __init__(self, path: Path, salt: int, segment_bytes_max: int) -> None:
        self._path = path
        self._salt = salt
        self._bytes_max = segment_bytes_max
        self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._file = os.dup(self._folder)
        self._void: Path | None = None
        """A segment that was begun and has nothing durable; the next one has its name."""
        self.segment: Segment | None = None

    def begin(self, first: int) -> Segment:
        """Return the segment that the record ``first`` goes to: the open one, or a new one if it is full.

        Raises:
            OSError: a new one cannot be made.
        """
        if self.segment is None or self.segment.length >= self._bytes_max:
            self._release()
            path = self._path / f"{first:020d}-{self._salt:08x}{SUFFIX}"
            if path == self._void:
                path.unlink(missing_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            self.segment = Segment(path, first, self._salt, 0)
            os.fsync(self._folder)
        return self.segment

    def write(self, data: bytes) -> int:
        """Append to the open segment and return its durable length.

        Raises:
            OSError: what is behind the durable length is unknown; go on in another segment (`abandon`), for
                a sync that failed once may succeed next time without having written.
        """
        assert self.segment is not None, "begin first"
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fdatasync(self._file)
        return self.segment.length + len(data)

    def abandon(self) -> None:
        """Leave the open segment after a failed write, without what was not durable, if that can be done."""
        if self.segment is not None:
            with suppress(OSError):
                os.ftruncate(self._file, self.segment.length)
            if not self.segment.length:
                self._void = self.segment.path
        self._release()
        with suppress(OSError):
            self._file = os.dup(self._folder)

    def end(self) -> None:
        """Close the open segment; nothing can be begun any more."""
        self._release()
        if self._folder >= 0:
            os.close(self._folder)
        self._folder = -1

    def _release(self) -> None:
        """Close the open segment, or what was held back for one."""
        if self._file >= 0:
            os.close(self._file)
        if self.segment is not None:
            self.segment.closed = True
        self._file, self.segment = -1, None


def load(path: Path, start: int, end: int) -> bytes:
    """Return the bytes of a file from ``start`` to ``end``, or to its end."""
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole, durably, or not at all."""
    draft = path.with_name(path.name + DRAFT)
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _letters(folder: Path) -> Iterator[Letter]:
    for path in _files(folder):
        with suppress(Undecodable, FileNotFoundError):
            yield decode_letter(path.read_bytes())


def _count(folder: Path) -> int:
    return sum(1 for _ in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    if folder.exists():
        yield from (path for path in folder.iterdir() if path.suffix != DRAFT)
