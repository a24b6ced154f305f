"""The records of inferences: in memory at once, in the spool next, in the log soon.

A retry must get the first answer. This process remembers its own; an id that may be older is looked up in the
log. If the log cannot be read in time, the turn goes on as if the id were new, and says so in our log.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any
from uuid import UUID

import structlog

from bus.codec import EventCodec
from bus.ids import derived_id
from bus.ports import (
    ExpectedVersion,
    LogUnavailable,
    LogUnread,
    NewEvent,
    Outbox,
    OutboxError,
    StreamWrite,
)
from domain.guardrails.messages import ViolationDetected
from domain.guardrails.violations import stream_of as violation_stream
from domain.inference.inference import INFERENCE, Inference, stream_of
from domain.inference.messages import (
    Generate,
    InferenceEvent,
    InferenceRefused,
    InferenceRequested,
    RateInference,
)
from domain.inference.recording import RecordCancellation, RecordCompletion, RecordFailure, RecordRequest
from domain.kernel.decider import Rejected
from domain.routing.allowance import Bucket, Rate
from domain.routing.messages import EngineStateChanged
from domain.routing.messages import stream_of as engine_stream
from handlers.kernel.commands import Binding, CommandRunner, caused_by
from handlers.kernel.look_up import LookUp
from protocol.messages import CommandMessage

REMEMBERED_MAX = 20_000
"""Answers in memory, for retries; about a kilobyte each."""

DURABLE_S = 1.0
"""Longest wait for the disk before a reply says that its record is not safe yet."""

CLOCKS_APART_MS = 5_000
"""How far a caller's clock may be ahead of ours: only ids this much younger than our start are surely new."""

NEW_MS = 600_000
"""An id that was made longer ago is looked up, whoever claims it: claims may have been lost meanwhile. So is
one that is as far ahead: then one of the clocks is wrong."""

REFUSALS = Rate(per_second=50.0, burst=500.0)
"""Refusals recorded; a flood of nonsense must not fill the log. What is left out is counted."""

USE_CASE_FORM = re.compile(r"[a-z][a-z0-9_]{0,62}")

UUID_7 = 7
MADE_MS_SHIFT = 80
"""The first 48 of a UUIDv7's 128 bits are the milliseconds since 1970 (RFC 9562, 5.7)."""

Recall = Callable[[str], Coroutine[Any, Any, Inference]]
"""Reads an inference by its stream from the log. Raises `LogUnavailable`."""

Orphans = Callable[[str], Awaitable[Sequence[NewEvent]]]
"""Reads what processes that are gone left of a stream, and the log may not have."""

logger = structlog.get_logger(__name__)


class InferenceRecords:
    """The records of one process. Used by one event loop."""

    def __init__(  # noqa: PLR0913 - what it stands on, by name
        self,
        outbox: Outbox,
        codec: EventCodec,
        recall: Recall,
        *,
        now_us: Callable[[], int],
        new_id: Callable[[], UUID],
        orphans: Orphans | None = None,
    ) -> None:
        """Prepare. What ``now_us`` says now is this process's start: ids made later cannot be known.

        ``orphans`` reads what processes of this machine that are gone left of a stream.
        """
        started_us = now_us()
        self._orphans = orphans or _none
        self._now_us = now_us
        self._new_id = new_id
        self._refusals = Bucket.full(REFUSALS, started_us / 1e3)
        self._unrecorded_refusals = 0
        self._outbox = outbox
        self._codec = codec
        self._recall = recall
        self._new_since_ms = started_us // 1_000
        """Ids made later were never here, or are remembered."""
        self._remembered: OrderedDict[UUID, Inference] = OrderedDict()
        self._pending: dict[UUID, tuple[CommandMessage, Sequence[InferenceEvent]]] = {}
        self._look_up = LookUp()
        self.unrecorded = 0
        """Records that the outbox did not take."""

    def remembers(self, id_: UUID) -> bool:
        """Say whether this process had the command ``id_`` not long ago."""
        return id_ in self._remembered

    async def find(
        self, id_: UUID, within_s: float | None = None, *, fresh: bool = True, seen: bool = False
    ) -> Inference:
        """Return what is known of the command ``id_``; the initial state if nothing is.

        The log is not waited for longer than ``within_s``. ``fresh``: no other process can have had it;
        ``seen``: this one had it.

        Raises:
            LogUnavailable: it was seen, and the log cannot say what came of it: to ask anew would be a second
                effect.
        """
        if known := self._remembered.get(id_):
            self._remembered.move_to_end(id_)
            return known
        if fresh and self._is_new(id_):
            return INFERENCE.initial
        return await self._looked_up(id_, within_s, needed=seen)

    async def inherited(self, id_: UUID, within_s: float | None = None) -> Inference:
        """Return what is known of a command whose process is gone; a question that it left is ours now.

        It is put into our outbox, too: what comes of it must not be shipped before it. Twice it is one.
        """
        left = await self._orphans(stream_of(id_.hex))
        decode = self._codec.decode_payload
        events: list[Any] = [decode(each.type, each.schema_version, each.payload) for each in left]
        if not events or not isinstance(events[0], InferenceRequested):
            state = await self._looked_up(id_, within_s)
            return INFERENCE.fold(events, state) if state.request and not state.outcome else state
        state = INFERENCE.fold(events)
        if state.outcome is None:
            self._put(stream_of(id_.hex), [left[0]], 0)
        return state

    async def _looked_up(self, id_: UUID, within_s: float | None, *, needed: bool = False) -> Inference:
        try:
            return await self._look_up(self._recall(stream_of(id_.hex)), within_s)
        except LogUnavailable as error:
            logger.warning("inference_not_looked_up", id=str(id_), error=str(error))
            if needed:
                raise LogUnread(str(error)) from error
        return INFERENCE.initial

    def request(self, command: RecordRequest, message: CommandMessage) -> Inference:
        """Record that a model is about to be asked; the disk is not waited for.

        The record is made as soon as the loop is free: by then the engine is at work.
        """
        events = INFERENCE.decide(command, INFERENCE.initial)
        state = INFERENCE.fold(events)
        self._pending[message.id] = (message, events)
        asyncio.get_running_loop().call_soon(self._flush, message.id)
        self._remember(message.id, state)
        return state

    def _flush(self, id_: UUID) -> None:
        """Put the record of a request into the outbox, unless that is done; one that it refuses stays."""
        if (pending := self._pending.get(id_)) is not None:
            message, events = pending
            if self._add(message, events, derived_id(id_, 0), version=0) is not None:
                del self._pending[id_]

    async def outcome(
        self,
        command: RecordCompletion | RecordFailure | RecordCancellation,
        message: CommandMessage,
        state: Inference,
    ) -> tuple[Inference, bool]:
        """Record what came of it; return the state and whether the record survives a crash."""
        self._flush(message.id)
        events = INFERENCE.decide(command, state)
        state = INFERENCE.fold(events, state)
        self._remember(message.id, state)
        if self._pending.pop(message.id, None):  # behind no question it would only be a dead letter
            self.unrecorded += 1
            return state, False
        durable = self._add(message, events, outcome_id(message.id), version=1)
        if durable is None:
            return state, False
        try:
            async with asyncio.timeout(DURABLE_S):
                await durable
        except (OutboxError, TimeoutError) as error:
            logger.warning("inference_record_not_durable", id=str(message.id), error=repr(error))
            return state, False
        return state, True

    def refusal(
        self, message: CommandMessage | None, refused: Rejected, *, model_id: str | None = None, who: str = ""
    ) -> None:
        """Record that a request was turned away; beyond a rate only their number is kept.

        Args:
            message: None for one that could not be read.
            refused: why.
            model_id: the model that was to answer, if that was known.
            who: who stays with that model.
        """
        now_ms = self._now_us() / 1e3
        self._refusals = self._refusals.at(now_ms)
        if not self._refusals.admits(1.0):
            self._unrecorded_refusals += 1
            return
        self._refusals = self._refusals.used(1.0)
        message = message or CommandMessage(self._new_id(), Generate.command_name, {})
        use_case = message.payload.get("use_case")
        event = InferenceRefused(
            inference_id=message.id.hex,
            code=refused.code,
            message=_printable(refused.message)[:2_000],
            field=_printable(refused.field)[:256],
            use_case=use_case if isinstance(use_case, str) and USE_CASE_FORM.fullmatch(use_case) else "",
            by=_printable(message.meta.actor or "")[:256],
            unrecorded=self._unrecorded_refusals,
            model_id=model_id,
            who=who[:128],
        )
        self._unrecorded_refusals = 0
        self._put(
            f"refusal-{message.id.hex}", [self._codec.encode(event, self._new_id(), caused_by(message))]
        )

    def violation(self, event: ViolationDetected, message: CommandMessage) -> None:
        """Record what broke the policy in a message's turn; said again by a retry, it is one violation."""
        new = self._codec.encode(event, UUID(event.violation_id), caused_by(message))
        self._put(violation_stream(event.violation_id), [new])

    def engine_state(self, event: EngineStateChanged) -> None:
        """Record that an engine can be asked again, or no longer."""
        self._put(engine_stream(event.engine), [self._codec.encode(event, self._new_id())])

    def _put(
        self, stream: str, events: list[NewEvent], expected: ExpectedVersion = "any"
    ) -> Awaitable[None] | None:
        """Put events into the outbox; None if it takes nothing now."""
        try:
            return self._outbox.put(StreamWrite(stream, events, expected))
        except OutboxError as error:
            self.unrecorded += 1
            logger.error("inference_not_recorded", stream=stream, error=str(error))  # noqa: TRY400 - expected
            return None

    def _add(
        self, message: CommandMessage, events: Sequence[InferenceEvent], event_id: UUID, *, version: int
    ) -> Awaitable[None] | None:
        """Put events into the outbox; None if there are none, or if it takes nothing now.

        The last event gets ``event_id``, those before it ids derived from it.
        """
        meta = caused_by(message)
        ids = [event_id, *(derived_id(event_id, n) for n in range(1, len(events)))]
        new = [
            self._codec.encode(event, id_, meta) for event, id_ in zip(events, reversed(ids), strict=False)
        ]
        return self._put(stream_of(message.id.hex), new, version) if new else None

    def _remember(self, id_: UUID, state: Inference) -> None:
        self._remembered[id_] = state
        self._remembered.move_to_end(id_)
        if len(self._remembered) > REMEMBERED_MAX:
            forgotten, _ = self._remembered.popitem(last=False)
            if forgotten.version == UUID_7:
                self._new_since_ms = max(self._new_since_ms, forgotten.int >> MADE_MS_SHIFT)

    def _is_new(self, id_: UUID) -> bool:
        """Say whether an id was made a moment ago, and after all that was forgotten here.

        A UUIDv7 tells when it was made.
        """
        if id_.version != UUID_7:
            return False
        now_ms = self._now_us() // 1_000
        earliest_ms = max(self._new_since_ms + CLOCKS_APART_MS, now_ms - NEW_MS)
        return earliest_ms < id_.int >> MADE_MS_SHIFT < now_ms + NEW_MS


INFERENCES: Binding[Any, Any, Inference] = Binding(
    commands=(RecordRequest, RecordCompletion, RecordFailure, RecordCancellation),
    stream_of=lambda command: stream_of(command.inference_id),
    decider=INFERENCE,
    knows_repeats=True,
)
"""Binding by which a command runner reads inferences back."""

RATINGS: Binding[Any, Any, Inference] = Binding(
    commands=(RateInference,),
    stream_of=lambda command: stream_of(command.inference_id),
    decider=INFERENCE,
    answer=lambda command, state: {
        "inference_id": command.inference_id,
        "rating": state.rated.rating if state.rated else None,
    },
)
"""Ratings come over the wire and go to the log at once: nobody waits in a dialogue for them."""


def recall_with(runner: CommandRunner, left: Callable[[str], Sequence[Any]] = lambda _: ()) -> Recall:
    """Return a function that reads an inference from what was ``left`` in the outbox, and from the log.

    ``left`` returns the events of a stream that an earlier process put there and the log has not yet.
    """

    async def recall(stream: str) -> Inference:
        events = left(stream)
        if events and isinstance(events[0], InferenceRequested):  # from its beginning: the log has nothing
            return INFERENCE.fold(events)
        state = (await runner.recall(INFERENCES, stream)).state
        if state.request is None:  # otherwise the question would only become a dead letter of the spool
            await runner.see_unused(UUID(hex=stream.partition("-")[2]), stream)
        return INFERENCE.fold(events, state) if state.request and not state.outcome else state

    return recall


def outcome_id(command_id: UUID) -> UUID:
    """Return the id of the event that ends the inference which a command asked for."""
    return derived_id(derived_id(command_id, 0, "inference.outcome"), 0)


async def _none(_stream: str) -> Sequence[NewEvent]:
    return ()


def _printable(text: str) -> str:
    """Return what the log may hold of a caller's words: lone surrogates and U+0000 are shown as signs."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
