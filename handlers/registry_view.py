"""Which model serves a use case right now: answered from memory, kept up to date by the log itself."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict

from bus.codec import UnknownEvent
from bus.ports import EventLog, RecordedEvent, Where
from domain.event import Event
from domain.parse import parse
from domain.registry.messages import (
    ModelDescribed,
    ModelPromoted,
    ModelRegistered,
    ModelRetired,
    RegistryEvent,
)
from domain.registry.use_case import USE_CASE, Model, UseCaseModels, stream_of
from domain.vocabulary import UseCase

logger = structlog.get_logger(__name__)

TYPES = tuple(e.event_name for e in (ModelRegistered, ModelDescribed, ModelPromoted, ModelRetired))

STREAM_EVENTS_MAX = 10_000
"""Events of one use case read at a miss; a registry stream has tens."""


class CurrentQuery(BaseModel):
    """registry.current: the model that serves a use case."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: UseCase


class RegistryView:
    """The registry's state in memory. Run `run` in a task; a look-up is one dictionary access."""

    def __init__(self, log: EventLog, *, decode: Callable[[RecordedEvent], Event]) -> None:
        self._log = log
        self._decode = decode
        self._use_cases: dict[str, UseCaseModels] = {}
        self._current: dict[str, Model] = {}
        self._moved = asyncio.Condition()
        self.position = 0
        """The last registry event known; 0 before the first."""

    def current(self, use_case: str) -> Model | None:
        """Return the model that serves ``use_case`` as of `position`, or None if it has none."""
        return self._current.get(use_case)

    def use_cases(self) -> list[str]:
        """Return the use cases that have a current model, in alphabetical order."""
        return sorted(self._current)

    async def run(self) -> None:
        """Follow the log for ever, from its beginning."""
        where = Where(types=TYPES)
        async with aclosing(self._log.subscribe(where=where)) as batches:
            async for batch in batches:
                await self._apply(batch)

    async def look_up(self, use_case: str) -> Model | None:
        """Return the model that serves ``use_case``, asking the log itself if memory knows none yet."""
        if model := self.current(use_case):
            return model
        stream = await self._log.read_stream(stream_of(use_case), limit=STREAM_EVENTS_MAX)
        models = USE_CASE.fold(_registry_events(map(self._decode, stream)))
        return models.models.get(models.current or "")

    async def reached(self, position: int) -> None:
        """Return once every registry event up to ``position`` is known. The caller sets the deadline."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.position >= position)

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``registry.current``: the model, or null, and the position it is true as of."""
        use_case = parse(CurrentQuery, query).use_case
        model = self.current(use_case)
        if model is None:
            return None, self.position
        shown = {
            **model.registered.model_dump(exclude={"card"}),
            "description": model.description,
            "configuration": model.configuration,
            "status": model.status,
        }
        return shown, self.position

    async def _apply(self, batch: list[RecordedEvent]) -> None:
        events = [self._decode(recorded) for recorded in batch]
        for unknown in (event for event in events if isinstance(event, UnknownEvent)):
            logger.warning("registry_event_unknown", type=unknown.type, version=unknown.schema_version)
        for event in _registry_events(events):
            models = USE_CASE.evolve(self._use_cases.get(event.use_case, USE_CASE.initial), event)
            self._use_cases[event.use_case] = models
            if model := models.models.get(models.current or ""):
                self._current[event.use_case] = model
        async with self._moved:
            self.position = batch[-1].position
            self._moved.notify_all()


def _registry_events(events: Iterable[Event]) -> Iterator[RegistryEvent]:
    for event in events:
        if isinstance(event, (ModelRegistered, ModelDescribed, ModelPromoted, ModelRetired)):
            yield event
