"""The group commit: all appends that wait are one transaction, so one fsync pays for all of them.

One group is on its way at a time; the next is whatever has gathered meanwhile, and never waits for a timer.
The group is one call of `log_append` (migrations/0003), planned from the remembered end of the log. If
another process appends all the time, that memory is always outdated; after `MISSES_MAX` misses the writer
therefore takes the lock first and plans under it. Only there could a stopped writer hold others up, and only
for `IDLE_IN_TRANSACTION_MS`: then Postgres ends its session, and its commit fails with `Fenced`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog

from bus.checks import check_writes
from bus.memory import first_result
from bus.ports import (
    AppendResult,
    Fenced,
    IdConflict,
    LogError,
    LogUnavailable,
    RecordedEvent,
    StreamWrite,
    VersionConflict,
)
from bus.postgres.connect import AWAY, connect
from bus.postgres.planning import GROUP_BYTES_MAX, GROUP_EVENTS_MAX, Plan, Tip, plan_group, remember
from protocol.chain import genesis

COMMIT_TIMEOUT_S = 15.0
IDLE_IN_TRANSACTION_MS = 1_000
TRANSACTION_MS = 10_000
"""Longest transaction of a writer, lock waits included."""

MISSES_MAX = 2
STREAMS_KNOWN_MAX = 10_000
ROUNDS_MAX = 100
"""Plans of one group; each one settles something, so this many mean a bug."""

APPEND = "SELECT * FROM log_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
LOCK = "SELECT pg_advisory_xact_lock('event'::regclass::oid::bigint)"
TIP = "SELECT position, hash, recorded_us FROM event ORDER BY position DESC LIMIT 1"
BY_ID = """
SELECT position, stream, version, id, type, schema_version, recorded_us, meta, payload, hash
FROM event WHERE id = ANY($1)
"""

FENCE_STATES = ("25P03", "25P04")
"""SQLSTATEs idle_in_transaction_session_timeout and transaction_timeout."""

logger = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Waiting:
    writes: tuple[StreamWrite, ...]
    future: asyncio.Future[AppendResult]
    events: int
    bytes: int


class GroupWriter:
    """Appends to one realm's log over one session of its own. `run` must be running."""

    def __init__(
        self, dsn: str, realm: str, *, now_us: Callable[[], int], on_commit: Callable[[int], None]
    ) -> None:
        self._dsn = dsn
        self._realm = realm
        self._now_us = now_us
        self._on_commit = on_commit
        self._session: asyncpg.Connection | None = None
        self._append: Any = None
        self._tip = Tip(0, b"", 0)
        self._known: dict[str, int] = {}
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()

    async def append(self, writes: tuple[StreamWrite, ...]) -> AppendResult:
        """Return once the writes are durable; raises as `bus.ports.EventLog.append` says."""
        events, size = check_writes(writes)
        waiting = _Waiting(writes, asyncio.get_running_loop().create_future(), events, size)
        self._queue.append(waiting)
        self._wake.set()
        return await waiting.future

    async def run(self) -> None:
        """Commit groups until cancelled; whoever still waits then is told that the log is closed."""
        group: list[_Waiting] = []
        try:
            while True:
                if not self._queue:
                    self._wake.clear()
                    await self._wake.wait()
                group = self._take()
                if group:
                    await self._commit_or_fail(group)
        finally:
            for waiting in (*group, *self._queue):
                _fail(waiting, LogUnavailable("the log was closed before the append was confirmed"))
            self._queue.clear()
            self._drop_session()

    def _take(self) -> list[_Waiting]:
        """Take what waits, up to the limits of a group; callers that gave up are left out."""
        group: list[_Waiting] = []
        events = size = 0
        while self._queue:
            waiting = self._queue[0]
            events += waiting.events
            size += waiting.bytes
            if group and (events > GROUP_EVENTS_MAX or size > GROUP_BYTES_MAX):
                break
            self._queue.popleft()
            if not waiting.future.done():
                group.append(waiting)
        return group

    async def _commit_or_fail(self, group: list[_Waiting]) -> None:
        """Commit a group; whatever goes wrong reaches its callers, and the writer goes on."""
        try:
            await self._commit(group)
        except LogError as error:
            self._drop_session()
            _fail_all(group, error)
        except AWAY as error:
            self._drop_session()
            logger.warning("log_unavailable", realm=self._realm, error=repr(error))
            _fail_all(
                group, LogUnavailable(f"the log is away ({type(error).__name__}); retry with the same ids")
            )
        except asyncpg.PostgresError as error:
            self._drop_session()
            logger.exception("log_append_failed", realm=self._realm)
            _fail_all(group, LogError(f"Postgres refused the append: {error}"))

    async def _commit(self, group: list[_Waiting]) -> None:
        misses = 0
        for _ in range(ROUNDS_MAX):
            if not group:
                return
            session = await self._open_session()
            try:
                if misses < MISSES_MAX:
                    plan, status = await self._try_plan(group)
                else:
                    plan, status = await self._try_locked(session, group)
            except asyncpg.UniqueViolationError as error:
                if error.constraint_name == "event_id":
                    group = await self._settle_known(session, group)
                else:
                    await self._load_tip(session)
                    misses += 1
                continue
            if status == "done":
                group = await self._settle(session, group, plan)
            elif status == "moved":
                misses += 1
        _fail_all(group, LogError(f"no plan held in {ROUNDS_MAX} rounds"))

    async def _try_plan(self, group: list[_Waiting]) -> tuple[Plan, str]:
        """Plan from memory and let the database judge; learn from its answer."""
        plan = plan_group([waiting.writes for waiting in group], self._tip, self._known, self._now_us())
        row = await self._append.fetchrow(
            self._tip.position,
            self._tip.hash,
            list(plan.unsure),
            list(plan.unsure.values()),
            plan.tip.recorded_us,
            *plan.columns(),
            timeout=COMMIT_TIMEOUT_S,
        )
        status: str = row["status"]
        if status == "moved":
            self._remember_tip(row["head_position"], row["head_hash"], row["head_recorded_us"])
        elif status == "stale":
            remember(
                self._known,
                dict(zip(row["stale_streams"], row["stale_versions"], strict=True)),
                STREAMS_KNOWN_MAX,
            )
        return plan, status

    async def _try_locked(self, session: asyncpg.Connection, group: list[_Waiting]) -> tuple[Plan, str]:
        """Take the lock, plan under it, commit.

        Raises:
            Fenced: Postgres ended the session before the commit was asked for.
        """
        try:
            transaction = session.transaction()
            await transaction.start()
            await session.execute(LOCK)
            await self._load_tip(session)
            await self.reserved()
            plan, status = await self._try_plan(group)
            while status == "stale":
                plan, status = await self._try_plan(group)
        except asyncpg.UniqueViolationError:
            await transaction.rollback()
            raise
        except (*AWAY, asyncpg.InvalidTransactionStateError) as error:
            raise Fenced(
                f"this writer was too slow while it held the log and was overtaken ({type(error).__name__}); "
                "nothing was written, append again"
            ) from error
        await transaction.commit()
        return plan, status

    async def reserved(self) -> None:
        """Do nothing: the point between reservation and commit, where a test stops the process."""

    async def _settle(self, session: asyncpg.Connection, group: list[_Waiting], plan: Plan) -> list[_Waiting]:
        """Tell everyone what came of a plan that holds; return those who must wait for the next."""
        self._tip = plan.tip
        remember(self._known, plan.heads, STREAMS_KNOWN_MAX)
        later: list[_Waiting] = []
        refused: list[_Waiting] = []
        for waiting, outcome in zip(group, plan.outcomes, strict=True):
            if outcome is None:
                later.append(waiting)
            elif isinstance(outcome, VersionConflict):
                refused.append(waiting)
            elif not waiting.future.done():
                waiting.future.set_result(outcome)
        if plan.rows:
            self._on_commit(plan.tip.position)
        if refused:
            # A conflict may be a retry: its first try changed the version. The ids tell.
            conflicts = dict(zip(group, plan.outcomes, strict=True))
            for waiting in await self._settle_known(session, refused):
                conflict = conflicts[waiting]
                assert isinstance(conflict, VersionConflict)
                _fail(waiting, conflict)
        return later

    async def _settle_known(self, session: asyncpg.Connection, group: Sequence[_Waiting]) -> list[_Waiting]:
        """Give those whose ids the log holds their first result, or the conflict; return the others."""
        ids = [event.id for waiting in group for write in waiting.writes for event in write.events]
        rows = await session.fetch(BY_ID, ids, timeout=COMMIT_TIMEOUT_S)
        known = {row["id"]: RecordedEvent._make(row) for row in rows}
        others: list[_Waiting] = []
        for waiting in group:
            pairs = [(w.stream, event, known.get(event.id)) for w in waiting.writes for event in w.events]
            try:
                result = first_result(pairs)
            except IdConflict as error:
                _fail(waiting, error)
                continue
            if result is None:
                others.append(waiting)
            elif not waiting.future.done():
                waiting.future.set_result(result)
        return others

    async def _open_session(self) -> asyncpg.Connection:
        if self._session is None or self._session.is_closed():
            session = await connect(
                self._dsn,
                self._realm,
                role="aicore_writer",
                idle_in_transaction_session_timeout=str(IDLE_IN_TRANSACTION_MS),
                transaction_timeout=str(TRANSACTION_MS),
                jit="off",
            )
            self._session = session
            self._append = await session.prepare(APPEND)
            await self._load_tip(session)
        return self._session

    async def _load_tip(self, session: asyncpg.Connection) -> None:
        row = await session.fetchrow(TIP, timeout=COMMIT_TIMEOUT_S)
        self._remember_tip(*(row or (None, None, None)))

    def _remember_tip(self, position: int | None, digest: bytes | None, recorded_us: int | None) -> None:
        """Believe the database, and forget all versions: they were certain only with the old tip."""
        self._known.clear()
        if position is None or digest is None or recorded_us is None:
            self._tip = Tip(0, genesis(self._realm), 0)
        else:
            self._tip = Tip(position, digest, recorded_us)

    def _drop_session(self) -> None:
        session, self._session = self._session, None
        if session is not None and not session.is_closed():
            session.terminate()


def _fail(waiting: _Waiting, error: LogError) -> None:
    if not waiting.future.done():
        waiting.future.set_exception(error)


def _fail_all(group: Sequence[_Waiting], error: LogError) -> None:
    for waiting in group:
        _fail(waiting, error)
