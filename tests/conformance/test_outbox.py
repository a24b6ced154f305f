"""The contract of the outbox, as one suite that the spool and the tests' twin pass."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from bus.memory import MemoryLog
from bus.ports import InvalidAppend, NewEvent, Outbox, SpoolClosed, SpoolFull, StreamWrite
from bus.spool.spool import SpoolOptions, open_spool
from tests.harness.queues import MemoryOutbox
from tests.unit.kit import START_US, ident, memory_log, until

Opened = Callable[..., AbstractAsyncContextManager[Outbox]]


@pytest.fixture
def log() -> MemoryLog:
    return memory_log()


@pytest.fixture(params=["memory", "spool"])
def opened(request: pytest.FixtureRequest, log: MemoryLog, tmp_path: Path) -> Opened:
    """A function that opens an outbox to the log, one that is full if that is asked for."""

    @asynccontextmanager
    async def memory(*, full: bool = False) -> AsyncIterator[Outbox]:
        outbox = MemoryOutbox(log, refusals=1_000 if full else 0)
        yield outbox
        await outbox.close()

    @asynccontextmanager
    async def spool(*, full: bool = False) -> AsyncIterator[Outbox]:
        room = {"backlog_bytes_max": 1} if full else {}
        options = SpoolOptions(now_us=lambda: START_US, draw=lambda: 0.5, **room)  # type: ignore[arg-type]  # of the test
        async with open_spool(tmp_path / "spool", log, options) as made:
            yield made

    return memory if request.param == "memory" else spool


def write(number: int, stream: str = "story-a") -> StreamWrite:
    event = NewEvent(ident(f"outbox {number}"), "story.told", 1, b"\x81\xa1n" + bytes([number]))
    return StreamWrite(stream, [event])


async def numbers(log: MemoryLog, stream: str = "story-a") -> list[int]:
    return [event.payload[-1] for event in await log.read_stream(stream)]


async def test_what_is_taken_is_confirmed_and_comes_to_the_log(opened: Opened, log: MemoryLog) -> None:
    async with opened() as outbox:
        await outbox.put(write(1))
    assert await numbers(log) == [1]


async def test_the_records_of_a_stream_come_in_the_order_they_were_put(
    opened: Opened, log: MemoryLog
) -> None:
    async with opened() as outbox:
        for number in range(60):
            outbox.put(write(number, f"story-{'ab'[number % 2]}"))
    assert await numbers(log, "story-a") == [*range(0, 60, 2)]
    assert await numbers(log, "story-b") == [*range(1, 60, 2)]


async def test_nothing_is_waited_for_when_it_is_put(opened: Opened, log: MemoryLog) -> None:
    async with opened() as outbox:
        outbox.put(write(1))
        assert (await log.head()).position == 0
        await until(lambda: log._events)


async def test_a_record_put_twice_is_recorded_once(opened: Opened, log: MemoryLog) -> None:
    async with opened() as outbox:
        await outbox.put(write(1))
        await outbox.put(write(1))
        await outbox.put(write(2))
    assert await numbers(log) == [1, 2]


async def test_a_broken_append_is_refused_at_once_and_takes_nothing(opened: Opened, log: MemoryLog) -> None:
    async with opened() as outbox:
        for broken in (StreamWrite("story-a", []), StreamWrite("no stream", write(1).events)):
            with pytest.raises(InvalidAppend):
                outbox.put(broken)
    assert (await log.head()).position == 0


async def test_a_full_one_says_so_at_once_and_takes_nothing(opened: Opened, log: MemoryLog) -> None:
    async with opened(full=True) as outbox:
        with pytest.raises(SpoolFull):
            outbox.put(write(1))
    assert (await log.head()).position == 0


async def test_a_closed_one_says_so_at_once(opened: Opened) -> None:
    async with opened() as outbox:
        pass
    with pytest.raises(SpoolClosed):
        outbox.put(write(1))
