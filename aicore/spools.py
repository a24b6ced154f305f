"""The spools of a state directory, read from outside: what waits there for the log, and what is set aside."""

import fcntl
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aicore.clock import now_us
from bus.spool.disk import LOCK, Directory
from bus.spool.figures import AlertLimits, Figures, alerts_of
from bus.spool.recovery import Recovery, count_missing

SPOOLS = "spool"
"""Folder of the state directory in which each process that spools has its own."""

LOOKS_MAX = 10


class TooBusy(Exception):
    """A spool's files changed at every look."""


def spools_in(state_dir: Path) -> list[Directory]:
    """Return the spools of a state directory, one for each process that has or had one."""
    return [Directory(path.parent) for path in sorted((state_dir / SPOOLS).glob(f"*/{LOCK}"))]


def state_of(folder: Directory) -> dict[str, Any]:
    """Return what the files say; how attempts went only their process knows.

    Raises:
        TooBusy: the files changed at every look.
    """
    recovery = _examined(folder)
    oldest_us = recovery.oldest[0][1] if recovery.oldest else None
    figures = Figures(
        backlog_records=recovery.records,
        backlog_bytes=recovery.bytes,
        oldest_s=0.0 if oldest_us is None else max(0.0, (now_us() - oldest_us) / 1e6),
        dead_letters=folder.count_letters(),
        damaged=folder.damaged(),
        missing=count_missing(recovery.missing),
    )
    shown = ("backlog_records", "backlog_bytes", "oldest_s", "dead_letters", "damaged", "missing")
    return {
        "directory": str(folder.path),
        "in_use": _in_use(folder),
        **{name: getattr(figures, name) for name in shown},
        "alerts": [asdict(alert) for alert in alerts_of(figures, AlertLimits())],
    }


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
