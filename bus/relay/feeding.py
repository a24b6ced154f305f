"""Which process feeds the places: the one that holds the lead, a lock in Postgres beside the relay's.

A leader has an epoch, greater than every earlier leader's: Postgres's next transaction number, taken with the
lock in hand. One that was stopped for longer than `SURE_S` cannot know that it still leads, and sends nothing
more.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import structlog

from bus.relay.leadership import lead

WATCH_S = 0.5
SURE_S = 3.0
"""So long after Postgres last answered a leader is sure to lead: half of what its session may be silent."""

AGAIN_S = 0.5
ROLE = "aicore_relay"

# Purpose: a number that only grows. Lock: none; the number is used up.
NEXT_EPOCH = "SELECT pg_current_xact_id()::text::bigint"

AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

logger = structlog.get_logger(__name__)

Feed = Callable[[int, Callable[[], bool]], Coroutine[Any, Any, None]]
"""Feeds as the leader of an epoch, until a function says no more."""


class Sure:
    """Whether a leader may be sure that it leads. ``clock``: seconds that pass while one is stopped, too."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()
        self._over = False

    def __call__(self) -> bool:
        """Say whether it is sure; once it was not, it never is again."""
        self._over = self._over or self._clock() - self._since > SURE_S
        return not self._over

    async def ask(self, connection: asyncpg.Connection) -> None:
        """Ask Postgres over the session that holds the lock; what counts is when one asked."""
        asked = self._clock()
        await connection.fetchval("SELECT 1")
        self._since = asked


async def lead_feed(dsn: str, realm: str, feed: Feed, *, name: str, clock: Callable[[], float]) -> None:
    """Feed whenever this process leads, until cancelled.

    Raises:
        Exception: whatever ``feed`` raises; losing Postgres is none.
    """
    while True:
        try:
            async with lead(dsn, realm, role=ROLE, name=name, work="feed") as connection:
                sure = Sure(clock)
                epoch = await connection.fetchval(NEXT_EPOCH)
                async with asyncio.TaskGroup() as group:
                    feeding = group.create_task(feed(epoch, sure))
                    group.create_task(_watch(connection, sure, feeding))
                logger.info("feeds_no_more", realm=realm, epoch=epoch)
        except* AWAY as errors:
            logger.info("feed_waits_for_the_log", realm=realm, error=repr(errors.exceptions[0]))
        await asyncio.sleep(AGAIN_S)


async def _watch(connection: asyncpg.Connection, sure: Sure, feeding: asyncio.Task[None]) -> None:
    while not feeding.done():
        await sure.ask(connection)
        await asyncio.wait({feeding}, timeout=WATCH_S)
