"""One turn of the desk: what was asked, decided on a draft of the ledger that stands if it is recorded."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid5

from bus.codec import EventCodec
from bus.ids import derived_id
from bus.ports import AppendTooLarge, NewEvent, StreamWrite, VersionConflict
from domain.kernel.decider import Rejected
from domain.kernel.event import Command, Event
from domain.ledger.book import STREAM, Book, Now, evolve
from domain.ledger.commands import LedgerCommand
from domain.ledger.ledger import LEDGER, Asked, expire
from domain.ledger.messages import Held, LedgerEvent
from handlers.kernel.commands import caused_by
from handlers.ledger.replies import result_of
from handlers.ledger.riders import Ride
from protocol.errors import WireError
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta

COMPONENT = "component:ledger"

EVENTS_MAX = 1_000
BYTES_MAX = 2_000_000
"""After either a turn is full; the command that goes over it is still of it."""


@dataclass(eq=False, slots=True)
class Waiting:
    """Somebody who waits at the desk."""

    message: CommandMessage
    command: Command
    reply: "asyncio.Future[Reply]"
    originals: Mapping[str, Event] = field(default_factory=dict)
    """The events that it wants reversed, by id."""
    ride: Ride | None = None
    """Of a command of another context."""

    def refuse(self, error: Exception) -> None:
        """Tell that it failed."""
        if not self.reply.done():
            self.reply.set_exception(error)


class Decided(NamedTuple):
    """What a command of a turn came to."""

    asked: Waiting
    result: Mapping[str, Any]
    ids: Sequence[UUID]
    """Of its events."""


class Turn:
    """Commands decided one after the other, each on what the ones before it left."""

    def __init__(self, codec: EventCodec, known: tuple[Book, int, Now], written: Mapping[str, int]) -> None:
        """Begin one: with the ledger, its version and the time; ``written``: versions of other streams."""
        book, version, now = known
        self._codec = codec
        self._written = written
        self._now = now
        self.book = book
        self.version = version
        """Of the stream, with what this turn adds."""
        self.new: list[NewEvent] = []
        self.events: list[LedgerEvent] = []
        self.beside: dict[str, StreamWrite] = {}
        """Streams of other contexts that are written in the same append."""
        self.decided: list[Decided] = []
        self.refused: list[tuple[Waiting, Exception]] = []
        self._bytes = 0

    def expire(self, hold: Held) -> None:
        """End a hold whose time is over. Its id is derived of the hold's, so that it ends once."""
        event = expire(hold, self.book)
        id_ = uuid5(UUID(hold.hold_id), "expired")
        self._add([event], [self._codec.encode(event, id_, Meta(actor=COMPONENT))])

    def decide(self, asked: Waiting) -> None:
        """Decide a command; what is refused is told once everything before it is recorded."""
        if asked.ride:
            self._ride(asked, asked.ride)
            return
        cause, meta = asked.message.id, caused_by(asked.message)
        whole = Asked(
            cast(LedgerCommand, asked.command),
            self._now,
            lambda n: str(derived_id(cause, n)),
            asked.originals,
        )
        try:
            self._see_expected(asked.message, STREAM, self.version)
            events = LEDGER.decide(whole, self.book)
            new = [self._codec.encode(event, derived_id(cause, n), meta) for n, event in enumerate(events)]
        except (Rejected, VersionConflict, AppendTooLarge, WireError) as refusal:
            self.refused.append((asked, refusal))
            return
        self.decided.append(Decided(asked, result_of(events), [each.id for each in new]))
        self._add(events, new)

    def may_ride(self, asked: Waiting) -> bool:
        """Say whether a command of another context was read as its streams are: nothing wrote them since."""
        ride = asked.ride
        return ride is None or (
            self.beside.keys().isdisjoint(ride.streams) and self._written.get(ride.stream, 0) <= ride.version
        )

    def _ride(self, asked: Waiting, ride: Ride) -> None:
        """Decide a command of another context; its events come first, and then the ledger's."""
        cause, meta = asked.message.id, caused_by(asked.message)
        try:
            self._see_expected(asked.message, ride.stream, ride.version)
            ridden, new, writes = ride.decide(self.book, self._now), list[NewEvent](), list[StreamWrite]()
            for part in ridden.beside:
                encoded = [
                    self._codec.encode(event, derived_id(cause, len(new) + n), meta)
                    for n, event in enumerate(part.events)
                ]
                new += encoded
                writes.append(StreamWrite(part.stream, encoded, expected=part.version))
            ledger = [
                self._codec.encode(event, derived_id(cause, len(new) + n), meta)
                for n, event in enumerate(ridden.ledger)
            ]
        except (Rejected, VersionConflict, AppendTooLarge, WireError) as refusal:
            self.refused.append((asked, refusal))
            return
        self.beside |= {write.stream: write for write in writes}
        self._bytes += sum(len(each.payload) for each in new)
        self.decided.append(Decided(asked, ridden.result, [each.id for each in (*new, *ledger)]))
        self._add(ridden.ledger, ledger)

    def version_of(self, stream: str) -> int:
        """Return the version of a stream of another context with what this turn adds."""
        write = self.beside[stream]
        assert isinstance(write.expected, int)
        return write.expected + len(write.events)

    def writes(self, before: int) -> list[StreamWrite]:
        """Return what is to be appended, to a ledger of that version."""
        own = [StreamWrite(STREAM, self.new, expected=before)] if self.new else []
        return [*own, *self.beside.values()]

    @property
    def full(self) -> bool:
        """Whether it is as large as one append should be."""
        return self._bytes > BYTES_MAX or len(self.new) > EVENTS_MAX

    def _add(self, events: Sequence[LedgerEvent], new: Sequence[NewEvent]) -> None:
        self.new += new
        self.events += events
        for event in events:
            self.book = evolve(self.book, event)
        self.version += len(events)
        self._bytes += sum(len(each.payload) for each in new)

    @staticmethod
    def _see_expected(message: CommandMessage, stream: str, there: int) -> None:
        """See that a stream is as its caller expects.

        Raises:
            VersionConflict: it is not.
        """
        if (expected := message.expected) == "any":
            return
        if not {"none": there == 0, "exists": there > 0}.get(str(expected), there == expected):
            raise VersionConflict(stream, expected, there)
