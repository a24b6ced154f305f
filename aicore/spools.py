"""The spools of a state directory, read from outside: what waits there for the log, and what is set aside.

The files alone say what their process believed. Where the log answers, its word counts: what it has does not
wait, and what it lacks was not shipped, whatever the checkpoint says.
"""

import asyncio
import fcntl
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from aicore.clock import now_us
from bus.spool.disk import LOCK, Directory, load
from bus.spool.figures import AlertLimits, Figures, alerts_of
from bus.spool.records import Undecodable, decode_write
from bus.spool.recovery import Recovery, count_missing

SPOOLS = "spool"
"""Folder of the state directory in which each process that spools has its own."""

LOOKS_MAX = 10

RECORDS_MAX = 100_000
"""Records that are looked up in the log; more wait only in a long outage, when there is no log to ask."""

# Purpose: which events the log has. Index: event_id. Lock: none.
KNOWN = "SELECT id FROM event WHERE id = ANY($1::uuid[])"


class TooBusy(Exception):
    """A spool's files changed at every look."""


class LogSays(NamedTuple):
    """State of a spool's records in the log."""

    has: int = 0
    """Records that count as waiting, and that the log has."""
    lacks: int = 0
    """Records that the checkpoint calls shipped, and that neither the log nor a letter has."""


class _Lying(NamedTuple):
    """A record in a file: its number, and its first event."""

    sequence: int
    event: UUID


def spools_in(state_dir: Path) -> list[Directory]:
    """Return the spools of a state directory, one for each process that has or had one."""
    return [Directory(path.parent) for path in sorted((state_dir / SPOOLS).glob(f"*/{LOCK}"))]


async def ask_log(folder: Directory, connection: asyncpg.Connection) -> LogSays:
    """Return what the log says of the records that lie in a spool's segments.

    Raises:
        asyncpg's errors: it cannot be read.
    """
    settled = folder.settled()  # first: what is settled later is in the log all the more
    lying = await asyncio.to_thread(lambda: list(_lying(folder)))
    known = {row["id"] for row in await connection.fetch(KNOWN, [each.event for each in lying])}
    aside = folder.set_aside_events()
    waiting = [each for each in lying if each.sequence > settled]
    shipped = [each for each in lying if each.sequence <= settled and each.event.hex not in aside]
    has = sum(each.event in known for each in waiting)
    return LogSays(has, sum(each.event not in known for each in shipped))


def state_of(folder: Directory, log: LogSays | None = None) -> dict[str, Any]:
    """Return what the files say, and the log if it was asked; how attempts went only their process knows.

    Raises:
        TooBusy: the files changed at every look.
    """
    recovery = _examined(folder)
    says = log or LogSays()
    oldest_us = recovery.oldest[0][1] if recovery.oldest else None
    waiting = max(0, recovery.records - says.has)
    figures = Figures(
        backlog_records=waiting,
        backlog_bytes=recovery.bytes,
        oldest_s=0.0 if oldest_us is None or not waiting else max(0.0, (now_us() - oldest_us) / 1e6),
        dead_letters=folder.count_letters(),
        damaged=folder.damaged(),
        missing=count_missing([*recovery.missing, *folder.missing()]),
        lacking=says.lacks,
    )
    shown = (
        "backlog_records", "backlog_bytes", "oldest_s", "dead_letters", "damaged", "missing", "lacking"
    )  # fmt: skip
    return {
        "directory": str(folder.path),
        "in_use": _in_use(folder),
        "log_asked": log is not None,
        **{name: getattr(figures, name) for name in shown},
        "alerts": [asdict(alert) for alert in alerts_of(figures, AlertLimits())],
    }


def _lying(folder: Directory) -> Iterator[_Lying]:
    left = RECORDS_MAX
    for segment in folder.segments():
        try:
            data = load(segment.path, 0, segment.length)
        except FileNotFoundError:
            continue  # just shipped and deleted
        for frame in segment.scan(data, limit=left).frames:
            try:
                event = decode_write(frame.body).events[0].id
            except Undecodable:
                continue
            yield _Lying(frame.sequence, event)
            left -= 1


def _examined(folder: Directory) -> Recovery:
    """Return what lies there at one instant, although its process may go on meanwhile."""
    for _ in range(LOOKS_MAX):
        settled = folder.settled()
        try:
            recovery = folder.examine()
        except FileNotFoundError:
            continue  # just shipped and deleted
        if folder.settled() == settled:
            return recovery
    raise TooBusy(f"{folder.path} changes too fast to be read")


def _in_use(folder: Directory) -> bool:
    with (folder.path / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
