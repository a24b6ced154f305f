"""Reads of the log that somebody waits for: at most a second, and a late one goes on in the background.

It is not cancelled: a session whose server stands still takes as long to let go of (docs/decisions.md).
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from bus.ports import LogUnread

LOOK_UP_S = 1.0
"""Longest wait for the log: a player must not wait for it."""

T = TypeVar("T")


class LookUp:
    """Reads for one caller; keeps what is late until it ends."""

    def __init__(self) -> None:
        self._reading: set[asyncio.Future[Any]] = set()

    async def __call__(self, read: Coroutine[Any, Any, T], within_s: float | None = None) -> T:
        """Return what ``read`` returns, if it does so in `LOOK_UP_S`, or in ``within_s`` if that is shorter.

        Raises:
            LogUnread: it took longer. And whatever ``read`` raises.
        """
        most_s = LOOK_UP_S if within_s is None else min(LOOK_UP_S, max(0.0, within_s))
        task = asyncio.ensure_future(read)
        self._reading.add(task)
        task.add_done_callback(self._done)
        done, _ = await asyncio.wait({task}, timeout=most_s)
        if not done:
            raise LogUnread(f"no answer in {most_s:g} s")
        return task.result()

    def _done(self, task: asyncio.Future[Any]) -> None:
        self._reading.discard(task)
        if not task.cancelled():
            task.exception()  # seen, or asyncio would report it as lost
