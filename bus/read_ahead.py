"""History page by page, the next one on its way while one is worked on.

A page is asked for before the one before it is handed out, so that the server reads and sends it meanwhile.
Without that, a fold stands still for as long as each page takes: a third of a replay's time
(benchmarks/replay.py, 2026-11-30).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Protocol, TypeVar


class Placed(Protocol):
    """An event of the log."""

    @property
    def position(self) -> int:
        """Return its place in the log."""
        ...


P = TypeVar("P", bound=Sequence[Placed])


@asynccontextmanager
async def read_ahead(
    read: Callable[[int], Awaitable[P]], *, after: int = 0, until: int | None = None, limit: int
) -> AsyncIterator[AsyncIterator[P]]:
    """Provide the pages of a log after a position, none of them empty, in order.

    Args:
        read: returns up to ``limit`` events after a position; fewer where the log ends.
        after: position before the first event.
        until: position from which on nothing more is read; the last page may go beyond it. None: the end.
        limit: events per page at most.

    Raises:
        Exception: whatever ``read`` raises, at the page that it was to return.
    """
    try:
        async with asyncio.TaskGroup() as group, aclosing(_pages(group, read, after, until, limit)) as pages:
            yield pages
    except BaseExceptionGroup as failed:  # the group's only error is that of the block itself
        raise failed.exceptions[0] from None


async def _pages(
    group: asyncio.TaskGroup,
    read: Callable[[int], Awaitable[P]],
    after: int,
    until: int | None,
    limit: int,
) -> AsyncGenerator[P, None]:
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
                following = group.create_task(outcome(page[-1].position))
                # The task begins at the first, and what it wrote has left at the second.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            if page:
                yield page
    finally:
        if following:
            following.cancel()
