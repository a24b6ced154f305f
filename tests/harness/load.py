"""What the writers append: a pure function of (seed, writer, task, number), that a restarted writer repeats.

Nothing but the acknowledgement has to be remembered over a kill: the same number gives the same event ids,
the same content and the same expected version. Each task has a stream of its own, appended under an exact
version; all share one stream of the registry, whose projection depends on the order of its events.
"""

from dataclasses import dataclass
from uuid import UUID, uuid5

from bus.codec import EventCodec
from bus.ports import ExpectedVersion, StreamWrite
from domain.inference.messages import InferenceCompleted, InferenceFailed
from domain.kernel.event import Event
from domain.registry.messages import ModelDescribed, ModelRegistered
from protocol.meta import Meta

SPACE = UUID("0a1d7a52-5ab0-4b39-8d47-2d1f6f4f3a0e")
SHARED_STREAM = "registry-npc_dialogue"
CYCLE = ("own", "own", "batch", "shared", "both")
OWN_EVENTS = {"own": 1, "batch": 3, "shared": 0, "both": 1}


@dataclass(frozen=True, slots=True)
class Task:
    """One of the concurrent tasks of one writer."""

    seed: int
    writer: str
    index: int

    @property
    def stream(self) -> str:
        """The stream that only this task appends to."""
        return f"inference-{self.writer}{self.index}"

    def ids(self, number: int) -> tuple[UUID, ...]:
        """The event ids of an append, in the order of its events."""
        kind = CYCLE[number % len(CYCLE)]
        events = OWN_EVENTS[kind] + (kind in ("shared", "both"))
        return tuple(
            uuid5(SPACE, f"{self.seed}/{self.writer}/{self.index}/{number}/{i}") for i in range(events)
        )

    def writes(self, number: int, codec: EventCodec) -> list[StreamWrite]:
        """The ``number``-th append of this task (0, 1, 2, …)."""
        kind = CYCLE[number % len(CYCLE)]
        ids = self.ids(number)
        own = OWN_EVENTS[kind]
        writes = []
        if own:
            events = [codec.encode(self._outcome(number, i), ids[i], Meta()) for i in range(own)]
            writes.append(StreamWrite(self.stream, events, self._own_before(number)))
        if len(ids) > own:
            anyhow: ExpectedVersion = "any"
            writes.append(
                StreamWrite(SHARED_STREAM, [codec.encode(self._model(number), ids[-1], Meta())], anyhow)
            )
        return writes

    def _own_before(self, number: int) -> int:
        """Version of the task's own stream before an append; nobody else writes there."""
        rounds, rest = divmod(number, len(CYCLE))
        return rounds * sum(OWN_EVENTS[kind] for kind in CYCLE) + sum(
            OWN_EVENTS[kind] for kind in CYCLE[:rest]
        )

    def _outcome(self, number: int, index: int) -> Event:
        if number % 7 == 0:
            return InferenceFailed.model_validate(InferenceFailed.example | {"message": f"number {number}"})
        changes = {"latency_ms": float(number % 97 + index + 1), "cost_micro": number % 13}
        return InferenceCompleted.model_validate(InferenceCompleted.example | changes)

    def _model(self, number: int) -> Event:
        """This task's model, registered first and then described again and again; others' on every third."""
        if number < len(CYCLE):
            changes = {"model_id": str(self._model_id(self.index)), "name": f"lamplight_{self.index}"}
            return ModelRegistered.model_validate(ModelRegistered.example | changes)
        described = {
            "model_id": str(self._model_id(number % 3)),
            "description": f"as {self.writer}{self.index} says in {number}",
        }
        return ModelDescribed.model_validate(ModelDescribed.example | described)

    def _model_id(self, index: int) -> UUID:
        return uuid5(SPACE, f"model {index}")
