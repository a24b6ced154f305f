"""Keeps a view's table equal to what the log says: rows and checkpoint change in one transaction.

A killed runner resumes at its checkpoint; of two runners at once one waits for the other's lock on the
checkpoint and then finds its batch done. A rebuild makes the rows anew in a temporary table, from the log
alone, while readers see the old ones, and swaps them in one transaction; `verify` makes them the same way and
compares.
The pool is borrowed: its role needs what migrations/0100 grants, and temporary tables.
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from operator import attrgetter

import asyncpg
import orjson
import structlog

from bus.codec import UnknownEvent
from bus.ports import EventLog, LogError, PayloadPage, RecordedEvent, Where
from bus.read_ahead import read_ahead
from domain.kernel.event import Event
from projections.kernel.table import (
    CHECKPOINT_ADVANCE,
    CHECKPOINT_CREATE,
    CHECKPOINT_FAIL,
    CHECKPOINT_LOCK,
    Table,
)
from projections.kernel.view import Fact, View
from protocol.errors import WireError

BATCH_TIMEOUT_S = 30.0
"""One batch's transaction; far above what 500 events take, so it fires only when the server hangs."""

REBUILD_TIMEOUT_S = 3_600.0
RETRY_S = 1.0
"""Pause after a lost connection or a failed event, before trying again from the checkpoint."""

REPLAY_BATCH = 2_000

ERROR_CHARACTERS_MAX = 2_000

OPERATING_FAILURES = (
    OSError,  # includes TimeoutError and refused connections
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says of a session that was lost between two operations
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # the server is shutting down or starting
    asyncpg.TransactionRollbackError,  # deadlock or serialization: the next try may pass
    asyncpg.InsufficientResourcesError,  # disk full, too many connections
    asyncpg.ReadOnlySQLTransactionError,  # a replica that nobody has promoted yet
)
"""Errors of the server or the network, not of the event."""

Progress = Callable[[int, int], None]
"""Called with (position reached, position to reach)."""

logger = structlog.get_logger(__name__)


class ProjectionFailed(Exception):
    """An event could not be applied; the projection stands before it until code or data is mended."""

    def __init__(self, name: str, position: int, reason: str) -> None:
        super().__init__(
            f"projection {name} cannot apply the event at position {position}: {reason}; "
            "mend the code and restart, or the row and wait"
        )
        self.name = name
        self.position = position


@dataclass(frozen=True, slots=True)
class Comparison:
    """A view's rows against those of a rebuild at the same position."""

    name: str
    position: int
    rows: int
    differing: int
    """Rows that only one side has, or that differ (these count on both sides)."""
    first_difference: str
    """One such row as JSON, with its side; "" if there is none."""

    @property
    def ok(self) -> bool:
        """Say whether both sides are equal."""
        return self.differing == 0


class ProjectionRunner:
    """Runs one view. Any number of runners of the same view may run, in any processes."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        log: EventLog,
        view: View,
        *,
        decode_page: Callable[[PayloadPage], Sequence[Event]],
        now_us: Callable[[], int],
    ) -> None:
        self._pool = pool
        self._log = log
        self._view = view
        self._decode_page = decode_page
        self._now_us = now_us
        self._table = Table(view, view.name)
        self.position = 0
        """Last position applied, by this runner's knowledge."""

    async def run(self) -> None:
        """Apply the log for ever, from the checkpoint on; ends only by cancellation.

        A lost connection or a failing event is logged and tried again after `RETRY_S`; a failing event also
        stands in the checkpoint's ``error`` until it is passed.
        """
        while True:
            try:
                await self._follow()
            except (LogError, *OPERATING_FAILURES) as error:
                logger.warning("projection_interrupted", projection=self._view.name, error=repr(error))
            except ProjectionFailed as error:
                logger.exception("projection_failed", projection=self._view.name, position=error.position)
                await self._tell(error)
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        """Apply batches until the checkpoint turns out to be behind them."""
        self.position = await self.start()
        async with aclosing(self._log.subscribe(after=self.position)) as batches:
            async for batch in batches:
                if not await self.apply(batch):
                    return

    async def _tell(self, failure: ProjectionFailed) -> None:
        """Leave the reason where `projections.status` shows it; without a connection the log line must do."""
        with suppress(*OPERATING_FAILURES):
            async with asyncio.timeout(BATCH_TIMEOUT_S), self._pool.acquire() as connection:
                reason = str(failure).replace("\x00", "")[:ERROR_CHARACTERS_MAX]
                await connection.execute(CHECKPOINT_FAIL, self._view.name, reason)

    async def start(self) -> int:
        """Return the checkpoint's position, after a rebuild if its rows are of other code or another log."""
        async with asyncio.timeout(BATCH_TIMEOUT_S), self._pool.acquire() as connection:
            await connection.execute(CHECKPOINT_CREATE, self._view.name, self._view.version, self._now_us())
            checkpoint = await connection.fetchrow(CHECKPOINT_LOCK, self._view.name)
        head = await self._log.head()
        if checkpoint["view_version"] == self._view.version and checkpoint["position"] <= head.position:
            return int(checkpoint["position"])
        logger.info("projection_outdated", projection=self._view.name, position=checkpoint["position"])
        return await self.rebuild()

    async def apply(self, batch: Sequence[RecordedEvent]) -> bool:
        """Apply what of ``batch`` is not applied yet, and move the checkpoint, all or nothing.

        If an event fails, the batch is applied one by one up to it, so that the failure names its position.

        Returns:
            False if events before the batch are missing (the checkpoint was set back): read from there.

        Raises:
            ProjectionFailed: the view or a constraint of its table refuses an event.
        """
        try:
            return await self._apply_at_once(batch)
        except ProjectionFailed:
            if len(batch) == 1:
                raise
        for recorded in batch:
            if not await self._apply_at_once([recorded]):
                return False
        return True

    async def _apply_at_once(self, batch: Sequence[RecordedEvent]) -> bool:
        async with (
            asyncio.timeout(BATCH_TIMEOUT_S),
            self._pool.acquire() as connection,
            connection.transaction(),
        ):
            checkpoint = await connection.fetchrow(CHECKPOINT_LOCK, self._view.name)
            done = checkpoint["position"]
            rest = [recorded for recorded in batch if recorded.position > done]
            if rest and rest[0].position != done + 1:
                return False
            if rest:
                mine = (recorded for recorded in rest if recorded.type in self._view.types)
                await self._write(connection, self._table, PayloadPage.of(mine))
                done = rest[-1].position
                await connection.execute(
                    CHECKPOINT_ADVANCE, self._view.name, self._view.version, done, self._now_us()
                )
        self.position = done
        return True

    async def rebuild(self, progress: Progress | None = None) -> int:
        """Make all rows anew from the log alone, swap them in, and return the position they are true as of.

        Readers see the old rows until the swap; killed before it, nothing changed. A running runner waits
        only while the last events are caught up and the rows swapped.
        """
        async with self._rebuilt(progress, to_head=True) as (connection, scratch, position):
            await connection.execute(self._table.delete_all)
            await connection.execute(self._table.copy_from(scratch))
            await connection.execute(
                CHECKPOINT_ADVANCE, self._view.name, self._view.version, position, self._now_us()
            )
        self.position = position
        logger.info("projection_rebuilt", projection=self._view.name, position=position)
        return position

    async def verify(self, progress: Progress | None = None) -> Comparison:
        """Compare the rows with those of a rebuild at the checkpoint's position; changes nothing."""
        async with self._rebuilt(progress, to_head=False) as (connection, scratch, position):
            rows = await connection.fetchval(self._table.count)
            found = await connection.fetch(self._table.differences(scratch))
        first = f"{found[0]['side']}: {found[0]['row']}" if found else ""
        return Comparison(self._view.name, position, rows, len(found), first)

    @asynccontextmanager
    async def _rebuilt(
        self, progress: Progress | None, *, to_head: bool
    ) -> AsyncIterator[tuple[asyncpg.Connection, Table, int]]:
        """Yield a table made from the log alone, in a transaction that holds the checkpoint's lock."""
        scratch = Table(self._view, f"rebuilt_{self._view.name}")
        async with asyncio.timeout(REBUILD_TIMEOUT_S), self._pool.acquire() as connection:
            await connection.execute(CHECKPOINT_CREATE, self._view.name, self._view.version, self._now_us())
            await connection.execute(scratch.create_like(self._table))
            try:
                # Most of the log without the lock, so that the running projection goes on meanwhile.
                goal = await self._goal(connection, to_head=to_head)
                await self._replay(connection, scratch, 0, goal, progress)
                async with connection.transaction():
                    position = await self._goal(connection, to_head=to_head)
                    await self._replay(connection, scratch, goal, position, progress)
                    yield connection, scratch, position
            finally:
                await connection.execute(scratch.drop)

    async def _goal(self, connection: asyncpg.Connection, *, to_head: bool) -> int:
        """Return the position to rebuild to; within a transaction the checkpoint stays locked."""
        checkpoint = await connection.fetchrow(CHECKPOINT_LOCK, self._view.name)
        return (await self._log.head()).position if to_head else int(checkpoint["position"])

    async def _replay(
        self, connection: asyncpg.Connection, table: Table, after: int, goal: int, progress: Progress | None
    ) -> None:
        where = Where(types=sorted(self._view.types))

        def read(after: int) -> Awaitable[PayloadPage]:
            return self._log.read_payloads(after=after, limit=REPLAY_BATCH, where=where)

        batches = read_ahead(read, after=after, until=goal, limit=REPLAY_BATCH, part=REPLAY_BATCH)
        async with batches as pages:
            async for page in pages:
                upto = bisect_right(page, goal, key=attrgetter("position"))
                await self._write(connection, table, page[:upto])
                if progress and page[-1].position < goal:
                    progress(page[-1].position, goal)
        if progress and after < goal:
            progress(goal, goal)

    async def _write(self, connection: asyncpg.Connection, table: Table, page: PayloadPage) -> None:
        """Apply ``page`` to the rows of ``table``: one read and at most two writes, however many events."""
        if not page:
            return
        try:
            facts = self._facts(page)
            keys = {key for fact in facts for key in self._view.keys_of(fact)}
            found = await connection.fetch(table.load, table.keys_json(keys))
            rows = {table.key_of(row): row for row in (orjson.loads(record["row"]) for record in found)}
            changed = self._view.fold(rows, facts)
            if kept := [row for row in changed.values() if row is not None]:
                await connection.execute(table.upsert(kept[0]), orjson.dumps(kept).decode())
            if gone := [key for key, row in changed.items() if row is None]:
                await connection.execute(table.delete, table.keys_json(gone))
        except OPERATING_FAILURES:
            raise
        except Exception as error:  # whatever a view does wrong must stop this view only, and say where
            raise ProjectionFailed(
                self._view.name, page[0].position, f"{type(error).__name__}: {error}"
            ) from error

    def _facts(self, page: PayloadPage) -> list[Fact]:
        events = self._decode_page(page)
        for event in events:
            if isinstance(event, UnknownEvent):
                newer = f"{event.type} version {event.schema_version} is newer than this program; upgrade it"
                raise WireError("unsupported_version", "", newer)
        return [Fact(event, row[0], row[1]) for event, row in zip(events, page.rows, strict=True)]
