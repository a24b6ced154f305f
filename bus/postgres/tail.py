"""The end of the log in memory, read once for all who follow it in this process.

A program has dozens of followers, each with a filter of its own. Were each to ask the server at every append,
they would be its costliest clients: two queries each, some twenty times a second. So one reads what is new,
for all; who is further behind than what is kept asks the server as if there were no tail.

Events become visible in the order of their positions and never change (migrations/0005), so what was read up
to a position is all there is up to there.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bus.ports import Head, LogUnavailable, RecordedEvent, Where
from bus.retry import until_done

SHARED_MIN = 2
"""Followers from which on reading for all costs less than each for itself."""

KEPT_MAX = 1_024
BYTES_MAX = 4 * 1024 * 1024
"""Events kept at most, and their payloads and metadata."""

PAGE = 500
PAUSE_S = 0.005
"""Least time between two looks."""

POLL_S = 0.5
"""Longest wait before a look, should an announcement be lost."""

RETRY_S = 0.2

Read = Callable[[int, int], Awaitable[list[RecordedEvent]]]
"""Returns so many events at most after a position."""


class Tail:
    """The newest events. Run `run` in a task; call `wake` whenever somebody may have appended."""

    def __init__(self, read: Read, head: Callable[[], Awaitable[Head]]) -> None:
        self._read = read
        self._head = head
        self._events: deque[RecordedEvent] = deque()
        self._bytes = 0
        self._start: int | None = None
        """Position before the first that is kept; None: nothing is known of the end."""
        self._upto = 0
        self._news = asyncio.Event()
        self.followers = 0
        self.looked = asyncio.Event()
        """Set, and replaced by another, after each look."""

    def wake(self) -> None:
        """Have somebody look soon."""
        self._news.set()

    def after(self, position: int, where: Where, limit: int) -> tuple[int, list[RecordedEvent]] | None:
        """Return how far is known, and what there is up to there after a position, ``limit`` at most.

        None if that is not kept.
        """
        if self._start is None or position < self._start:
            return None
        new: list[RecordedEvent] = []
        for recorded in reversed(self._events):
            if recorded.position <= position:
                break
            new.append(recorded)
        return self._upto, [recorded for recorded in reversed(new) if matches(where, recorded)][:limit]

    async def run(self) -> None:
        """Look whenever there may be something new, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._news.wait()
            self._news.clear()
            if self.followers >= SHARED_MIN:
                await until_done(self._look, on=LogUnavailable, pause=RETRY_S)
            else:
                self._start = None
            self.looked.set()
            self.looked = asyncio.Event()
            await asyncio.sleep(PAUSE_S)

    async def _look(self) -> None:
        page = None if self._start is None else await self._read(self._upto, PAGE)
        if page is None or len(page) == PAGE:  # who falls behind so far is better served with a filter
            self._events.clear()
            self._bytes, self._start = 0, None
            self._start = self._upto = (await self._head()).position
            return
        for recorded in page:
            self._events.append(recorded)
            self._bytes += _size(recorded)
            self._upto = recorded.position
        while len(self._events) > KEPT_MAX or self._bytes > BYTES_MAX:
            first = self._events.popleft()
            self._bytes -= _size(first)
            self._start = first.position


def matches(where: Where, recorded: RecordedEvent) -> bool:
    """Say whether an event is one of those to read."""
    return (
        (not where.types or recorded.type in where.types)
        and (not where.context or recorded.type.startswith(f"{where.context}."))
        and (not where.stream_prefix or recorded.stream.startswith(where.stream_prefix))
    )


def _size(recorded: RecordedEvent) -> int:
    return len(recorded.payload) + len(recorded.meta)
