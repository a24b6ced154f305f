"""One leader per realm and work: who holds a Postgres session advisory lock, which ends with its session.

A leader that lost its connection without noticing may go on for a moment. A relay's publishes are harmless
then: the expected sequence refuses them, and both would publish the same bytes. So are commands of the inbox
(`bus.relay.inbox`): their ids have one effect. The leaders of clock, ledger and people are fenced by the
version of their stream (`handlers.clock.leader`, `handlers.ledger.desk`, `handlers.people.leader`).
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import asyncpg
import structlog

Work = Literal[
    "relay", "inbox", "clock", "ledger", "feed", "people", "weather", "market", "factions", "director"
]

STAND_BY_S: Mapping[Work, float] = {
    "relay": 0.5,
    "inbox": 0.5,
    "clock": 0.1,
    "ledger": 0.1,
    "feed": 0.5,
    "people": 0.5,
    "weather": 0.5,
    "market": 0.5,
    "factions": 0.5,
    "director": 0.5,
}
"""How often a stand-by tries: the gap after a leader's death is at most this, plus Postgres noticing."""

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 30.0

SILENCE_MAX_S = 6
"""Postgres ends a leader's session that is idle for longer, and the lock with it: a process that is stopped
(SIGSTOP, a sleeping laptop) must not lead. A working leader asks several times a second and waits for NATS
at most 5 s (`API_TIMEOUT_S`, `ACK_TIMEOUT_S`) in between. The session must not LISTEN: one that waits to send
notifications to a stopped process is not ended by that time-out."""

STUCK_S = 10
"""A stand-by ends a leader's session whose statement began so long ago: that time-out does not see a session
that waits for a stopped process to take its answer (found by a test). A leader's own take milliseconds.
Should one be slow for another reason, the lead changes, and nothing is harmed."""

# Purpose: become leader. Lock: one advisory lock of the session, released when it ends.
TRY_LOCK = "SELECT pg_try_advisory_lock($1)"

# Purpose: end a stuck leader, who has our own login. No lock. A lock of one bigint key has objsubid 1.
END_STUCK = """
SELECT pg_terminate_backend(activity.pid)
FROM pg_locks JOIN pg_stat_activity activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32 | objid::bigint) = $1
    AND activity.state = 'active' AND activity.query_start < now() - make_interval(secs => $2)
"""

WATCH_S = 1.0
"""How often the session that holds the lead is asked; idle for six seconds, Postgres ends it."""

AGAIN_S = 0.5

AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

WRITER = "aicore_writer"
"""The role of those who lead what appends events."""

logger = structlog.get_logger(__name__)


def relay_lock(realm: str) -> int:
    """Return the advisory lock's key of a realm's relay."""
    return lock_of("relay", realm)


def lock_of(work: Work, realm: str) -> int:
    """Return the key of a realm's lock for some work: 63 bits of a hash, clear of the log's own locks."""
    digest = hashlib.sha256(f"aicore-{work}\x00{realm}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@asynccontextmanager
async def lead(
    dsn: str, realm: str, *, role: str, name: str, work: Work = "relay"
) -> AsyncIterator[asyncpg.Connection]:
    """Wait until this process leads the realm's ``work`` and yield the connection that holds the lock.

    Raises:
        OSError, asyncpg.PostgresError: no connection; try again later.
    """
    lock = lock_of(work, realm)
    settings = {
        "search_path": f"realm_{realm}",
        "application_name": f"aicore {work} {name}",
        "idle_session_timeout": f"{SILENCE_MAX_S}s",
    }
    connection = await _connect(dsn, settings)  # only the login itself may end its own other sessions
    try:
        standing_by = False
        while not await connection.fetchval(TRY_LOCK, lock):
            if not standing_by:
                standing_by = True
                logger.info("stands_by", work=work, realm=realm)
            await asyncio.sleep(STAND_BY_S[work])
            if await connection.fetch(END_STUCK, lock, STUCK_S):
                logger.warning("ended_stuck_leader", work=work, realm=realm)
        await connection.execute(f"SET ROLE {role}")
        logger.info("leads", work=work, realm=realm)
        yield connection
    finally:
        connection.terminate()  # releases the lock at once, also on a broken connection


@asynccontextmanager
async def listen(
    dsn: str, realm: str, channel: str, *, role: str, wake: Callable[[], None]
) -> AsyncIterator[asyncpg.Connection]:
    """Call ``wake`` at every notification on ``channel``; yield the session, whose names mean the realm's."""
    settings = {"role": role, "application_name": f"aicore relay listens to {channel}"}
    settings |= {"search_path": f"realm_{realm}"}
    connection = await _connect(dsn, settings)
    try:
        await connection.add_listener(channel, lambda *_: wake())
        yield connection
    finally:
        connection.terminate()


async def while_leading(
    dsn: str, realm: str, do: Callable[[], Awaitable[None]], *, work: Work, name: str
) -> None:
    """Run ``do`` whenever this process leads the realm's ``work``, until cancelled.

    Without the log there is no leader. Once ``do`` is done the lead is given up, and taken again if no other
    process does.

    Raises:
        Exception: whatever ``do`` raises; losing Postgres is none.
    """
    while True:
        try:
            async with (
                lead(dsn, realm, role=WRITER, name=name, work=work) as connection,
                asyncio.TaskGroup() as group,
            ):
                watching = group.create_task(_watch(connection))
                await do()
                watching.cancel()
        except* AWAY as errors:
            logger.info("leader_waits_for_the_log", work=work, realm=realm, error=repr(errors.exceptions[0]))
        await asyncio.sleep(AGAIN_S)


async def _watch(connection: asyncpg.Connection) -> None:
    while True:
        await connection.fetchval("SELECT 1")
        await asyncio.sleep(WATCH_S)


async def _connect(dsn: str, settings: dict[str, str]) -> asyncpg.Connection:
    return await asyncpg.connect(
        dsn, server_settings=settings, timeout=CONNECT_TIMEOUT_S, command_timeout=COMMAND_TIMEOUT_S
    )
