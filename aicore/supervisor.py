"""Runs components side by side, opens one again when a server failed it, and stops them in order.

An operating failure (a server is down) restarts the component after a growing pause; any other error is a
bug: it ends everything, loudly, and a restart of the process goes on from the log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
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

logger = structlog.get_logger(__name__)


class Component(NamedTuple):
    """A name, and what runs: it calls ``ready`` once it serves, and ends when ``stop`` is set."""

    name: str
    run: Callable[[Callable[[], None], asyncio.Event], Awaitable[None]]
    drains: bool = False
    """It finishes what it has taken in after ``stop``; without, it is cancelled at once, which loses nothing
    because it goes on from the log."""


async def run_components(
    components: Sequence[Component], *, stop: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    """Run ``components`` until ``stop``, then stop them in their order: intake first.

    Raises:
        TimeoutError: one did not become ready within `READY_TIMEOUT_S`.
        ExceptionGroup: a component has a bug.
    """
    async with asyncio.TaskGroup() as group:
        lives = [_Life(component) for component in components]
        tasks = [group.create_task(life.run(), name=life.component.name) for life in lives]
        stopping = group.create_task(stop.wait(), name="stop")
        all_ready = group.create_task(_all([life.ready for life in lives]), name="ready")
        await asyncio.wait({stopping, all_ready}, timeout=READY_TIMEOUT_S, return_when="FIRST_COMPLETED")
        if not (all_ready.done() or stopping.done()):
            late = ", ".join(life.component.name for life in lives if not life.ready.is_set())
            raise TimeoutError(f"not ready within {READY_TIMEOUT_S:g} s: {late}")
        if all_ready.done():
            on_ready()
        await stop.wait()
        all_ready.cancel()
        for life, task in zip(lives, tasks, strict=True):
            await life.end(task)


class _Life:
    """One component from start to stop, over all its restarts."""

    def __init__(self, component: Component) -> None:
        self.component = component
        self.ready = asyncio.Event()
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Run the component until it is to stop, opening it again after an operating failure."""
        pause_s = RESTART_S_MIN
        clock = asyncio.get_running_loop().time
        while not self._stop.is_set():
            started = clock()
            try:
                await self.component.run(self.ready.set, self._stop)
            except* OPERATING_FAILURES as errors:
                first = repr(errors.exceptions[0])
                logger.warning("component_restarts", component=self.component.name, in_s=pause_s, error=first)
            if self._stop.is_set():
                return
            if clock() - started > RESTART_S_MAX:
                pause_s = RESTART_S_MIN
            await asyncio.sleep(pause_s)
            pause_s = min(RESTART_S_MAX, pause_s * 2)

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
