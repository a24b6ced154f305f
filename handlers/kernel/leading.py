"""One stream that one process at a time writes: what a leader of it knows, and how it appends.

The leader holds the newest state that it or its read model has seen, and appends at the exact version under
ids that anybody derives. So one that was stopped and wakes is refused by what its successor wrote first,
and two at once would tell the same under the same ids.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable
from uuid import UUID, uuid5

import structlog

from bus.codec import EventCodec
from bus.ports import EventLog, Fenced, IdConflict, StreamWrite, VersionConflict
from domain.kernel.event import Event
from protocol.meta import Meta

REFUSED_S = 0.05
PAGE = 1_000

S = TypeVar("S")
T_co = TypeVar("T_co", covariant=True)
logger = structlog.get_logger(__name__)


class TooOld(Exception):
    """The stream holds an event that this program does not know: what it would tell may be wrong."""


class Telling(NamedTuple):
    """Something to tell; ``name`` and ``number`` make its id. ``cause``: the event that it came of."""

    event: Event
    name: str
    number: int
    cause: UUID | None = None


class Stream(NamedTuple):
    """What a leader writes: the stream, its types of events, who it says it is, and the space of its ids."""

    name: str
    events: tuple[type[Event], ...]
    actor: str
    space: UUID

    def id_of(self, realm: str, name: str, number: int) -> UUID:
        """Return the event id of a realm's ``number``-th thing of a name, which anybody derives: UUIDv5."""
        return uuid5(uuid5(self.space, realm), f"{name}/{number}")


@runtime_checkable
class Turns(Protocol):
    """Does what is due, a turn at a time: the leaders' loops do so, and a world that has a clock of its own.

    Attributes:
        stirred_by: names of the events after which something may be due at once; time apart (`due_us`).
    """

    stirred_by: tuple[str, ...]

    async def turn(self) -> None:
        """Do what is due now, if anything is; nobody else leads, as the log is this process's own."""
        ...

    def due_us(self) -> int | None:
        """Return when time alone makes something due, in µs since 1970; None: never, as things are."""
        ...


class Known(Protocol[T_co]):
    """A read model of the stream that follows the log."""

    version: int
    news: asyncio.Event

    @property
    def state(self) -> T_co:
        """What is known of the stream."""
        ...


class Led(Generic[S]):
    """The stream as its leader has it."""

    def __init__(  # noqa: PLR0913 - each is one thing that it needs
        self,
        log: EventLog,
        codec: EventCodec,
        view: Known[S],
        evolve: Callable[[S, Any], S],
        stream: Stream,
        *,
        realm: str,
    ) -> None:
        self._log = log
        self._codec = codec
        self._view = view
        self._evolve = evolve
        self._stream = stream
        self._realm = realm
        self._state = view.state
        self._version = 0

    def newest(self) -> S:
        """Return the state with all that this process knows of it."""
        if self._view.version > self._version or not self._version:
            self._state, self._version = self._view.state, self._view.version
        return self._state

    async def append(self, found: Sequence[Telling], term: int) -> bool:
        """Append at the version that is known; if there is more by now, take that in and append nothing."""
        correlation = self._id("term", term)
        new = [
            self._codec.encode(
                each.event,
                self._id(each.name, each.number),
                Meta(correlation=correlation, causation=each.cause, actor=self._stream.actor),
            )
            for each in found
        ]
        try:
            result = await self._log.append(StreamWrite(self._stream.name, new, expected=self._version))
        except (VersionConflict, IdConflict, Fenced) as refusal:
            before = self._version
            await self.reload()
            if self._version == before:  # somebody is about to write, or an id of ours is taken
                logger.warning("leader_append_refused", stream=self._stream.name, error=str(refusal))
                await asyncio.sleep(REFUSED_S)
            return False
        if result.duplicate:
            await self.reload()
            return False
        self._take([(each.event, version) for each, version in zip(found, result.versions, strict=True)])
        return True

    def _id(self, name: str, number: int) -> UUID:
        return self._stream.id_of(self._realm, name, number)

    def _take(self, events: Sequence[tuple[Event, int]]) -> None:
        for event, version in events:
            if version == self._version + 1:  # the view may have had them meanwhile
                self._state, self._version = self._evolve(self._state, event), version

    async def reload(self) -> None:
        """Take in what the log has now.

        Raises:
            TooOld: there is an event that is not known here.
        """
        self.newest()
        while True:
            page = await self._log.read_stream(self._stream.name, after=self._version, limit=PAGE)
            for recorded in page:
                event = self._codec.decode(recorded)
                if not isinstance(event, self._stream.events):
                    what = f"{recorded.type} version {recorded.schema_version}"
                    raise TooOld(f"{what} is not known here; upgrade this program")
                self._take([(event, recorded.version)])
            if len(page) < PAGE:
                return

    async def wait(self, within_s: float) -> None:
        """Return when something has happened to the stream, or the time is over."""
        self._view.news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._view.news.wait()
