"""The spool: takes appends in microseconds, keeps them on local disk, and brings them to the log.

A put is in memory; its awaitable is done when its group was synced; a task then ships it. SIGKILL at any
instant loses nothing that was confirmed, and what is shipped a second time the log knows by its event ids.
One process has a directory at a time, and one event loop a spool.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from bus.checks import check_writes
from bus.ports import InvalidAppend, NewEvent, OutboxError, SpoolClosed, SpoolFull, StreamWrite
from bus.spool.batches import BATCH_EVENTS_MAX, BatchSize, backoff_of
from bus.spool.disk import Directory, Segment, SegmentWriter, SpoolInUse, held
from bus.spool.figures import Ages, Alert, AlertLimits, Figures, alerts_of
from bus.spool.frames import BODY_BYTES_MAX, HEADER_BYTES, encode_frame
from bus.spool.intake import Intake
from bus.spool.reader import Begin, Reader
from bus.spool.records import Letter, Record, by_stream, encode_write
from bus.spool.recovery import Recovery, count_missing
from bus.spool.shipper import Appends, Shipper

BACKLOG_BYTES_MAX = 1024 * 1024 * 1024
BUFFER_BYTES_MAX = 64 * 1024 * 1024
"""Bytes in memory that are not on the disk yet; more only gather while the disk refuses."""

SEGMENT_BYTES_MAX = 8 * 1024 * 1024
DRAIN_S = 2.0
SPOOLS_MAX = 64
CLOSE_TIMEOUT_S = 10.0
"""Longest wait at the end for what is not durable yet."""

CHECKPOINT_S = 0.5
"""Time between two checkpoints; what was shipped since is shipped again after a crash, harmlessly."""

TICK_S = 1.0
"""Longest time between two looks at redriven letters and alerts."""

TAKE_OVER_S = 5.0
"""Time between two looks for spools of processes that are gone."""

logger = structlog.get_logger(__name__)

T = TypeVar("T")


LINGER_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolOptions:
    """Options of a spool."""

    now_us: Callable[[], int]
    """The clock, µs since 1970."""
    draw: Callable[[], float]
    """Random numbers from 0 to 1, for pauses and salts; nobody outside should be able to guess them."""
    backlog_bytes_max: int = BACKLOG_BYTES_MAX
    """Bytes that may wait for the log. The disk holds up to two segments more."""
    segment_bytes_max: int = SEGMENT_BYTES_MAX
    batch_events_max: int = BATCH_EVENTS_MAX
    linger_s: float = LINGER_S
    """Pause before records that came after a quiet while are shipped, s."""
    drain_s: float = DRAIN_S
    """How long a close waits for the log to take the rest; what it does not take stays on the disk."""
    limits: AlertLimits = field(default_factory=AlertLimits)


class Spool:
    """A `bus.ports.Outbox` on disk; made by `open_spool`."""

    def __init__(self, folder: Directory, log: Appends, options: SpoolOptions, recovery: Recovery) -> None:
        self._folder = folder
        self._options = options
        self._now_us = options.now_us
        self._salt = int(options.draw() * 2**32) & 0xFFFFFFFF
        # Two threads: reading never waits for a sync.
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="spool")
        self._writer = SegmentWriter(folder.path, self._salt, options.segment_bytes_max)
        self._intake = Intake(self._writer, self._executor, backoff_of(options.draw), self._durable)
        settled = recovery.seen - recovery.records - count_missing(recovery.missing)
        begin = Begin(folder.segments(), settled, recovery.tail)
        self._reader = Reader(folder, self._executor, begin, on_missing=self._lost)
        self._shipper = Shipper(
            log,
            self._reader,
            now_us=options.now_us,
            backoff=backoff_of(options.draw),
            size=BatchSize(most=options.batch_events_max),
        )
        self._left, self._left_until = by_stream(recovery.newest), recovery.seen
        self._ages = Ages(recovery.oldest)
        self._last = recovery.seen
        self._confirmed = recovery.seen
        """The newest record that was confirmed."""
        self._records = recovery.seen - settled - count_missing([recovery.tail] if recovery.tail else [])
        self._bytes = recovery.bytes
        self._checkpointed = (settled, folder.confirmed())
        self._letters = folder.count_letters()
        self._damaged = folder.damaged()
        self._missing = count_missing(folder.missing())
        self._refused = 0
        self._raised: frozenset[str] = frozenset()
        self._news = asyncio.Event()
        self._empty = asyncio.Event()
        self._closed = False

    # --- the hot path -----------------------------------------------------------------------------------

    def put(self, write: StreamWrite) -> asyncio.Future[None]:
        """Take an append; see `bus.ports.Outbox.put`. A few µs; nothing is awaited."""
        if self._closed:
            raise SpoolClosed("the spool is closed")
        check_writes((write,))
        body = encode_write(write)
        if len(body) > BODY_BYTES_MAX:
            raise InvalidAppend(
                f"the append has {len(body)} bytes, the limit is {BODY_BYTES_MAX}; make several"
            )
        size = HEADER_BYTES + len(body)
        self._check_room(size)
        now = self._now_us()
        self._last = sequence = self._last + 1
        self._records += 1
        self._bytes += size
        self._ages.put(sequence, now)
        return self._intake.take(sequence, encode_frame(sequence, now, body, self._salt))

    def _check_room(self, size: int) -> None:
        """Raise `SpoolFull` if a frame of that size has no room."""
        limit = self._options.backlog_bytes_max
        if self._bytes + size > limit:
            self._refused += 1
            raise SpoolFull(
                f"{self._records} records ({self._bytes} bytes) wait for the log, the limit is {limit}; "
                "nothing was taken"
            )
        if self._intake.bytes + size > BUFFER_BYTES_MAX:
            self._refused += 1
            raise SpoolFull(
                f"{self._intake.bytes} bytes wait for the disk, the limit is {BUFFER_BYTES_MAX}; "
                "nothing was taken"
            )

    def left(self, stream: str) -> Sequence[NewEvent]:
        """Return what an earlier process left of a stream, of the last that it left, until all is shipped."""
        return self._left.get(stream, ())

    # --- what it says -----------------------------------------------------------------------------------

    def figures(self, now_us: int | None = None) -> Figures:
        """Return the state of now."""
        now = self._now_us() if now_us is None else now_us
        successes, failures = self._shipper.window.counts(now)
        oldest = self._ages.oldest_us() if self._records else None
        return Figures(
            backlog_records=self._records,
            backlog_bytes=self._bytes,
            oldest_s=0.0 if oldest is None else max(0.0, (now - oldest) / 1e6),
            successes=successes,
            failures=failures,
            shipped=self._shipper.shipped,
            dead_letters=self._letters,
            damaged=self._damaged,
            missing=self._missing,
            refused=self._refused,
            disk_failing=self._intake.failing,
        )

    def alerts(self, now_us: int | None = None) -> list[Alert]:
        """Return what someone may have to act on now; [] when all is well."""
        return alerts_of(self.figures(now_us), self._options.limits)

    async def letters(self) -> list[Letter]:
        """Return the dead letters, oldest first."""
        return await self._run(self._folder.letters)

    async def redrive(self, name: str, *, anyhow: bool = False) -> None:
        """Put a dead letter's append again, at the end.

        Args:
            name: the letter's.
            anyhow: without the version that it expected.

        Raises:
            NoSuchLetter: there is none of that name.
        """
        await self._run(lambda: self._folder.redrive(name, anyhow=anyhow))
        await self._take_redriven()

    async def drained(self) -> None:
        """Return once nothing waits for the log."""
        while self._records:
            self._empty.clear()
            await self._empty.wait()

    # --- tasks ------------------------------------------------------------------------------------------

    async def write(self) -> None:
        """Make puts durable until the intake is closed."""
        await self._intake.run()

    async def ship(self) -> None:
        """Bring records to the log until cancelled."""
        clock = asyncio.get_running_loop()
        ticked = checkpointed = clock.time()
        failures = backoff_of(self._options.draw)
        while True:
            try:
                settled, pause = await self._shipper.step(self._put_letter)
                self._forget(settled)
                if clock.time() - checkpointed > CHECKPOINT_S:
                    await self._checkpoint()
                    checkpointed = clock.time()
                if clock.time() - ticked > TICK_S:
                    await self._tick()
                    ticked = clock.time()
                failures.succeeded()
            except OSError as error:
                settled, pause = [], failures.failed()
                logger.warning("spool_disk_failing", error=str(error), again_in_s=pause)
            if pause:
                await self._rest(pause)
            elif not settled:
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(CHECKPOINT_S, TICK_S)):
                        await self._news.wait()
                    # What comes meanwhile goes along; each append costs as much as a turn's own work.
                    await asyncio.sleep(self._options.linger_s)
                self._news.clear()

    async def _rest(self, pause_s: float) -> None:
        """Wait before the next attempt; what is confirmed meanwhile is written down as ever."""
        clock = asyncio.get_running_loop().time
        end = clock() + pause_s
        while (left := end - clock()) > 0:
            await asyncio.sleep(min(left, CHECKPOINT_S))
            with suppress(OSError):  # the next attempt tells of it
                await self._checkpoint()

    async def close(self) -> None:
        """Take nothing more, make durable what was taken, and give the log a moment for the rest."""
        self._closed = True
        self._intake.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.drain_s):
                await self.drained()

    async def finish(self) -> None:
        """Leave the directory tidy; no task runs any more."""
        try:
            await self._checkpoint()
            self._writer.end()
            if not self._records:
                for segment in self._reader.rest():
                    await self._run(segment.delete)
        except OSError as error:
            logger.warning("spool_disk_failing", error=str(error))
        finally:
            self._writer.end()
            self._executor.shutdown(wait=True)

    # --- private ----------------------------------------------------------------------------------------

    def _durable(self, segment: Segment, new: bool, last: int) -> None:
        self._confirmed = last
        if new:
            self._reader.add(segment)
        self._news.set()

    def _forget(self, settled: list[Record]) -> None:
        if not settled:
            return
        self._records -= len(settled)
        self._bytes -= sum(record.size for record in settled)
        self._ages.settle(self._shipper.settled, last=self._last)
        if self._left and self._shipper.settled >= self._left_until:
            self._left = {}
        if not self._records:
            self._empty.set()

    def _lost(self, records: int, size: int) -> None:
        self._missing = count_missing(self._folder.missing())
        self._damaged = self._folder.damaged()
        self._records -= records
        self._bytes -= size

    async def _put_letter(self, letter: Letter) -> None:
        await self._run(lambda: self._folder.put_letter(letter))
        self._letters += 1

    async def _checkpoint(self) -> None:
        """Record what is settled, and delete the segments that hold nothing else; in this order."""
        settled = self._shipper.settled
        confirmed = max(self._confirmed, settled)
        if (settled, confirmed) == self._checkpointed:
            return
        failure: OSError | None = None
        try:
            await self._run(lambda: self._folder.settle(settled, confirmed))
            self._checkpointed = (settled, confirmed)
        except OSError as error:
            # A full disk has no room for a checkpoint, and room may come from the segments alone.
            await self._run(self._folder.unsettle)
            failure = error
        for segment in self._reader.spent(settled):
            await self._run(segment.delete)
        if failure:
            raise failure

    async def _tick(self) -> None:
        self._letters = await self._run(self._folder.count_letters)
        self._damaged = await self._run(self._folder.damaged)
        self._missing = count_missing(await self._run(self._folder.missing))
        await self._take_redriven()
        alerts: dict[str, Alert] = {alert.code: alert for alert in self.alerts()}
        for code in alerts.keys() - self._raised:
            alert = alerts[code]
            logger.warning(
                "spool_alert", code=code, value=alert.value, limit=alert.limit, message=alert.message
            )
        for code in self._raised - alerts.keys():
            logger.info("spool_alert_over", code=code)
        self._raised = frozenset(alerts)

    async def _take_redriven(self) -> None:
        """Put the letters that were given back; each is forgotten once its record is durable."""
        for letter in await self._run(self._folder.redriven):
            try:
                await self.put(letter.write)
            except (OutboxError, InvalidAppend) as error:
                logger.warning("spool_redrive_waits", letter=letter.name, reason=str(error))
                continue
            await self._run(partial(self._folder.took, letter))
            logger.info("spool_redriven", letter=letter.name, stream=letter.write.stream)
        self._letters = await self._run(self._folder.count_letters)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


@asynccontextmanager
async def open_spool(directory: Path, log: Appends, options: SpoolOptions) -> AsyncIterator[Spool]:
    """Open the spool of a directory and ship what an earlier process left; the directory is made if need be.

    At the end everything taken is made durable, and the log gets ``options.drain_s`` to take it; the rest
    stays on the disk for the next time.

    Raises:
        SpoolInUse: another process has the directory.
        OSError: it cannot be read or written.
    """
    with held(directory) as folder:
        recovery = await asyncio.to_thread(_recovered, folder)
        spool = Spool(folder, log, options, recovery)
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(spool.write())
                shipping = group.create_task(spool.ship())
                try:
                    yield spool
                finally:
                    await spool.close()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(CLOSE_TIMEOUT_S):
                            await asyncio.wait([writing])
                    writing.cancel()
                    shipping.cancel()
        finally:
            await spool.finish()


@asynccontextmanager
async def open_free_spool(root: Path, log: Appends, options: SpoolOptions) -> AsyncIterator[Spool]:
    """Open the first spool below ``root`` (``0``, ``1``, …) that no other process has; else as `open_spool`.

    So processes beside each other each have one. What lies in one that nobody has, because its process was
    killed or could not ship all of it, is shipped beside our own.

    Raises:
        SpoolInUse: all `SPOOLS_MAX` are in use.
    """
    async with AsyncExitStack() as stack:
        for number in range(SPOOLS_MAX):
            try:
                spool = await stack.enter_async_context(open_spool(root / str(number), log, options))
            except SpoolInUse:
                continue
            break
        else:
            raise SpoolInUse(f"all {SPOOLS_MAX} spools below {root} are in use")
        group = await stack.enter_async_context(asyncio.TaskGroup())
        heir = group.create_task(_take_over(root, log, replace(options, drain_s=0.0)))
        yield spool
        heir.cancel()


async def _take_over(root: Path, log: Appends, options: SpoolOptions) -> None:
    """Ship what processes left that are gone; for ever, as the next one may go at any time."""
    while True:
        for path in await asyncio.to_thread(_folders, root):
            folder = Directory(path)
            try:
                if await asyncio.to_thread(folder.is_left_to_do):
                    async with open_spool(path, log, options) as spool:
                        logger.info("spool_taken_over", directory=str(path))
                        given_back = True
                        while given_back or spool.figures().backlog_records:
                            await asyncio.sleep(TICK_S / 2)
                            given_back = bool(await asyncio.to_thread(folder.redriven))
            except SpoolInUse:
                continue
            except OSError as error:
                logger.warning("spool_not_taken_over", directory=str(path), error=str(error))
        await asyncio.sleep(TAKE_OVER_S)


def _folders(root: Path) -> list[Path]:
    """Return the spools below a folder; none if it cannot be read now, for want of a file, say."""
    try:
        return sorted(path for path in root.iterdir() if path.is_dir())
    except OSError as error:
        logger.warning("spool_not_taken_over", directory=str(root), error=str(error))
        return []


def _recovered(folder: Directory) -> Recovery:
    """Examine and mend a directory; tell what was found."""
    recovery = folder.examine()
    folder.mend(recovery)
    if recovery.damaged or recovery.missing:
        logger.error(
            "spool_damaged",
            directory=str(folder.path),
            set_aside=recovery.damaged,
            records_missing=count_missing(recovery.missing),
            missing=recovery.missing,
        )
    if recovery.cut:
        logger.info("spool_tail_cut", directory=str(folder.path), segments=[name for name, _ in recovery.cut])
    if recovery.records:
        logger.info("spool_recovered", directory=str(folder.path), records=recovery.records)
    return recovery
