"""One realm's log on Postgres: the group-commit writer, the reads, and subscriptions from old to live.

Readers see positions without gaps at all times, because they become visible in order (migrations/0005); no
reader ever looks at transaction ids, so a transaction held open elsewhere in the database stalls nobody.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from math import inf
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from bus.ports import (
    AppendResult,
    ClockWrong,
    Head,
    InvalidAppend,
    LogUnavailable,
    LogUnread,
    PayloadPage,
    RecordedEvent,
    StreamWrite,
    Where,
)
from bus.postgres.clock import SKEW_US_MAX, ServerClock
from bus.postgres.connect import AWAY, connect, connect_pool
from bus.postgres.tail import POLL_S, Tail
from bus.postgres.writer import GroupWriter
from bus.retry import until_done
from protocol.chain import genesis

READ_TIMEOUT_S = 30.0
RETRY_S = 0.2
"""Pause before a lost session is opened again."""

NOTIFY_PAUSE_S = 0.004
"""Least time between two notifications, of all writers: NOTIFY takes a lock of the whole server at its
commit, and wakes every process that follows the log."""

NOTIFY_WAIT_S = 4 * NOTIFY_PAUSE_S
"""Longest time for which a commit waits to be announced with a later one."""

POSITION_DIGITS_MAX = 18
"""Digits of a position that is believed; more are no position, and cost time to read."""

HEARD_MAX = 10_000
"""Notifications in a second that are listened to: each writer sends 250 at most."""

DEAF_S = 5.0
"""Pause without listening after a flood."""

COMPARE_CLOCKS_S = 5.0
"""Longest time between two comparisons of our clock with the server's."""

READERS_MAX = 6

PAYLOAD_COLUMNS = "position, recorded_us, type, schema_version, payload"
COLUMNS = "position, stream, version, id, type, schema_version, recorded_us, meta, payload, hash"

# Index event_stream_version; no locks beyond those of a read.
READ_STREAM = f"SELECT {COLUMNS} FROM event WHERE stream = $1 AND version > $2 ORDER BY version LIMIT $3"  # noqa: S608 - constants

# Index event_stream_version; no locks beyond those of a read.
READ_STREAM_PAYLOADS = (
    f"SELECT {PAYLOAD_COLUMNS} FROM event WHERE stream = $1 AND version > $2 ORDER BY version LIMIT $3"  # noqa: S608 - constants
)

# Index event_id.
FIND = f"SELECT {COLUMNS} FROM event WHERE id = $1"  # noqa: S608 - constants

HEAD = "SELECT position, hash FROM event ORDER BY position DESC LIMIT 1"

logger = structlog.get_logger(__name__)


class PostgresLog:
    """An `EventLog`; made by `open_log`."""

    def __init__(
        self, pool: asyncpg.Pool, realm: str, writer: GroupWriter | None, clock: ServerClock
    ) -> None:
        self._pool = pool
        self._realm = realm
        self._writer = writer
        self.clock = clock
        """Of a log that is open for writing."""
        self.reachable = True
        self.tail = Tail(lambda after, limit: self.read_all(after=after, limit=limit), self.head)

    @property
    def clock_wrong(self) -> str:
        """What is wrong with this process's clock, or ""; see the port."""
        return str(ClockWrong(self.clock.skew_us)) if self.clock.wrong else ""

    def now_us(self) -> int:
        """Return the log's time by now; see the port."""
        return self.clock.now_us()

    async def append(self, *writes: StreamWrite) -> AppendResult:
        """Append all writes or none, durably; see the port."""
        if self._writer is None:
            raise InvalidAppend("this log was opened for reading; open it with writer=True")
        return await self._writer.append(writes)

    async def read_stream(self, stream: str, *, after: int = 0, limit: int = 1_000) -> list[RecordedEvent]:
        """Return events of one stream; see the port."""
        return _recorded(await self._fetch(READ_STREAM, stream, after, limit))

    async def read_all(
        self, *, after: int = 0, limit: int = 1_000, where: Where = Where()
    ) -> list[RecordedEvent]:
        """Return events of the log; see the port."""
        return await self._page(after, limit, where, None)

    async def read_payloads(
        self, *, after: int = 0, limit: int = 1_000, where: Where = Where()
    ) -> PayloadPage:
        """Return payloads of the log; see the port."""
        return PayloadPage(await self._rows(PAYLOAD_COLUMNS, after, limit, where))

    async def read_stream_payloads(self, stream: str, *, after: int = 0, limit: int = 1_000) -> PayloadPage:
        """Return payloads of one stream; see the port."""
        return PayloadPage(await self._fetch(READ_STREAM_PAYLOADS, stream, after, limit))

    async def find(self, event_id: UUID) -> RecordedEvent | None:
        """Return the event with this id; see the port."""
        found = _recorded(await self._fetch(FIND, event_id))
        return found[0] if found else None

    async def head(self) -> Head:
        """Return the end of the log."""
        rows = await self._fetch(HEAD)
        return Head(rows[0]["position"], rows[0]["hash"]) if rows else Head(0, genesis(self._realm))

    async def subscribe(
        self, *, after: int = 0, where: Where = Where(), batch_max: int = 500, pause_s: float = 0.0
    ) -> AsyncGenerator[list[RecordedEvent], None]:
        """Yield events after a position and then live ones; see the port."""
        now, seen = asyncio.get_running_loop().time, -inf

        async def page() -> tuple[int | None, list[RecordedEvent]]:
            known = self.tail.after(after, where, batch_max)
            if known is not None:
                return known
            # With a filter the end is looked up first: up to there nothing needs to be looked at again.
            filtered = bool(where.types or where.context or where.stream_prefix)
            upto = (await self.head()).position if filtered else None
            return upto, await self._page(after, batch_max, where, upto)

        self.tail.followers += 1
        try:
            while True:
                looked, seen = self.tail.looked, now()
                upto, batch = await until_done(page, on=LogUnavailable, pause=RETRY_S)
                if len(batch) < batch_max and upto is not None:
                    after = max(after, upto)
                elif batch:
                    after = batch[-1].position
                if batch:
                    yield batch
                if len(batch) < batch_max:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(POLL_S):
                            await looked.wait()
                    await asyncio.sleep(seen + pause_s - now())
        finally:
            self.tail.followers -= 1

    def wake(self) -> None:
        """Let every subscription look for news."""
        self.tail.wake()

    async def _page(self, after: int, limit: int, where: Where, upto: int | None) -> list[RecordedEvent]:
        return _recorded(await self._rows(COLUMNS, after, limit, where, upto=upto))

    async def _rows(
        self, columns: str, after: int, limit: int, where: Where, *, upto: int | None = None
    ) -> list[Any]:
        conditions, arguments = ["position > $1"], [after, limit]
        for condition, value in (
            ("position <= ${}", upto),
            ("type = ANY(${}::text[])", list(where.types) or None),
            ("starts_with(type, ${})", f"{where.context}." if where.context else None),
            ("starts_with(stream, ${})", where.stream_prefix or None),
        ):
            if value is not None:
                arguments.append(value)  # type: ignore[arg-type]  # the list holds a query's arguments of any kind
                conditions.append(condition.format(len(arguments)))
        # Index event_pkey, in order, so that LIMIT stops it early.
        query = f"SELECT {columns} FROM event WHERE {' AND '.join(conditions)} ORDER BY position LIMIT $2"  # noqa: S608 - constants only
        return await self._fetch(query, *arguments)

    async def _fetch(self, query: str, *arguments: Any) -> list[Any]:
        try:
            async with self._pool.acquire(timeout=READ_TIMEOUT_S) as session:
                try:
                    rows: list[Any] = await session.fetch(query, *arguments, timeout=READ_TIMEOUT_S)
                except AWAY:
                    session.terminate()
                    raise
        except AWAY as error:
            self.reachable = False
            raise LogUnread(f"the log cannot be read ({type(error).__name__}); try again") from error
        self.reachable = True
        return rows


# `RecordedEvent._make` without its Python frame: a replay makes hundreds of thousands a second.
_make: Callable[[Any], RecordedEvent] = partial(tuple.__new__, RecordedEvent)


def _recorded(rows: list[Any]) -> list[RecordedEvent]:
    return list(map(_make, rows))


@asynccontextmanager
async def open_log(
    dsn: str,
    realm: str,
    *,
    now_us: Callable[[], int],
    writer: bool = True,
    skew_us_max: int | None = SKEW_US_MAX,
) -> AsyncIterator[PostgresLog]:
    """Open a realm's log for as long as the block lasts; the realm must have been migrated.

    Args:
        dsn: connection string of a user who may take the roles aicore_writer and aicore_reader.
        realm: the realm's name.
        now_us: the clock that stamps events, µs since 1970.
        writer: False for a process that only reads; its role then cannot append either.
        skew_us_max: most that ``now_us`` may differ from the server's clock; None: a test's own time.

    Raises:
        LogUnavailable: the server is away.
    """
    role = "aicore_writer" if writer else "aicore_reader"
    try:
        pool = await connect_pool(dsn, realm, role=role, size_max=READERS_MAX, jit="off")
    except AWAY as error:
        raise LogUnavailable(f"no log at the server ({type(error).__name__}: {error})") from error
    clock = ServerClock(now_us, asyncio.get_running_loop().time, skew_us_max)
    notifier = _Notifier(dsn, realm, clock)
    log = PostgresLog(pool, realm, None, clock)
    tasks: list[asyncio.Task[None]] = []
    try:
        async with _plain() as failed, asyncio.TaskGroup() as group:
            if writer:

                def committed(position: int) -> None:
                    log.wake()
                    notifier.tell(position)

                log._writer = GroupWriter(dsn, realm, now_us=now_us, on_commit=committed, clock=clock)
                tasks.append(group.create_task(log._writer.run()))
                tasks.append(group.create_task(notifier.run()))

            def heard(pid: int, position: str) -> None:
                log.wake()
                notifier.heard(pid, position)

            tasks.append(group.create_task(_listen(dsn, realm, role, heard)))
            tasks.append(group.create_task(log.tail.run()))
            try:
                yield log
            except Exception as error:
                failed.append(error)
                raise
            finally:
                for task in tasks:
                    task.cancel()
    finally:
        with suppress(TimeoutError, *AWAY):
            async with asyncio.timeout(RETRY_S * 10):
                await pool.close()


@asynccontextmanager
async def _plain() -> AsyncIterator[list[Exception]]:
    """Raise what is in the list as it is, where it is all that failed in the group within."""
    failed: list[Exception] = []
    try:
        yield failed
    except ExceptionGroup as errors:
        if list(errors.exceptions) != failed:
            raise
        raise failed[0] from failed[0].__cause__


def channel_of(realm: str) -> str:
    """Return the NOTIFY channel of a realm; its payload is the log's last position."""
    return f"aicore_{realm}"


class _Notifier:
    """Wakes readers in other processes, outside the write transactions and not too often.

    Whoever is woken reads to the log's end, so one announcement serves all commits before it, whoever made
    them. Were each writer to announce its own, ten writers with ten readers would spend half of their time on
    it (profiled 2026-11-30). So each waits until the others have been quiet for a moment, not all for the
    same one, and says nothing if its commit has been announced meanwhile.

    Its session also compares the clocks, so that it is known how they stand when nobody appends.
    """

    def __init__(self, dsn: str, realm: str, clock: ServerClock) -> None:
        self._dsn = dsn
        self._realm = realm
        self._clock = clock
        self._position = 0
        self._pid: int | None = None
        self._announced = 0
        """Position of the last announcement of another writer."""
        self._quiet_at = 0.0
        self._news = asyncio.Event()

    def tell(self, position: int) -> None:
        """Have the position announced soon."""
        self._position = position
        self._news.set()

    def heard(self, pid: int, position: str) -> None:
        """Hear an announcement. Anybody who may log in can make one up, and so delay ours: by `POLL_S`."""
        if pid == self._pid:
            return
        pause = NOTIFY_PAUSE_S * (1 + random.random())  # noqa: S311 - no secret
        self._quiet_at = asyncio.get_running_loop().time() + pause
        if position.isdecimal() and len(position) <= POSITION_DIGITS_MAX:
            self._announced = int(position)

    async def run(self) -> None:
        """Announce until cancelled. A lost announcement costs its readers `POLL_S` at most."""
        await until_done(self._announce, on=AWAY, pause=RETRY_S)

    async def _announce(self) -> None:
        session = await connect(self._dsn, self._realm, role="aicore_writer", synchronous_commit="off")
        self._pid = session.get_server_pid()
        try:
            while True:
                if not self._clock.fresh:
                    await self._clock.measure(session)
                await asyncio.sleep(NOTIFY_PAUSE_S)
                with suppress(TimeoutError):
                    async with asyncio.timeout(COMPARE_CLOCKS_S):
                        await self._news.wait()
                if self._news.is_set():
                    self._news.clear()
                    await self._quiet()
                    if self._announced < self._position:
                        await session.execute(
                            "SELECT pg_notify($1, $2)", channel_of(self._realm), str(self._position)
                        )
        finally:
            session.terminate()

    async def _quiet(self) -> None:
        """Wait until nobody has announced anything for a moment, or our position."""
        now = asyncio.get_running_loop().time
        latest = now() + NOTIFY_WAIT_S
        while self._announced < self._position and (rest := min(self._quiet_at, latest) - now()) > 0:  # noqa: ASYNC110 - it ends at a time
            await asyncio.sleep(rest)


async def _listen(dsn: str, realm: str, role: str, heard: Callable[[int, str], None]) -> None:
    """Hand each announcement on, until cancelled; a lost session is opened again."""
    flood = Flood(asyncio.get_running_loop().time)

    async def session() -> None:
        closed, opened = asyncio.Event(), await connect(dsn, realm, role=role)

        def hear(_session: object, pid: int, _channel: str, position: object) -> None:
            heard(pid, str(position))
            if flood.rises():
                closed.set()

        try:
            opened.add_termination_listener(lambda _: closed.set())
            await opened.add_listener(channel_of(realm), hear)
            heard(0, "")
            await closed.wait()
        finally:
            opened.terminate()

    while True:
        await until_done(session, on=AWAY, pause=RETRY_S)
        if flood.risen:  # any login may notify; without listening, news are found by looking
            logger.warning("notifications_flood", realm=realm)
            await asyncio.sleep(DEAF_S)


class Flood:
    """Tells more notifications than all writers of a realm send from what they do."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = 0
        self._heard = 0

    def rises(self) -> bool:
        """Count one; return whether it is one too many."""
        second = int(self._clock())
        self._heard = self._heard + 1 if second == self._second else 1
        self._second = second
        return self.risen

    @property
    def risen(self) -> bool:
        """Whether the last one was one too many."""
        return self._heard > HEARD_MAX
