"""Runs one coroutine function over items: in order within a lane, side by side across lanes, bounded.

Cheap by design: no task per item. A few workers take ready items; an item whose lane is busy waits in the
lane. A handler that never suspends is served by one worker in one go; the next worker is woken only when
there is more to do.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

BURST_MAX = 128
"""Items that one worker takes before it lets the event loop run."""


class Lanes(Generic[T]):
    """Give items with `put`; `run` serves them until cancelled. The giver bounds what is inside."""

    def __init__(self, handle: Callable[[T], Awaitable[None]], *, concurrency: int) -> None:
        """Prepare ``concurrency`` workers; ``handle`` must not raise but for bugs, which end `run`."""
        self._handle = handle
        self._concurrency = concurrency
        self._ready: deque[tuple[str, T]] = deque()
        self._busy: dict[str, list[T]] = {}
        """Lanes being served, with what came for them meanwhile."""
        self._idle: list[asyncio.Future[None]] = []

    def put(self, lane: str, item: T) -> None:
        """Queue an item behind those of its lane."""
        self._ready.append((lane, item))
        if self._idle:
            self._wake_one()

    async def run(self) -> None:
        """Serve items until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._work())

    def _wake_one(self) -> None:
        future = self._idle.pop()
        if not future.done():
            future.set_result(None)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        burst = 0
        while True:
            if not self._ready:
                future = loop.create_future()
                self._idle.append(future)
                await future
                burst = 0
                continue
            lane, item = self._ready.popleft()
            behind = self._busy.get(lane)
            if behind is not None:
                behind.append(item)
                continue
            if self._ready and self._idle:
                self._wake_one()
            self._busy[lane] = behind = []
            await self._handle(item)
            del self._busy[lane]
            if behind:  # older than anything in `ready`, so before it
                self._ready.extendleft((lane, late) for late in reversed(behind))
            burst += 1
            if burst >= BURST_MAX:
                burst = 0
                await asyncio.sleep(0)
