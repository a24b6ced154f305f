"""The way into the spool: frames gather while the ones before are synced, and become durable together."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

import structlog

from bus.ports import SpoolClosed
from bus.retry import Backoff, until_done
from bus.spool.disk import Segment, SegmentWriter

logger = structlog.get_logger(__name__)


class Intake:
    """Makes frames durable, a group a sync. `run` must be running.

    A disk that refuses is tried again in a new segment; meanwhile nothing is confirmed and the frames stay in
    memory, within the spool's limit.
    """

    def __init__(
        self,
        writer: SegmentWriter,
        executor: Executor,
        backoff: Backoff,
        on_durable: Callable[[Segment, bool, int], None],
    ) -> None:
        """Take ``on_durable``: it gets the segment that has grown, whether it is new, and the last record."""
        self._writer = writer
        self._executor = executor
        self._backoff = backoff
        self._on_durable = on_durable
        self._frames: list[bytes] = []
        self._futures: list[asyncio.Future[None]] = []
        self._first = 0
        self.bytes = 0
        """Bytes that are not durable yet."""
        self._news = asyncio.Event()
        self._closing = False
        self._newest: Segment | None = None

    @property
    def failing(self) -> bool:
        """Say whether the disk refused the last write."""
        return self._backoff.failures > 0

    def take(self, sequence: int, frame: bytes) -> asyncio.Future[None]:
        """Take one frame; the future is done when it is durable."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._frames:
            self._first = sequence
            self._news.set()
        self._frames.append(frame)
        self.bytes += len(frame)
        self._futures.append(future)
        return future

    def close(self) -> None:
        """Let `run` end once everything taken is durable."""
        self._closing = True
        self._news.set()

    async def run(self) -> None:
        """Write until closed; if cancelled before, whoever still waits is told that the spool is closed."""
        futures: list[asyncio.Future[None]] = []
        try:
            while self._frames or not self._closing:
                if not self._frames:
                    self._news.clear()
                    await self._news.wait()
                    continue
                frames, self._frames = self._frames, []
                futures, self._futures = self._futures, []
                data = b"".join(frames)
                first = self._first
                segment, new = await self._make_durable(first, data)
                self._on_durable(segment, new, first + len(frames) - 1)
                self.bytes -= len(data)
                for future in futures:
                    if not future.done():
                        future.set_result(None)
        finally:
            for future in (*futures, *self._futures):
                if not future.done():
                    future.set_exception(SpoolClosed("the spool was closed before the record was durable"))
                    future.exception()  # retrieved: nobody has to await a put

    async def _make_durable(self, first: int, data: bytes) -> tuple[Segment, bool]:
        """Write and sync, as often as it takes; return the segment, and whether it is a new one."""
        loop = asyncio.get_running_loop()

        def failed(error: Exception, wait_s: float) -> None:
            logger.warning("spool_disk_failing", error=str(error), bytes=len(data), again_in_s=wait_s)

        segment, length = await until_done(
            lambda: loop.run_in_executor(self._executor, self._write, first, data),
            on=OSError,
            pause=self._backoff,
            failed=failed,
        )
        segment.length = length
        new, self._newest = segment is not self._newest, segment
        return segment, new

    def _write(self, first: int, data: bytes) -> tuple[Segment, int]:
        try:
            segment = self._writer.begin(first)
            return segment, self._writer.write(data)
        except OSError:
            self._writer.abandon()
            raise
