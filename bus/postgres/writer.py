"""The group commit: all appends that wait are one transaction, so one fsync pays for all of them.

A group is whatever has gathered, and never waits for a timer. It is one call of `log_append`
(migrations/0007), planned from the believed end of the log. While one group is with Postgres, the next is
planned on top of it and sent over another session (a *lane*). If another process was quicker, the call puts
the group behind what that one wrote; from then on one group at a time is on its way, until an answer is
again as planned (`bus.postgres.belief`). Only where an expectation depends on a stream that has changed
meanwhile nothing is written and the group is planned anew. After `MISSES_MAX` such misses the writer takes
the lock first and plans under it. Only there could a stopped writer hold others up, and only for
`IDLE_IN_TRANSACTION_MS`: then Postgres ends its session, and its commit fails with `Fenced`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import structlog

from bus.checks import check_writes
from bus.expectations import first_result
from bus.ports import (
    AppendResult,
    ClockWrong,
    Fenced,
    IdConflict,
    LogError,
    LogUnavailable,
    RecordedEvent,
    StreamWrite,
    VersionConflict,
)
from bus.postgres.belief import Belief
from bus.postgres.clock import ServerClock
from bus.postgres.connect import AWAY, connect
from bus.postgres.planning import GROUP_BYTES_MAX, GROUP_EVENTS_MAX, Plan, Tip, plan_group

COMMIT_TIMEOUT_S = 15.0
IDLE_IN_TRANSACTION_MS = 1_000
TRANSACTION_MS = 10_000
"""Longest transaction of a writer, lock waits included."""

LANES = 2
SPLIT_MIN = 96
"""Appends from which a crowd is worth two calls: below, a second call costs more than it hides."""

MISSES_MAX = 2
ROUNDS_MAX = 100
"""Plans of one group; each one settles something, so this many mean a bug."""

APPEND = "SELECT * FROM log_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
RESERVE = "SELECT * FROM log_reserve()"
TIP = "SELECT position, recorded_us FROM event ORDER BY position DESC LIMIT 1"
BY_ID = """
SELECT position, stream, version, id, type, schema_version, recorded_us, meta, payload, hash
FROM event WHERE id = ANY($1)
"""

AHEAD = "AC002"
"""SQLSTATE of log_append: the time of recording is ahead of the server's clock by more than it takes."""

AHEAD_MAX = 5
"""Plans of one group that Postgres may refuse so, though the clocks agree whenever they are compared."""

logger = structlog.get_logger(__name__)


class _Ahead(Exception):
    """Postgres refused a plan's time."""


@dataclass(slots=True, eq=False)
class _Waiting:
    writes: tuple[StreamWrite, ...]
    future: asyncio.Future[AppendResult]
    events: int
    bytes: int


@dataclass(slots=True, eq=False)
class _Lane:
    """One session and the group that it commits."""

    group: list[_Waiting] = field(default_factory=list)
    session: asyncpg.Connection | None = None
    append: Any = None

    def drop(self) -> None:
        """Close the session; the next group opens another."""
        session, self.session = self.session, None
        if session is not None and not session.is_closed():
            session.terminate()


class GroupWriter:
    """Appends to one realm's log over `LANES` sessions of its own. `run` must be running."""

    def __init__(
        self,
        dsn: str,
        realm: str,
        *,
        now_us: Callable[[], int],
        on_commit: Callable[[int], None],
        clock: ServerClock,
    ) -> None:
        self._dsn = dsn
        self._realm = realm
        self._now_us = now_us
        self._clock = clock
        self._on_commit = on_commit
        self._lanes = [_Lane() for _ in range(LANES)]
        self._idle: list[asyncio.Future[None]] = []
        self._queue: deque[_Waiting] = deque()
        self._belief = Belief()
        self._landed = asyncio.Event()
        """Set, and replaced, whenever a plan has landed."""
        self._exclusive = asyncio.Lock()
        """Held while a lane plans under the database's lock: the other then sends nothing."""
        self.calls = 0
        """Calls of the database so far that were to append a group."""

    async def append(self, writes: tuple[StreamWrite, ...]) -> AppendResult:
        """Return once the writes are durable; raises as `bus.ports.EventLog.append` says."""
        events, size = check_writes(writes)
        waiting = _Waiting(writes, asyncio.get_running_loop().create_future(), events, size)
        self._queue.append(waiting)
        if self._idle:
            self._wake_one()
        return await waiting.future

    async def run(self) -> None:
        """Commit groups until cancelled; whoever still waits then is told that the log is closed."""
        try:
            async with asyncio.TaskGroup() as lanes:
                for lane in self._lanes:
                    lanes.create_task(self._serve(lane))
        finally:
            closed = LogUnavailable("the log was closed before the append was confirmed")
            _fail_all([*(w for lane in self._lanes for w in lane.group), *self._queue], closed)
            self._queue.clear()
            for lane in self._lanes:
                lane.drop()

    async def _serve(self, lane: _Lane) -> None:
        """Commit one group after the other."""
        loop = asyncio.get_running_loop()
        while True:
            while not self._queue:
                woken: asyncio.Future[None] = loop.create_future()
                self._idle.append(woken)
                await woken
            await self._ready()
            lane.group = self._take()
            if lane.group:
                await self._commit_or_fail(lane, lane.group)
                lane.group = []

    def _wake_one(self) -> None:
        woken = self._idle.pop()  # the lane that worked last: its session is warm
        if not woken.done():
            woken.set_result(None)

    async def _ready(self) -> None:
        """Wait until a plan may be made."""
        while self._exclusive.locked() or not self._belief.ready:
            await self._landed.wait()

    def _tell_landed(self) -> None:
        landed, self._landed = self._landed, asyncio.Event()
        landed.set()

    def _take(self) -> list[_Waiting]:
        """Take what waits, up to the limits of a group; callers that gave up are left out.

        If nothing is on its way, half of a large crowd is left to the other lane, if that may go, too.
        """
        group: list[_Waiting] = []
        events = size = 0
        queue = self._queue
        alone = self._belief.sure and not any(lane.group for lane in self._lanes)
        rest = len(queue) // 2 if alone and len(queue) >= SPLIT_MIN else 0
        while len(queue) > rest:
            waiting = queue[0]
            events += waiting.events
            size += waiting.bytes
            if group and (events > GROUP_EVENTS_MAX or size > GROUP_BYTES_MAX):
                break
            queue.popleft()
            if not waiting.future.done():
                group.append(waiting)
        if queue and self._idle:
            self._wake_one()
        return group

    async def _commit_or_fail(self, lane: _Lane, group: list[_Waiting]) -> None:
        """Commit a group; whatever goes wrong reaches its callers, and the writer goes on."""
        try:
            await self._commit(lane, group)
        except ClockWrong as error:
            _fail_all(group, error)
        except LogError as error:
            lane.drop()
            _fail_all(group, error)
        except AWAY as error:
            lane.drop()
            logger.warning("log_unavailable", realm=self._realm, error=repr(error))
            _fail_all(
                group, LogUnavailable(f"the log is away ({type(error).__name__}); retry with the same ids")
            )
        except asyncpg.PostgresError as error:
            lane.drop()
            logger.exception("log_append_failed", realm=self._realm)
            _fail_all(group, LogError(f"Postgres refused the append: {error}"))

    async def _commit(self, lane: _Lane, group: list[_Waiting]) -> None:
        misses = 0
        for _ in range(ROUNDS_MAX):
            if not group:
                return
            try:
                if misses < MISSES_MAX:
                    session = await self._prepare(lane)
                    plan, status = await self._try_plan(lane, group)
                else:
                    session = await self._open_session(lane)
                    plan, status = await self._try_alone(lane, session, group)
            except asyncpg.UniqueViolationError as error:
                if error.constraint_name == "event_id":
                    group = await self._settle_known(session, group)
                else:
                    misses += 1
                continue
            except _Ahead:  # one of the clocks was set since they were compared
                await self._clock.measure(session)
                misses += 1
                if misses > AHEAD_MAX:
                    raise ClockWrong(self._clock.skew_us) from None
                continue
            if status == "moved":
                misses += 1
            else:
                group = await self._settle(session, group, plan)
        _fail_all(group, LogError(f"no plan held in {ROUNDS_MAX} rounds"))

    async def _try_plan(self, lane: _Lane, group: list[_Waiting]) -> tuple[Plan, str]:
        """Plan from what is believed and let the database judge; learn from its answer.

        From here to the call nothing is awaited, so calls leave in the order of their plans.
        """
        belief = self._belief
        base = belief.tip
        assert base is not None
        plan = plan_group(
            [waiting.writes for waiting in group], base, belief.known, self._now_us(), belief.guesses
        )
        belief.sent(plan)
        self.calls += 1
        judged = plan.judged()
        try:
            row = await lane.append.fetchrow(
                base.position,
                list(judged),
                list(judged.values()),
                list(plan.pinned),
                plan.tip.recorded_us,
                *plan.columns(),
                timeout=COMMIT_TIMEOUT_S,
            )
        except BaseException as error:
            belief.lost()
            if isinstance(error, asyncpg.PostgresError) and error.sqlstate == AHEAD:
                raise _Ahead from error
            raise
        finally:
            self._tell_landed()
        return self._heard(plan, row)

    def _heard(self, plan: Plan, row: Any) -> tuple[Plan, str]:
        """Take in the database's answer to a plan; return the plan as it came to pass."""
        status: str = row["status"]
        if status == "done":
            self._belief.came_true(plan)
            return plan, status
        stale = row["stale_streams"]
        truths = dict(zip(stale, row["stale_versions"], strict=True)) if stale else plan.bases
        if status == "shifted":
            end = (row["head_position"] or 0) + len(plan.rows)
            plan = plan.shifted(Tip(end, row["tip_recorded_us"]), truths)
            self._belief.surprised(plan.tip, plan.heads)
        else:
            truth = _tip_of(row["head_position"], row["head_recorded_us"])
            self._belief.surprised(truth, truths)
        return plan, status

    async def _try_alone(
        self, lane: _Lane, session: asyncpg.Connection, group: list[_Waiting]
    ) -> tuple[Plan, str]:
        """Do as `_try_locked` when nothing of ours is on its way any more."""
        async with self._exclusive:
            try:
                while not self._belief.quiet:
                    await self._landed.wait()
                return await self._try_locked(lane, session, group)
            finally:
                self._tell_landed()

    async def _try_locked(
        self, lane: _Lane, session: asyncpg.Connection, group: list[_Waiting]
    ) -> tuple[Plan, str]:
        """Take the lock, plan under it, commit.

        Raises:
            Fenced: Postgres ended the session before the commit was asked for.
        """
        transaction = session.transaction()
        try:
            await transaction.start()
            truth = _tip_of(*await session.fetchrow(RESERVE))
            await self.reserved()
            self._belief.learn(truth)
            status = "moved"
            while status == "moved":
                await self._clock.check(session)
                plan, status = await self._try_plan(lane, group)
        except (asyncpg.UniqueViolationError, _Ahead, ClockWrong):
            await transaction.rollback()
            raise
        except (*AWAY, asyncpg.InvalidTransactionStateError) as error:
            raise Fenced(
                f"this writer was too slow while it held the log and was overtaken ({type(error).__name__}); "
                "nothing was written, append again"
            ) from error
        try:
            await transaction.commit()
        except BaseException:
            self._belief.forget()
            raise
        return plan, status

    async def reserved(self) -> None:
        """Do nothing: the point between reservation and commit, where a test stops the process."""

    async def _settle(self, session: asyncpg.Connection, group: list[_Waiting], plan: Plan) -> list[_Waiting]:
        """Tell everyone what came of a plan that holds; return those who must wait for the next."""
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

    async def _prepare(self, lane: _Lane) -> asyncpg.Connection:
        """Return the lane's session as soon as a plan may be made."""
        while True:
            session = await self._open_session(lane)
            await self._clock.check(session)
            await self._ready()
            if self._belief.tip is not None:
                if self._clock.sure:
                    return session  # nothing is awaited from here to the plan
                continue
            tip = _tip_of(*(await session.fetchrow(TIP, timeout=COMMIT_TIMEOUT_S) or (None, None)))
            if self._belief.ready and self._belief.tip is None:  # the other lane may have been quicker
                self._belief.learn(tip)

    async def _open_session(self, lane: _Lane) -> asyncpg.Connection:
        session = lane.session
        if session is None or session.is_closed():
            session = await connect(
                self._dsn,
                self._realm,
                role="aicore_writer",
                idle_in_transaction_session_timeout=str(IDLE_IN_TRANSACTION_MS),
                transaction_timeout=str(TRANSACTION_MS),
                jit="off",
                # Planning log_append's INSERT anew for each group costs more than a better plan could save.
                plan_cache_mode="force_generic_plan",
                # Made while the log is small, such a plan must be right when it is large.
                enable_seqscan="off",
                enable_hashjoin="off",
                enable_mergejoin="off",
            )
            lane.session = session
            lane.append = await session.prepare(APPEND)
        return session


def _tip_of(position: int | None, recorded_us: int | None) -> Tip:
    return Tip(position or 0, recorded_us or 0)


def _fail(waiting: _Waiting, error: LogError) -> None:
    if not waiting.future.done():
        waiting.future.set_exception(error)


def _fail_all(group: Sequence[_Waiting], error: LogError) -> None:
    for waiting in group:
        _fail(waiting, error)
