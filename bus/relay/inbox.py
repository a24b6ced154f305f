"""Which process takes commands from the inbox: the one that holds the lead, which is a lock in Postgres.

Without the log there is no leader, so that nothing is handed out that cannot take effect. Two leaders, for
the moment in which a lost connection is not noticed, lose the order of commands, never their one effect.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import structlog

from bus.relay.leadership import lead

WATCH_S = 1.0
"""How often the session that holds the lead is asked; idle for six seconds, Postgres ends it."""

AGAIN_S = 0.5
ROLE = "aicore_writer"
"""Of the processes that carry commands out."""

AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

logger = structlog.get_logger(__name__)


async def lead_inbox(
    dsn: str, realm: str, consume: Callable[[], Coroutine[Any, Any, None]], *, name: str
) -> None:
    """Run what ``consume`` makes whenever this process leads, until cancelled.

    Raises:
        Exception: whatever ``consume`` raises; losing Postgres is none.
    """
    while True:
        try:
            async with (
                lead(dsn, realm, role=ROLE, name=name, work="inbox") as connection,
                asyncio.TaskGroup() as group,
            ):
                group.create_task(consume())
                group.create_task(_watch(connection))
        except* AWAY as errors:
            logger.info("inbox_waits_for_the_log", realm=realm, error=repr(errors.exceptions[0]))
        await asyncio.sleep(AGAIN_S)


async def _watch(connection: asyncpg.Connection) -> None:
    while True:
        await connection.fetchval("SELECT 1")
        await asyncio.sleep(WATCH_S)
