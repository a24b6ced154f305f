"""History page by page: complete, in order, asked for in time, and its errors are those of the log."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from bus.ports import LogUnread
from bus.read_ahead import read_ahead


class Happened(NamedTuple):
    position: int


@dataclass
class History:
    """A log of some length that notes what is asked of it."""

    length: int
    limit: int = 3
    asked: list[int] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    fails_after: int | None = None
    hangs_after: int | None = None

    async def read(self, after: int) -> Sequence[Happened]:
        self.asked.append(after)
        if after == self.hangs_after:
            await asyncio.Event().wait()
        if after == self.fails_after:
            raise LogUnread("the log cannot be read")
        self.answered.append(after)
        return [Happened(n) for n in range(after + 1, min(after + self.limit, self.length) + 1)]

    async def all(self, after: int = 0, until: int | None = None, part: int = 2) -> list[int]:
        found: list[int] = []
        async with read_ahead(self.read, after=after, until=until, limit=self.limit, part=part) as parts:
            async for happened in parts:
                assert 0 < len(happened) <= part
                found += [each.position for each in happened]
        return found


@given(
    st.integers(0, 12),
    st.integers(1, 5),
    st.integers(0, 13),
    st.none() | st.integers(0, 13),
    st.integers(1, 6),
)
def test_every_event_comes_once_and_nothing_is_read_beyond_what_is_wanted(
    length: int, limit: int, after: int, until: int | None, part: int
) -> None:
    history = History(length, limit)

    found = asyncio.run(history.all(after, until, part))

    end = length if until is None else min(until, length)
    assert [position for position in found if position <= end] == list(range(after + 1, end + 1))
    assert found == sorted(set(found))
    assert until is None or all(asked < until for asked in history.asked)


async def test_the_next_page_is_asked_for_before_one_is_handed_out() -> None:
    history = History(8)
    async with read_ahead(history.read, limit=3) as pages:
        seen = [(page[-1].position, list(history.asked)) async for page in pages]

    assert seen == [(3, [0, 3]), (6, [0, 3, 6]), (8, [0, 3, 6])]


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_request_has_left_before_a_page_is_handed_out(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def received_meanwhile() -> bytes:
        ours, servers = socket.socketpair()
        servers.setblocking(False)
        _, writer = await asyncio.open_connection(sock=ours)
        history = History(9)

        async def read(after: int) -> Sequence[Happened]:
            writer.write(b"after %d;" % after)
            return await history.read(after)

        with servers:
            async with read_ahead(read, limit=3) as pages:
                async for _ in pages:
                    received = servers.recv(100)  # without giving way to the loop
                    break
            writer.close()
            await writer.wait_closed()
        return received

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(received_meanwhile()) == b"after 0;after 3;"


async def test_others_have_their_turn_between_the_parts_of_a_page() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(other())
        async with read_ahead(History(9, limit=9).read, limit=9, part=3) as parts:
            seen = [(len(part), turns) async for part in parts]
        task.cancel()

    assert [size for size, _ in seen] == [3, 3, 3]
    assert seen[0][1] < seen[1][1] < seen[2][1]


async def test_a_log_that_fails_does_so_at_its_page_and_in_its_own_words() -> None:
    history, found = History(9, fails_after=6), []
    with pytest.raises(LogUnread, match="cannot be read"):
        async with read_ahead(history.read, limit=3) as pages:
            async for page in pages:
                found += [happened.position for happened in page]

    assert found == [1, 2, 3, 4, 5, 6]


async def test_an_error_of_the_block_is_raised_as_it_is_and_ends_the_reading() -> None:
    history = History(9, hangs_after=3)
    with pytest.raises(ZeroDivisionError):
        async with read_ahead(history.read, limit=3) as pages:
            async for _ in pages:
                raise ZeroDivisionError

    assert history.asked == [0, 3]
    assert history.answered == [0]


async def test_whoever_leaves_early_waits_for_no_page() -> None:
    history = History(9, hangs_after=3)
    async with asyncio.timeout(30), read_ahead(history.read, limit=3) as pages:
        async for _ in pages:
            break

    assert history.answered == [0]


async def test_a_deadline_ends_the_waiting_for_a_page() -> None:
    history = History(9, hangs_after=3)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await history.all()
