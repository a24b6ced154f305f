"""Twins of two ports in memory, for tests of their users; tests/conformance holds them to the real ones."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bus.checks import check_writes
from bus.memory import MemoryLog
from bus.ports import LogError, QueueUnavailable, SpoolClosed, SpoolFull, StreamWrite, WorkItem


@dataclass(eq=False)
class MemoryItem:
    """Work that was taken; it notes how often it was heard of and whether it is done."""

    queue: "MemoryWorkQueue"
    data: bytes
    attempt: int = 0
    heard: int = 0
    is_done: bool = False

    async def done(self) -> None:
        """Take it out of the queue."""
        self.is_done = True
        self.queue.held.discard(self)

    async def later(self, delay_s: float) -> None:
        """Give it back."""
        self.queue.held.discard(self)
        asyncio.get_running_loop().call_later(delay_s, self.queue.give, self)
        self.queue.away.add(self)

    async def working(self) -> None:
        """Say that it is worked on."""
        self.heard += 1


@dataclass
class MemoryWorkQueue:
    """A `WorkQueue`; what is taken stays with its taker, whoever is silent for long."""

    waiting: deque[MemoryItem] = field(default_factory=deque)
    held: set[MemoryItem] = field(default_factory=set)
    away: set[MemoryItem] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)
    there: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def ensure(self) -> bool:
        """Make it; see the port."""
        made, self.there = not self.there, True
        return made

    async def put(self, key: str, data: bytes) -> None:
        """Put work; see the port."""
        self._see_there()
        if key not in self.keys:
            self.keys.append(key)
            self.give(MemoryItem(self, data))

    async def take(self, wait_s: float) -> WorkItem | None:
        """Return some work; see the port."""
        self._see_there()
        try:
            async with asyncio.timeout(wait_s):
                while not self.waiting:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None
        item = self.waiting.popleft()
        item.attempt += 1
        self.held.add(item)
        return item

    async def emptied_after(self) -> int | None:
        """Return how much was put into it, once it is empty; see the port."""
        self._see_there()
        return None if self.waiting or self.held or self.away else len(self.keys)

    def give(self, item: MemoryItem) -> None:
        """Let an item be taken."""
        self.away.discard(item)
        self.waiting.append(item)
        self._news.set()

    async def purge(self) -> None:
        """Lose what is in it; it goes on knowing the keys, as JetStream does."""
        self.waiting.clear()
        self.held.clear()

    async def lose(self) -> None:
        """Be gone, as after a server's disk was lost."""
        await self.purge()
        self.keys.clear()
        self.there = False

    def _see_there(self) -> None:
        if not self.there:
            raise QueueUnavailable("the work queue is not there")


class MemoryOutbox:
    """An `Outbox` that ships to a log as soon as the loop is free; it refuses the first ``refusals``."""

    def __init__(self, log: MemoryLog, *, refusals: int = 0) -> None:
        self.refused = 0
        self.letters: list[StreamWrite] = []
        """What the log would not take."""
        self._log = log
        self._refusals = refusals
        self._left: deque[tuple[StreamWrite, asyncio.Future[None]]] = deque()
        self._closed = False

    def put(self, write: StreamWrite) -> "asyncio.Future[None]":
        """Take an append; see the port."""
        if self._closed:
            raise SpoolClosed("the outbox is closed")
        check_writes((write,))
        if self.refused < self._refusals:
            self.refused += 1
            raise SpoolFull("full")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._left.append((write, done))
        loop.call_soon(self._ship)
        return done

    async def close(self) -> None:
        """Take nothing more; what was taken is in the log."""
        self._closed = True
        while self._left:
            self._ship()

    def _ship(self) -> None:
        if self._left:
            write, done = self._left.popleft()
            try:
                _finished(self._log.append(write))
            except LogError:
                self.letters.append(write)
            if not done.done():
                done.set_result(None)


def _finished(append: object) -> None:
    """Run a coroutine of the log in memory to its end: it waits for nothing."""
    step: Callable[[None], object] = append.send  # type: ignore[attr-defined]  # a coroutine
    try:
        step(None)
    except StopIteration:
        return
    raise AssertionError("the log in memory waited")
