"""Trying again: one idea of what is tried again, how long is waited, and when it is given up.

Only the errors that the caller names are tried again; a cancellation or a bug ends it at once. Jobs that are
due every few seconds, and followers of the log, are no retries and keep loops of their own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class Backoff:
    """Pauses after failures in a row: each up to twice the one before, half of it random."""

    def __init__(self, draw: Callable[[], float], *, s_min: float, s_max: float) -> None:
        """Take ``draw``, which returns a random number from 0 to 1; the first and the longest pause, s."""
        self._draw = draw
        self._s_min = s_min
        self._s_max = s_max
        self.failures = 0

    def failed(self) -> float:
        """Return the seconds to wait after one more failure."""
        longest = min(self._s_max, self._s_min * 2.0 ** min(self.failures, 32))
        self.failures += 1
        return longest * (0.5 + self._draw() / 2)

    def succeeded(self) -> None:
        """Begin anew."""
        self.failures = 0


async def until_done(
    attempt: Callable[[], Awaitable[T]],
    *,
    on: type[Exception] | tuple[type[Exception], ...],
    pause: Backoff | float,
    failed: Callable[[Exception, float], None] | None = None,
) -> T:
    """Return what ``attempt`` returns, trying it again after each error of ``on``, for ever.

    Args:
        attempt: makes one try; what it raises besides ``on`` is raised.
        on: the errors after which another try may succeed.
        pause: seconds between two tries, or what says them.
        failed: is told each error and the seconds until the next try.
    """
    while True:
        try:
            found = await attempt()
        except on as error:
            wait_s = pause.failed() if isinstance(pause, Backoff) else pause
            if failed:
                failed(error, wait_s)
        else:
            if isinstance(pause, Backoff):
                pause.succeeded()
            return found
        await asyncio.sleep(wait_s)


async def until_seen(look: Callable[[], Awaitable[T | None]], *, every_s: float, within_s: float) -> T | None:
    """Return what ``look`` sees once that is something; None if it saw nothing within ``within_s``.

    For what is a moment behind: a view, a board, an engine that drains. It is looked at least once, and no
    look is broken off.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + within_s
    while (seen := await look()) is None and clock() + every_s <= end:  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(every_s)
    return seen
