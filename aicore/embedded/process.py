"""Children that live and die with this process: no server survives us, not even our SIGKILL."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import psutil
import structlog

from aicore.logfiles import trim

PR_SET_PDEATHSIG = 1
"""Source: Linux prctl(2)."""

POLL_S = 0.02
WATCH_EVERY_S = 1.0
HELD_BACK = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

WATCHER = "server-watch"
"""Name of the thread that starts servers again; it lives as long as they may."""

logger = structlog.get_logger(__name__)


class EmbeddedServerError(RuntimeError):
    """An embedded server did not start; the message says why, from its log, and ``remedy`` what to do."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def dying_with_parent(sign: signal.Signals) -> Callable[[], None] | None:
    """Return what a child runs before exec, so that the kernel sends it ``sign`` when we die, however we die.

    None where it cannot be had: not Linux, or a worker thread, because the kernel means the *thread* that
    made the child, and a worker thread ends long before the program. Then a leftover is ended at the next
    start.
    """
    thread = threading.current_thread()
    lasting = thread is threading.main_thread() or thread.name == WATCHER
    if not sys.platform.startswith("linux") or not lasting:
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def before_exec() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(sign), 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return before_exec


@contextlib.contextmanager
def unbroken() -> Iterator[None]:
    """Let no signal's exception break into what is done inside; the signal comes right after.

    For the fork of a child with ``preexec_fn``: Python's hooks around it take locks, and swallow an exception
    that a signal raises in them, the lock with it.
    """
    if threading.current_thread() is not threading.main_thread():  # handlers run in the main one only
        yield
        return
    came: list[int] = []
    before = [(each, signal.signal(each, lambda number, _: came.append(number))) for each in HELD_BACK]
    try:
        yield
    finally:
        for held, handler in before:
            signal.signal(held, handler)
        for number in came:
            signal.raise_signal(number)


def end_leftover(pid_file: Path, marker: str, sign: signal.Signals, *, timeout_s: float) -> None:
    """End the process that a killed parent left: the one in ``pid_file``, if its command has ``marker``.

    The marker is a path of ours, so that another process that has got the same number since is left alone.
    """
    process = running(pid_file, marker)
    if process is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(sign)
        try:
            process.wait(timeout_s)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(timeout_s)


def running(pid_file: Path, marker: str) -> psutil.Process | None:
    """Return the process named in line 1 of ``pid_file`` if it runs and its command has ``marker``."""
    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        return process if any(marker in word for word in process.cmdline()) else None
    except (OSError, ValueError, psutil.Error):
        return None


def wait_until(ready: Callable[[], bool], alive: Callable[[], bool], *, deadline: float) -> bool:
    """Return whether ``ready`` came true while ``alive`` and before ``deadline`` (of `time.monotonic`)."""
    while alive() and time.monotonic() < deadline:
        if ready():
            return True
        time.sleep(POLL_S)
    return False


class Watched(Protocol):
    """A server that is started again when it has ended."""

    @property
    def name(self) -> str:
        """Its name in the log."""
        ...

    @property
    def pid(self) -> int | None:
        """Its process id, None while it does not run."""
        ...

    @property
    def log(self) -> Path:
        """The file that its process appends to."""
        ...

    def launch(self) -> None:
        """Start its process, without waiting until it answers."""
        ...


@contextlib.contextmanager
def watching(servers: Sequence[Watched]) -> Iterator[None]:
    """Start a server again that has ended, while the context is open; who needs it sees when it answers.

    Their logs are kept from growing without end, too.
    """
    over = threading.Event()

    def watch() -> None:
        while not over.wait(WATCH_EVERY_S):
            for server in servers:
                with contextlib.suppress(OSError):  # a full disk: next time
                    trim(server.log)
                if server.pid is None:
                    logger.warning("server_restarts", server=server.name)
                    try:
                        server.launch()
                    except (OSError, subprocess.SubprocessError, EmbeddedServerError) as error:
                        logger.warning("server_not_restarted", server=server.name, error=repr(error))

    thread = threading.Thread(target=watch, name=WATCHER, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
