"""What comes of a batch's item, whatever the inference says."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast
from uuid import UUID

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import IdConflict, LogError, LogUnavailable, RecordedEvent
from domain.batch.batch import BATCH
from domain.batch.messages import (
    AddItems,
    BatchEvent,
    BatchItemsAdded,
    BatchOpened,
    BatchSubmitted,
    Finished,
    Item,
    OpenBatch,
    RecordItems,
    SubmitBatch,
)
from handlers.batch.batches import BATCH_RECORDS, BATCHES, WHOLE_MAX, BatchView
from handlers.batch.bronze import DELIVERIES_MAX, Bronze, WorkerDependencies, _message
from handlers.kernel.commands import CommandRunner
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta
from tests.harness.queues import MemoryWorkQueue
from tests.unit.inference.kit import routes
from tests.unit.kit import WAIT_S, EchoEngine, ident, memory_log, until

ITEM = Item(id="a", prompt="Who are you?")
ID = "0" * 32


def events() -> list[BatchEvent]:
    facts = {"batch_id": ID, "name": "n", "use_case": "npc_bark", "operator": "mira"}
    return [
        BatchOpened.model_validate(facts),
        BatchItemsAdded(batch_id=ID, items=[ITEM]),
        BatchSubmitted(batch_id=ID, items=1),
    ]


ANYWHERE = RecordedEvent(1, "batch-a", 1, ident(), "batch.opened", 1, 1, b"\x80", b"\x80", bytes(32))


async def ended(
    infer: Callable[[CommandMessage], Awaitable[Reply]], *, tier: str = "bronze", attempt: int = 1
) -> Finished:
    """Return what came of an item, on a router that serves one tier."""
    routing = routes(EchoEngine())
    routing._tiers = {tier: routing.tiers["gold"]}
    unused: Any = None
    needs = WorkerDependencies(unused, unused, unused, infer, routing, ident)
    async with asyncio.timeout(WAIT_S):
        return await Bronze(needs)._answered(ID, BATCH.fold(events()), ITEM, attempt)


def replying(finish_reason: str) -> Callable[[CommandMessage], Awaitable[Reply]]:
    async def infer(_: CommandMessage) -> Reply:
        return Reply(result={"finish_reason": finish_reason, "text": "I am"})

    return infer


async def test_the_items_of_batches_that_ended_are_not_kept_for_ever() -> None:
    """The scar: every item of every batch since the log's beginning stayed in memory."""
    log, codec = memory_log(), EventCodec(domain_catalogue())
    view = BatchView(log, decode=codec.decode)
    runner = CommandRunner(log, codec, [BATCHES, BATCH_RECORDS])
    ids = [f"{n:032x}" for n in range(WHOLE_MAX + 2)]
    for id_ in ids:
        facts = {"batch_id": id_, "name": "n", "use_case": "npc_bark", "operator": "mira"}
        await runner.execute(OpenBatch.model_validate(facts), ident(), meta=Meta())
        await runner.execute(AddItems(batch_id=id_, items=[ITEM]), ident(), meta=Meta())
        await runner.execute(SubmitBatch(batch_id=id_), ident(), meta=Meta())
        done = Finished(id="a", inference_id=ident().hex, code="gave_up", message="no")
        await runner.execute(RecordItems(batch_id=id_, finished=[done]), ident(), meta=Meta())
    for recorded in await log.read_all():
        view.apply(codec.decode(recorded), recorded)

    assert view.under_way() == []
    assert [len(view.of(id_).items) for id_ in ids] == [0] * len(ids)
    assert len(view._whole) == WHOLE_MAX
    listed, _ = await view.answer_list({})
    assert [(row["status"], row["items"], row["failed"]) for row in listed] == [("completed", 1, 1)] * len(
        ids
    )
    for id_ in ids:
        (row,), _ = await view.answer_results({"batch_id": id_})
        assert (row["id"], row["code"], row["prompt"]) == ("a", "gave_up", ITEM.prompt)
    assert len(view._whole) == WHOLE_MAX


async def test_an_item_that_was_answered_has_no_code() -> None:
    assert (await ended(replying("stop"))).code == ""


async def test_an_item_that_somebody_cancelled_was_not_answered() -> None:
    assert (await ended(replying("cancelled"))).code == "cancelled"


async def test_an_item_that_nobody_came_back_from_is_given_up_unasked() -> None:
    found = await ended(replying("stop"), attempt=DELIVERIES_MAX + 1)
    assert (found.code, found.message) == ("gave_up", "handed out 5 times, and no worker came back")
    assert (await ended(replying("stop"), attempt=DELIVERIES_MAX)).code == ""


def test_an_item_asks_under_one_id_of_its_own_whoever_works_it_off() -> None:
    batch = BATCH.fold(events())
    first, again = (_message(ID, batch, ITEM) for _ in range(2))
    other = _message(ID, batch, ITEM.model_copy(update={"id": "b"}))
    elsewhere = _message("1" * 32, batch, ITEM)
    assert first == again
    assert len({first.id, other.id, elsewhere.id}) == 3
    assert (first.payload["tier"], first.payload["priority"]) == ("bronze", 9)


async def test_an_item_whose_id_asked_for_something_else_fails_alone() -> None:
    async def infer(message: CommandMessage) -> Reply:
        raise IdConflict(UUID(int=7), "asked for something else before")

    assert (await ended(infer)).code == "id_conflict"


async def test_without_a_bronze_tier_nobody_waits_for_its_engines() -> None:
    asked = list[CommandMessage]()

    async def infer(message: CommandMessage) -> Reply:
        asked.append(message)
        return Reply(result={"finish_reason": "stop", "text": ""})

    await ended(infer, tier="gold")
    assert asked  # and the service refuses it: no_engine


@pytest.mark.parametrize("reason", ["authored", "blocked", "cut", "length"])
async def test_what_else_ends_an_answer_is_one(reason: str) -> None:
    assert (await ended(replying(reason))).code == ""


class LosingQueue(MemoryWorkQueue):
    """Loses what it is given first."""

    async def put(self, key: str, data: bytes) -> None:
        await super().put(key, data)
        if len(self.keys) == 1:
            await self.purge()


class AwayRunner:
    """Records nothing until the log is back."""

    def __init__(self, error: LogError) -> None:
        self.error = error
        self.tries = 0
        self.back = False

    async def execute(self, command: RecordItems, id_: UUID, **_: object) -> None:
        self.tries += 1
        if not self.back:
            raise self.error


async def test_what_the_queue_lost_is_put_into_it_again_under_another_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The scar: JetStream took the items for those that it had had, and the batch stood for two minutes."""
    monkeypatch.setattr("handlers.batch.bronze.RECONCILE_S", 0.001)
    view = BatchView(memory_log(), decode=EventCodec(domain_catalogue()).decode)
    for event in events():
        view.apply(event, ANYWHERE)
    routing, queue, recorder = routes(EchoEngine()), LosingQueue(), AwayRunner(LogUnavailable("away"))
    routing._tiers = {"bronze": routing.tiers["gold"]}
    recorder.back, unused = True, cast(Any, recorder)
    needs = WorkerDependencies(view, queue, unused, replying("stop"), routing, ident)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(Bronze(needs).run())
        await until(lambda: recorder.tries > 0)
        task.cancel()
    assert queue.keys[:2] == [f"{ID}:0:a", f"{ID}:1:a"]


@pytest.mark.parametrize(
    "error", [LogUnavailable("away"), LogError("refused for an unclear reason")], ids=repr
)
async def test_an_answer_that_the_log_has_not_taken_yet_is_nobody_elses_to_give(
    monkeypatch: pytest.MonkeyPatch, error: LogError
) -> None:
    """Handed out again and again meanwhile, the item would be given up as one that ends its workers.

    The scar: on a read-only server the first result of a batch ended the services, players' turns among them.
    """
    monkeypatch.setattr("handlers.batch.bronze.BEAT_S", 0.01)
    monkeypatch.setattr("handlers.batch.bronze.PAUSE_S", 0.01)
    view = BatchView(memory_log(), decode=EventCodec(domain_catalogue()).decode)
    for event in events():
        view.apply(event, ANYWHERE)
    routing, queue, runner = routes(EchoEngine()), MemoryWorkQueue(), AwayRunner(error)
    routing._tiers = {"bronze": routing.tiers["gold"]}
    recorder: Any = runner
    needs = WorkerDependencies(view, queue, recorder, replying("stop"), routing, ident)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(Bronze(needs).run())
        await until(lambda: runner.tries > 1)  # it was answered by now
        (item,) = queue.held
        heard = item.heard
        await until(lambda: item.heard > heard + 2)
        assert not item.is_done
        runner.back = True
        await until(lambda: item.is_done)
        task.cancel()
