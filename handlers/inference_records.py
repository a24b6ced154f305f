"""What is recorded of inferences: in memory at once, in the spool next, in the log soon.

A retry must get the first answer. This process remembers its own; an id that may be older is looked up in the
log. If the log cannot be read, the turn goes on as if the id were new, and says so in our log.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import structlog

from bus.codec import EventCodec
from bus.ids import derived_id
from bus.ports import LogUnavailable, Outbox, OutboxError, StreamWrite
from domain.inference.inference import INFERENCE, Inference, stream_of
from domain.inference.messages import RecordCancellation, RecordCompletion, RecordFailure, RecordRequest
from handlers.commands import Binding, CommandRunner, caused_by
from protocol.messages import CommandMessage

REMEMBERED_MAX = 20_000
"""Answers in memory, for retries; about a kilobyte each."""

DURABLE_S = 1.0
"""Longest wait for the disk before a reply says that its record is not safe yet."""

CLOCKS_APART_MS = 5_000
"""How far a caller's clock may be ahead of ours: only ids this much younger than our start are surely new."""

UUID_7 = 7

Recall = Callable[[str], Awaitable[Inference]]
"""Reads an inference by its stream from the log. Raises `LogUnavailable`."""

logger = structlog.get_logger(__name__)


class InferenceRecords:
    """The records of one process. Used by one event loop."""

    def __init__(self, outbox: Outbox, codec: EventCodec, recall: Recall, *, started_us: int) -> None:
        """Prepare. ``started_us``: this process's start on the wall clock; ids made later cannot be known."""
        self._outbox = outbox
        self._codec = codec
        self._recall = recall
        self._started_ms = started_us // 1_000
        self._remembered: OrderedDict[UUID, Inference] = OrderedDict()
        self.unrecorded = 0
        """Records that the outbox did not take."""

    async def find(self, id_: UUID) -> Inference:
        """Return what is known of the command ``id_``; the initial state if nothing is."""
        if known := self._remembered.get(id_):
            self._remembered.move_to_end(id_)
            return known
        if self._is_new(id_):
            return INFERENCE.initial
        try:
            return await self._recall(stream_of(id_.hex))
        except LogUnavailable as error:
            logger.warning("inference_not_looked_up", id=str(id_), error=str(error))
            return INFERENCE.initial

    def request(self, command: RecordRequest, message: CommandMessage) -> Inference:
        """Record that a model is about to be asked; the disk is not waited for."""
        state, _ = self._add(command, message, INFERENCE.initial, derived_id(message.id, 0))
        return state

    async def outcome(
        self,
        command: RecordCompletion | RecordFailure | RecordCancellation,
        message: CommandMessage,
        state: Inference,
    ) -> tuple[Inference, bool]:
        """Record what came of it; return the state and whether the record survives a crash."""
        id_ = outcome_id(message.id)
        state, durable = self._add(command, message, state, id_)
        if durable is None:
            return state, False
        try:
            async with asyncio.timeout(DURABLE_S):
                await durable
        except (OutboxError, TimeoutError) as error:
            logger.warning("inference_record_not_durable", id=str(message.id), error=repr(error))
            return state, False
        return state, True

    def _add(
        self,
        command: RecordRequest | RecordCompletion | RecordFailure | RecordCancellation,
        message: CommandMessage,
        state: Inference,
        event_id: UUID,
    ) -> tuple[Inference, Awaitable[None] | None]:
        """Decide, remember, and put into the outbox; None if it takes nothing now."""
        version = 0 if state.request is None else 1
        durable: Awaitable[None] | None = None
        for event in INFERENCE.decide(command, state):
            state = INFERENCE.evolve(state, event)
            new = self._codec.encode(event, event_id, caused_by(message))
            try:
                durable = self._outbox.put(StreamWrite(stream_of(message.id.hex), [new], version))
            except OutboxError as error:
                self.unrecorded += 1
                logger.error("inference_not_recorded", id=str(message.id), error=str(error))  # noqa: TRY400 - expected
        self._remembered[message.id] = state
        self._remembered.move_to_end(message.id)
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return state, durable

    def _is_new(self, id_: UUID) -> bool:
        """Say whether an id was made after our start, as a UUIDv7 tells; it cannot be in the log then."""
        return id_.version == UUID_7 and id_.int >> 80 > self._started_ms + CLOCKS_APART_MS


INFERENCES: Binding[Any, Any, Inference] = Binding(
    commands=(RecordRequest, RecordCompletion, RecordFailure, RecordCancellation),
    stream_of=lambda command: stream_of(command.inference_id),
    decider=INFERENCE,
    knows_repeats=True,
)
"""How a command runner reads inferences back."""


def recall_with(runner: CommandRunner) -> Recall:
    """Return a function that reads an inference from the log."""

    async def recall(stream: str) -> Inference:
        return (await runner.recall(INFERENCES, stream)).state

    return recall


def outcome_id(command_id: UUID) -> UUID:
    """Return the id of the event that ends the inference which a command asked for."""
    return derived_id(derived_id(command_id, 0, "inference.outcome"), 0)
