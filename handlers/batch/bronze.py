"""Works batches off: takes items from a queue, has them answered on the bronze tier, records what came of it.

The log is the truth and the queue a way to share the work: what is in the queue is made from the log when a
batch is submitted, when the queue was lost, and when it is empty before its time. An item's inference has an
id derived from batch and item, so an item that is taken twice, because a worker died, still has one answer.

Players go first: an item waits until an engine of the tier is at most half busy.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from bus.ids import derived_id
from bus.ports import IdConflict, LogError, LogUnavailable, QueueUnavailable, WorkItem, WorkQueue
from bus.retry import until_done, until_seen
from domain.batch.batch import Batch
from domain.batch.messages import ITEMS_PER_CHUNK_MAX, Finished, Item, RecordItems
from domain.kernel.decider import Rejected
from handlers.batch.batches import BatchView
from handlers.kernel.commands import CommandRunner
from handlers.routing.router import Router
from protocol.errors import WireError
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta
from protocol.packing import pack, unpack

TIER = "bronze"
PRIORITY = 9
RECONCILE_S = 1.0
EMPTY_ROUNDS = 5
"""Rounds for which the queue must be empty, and nothing be worked on, before it is filled again."""

BEAT_S = 3.0
PAUSE_S = 0.5
HEARD_S = 10.0
"""Within this time a process hears of a batch whose items it gets."""

GATHER_S = 0.1
"""How long results are gathered for one event."""

UNRECORDED_MAX = 256
"""Results in memory that the log has not taken yet; then the workers wait."""

DELIVERIES_MAX = 5
"""An item that was handed out so often without an end takes its worker down with it."""

Infer = Callable[[CommandMessage], Awaitable[Reply]]

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerDependencies:
    """Dependencies of the workers of a process."""

    view: BatchView
    queue: WorkQueue
    runner: CommandRunner
    infer: Infer
    router: Router
    new_id: Callable[[], UUID]
    concurrent: int = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    """Outcome of an item; acknowledged to the queue once the log has it."""

    item: Finished
    taken: WorkItem


class Bronze:
    """The workers of one process."""

    def __init__(self, needs: WorkerDependencies) -> None:
        self._needs = needs
        self._filled: set[str] = set()
        self._refills: dict[str, int] = {}
        """What the queue had had when a batch was put into it again: its key is another one then, lest the
        queue takes the items for those that it had, and the same one in every process."""
        self._active = 0
        self._over = False
        self._results: defaultdict[str, list[_Result]] = defaultdict(list)
        self._news = asyncio.Event()
        self._unrecorded = asyncio.Semaphore(UNRECORDED_MAX)
        self._held: dict[int, WorkItem] = {}
        """What was taken and is neither recorded nor given back; the queue is told that we have it."""

    async def run(self) -> None:
        """Work until cancelled; survives losing the queue and the log."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._see_the_end())
            group.create_task(self._fill())
            group.create_task(self._record())
            group.create_task(self._beat())
            for _ in range(self._needs.concurrent):
                group.create_task(self._work())

    async def _see_the_end(self) -> None:
        """Note that we are cancelled.

        `asyncio.wait_for` of Python 3.11, which nats-py waits with, loses a cancellation that comes together
        with a message; a loop that relies on cancellation alone would then run for ever.
        """
        try:
            await asyncio.Event().wait()
        finally:
            self._over = True

    # --- the queue --------------------------------------------------------------------------------------

    async def _fill(self) -> None:
        """Keep in the queue what the log says is to be done."""
        empty = 0
        while not self._over:
            try:
                if await self._needs.queue.ensure():
                    self._filled.clear()
                for batch_id, batch in self._needs.view.under_way():
                    if batch_id not in self._filled:
                        await self._put(batch_id, batch)
                        self._filled.add(batch_id)
                under_way, number = self._needs.view.under_way(), None
                if under_way and not self._active:
                    number = await self._needs.queue.emptied_after()
                empty = empty + 1 if number is not None else 0
                if number is not None and empty >= EMPTY_ROUNDS:
                    logger.warning("work_queue_refilled", batches=len(under_way))
                    self._filled.clear()
                    self._refills = {batch_id: number for batch_id, _ in under_way}
            except QueueUnavailable as error:
                logger.info("work_queue_away", error=str(error))
            await asyncio.sleep(RECONCILE_S)

    async def _put(self, batch_id: str, batch: Batch) -> None:
        for item in batch.unfinished():
            key = f"{batch_id}:{self._refills.get(batch_id, 0)}:{item.id}"
            await self._needs.queue.put(key, pack({"batch": batch_id, "item": item.id}))

    # --- the work ---------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while not self._over:
            try:
                taken = await self._needs.queue.take(RECONCILE_S)
            except QueueUnavailable:
                await asyncio.sleep(PAUSE_S)
                continue
            if taken is None:
                continue
            self._active += 1
            self._held[id(taken)] = taken
            try:
                if not await self._see_to(taken):
                    del self._held[id(taken)]
                    await taken.done()
            except QueueUnavailable as error:
                logger.info("work_queue_away", error=str(error))  # it will be handed out again
            finally:
                self._active -= 1

    async def _see_to(self, taken: WorkItem) -> bool:
        """Have an item answered; say whether there is a result to record."""
        try:
            job = unpack(taken.data, "job")
            batch_id, item_id = str(job["batch"]), str(job["item"])
        except (WireError, KeyError):
            logger.error("work_not_readable", bytes=len(taken.data))  # noqa: TRY400 - nothing of ours: no trace
            return False
        batch = await self._known(batch_id)
        item = batch.items.get(item_id)
        if batch.status != "submitted" or item is None or item_id in batch.finished:
            return False
        result = _Result(await self._answered(batch_id, batch, item, taken.attempt), taken)
        await self._unrecorded.acquire()
        self._results[batch_id].append(result)
        self._news.set()
        return True

    async def _known(self, batch_id: str) -> Batch:
        """Return a batch once this process has heard of it: another one may have put its items."""

        async def look() -> Batch | None:
            batch = self._needs.view.of(batch_id)
            return None if batch.status == "absent" else batch

        return await until_seen(look, every_s=PAUSE_S, within_s=HEARD_S) or self._needs.view.of(batch_id)

    async def _answered(self, batch_id: str, batch: Batch, item: Item, attempt: int) -> Finished:
        """Have an item answered, however long that takes; return what came of it."""
        message = _message(batch_id, batch, item)
        finished = {"id": item.id, "inference_id": message.id.hex}
        if attempt > DELIVERIES_MAX:
            why = f"handed out {attempt - 1} times, and no worker came back"
            return Finished(**finished, code="gave_up", message=why)
        while True:
            await self._room()
            try:
                reply = await self._needs.infer(message)
            except IdConflict as conflict:  # another program made this item's request otherwise
                return Finished(**finished, code="id_conflict", message=str(conflict)[:500])
            except Rejected as refused:
                if refused.retry_after_ms is None:
                    return Finished(**finished, code=refused.code, message=refused.message[:500])
                await asyncio.sleep(min(refused.retry_after_ms / 1e3, BEAT_S))
            except LogUnavailable:
                await asyncio.sleep(PAUSE_S)
            else:
                if reply.result["finish_reason"] == "cancelled":
                    why = "somebody cancelled its inference"
                    return Finished(**finished, code="cancelled", message=why)
                return Finished(**finished)

    async def _room(self) -> None:
        # Without the tier it is refused, which is told; nobody would hear of a wait for ever.
        router = self._needs.router
        while TIER in router.tiers and not router.has_room(TIER):  # noqa: ASYNC110 - nobody tells when an engine has room
            await asyncio.sleep(GATHER_S)

    async def _beat(self) -> None:
        """Tell the queue what we have, until the log has it: handed out again it would count as given up."""
        while not self._over:
            await asyncio.sleep(BEAT_S)
            for taken in list(self._held.values()):
                try:
                    await taken.working()
                except QueueUnavailable:
                    break

    # --- the record -------------------------------------------------------------------------------------

    async def _record(self) -> None:
        """Bring results to the log, several at a time."""
        while not self._over:
            await self._news.wait()
            self._news.clear()
            await asyncio.sleep(GATHER_S)
            for batch_id in list(self._results):
                while results := self._results[batch_id][:ITEMS_PER_CHUNK_MAX]:
                    await self._append(batch_id, results)
                    del self._results[batch_id][: len(results)]
                del self._results[batch_id]

    async def _append(self, batch_id: str, results: list[_Result]) -> None:
        command = RecordItems(batch_id=batch_id, finished=[result.item for result in results])
        meta = Meta(actor=f"batch:{batch_id}")

        def failed(error: Exception, _: float) -> None:
            if not isinstance(error, LogUnavailable):
                logger.warning("batch_not_recorded", batch=batch_id, error=repr(error))

        # Players' questions must not end because a batch waits for the log.
        await until_done(
            lambda: self._needs.runner.execute(command, self._needs.new_id(), meta=meta),
            on=LogError,
            pause=PAUSE_S,
            failed=failed,
        )
        for result in results:
            self._unrecorded.release()
            del self._held[id(result.taken)]
            try:
                await result.taken.done()
            except QueueUnavailable as error:
                logger.info("work_queue_away", error=str(error))  # it comes again, and is found to be done


def _message(batch_id: str, batch: Batch, item: Item) -> CommandMessage:
    """Return the request of an item; the same whoever makes it."""
    opened = batch.opened
    assert opened is not None
    payload: dict[str, Any] = {
        "use_case": opened.use_case,
        "prompt": item.prompt,
        "context": dict(item.context),
        "max_tokens": opened.max_tokens,
        "temperature": opened.temperature,
        "consent": opened.consent,
        "tier": TIER,
        "priority": PRIORITY,
    }
    optional = {"npc": item.npc, "pattern": opened.pattern}
    payload |= {name: value for name, value in optional.items() if value is not None}
    id_ = derived_id(UUID(batch_id), 0, f"batch.item/{item.id}")
    return CommandMessage(id_, "inference.generate", payload, meta=Meta(actor=f"batch:{batch_id}"))
