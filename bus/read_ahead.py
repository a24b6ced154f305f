"""History page by page, the next one on its way while one is worked on.

A page is asked for before the one before it is handed out, so that the server reads and sends it meanwhile.
It is handed out in parts, with a turn of the loop between: what else runs there need not wait for a whole
page, what the server sends is taken in, and what is made of a part stays in the processor's cache (an eighth
less CPU than for 2,000 events at once, measured with benchmarks/replay.py on 2026-11-30).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Protocol, TypeVar

from bus.ports import EventLog, PayloadPage


class Placed(Protocol):
    """An event of the log."""

    @property
    def position(self) -> int:
        """Return its place in the log."""
        ...


P = TypeVar("P", bound=Sequence[Placed])

PART = 200
"""Events handed out at a time: about 0.5 ms of decoding."""


@asynccontextmanager
async def read_ahead(  # noqa: PLR0913 - each has a default
    read: Callable[[int], Awaitable[P]],
    *,
    after: int = 0,
    until: int | None = None,
    limit: int,
    part: int = PART,
    reached: Callable[[P], int] | None = None,
) -> AsyncIterator[AsyncIterator[P]]:
    """Provide the events of a log after a position, in order, in parts of pages that are never empty.

    Args:
        read: returns up to ``limit`` events after a position; fewer where the log ends.
        after: position before the first event.
        until: position from which on nothing more is read; the last page may go beyond it. None: the end.
        limit: events per page at most.
        part: events handed out at a time at most.
        reached: returns where a page that was read ends, to read on from there; None: at its last position.

    Raises:
        Exception: whatever ``read`` raises, at the page that it was to return.
    """
    try:
        async with (
            asyncio.TaskGroup() as group,
            aclosing(_pages(group, read, (after, until), limit, reached or _position)) as pages,
            aclosing(_parts(pages, part)) as parts,
        ):
            yield parts
    except BaseExceptionGroup as failed:  # the group's only error is that of the block itself
        raise failed.exceptions[0] from None


@asynccontextmanager
async def stream_ahead(
    log: EventLog, stream: str, *, after: int = 0, limit: int
) -> AsyncIterator[AsyncIterator[PayloadPage]]:
    """Provide a stream's events after a version, as `read_ahead` does; versions have no gap."""
    version = after

    def read(after: int) -> Awaitable[PayloadPage]:
        return log.read_stream_payloads(stream, after=after, limit=limit)

    def reached(page: PayloadPage) -> int:
        nonlocal version
        version += len(page)
        return version

    async with read_ahead(read, after=after, limit=limit, reached=reached) as parts:
        yield parts


def _position(page: Sequence[Placed]) -> int:
    return page[-1].position


async def _pages(
    group: asyncio.TaskGroup,
    read: Callable[[int], Awaitable[P]],
    between: tuple[int, int | None],
    limit: int,
    reached: Callable[[P], int],
) -> AsyncGenerator[P, None]:
    after, until = between

    async def outcome(after: int) -> P | Exception:
        try:
            return await read(after)
        except Exception as error:  # raised where the page is asked for, not as an error of the group
            return error

    following = group.create_task(outcome(after)) if until is None or after < until else None
    try:
        while following:
            page = await following
            if isinstance(page, Exception):
                raise page
            following = None
            if len(page) == limit and (until is None or page[-1].position < until):
                following = group.create_task(outcome(reached(page)))
                await asyncio.sleep(0)  # it begins
            if page:
                yield page
    finally:
        if following:
            following.cancel()


async def _parts(pages: AsyncIterator[P], part: int) -> AsyncGenerator[P, None]:
    async for page in pages:
        for start in range(0, len(page), part):
            if start:
                await asyncio.sleep(0)
            yield page[start : start + part]  # type: ignore[misc]  # a part of a sequence is one of its kind
