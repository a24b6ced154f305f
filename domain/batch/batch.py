"""One batch: opened, filled, submitted, worked on, completed or cancelled. Its stream is ``batch-{id}``."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never

from domain.batch.messages import (
    ITEMS_MAX,
    AddItems,
    BatchCancelled,
    BatchCommand,
    BatchCompleted,
    BatchEvent,
    BatchItemsAdded,
    BatchOpened,
    BatchProgressed,
    BatchSubmitted,
    CancelBatch,
    Finished,
    Item,
    OpenBatch,
    RecordItems,
    SubmitBatch,
)
from domain.kernel.decider import Decider, Rejected
from domain.kernel.growing import Growing


def stream_of(batch_id: str) -> str:
    """Return the stream of a batch."""
    return f"batch-{batch_id}"


Status = Literal["absent", "open", "submitted", "completed", "cancelled"]
"""absent → open → submitted → completed; open or submitted → cancelled."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it is now."""

    status: Status = "absent"
    opened: BatchOpened | None = None
    items: Growing[Item] = field(default_factory=Growing)
    finished: Growing[Finished] = field(default_factory=Growing)

    @property
    def failed(self) -> int:
        """Items that ended without an answer."""
        return sum(bool(item.code) for item in self.finished.values())

    def unfinished(self) -> Sequence[Item]:
        """Return the items that are still to be worked on."""
        return [item for id_, item in self.items.items() if id_ not in self.finished]


def evolve(state: Batch, event: BatchEvent) -> Batch:
    """Return the state after ``event``."""
    match event:
        case BatchOpened():
            return replace(state, status="open", opened=event)
        case BatchItemsAdded():
            return replace(state, items=state.items.with_({item.id: item for item in event.items}))
        case BatchSubmitted():
            return replace(state, status="submitted")
        case BatchProgressed():
            return replace(state, finished=state.finished.with_({item.id: item for item in event.finished}))
        case BatchCompleted():
            return replace(state, status="completed")
        case BatchCancelled():
            return replace(state, status="cancelled")
        case _:
            assert_never(event)


def decide(command: BatchCommand, state: Batch) -> Sequence[BatchEvent]:
    """Return what follows from ``command``: nothing if it is already so.

    Raises:
        Rejected: a rule refuses it; see each command's description.
    """
    if isinstance(command, OpenBatch):
        return _open(command, state)
    if state.opened is None:
        raise Rejected(
            "batch_not_found",
            f"there is no batch {command.batch_id}",
            field="batch_id",
            remedy="open it with batch.open first",
        )
    match command:
        case AddItems():
            return _add(command, state)
        case SubmitBatch():
            return _submit(command, state)
        case CancelBatch():
            return _cancel(command, state)
        case RecordItems():
            return _record(command, state)
        case _:
            assert_never(command)


def _open(command: OpenBatch, state: Batch) -> Sequence[BatchEvent]:
    opened = BatchOpened(**command.model_dump())
    if state.opened is None:
        return [opened]
    if state.opened == opened:
        return []
    raise Rejected(
        "batch_exists",
        f"batch {command.batch_id} exists with other facts",
        field="batch_id",
        remedy="give the new batch an id of its own",
    )


def _add(command: AddItems, state: Batch) -> Sequence[BatchEvent]:
    new = [item for item in command.items if state.items.get(item.id) != item]
    if not new:
        return []
    if state.status != "open":
        raise _closed(command.batch_id, state)
    ids = [item.id for item in new]
    twice = next((id_ for n, id_ in enumerate(ids) if id_ in state.items or id_ in ids[:n]), None)
    if twice is not None:
        raise Rejected(
            "item_exists",
            f"the batch has another item {twice}",
            field="items",
            remedy="give every item an id of its own",
        )
    if (total := len(state.items) + len(new)) > ITEMS_MAX:
        raise Rejected(
            "batch_too_large",
            f"the batch would have {total} items, the limit is {ITEMS_MAX}",
            field="items",
            remedy="split it into several batches",
        )
    return [BatchItemsAdded(batch_id=command.batch_id, items=new)]


def _submit(command: SubmitBatch, state: Batch) -> Sequence[BatchEvent]:
    if state.status in {"submitted", "completed"}:
        return []
    if state.status != "open":
        raise _closed(command.batch_id, state)
    if not state.items:
        raise Rejected("batch_empty", "the batch has no items", field="batch_id", remedy="add some first")
    return [BatchSubmitted(batch_id=command.batch_id, items=len(state.items))]


def _cancel(command: CancelBatch, state: Batch) -> Sequence[BatchEvent]:
    if state.status == "cancelled":
        return []
    if state.status == "completed":
        raise _closed(command.batch_id, state)
    return [BatchCancelled(**command.model_dump())]


def _record(command: RecordItems, state: Batch) -> Sequence[BatchEvent]:
    if state.status != "submitted":
        return []  # cancelled meanwhile, or completed by somebody else: what came of it changes nothing
    new = {item.id: item for item in command.finished if item.id in state.items}
    fresh = [item for id_, item in new.items() if id_ not in state.finished]
    if not fresh:
        return []
    progressed = BatchProgressed(batch_id=command.batch_id, finished=fresh)
    after = evolve(state, progressed)
    if len(after.finished) < len(after.items):
        return [progressed]
    answered = len(after.items) - after.failed
    done = BatchCompleted(batch_id=command.batch_id, answered=answered, failed=after.failed)
    return [progressed, done]


def _closed(batch_id: str, state: Batch) -> Rejected:
    return Rejected(
        "batch_closed",
        f"batch {batch_id} is {state.status}",
        field="batch_id",
        remedy="open a new batch",
    )


BATCH: Decider[BatchCommand, BatchEvent, Batch] = Decider(Batch(), decide, evolve)
