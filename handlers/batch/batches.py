"""The batches of a realm in memory, kept up to date by the log, and the queries over them."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from bus.ports import EventLog, RecordedEvent
from domain.batch.batch import BATCH, Batch, stream_of
from domain.batch.messages import (
    AddItems,
    BatchCancelled,
    BatchCompleted,
    BatchEvent,
    BatchItemsAdded,
    BatchOpened,
    BatchProgressed,
    BatchSubmitted,
    CancelBatch,
    OpenBatch,
    RecordItems,
    SubmitBatch,
)
from domain.batch.queries import BatchesQuery, ResultsQuery
from domain.inference.inference import stream_of as inference_stream
from domain.inference.messages import InferenceCompleted
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.kernel.visibility import shown as shown_words
from handlers.kernel.commands import Binding
from handlers.kernel.follow import Decode, MemoryView

KINDS = (BatchOpened, BatchItemsAdded, BatchSubmitted, BatchProgressed, BatchCompleted, BatchCancelled)
ENDED = frozenset({"completed", "cancelled"})
READ_MAX = 50
WHOLE_MAX = 4
"""Ended batches whose items are kept, up to 100,000 each; of others they are read when they are asked for."""

BATCHES: Binding[Any, Any, Batch] = Binding(
    commands=(OpenBatch, AddItems, SubmitBatch, CancelBatch),
    stream_of=lambda command: stream_of(command.batch_id),
    decider=BATCH,
    answer=lambda command, state: {"batch_id": command.batch_id, **shown(state)},
)
BATCH_RECORDS: Binding[Any, Any, Batch] = Binding(
    commands=(RecordItems,),
    stream_of=lambda command: stream_of(command.batch_id),
    decider=BATCH,
)
"""Commands from workers to the decider; never taken from the wire."""


def shown(batch: Batch) -> Mapping[str, Any]:
    """Return how a batch stands."""
    return {
        "name": batch.opened.name if batch.opened else "",
        "use_case": batch.opened.use_case if batch.opened else "",
        "status": batch.status,
        "items": len(batch.items),
        "answered": len(batch.finished) - batch.failed,
        "failed": batch.failed,
    }


class BatchView(MemoryView):
    """Run `run` in a task; everything else answers from memory, but for the texts of results."""

    name = "batches"
    types = tuple(kind.event_name for kind in KINDS)
    pause_s = 0.1

    def __init__(self, log: EventLog, *, decode: Decode) -> None:
        super().__init__(log, decode=decode)
        self._batches: dict[str, Batch] = {}
        """Of those that have ended without their items."""
        self._ended: dict[str, Mapping[str, Any]] = {}
        """Standing of those that have ended."""
        self._whole: OrderedDict[str, Batch] = OrderedDict()
        """Those that ended or were asked for last, with their items."""

    def apply(self, event: Event, _: RecordedEvent) -> None:
        """Take an event in."""
        if isinstance(event, KINDS):
            known: BatchEvent = event
            batch = BATCH.evolve(self.of(known.batch_id), known)
            if batch.status in ENDED and known.batch_id not in self._ended:
                self._ended[known.batch_id] = shown(batch)
                self._keep(known.batch_id, batch)
                batch = Batch(batch.status, batch.opened)
            self._batches[known.batch_id] = batch

    def _keep(self, batch_id: str, batch: Batch) -> None:
        self._whole[batch_id] = batch
        self._whole.move_to_end(batch_id)
        if len(self._whole) > WHOLE_MAX:
            self._whole.popitem(last=False)

    def of(self, batch_id: str) -> Batch:
        """Return a batch as it is known here; one that has ended without its items."""
        return self._batches.get(batch_id, BATCH.initial)

    def under_way(self) -> Sequence[tuple[str, Batch]]:
        """Return the batches that are worked on, by id."""
        return [(id_, batch) for id_, batch in self._batches.items() if batch.status == "submitted"]

    async def answer_list(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``batch.list``."""
        parse(BatchesQuery, query)
        rows = [
            {"batch_id": id_, **(self._ended.get(id_) or shown(batch))}
            for id_, batch in self._batches.items()
        ]
        return rows, self.position

    async def answer_results(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``batch.results``; an answer's text is read from the log.

        Raises:
            Rejected: ``batch_not_found``.
            LogUnavailable: the log is away.
        """
        asked = parse(ResultsQuery, query)
        batch = self.of(asked.batch_id)
        if batch.opened is None:
            raise Rejected(
                "batch_not_found",
                f"there is no batch {asked.batch_id}",
                field="batch_id",
                remedy="ask the query batch.list for the ids",
            )
        if asked.batch_id in self._ended:
            batch = await self._whole_of(asked.batch_id)
        wanted = list(batch.finished.values())[asked.after : asked.after + asked.limit]
        rows = []
        for item in wanted:
            text = await self._text(item.inference_id)
            rows.append({**item.model_dump(), "prompt": batch.items[item.id].prompt, "text": text})
        return rows, self.position

    async def _whole_of(self, batch_id: str) -> Batch:
        """Return an ended batch with its items."""
        batch, version = self._whole.get(batch_id, BATCH.initial), 0
        while batch.status not in ENDED:
            found = await self._log.read_stream(stream_of(batch_id), after=version, limit=READ_MAX)
            for recorded in found:
                event = self._decode(recorded)
                assert isinstance(event, KINDS)
                batch, version = BATCH.evolve(batch, event), recorded.version
        self._keep(batch_id, batch)
        return batch

    async def _text(self, inference_id: str) -> str:
        for recorded in await self._log.read_stream(inference_stream(inference_id)):
            event = self._decode(recorded)
            if isinstance(event, InferenceCompleted):
                return shown_words(event.text)
        return ""
