"""History page by page: complete, in order, asked for in time, and its errors are those of the log."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
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

    async def all(self, after: int = 0, until: int | None = None) -> list[int]:
        found: list[int] = []
        async with read_ahead(self.read, after=after, until=until, limit=self.limit) as pages:
            async for page in pages:
                assert page
                found += [happened.position for happened in page]
        return found


@given(st.integers(0, 12), st.integers(1, 5), st.integers(0, 13), st.none() | st.integers(0, 13))
def test_every_event_comes_once_and_nothing_is_read_beyond_what_is_wanted(
    length: int, limit: int, after: int, until: int | None
) -> None:
    history = History(length, limit)

    found = asyncio.run(history.all(after, until))

    end = length if until is None else min(until, length)
    assert [position for position in found if position <= end] == list(range(after + 1, end + 1))
    assert found == sorted(set(found))
    assert until is None or all(asked < until for asked in history.asked)


async def test_the_next_page_is_asked_for_before_one_is_handed_out() -> None:
    history = History(8)
    async with read_ahead(history.read, limit=3) as pages:
        seen = [(page[-1].position, list(history.asked)) async for page in pages]

    assert seen == [(3, [0, 3]), (6, [0, 3, 6]), (8, [0, 3, 6])]


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
