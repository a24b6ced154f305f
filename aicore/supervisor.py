"""Runs components side by side, opens one again when a server failed it, and stops them in order.

An operating failure (a server is down) restarts the component after a growing pause; any other error is a
bug: it ends everything, loudly, and a restart of the process goes on from the log. Until a component has
served once, what does not pass by itself (a port that is taken, a file that is missing, a disk that is full)
ends everything, too: whoever started us is there to mend it.
"""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple

import asyncpg
import structlog
from nats.errors import Error as NatsError

from bus.ports import LogError

RESTART_S_MIN = 0.1
RESTART_S_MAX = 5.0
READY_TIMEOUT_S = 60.0
DRAIN_TIMEOUT_S = 3.0
"""For requests that are under way when we are told to stop."""

CANCEL_TIMEOUT_S = 1.0
"""For a cancelled component to close; with the servers' own time-outs a stop stays below 10 s."""

OPERATING_FAILURES = (
    OSError,  # includes TimeoutError and refused connections
    LogError,
    NatsError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)

PASSING = (None, errno.ENOENT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EAGAIN)
"""Of an OSError without a file's name that is neither a lost connection nor a time-out: a server's socket
that is not there yet, or a network that is not up."""

SOCKET_GONE = "the handler is closed"
"""How uvloop ends a RuntimeError about a socket that was closed under its user. Source: its `handle.pyx`."""

logger = structlog.get_logger(__name__)


class Component(NamedTuple):
    """A name, and what runs: it calls ``ready`` once it serves, and ends when ``stop`` is set."""

    name: str
    run: Callable[[Callable[[], None], asyncio.Event], Awaitable[None]]
    drains: bool = False
    """It finishes what it has taken in after ``stop``; without, it is cancelled at once, which loses nothing
    because it goes on from the log."""


def say_nothing(_component: str, _reason: str) -> None:
    """Tell nobody what holds up a start."""


class Start(NamedTuple):
    """Listener to the progress of a start.

    Attributes:
        ready: called once all components serve.
        trouble: called, until then, with a component's name and each new reason why it does not serve.
    """

    ready: Callable[[], None]
    trouble: Callable[[str, str], None] = say_nothing


async def run_components(components: Sequence[Component], *, stop: asyncio.Event, start: Start) -> None:
    """Run ``components`` until ``stop``, then stop them in their order: intake first.

    Raises:
        TimeoutError: one did not become ready within `READY_TIMEOUT_S`.
        ExceptionGroup: a component has a bug, or cannot start as things are.
    """
    async with asyncio.TaskGroup() as group:
        lives = [_Life(component, start.trouble) for component in components]
        tasks = [group.create_task(life.run(), name=life.component.name) for life in lives]
        stopping = group.create_task(stop.wait(), name="stop")
        all_ready = group.create_task(_all([life.ready for life in lives]), name="ready")
        await asyncio.wait({stopping, all_ready}, timeout=READY_TIMEOUT_S, return_when="FIRST_COMPLETED")
        if not (all_ready.done() or stopping.done()):
            late = "; ".join(str(life) for life in lives if not life.ready.is_set())
            raise TimeoutError(f"not ready within {READY_TIMEOUT_S:g} s: {late}")
        if all_ready.done():
            start.ready()
        await stop.wait()
        all_ready.cancel()
        for life, task in zip(lives, tasks, strict=True):
            await life.end(task)


class _Life:
    """One component from start to stop, over all its restarts."""

    def __init__(self, component: Component, on_trouble: Callable[[str, str], None]) -> None:
        self.component = component
        self.ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._on_trouble = on_trouble
        self._reason = ""

    def __str__(self) -> str:
        """Return its name, and why it is not ready."""
        return f"{self.component.name} ({self._reason or 'it said nothing'})"

    async def run(self) -> None:
        """Run the component until it is to stop, opening it again after an operating failure."""
        pause_s = RESTART_S_MIN
        clock = asyncio.get_running_loop().time
        while not self._stop.is_set():
            started = clock()
            try:
                await self.component.run(self.ready.set, self._stop)
            except* (*OPERATING_FAILURES, RuntimeError) as errors:
                found = list(leaves(errors))
                if not all(map(_operating, found)):
                    raise
                if not (self.ready.is_set() or all(map(_passes, found))):
                    raise
                self._tell(described(found[0]))
                logger.warning(
                    "component_restarts", component=self.component.name, in_s=pause_s, error=self._reason
                )
            if self._stop.is_set():
                return
            if clock() - started > RESTART_S_MAX:
                pause_s = RESTART_S_MIN
            await asyncio.sleep(pause_s)
            pause_s = min(RESTART_S_MAX, pause_s * 2)

    def _tell(self, reason: str) -> None:
        if not self.ready.is_set() and reason != self._reason:
            self._on_trouble(self.component.name, reason)
        self._reason = reason

    async def end(self, task: asyncio.Task[None]) -> None:
        """Let the component finish, but not for long."""
        self._stop.set()
        drained = not self.component.drains
        if self.component.drains:
            done, _ = await asyncio.wait({task}, timeout=DRAIN_TIMEOUT_S)
            drained = bool(done)
        task.cancel()
        _, pending = await asyncio.wait({task}, timeout=CANCEL_TIMEOUT_S)
        logger.info("component_stopped", component=self.component.name, drained=drained, ended=not pending)


async def _all(events: Sequence[asyncio.Event]) -> None:
    for event in events:
        await event.wait()


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors of a group, however deep it is nested, or the one that is none."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from leaves(each)
    else:
        yield error


def described(error: BaseException) -> str:
    """Return an error in one line, also one that says nothing."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _operating(error: BaseException) -> bool:
    """Return whether a server failed us; uvloop says RuntimeError of a socket that is gone."""
    return isinstance(error, OPERATING_FAILURES) or str(error).endswith(SOCKET_GONE)


def _passes(error: BaseException) -> bool:
    """Return whether the same start may succeed in a moment."""
    if isinstance(error, LogError):
        return error.retriable
    if isinstance(error, ConnectionError | TimeoutError) or not isinstance(error, OSError):
        return True
    return error.filename is None and error.errno in PASSING
