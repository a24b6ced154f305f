"""The end of the log in memory: read once for all, the same as it is asked for, and never with a hole."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from bus.memory import MemoryLog
from bus.ports import LogUnread, NewEvent, RecordedEvent, StreamWrite, Where
from bus.postgres import tail as tail_module
from bus.postgres.tail import Tail
from tests.unit.kit import ident, memory_log, until

KINDS = ("story.told", "story.ended", "tale.told", "storytime.told")
WHERES = (
    Where(),
    Where(types=["story.ended"]),
    Where(types=["tale.told", "story.told"]),
    Where(context="story"),
    Where(stream_prefix="story-1"),
    Where(types=["story.told"], context="story", stream_prefix="story-2"),
)


class Counted:
    """Reads of a log, counted; each may fail."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.reads = 0
        self.away = 0

    async def __call__(self, after: int, limit: int) -> list[RecordedEvent]:
        self.reads += 1
        if self.away:
            self.away -= 1
            raise LogUnread("away")
        return await self._log.read_all(after=after, limit=limit)


@asynccontextmanager
async def followed(log: MemoryLog, followers: int = 2) -> AsyncIterator[tuple[Tail, Counted]]:
    read = Counted(log)
    tail = Tail(read, log.head)
    tail.followers = followers
    task = asyncio.create_task(tail.run())
    tail.wake()
    try:
        yield tail, read
    finally:
        task.cancel()


async def some(log: MemoryLog, draw: Random, count: int, payload: bytes = b"\x80") -> None:
    for _ in range(count):
        written = NewEvent(ident(), draw.choice(KINDS), 1, payload)
        await log.append(StreamWrite(f"story-{draw.randrange(4)}", [written]))


async def looked(tail: Tail, log: MemoryLog) -> None:
    tail.wake()
    head = (await log.head()).position

    def knows() -> bool:
        known = tail.after(head, Where(), 1)
        return known is not None and known[0] == head

    await until(knows)


async def test_what_is_kept_is_what_the_log_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "KEPT_MAX", 40)
    log, draw = memory_log(), Random(1)
    await some(log, draw, 10)
    kept = 0
    async with followed(log) as (tail, _):
        await looked(tail, log)
        for _ in range(12):
            await some(log, draw, draw.randrange(1, 20))
            await looked(tail, log)
            head = (await log.head()).position
            for where in WHERES:
                for after in range(head + 1):
                    found = tail.after(after, where, 7)
                    if found is None:
                        assert after < max(10, head - 40), "this much is kept"
                        continue
                    kept += 1
                    assert found == (head, await log.read_all(after=after, limit=7, where=where))
    assert kept > 1_000


async def test_one_look_serves_all() -> None:
    log = memory_log()
    async with followed(log, followers=20) as (tail, read):
        await looked(tail, log)
        before = read.reads
        await some(log, Random(2), 30)
        await looked(tail, log)
        for _ in range(20):
            assert tail.after(0, Where(), 100) == (30, await log.read_all(limit=100))
        assert read.reads <= before + 2


async def test_who_follows_alone_asks_for_itself() -> None:
    log = memory_log()
    async with followed(log, followers=1) as (tail, read):
        told = tail.looked
        await some(log, Random(3), 3)
        tail.wake()
        await until(told.is_set)
        assert tail.after(0, Where(), 10) is None
        assert read.reads == 0


async def test_large_events_do_not_stay() -> None:
    log = memory_log()
    async with followed(log) as (tail, _):
        await looked(tail, log)
        await some(log, Random(4), 30, b"\xc4" + bytes(200_000))
        await looked(tail, log)
        assert tail.after(0, Where(), 1) is None
        assert tail.after(29, Where(), 1) is not None


async def test_who_falls_far_behind_begins_anew_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "PAGE", 5)
    log = memory_log()
    async with followed(log) as (tail, read):
        await looked(tail, log)
        await log.append(
            StreamWrite("story-0", [NewEvent(ident(), "story.told", 1, b"\x80") for _ in range(400)])
        )
        await looked(tail, log)
        assert tail.after(399, Where(), 1) is None
        assert read.reads < 20


async def test_a_log_that_is_away_leaves_no_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "RETRY_S", 0.001)
    log = memory_log()
    async with followed(log) as (tail, read):
        await looked(tail, log)
        read.away = 5
        await some(log, Random(5), 8)
        await looked(tail, log)
        assert tail.after(0, Where(), 100) == (8, await log.read_all())
        assert read.away == 0
