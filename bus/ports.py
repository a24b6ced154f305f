"""The door of the bus: the contract of the log and its values. Handlers and projections know only this.

The log is one gapless total order per realm. A *position* is an event's place in it (1, 2, 3, …), a
*version* its place in its stream (1, 2, 3, …); 0 stands for "before the first" in both. Every adapter
(`bus.postgres`, `bus.memory`) passes the same conformance suite.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, NewType, Protocol, Self, overload
from uuid import UUID

from protocol import limits
from protocol.messages import CommandMessage, ErrorReply, Reply

Position = NewType("Position", int)
Version = NewType("Version", int)

APPEND_EVENTS_MAX = 10_000
"""Events in one append; a larger import is several appends."""

PAYLOAD_BYTES_MAX = limits.PAYLOAD_BYTES_MAX
"""Bytes of one payload: half of NATS's default 1 MiB message, so that the envelope always fits."""

META_BYTES_MAX = limits.META_BYTES_MAX
"""Bytes of one event's metadata."""


# --- expected version -------------------------------------------------------------------------------

ExpectedVersion = int | Literal["none", "exists", "any"]
"""State that a stream must have for an append to hold.

An int ``n >= 0``: its last version is exactly n (0: it does not exist). ``"none"``: it does not exist.
``"exists"``: it has at least one event. ``"any"``: no condition.
"""


# --- values -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append. ``payload`` and ``meta`` are msgpack maps, stored and forwarded untouched."""

    id: UUID
    type: str
    schema_version: int
    payload: bytes = field(repr=False)
    meta: bytes = b"\x80"


@dataclass(frozen=True, slots=True)
class StreamWrite:
    """Events for one stream (``{context}-{id}``) under one expectation; ``events`` is never empty."""

    stream: str
    events: Sequence[NewEvent]
    expected: ExpectedVersion = "any"


class RecordedEvent(NamedTuple):
    """An event as the log holds it. A tuple, because a replay makes hundreds of thousands a second."""

    position: int
    stream: str
    version: int
    id: UUID
    type: str
    schema_version: int
    recorded_us: int
    """Time of recording: microseconds since 1970-01-01T00:00Z; never decreases along the log."""
    meta: bytes
    payload: bytes
    hash: bytes
    """32 bytes: SHA-256 over the previous event's hash and every other column (protocol/SPEC.md, "Chain")."""

    def __repr__(self) -> str:
        """Return its place without the payload, which may hold a player's words."""
        place = f"position={self.position}, stream={self.stream!r}, version={self.version}"
        return f"RecordedEvent({place}, type={self.type!r}, id={self.id})"


class RecordedPayload(NamedTuple):
    """The part of a `RecordedEvent` that a fold over history needs."""

    position: int
    recorded_us: int
    type: str
    schema_version: int
    payload: bytes

    def __repr__(self) -> str:
        """Return its place without the payload, as `RecordedEvent` does."""
        return f"RecordedPayload(position={self.position}, type={self.type!r})"


class PayloadPage(Sequence[RecordedPayload]):
    """A page of history as the log's adapter got it; an item is made a `RecordedPayload` when asked for.

    A fold decodes a page at once (`EventCodec.decode_page`) and asks for no item: making the items would be
    a tenth of its cost.

    Attributes:
        rows: the events in order, each with a `RecordedPayload`'s fields by index.
    """

    __slots__ = ("rows",)

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows

    @classmethod
    def of(cls, events: Iterable[RecordedEvent]) -> Self:
        """Return the page of these events."""
        return cls([(e.position, e.recorded_us, e.type, e.schema_version, e.payload) for e in events])

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> RecordedPayload: ...

    @overload
    def __getitem__(self, index: slice) -> "PayloadPage": ...

    def __getitem__(self, index: int | slice) -> "RecordedPayload | PayloadPage":
        """Return an event, or a page of some."""
        if isinstance(index, slice):
            return PayloadPage(self.rows[index])
        return RecordedPayload._make(self.rows[index])

    def __repr__(self) -> str:
        """Return how many there are, without the payloads."""
        return f"PayloadPage({len(self.rows)} events)"


class AppendResult(NamedTuple):
    """Places of an append's events: one entry per event, in the order given."""

    positions: tuple[int, ...]
    versions: tuple[int, ...]
    recorded_us: int
    duplicate: bool = False
    """The log held these events already; the values are those of the first time."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the log: position 0 with the genesis hash when it is empty."""

    position: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Where:
    """Which events of the log to read; empty fields do not restrict. All given ones must hold."""

    types: Sequence[str] = field(default=())
    context: str = ""
    """Context of the event type: what is before its dot."""
    stream_prefix: str = ""


# --- errors -----------------------------------------------------------------------------------------


class LogError(Exception):
    """Any failure of the log. ``retriable`` says whether the same call may succeed later."""

    retriable: bool = False


class VersionConflict(LogError):
    """A stream was not as expected; reload, decide again, append again."""

    def __init__(self, stream: str, expected: ExpectedVersion, actual: int) -> None:
        super().__init__(
            f"stream {stream!r} is at version {actual}, the append expected {expected!r}; "
            "read the stream again and decide on its new state"
        )
        self.stream = stream
        self.expected = expected
        self.actual = actual


class IdConflict(LogError):
    """An event id is in the log already with other content, or only a part of an append is."""

    def __init__(self, event_id: UUID, reason: str) -> None:
        super().__init__(f"event id {event_id} {reason}; ids are for one event with one content, forever")
        self.event_id = event_id


class InvalidAppend(LogError, ValueError):
    """An append that breaks a limit or a format; the message names the field, the limit and the fix."""


class AppendTooLarge(InvalidAppend):
    """An event's payload or metadata are over their limit in bytes."""


class LogUnavailable(LogError, ConnectionError):
    """The log cannot be reached or lost the connection mid-way; retry with the same event ids.

    Whether the append took effect is unknown, and the retry is harmless either way: ids already recorded
    return their first result.
    """

    retriable = True


class LogUnread(LogUnavailable):
    """The log cannot be read, or did not answer in time: nothing was written by that."""


class ClockWrong(LogUnavailable):
    """This node's clock is too far from the log's server's; nothing was written."""

    def __init__(self, skew_us: int) -> None:
        way = "ahead of" if skew_us > 0 else "behind"
        super().__init__(
            f"this node's clock is {abs(skew_us) / 1e6:,.1f} s {way} Postgres's, so it writes nothing; "
            "let NTP set both machines' clocks"
        )
        self.skew_us = skew_us


class Fenced(LogError):
    """This writer was overtaken while it held the log; nothing of the refused commit was recorded."""

    retriable = True


# --- the log ----------------------------------------------------------------------------------------


class EventLog(Protocol):
    """One realm's log. Safe for concurrent use by any number of tasks; processes coordinate by themselves."""

    @property
    def reachable(self) -> bool:
        """Whether its last read succeeded."""
        ...

    @property
    def clock_wrong(self) -> str:
        """What is wrong with this process's clock, for which nothing is written; "" if nothing is."""
        ...

    def now_us(self) -> int:
        """Return the log's time by now, µs since 1970: what is judged by time is judged by this.

        At most a second from what an append would be recorded at, however wrong this process's clock is.
        """
        ...

    async def append(self, *writes: StreamWrite) -> AppendResult:
        """Append all writes atomically, durable when this returns; streams must be distinct.

        Idempotent by event id: if every id is recorded with the same content (stream, type, schema version,
        payload), the first result is returned and nothing is written, whatever the expectation.

        Raises:
            VersionConflict: an expectation does not hold; nothing was written.
            IdConflict: an id is recorded with other content, or only some of the ids are.
            InvalidAppend: a limit or a format is broken.
            LogUnavailable: outcome unknown; retry with the same ids.
            Fenced: the writer was overtaken; nothing was written; retry.
        """
        ...

    async def read_stream(self, stream: str, *, after: int = 0, limit: int = 1_000) -> list[RecordedEvent]:
        """Return up to ``limit`` events of ``stream`` with version > ``after``, in order; [] at its end."""
        ...

    async def read_all(
        self, *, after: int = 0, limit: int = 1_000, where: Where = Where()
    ) -> list[RecordedEvent]:
        """Return up to ``limit`` matching events with position > ``after``, in order of position.

        Fewer than ``limit`` means that the end of the log was reached.
        """
        ...

    async def read_payloads(
        self, *, after: int = 0, limit: int = 1_000, where: Where = Where()
    ) -> PayloadPage:
        """Return what a fold over history needs of the events that `read_all` would return, and no more.

        It costs half of `read_all` (benchmarks/replay.py).
        """
        ...

    async def read_stream_payloads(self, stream: str, *, after: int = 0, limit: int = 1_000) -> PayloadPage:
        """Return what a fold needs of the events that `read_stream` would return, and no more."""
        ...

    async def find(self, event_id: UUID) -> RecordedEvent | None:
        """Return the event with this id, whatever its stream; None if there is none."""
        ...

    async def head(self) -> Head:
        """Return the end of the log."""
        ...

    def subscribe(
        self, *, after: int = 0, where: Where = Where(), batch_max: int = 500, pause_s: float = 0.0
    ) -> AsyncGenerator[list[RecordedEvent], None]:
        """Yield matching events after a position, in order, without gap or double, and then live ones.

        Batches are non-empty and at most ``batch_max`` long; ``pause_s`` lets what comes within so many s
        come together, which spares the server. The iterator never ends by itself and survives
        lost connections. Close it (``aclosing``) when done.
        """
        ...


# --- the outbox -------------------------------------------------------------------------------------


class OutboxError(Exception):
    """The outbox took nothing; whoever called still has the record, and must say so."""


class SpoolFull(OutboxError):
    """The log has not taken records for so long that the disk space for them is used up."""


class SpoolClosed(OutboxError):
    """The outbox was closed; a record that was not confirmed before may be lost with the process."""


class Outbox(Protocol):
    """Takes appends at once and brings them to the log later: durable first, then exactly once, in order."""

    def put(self, write: StreamWrite) -> Awaitable[None]:
        """Take an append without waiting; the awaitable is done once it survives a crash of this machine.

        Appends of one stream reach the log in the order of the puts. Not awaiting is allowed. A record put
        twice with the same event ids is recorded once.

        Raises:
            SpoolFull: at once, nothing was taken.
            SpoolClosed: at once or from the awaitable.
            InvalidAppend: at once; a limit or a format is broken.
        """
        ...


# --- claims -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """Which process answers a command id."""

    id: UUID
    owner: str
    """The process, 32 hexadecimal digits."""
    ours: bool
    revision: int = 0
    """Of the claim, so that only who has seen it can inherit it; 0: nobody could be asked."""
    first: bool = False
    """Nobody had claimed it before, as far as claims are kept."""


class OwnerGone(Exception):
    """The process that an id belongs to is there no more."""


class OwnerSilent(Exception):
    """The process that an id belongs to is there, and did not answer in time."""


class Claims(Protocol):
    """Agrees between processes who of them answers a command id: whoever claims it first.

    A claim is kept for an hour. While nobody can be asked everybody goes on alone: each id is its
    process's own, and claimed as soon as that can be done.
    """

    async def claim(self, id_: UUID) -> Claim:
        """Make an id ours, or say whose it is."""
        ...

    async def inherit(self, claim: Claim) -> Claim:
        """Make an id ours whose owner is gone, or say whose it is by now."""
        ...

    async def release(self, claim: Claim) -> None:
        """Let go of an id of ours of which nothing came: another process may answer it."""
        ...

    async def ask(self, claim: Claim, message: CommandMessage, within_s: float) -> Reply | ErrorReply:
        """Return what the owner replies to a command of that id.

        Raises:
            OwnerGone: it ended, and did not come back within a second.
            OwnerSilent: no reply ``within_s``.
        """
        ...


# --- work that one process leads ---------------------------------------------------------------------


class NobodyLeads(Exception):
    """No process answers for some work; one may in a moment."""


class Lead(Protocol):
    """Brings commands to the process that leads the work that they are for."""

    async def ask(self, message: CommandMessage, within_s: float) -> Reply | ErrorReply:
        """Return what the leader replies. It may be asked twice: commands take effect once.

        Raises:
            NobodyLeads: no process is there, or none replied ``within_s``.
        """
        ...

    def answering(
        self, answer: Callable[[CommandMessage], Awaitable[Reply]]
    ) -> AbstractAsyncContextManager[None]:
        """Let ``answer`` reply to what other processes ask, while the context is open."""
        ...


# --- the work queue ---------------------------------------------------------------------------------


class WorkItem(Protocol):
    """Some work that this process has taken; another gets it if nothing is heard of it for long."""

    @property
    def data(self) -> bytes:
        """The bytes that were put."""
        ...

    @property
    def attempt(self) -> int:
        """Number of times it was handed out, from 1."""
        ...

    async def done(self) -> None:
        """Take it out of the queue."""
        ...

    async def later(self, delay_s: float) -> None:
        """Give it back, to be handed out again after a while."""
        ...

    async def working(self) -> None:
        """Say that it is still worked on."""
        ...


class WorkQueue(Protocol):
    """Work for whoever has time; at least once, and gone when it is done. May be lost: the log knows better.

    Every method raises `QueueUnavailable` while the server is away.
    """

    async def ensure(self) -> bool:
        """Make the queue if it is missing; say whether it was."""
        ...

    async def put(self, key: str, data: bytes) -> None:
        """Put work; the same key within two minutes counts once."""
        ...

    async def take(self, wait_s: float) -> WorkItem | None:
        """Return some work, or None if there is none for so long."""
        ...

    async def emptied_after(self) -> int | None:
        """Return how much was ever put into the queue if nothing is left of it, None while something is.

        What is worked on is left.
        """
        ...


class QueueUnavailable(Exception):
    """The work queue cannot be reached; the same call may succeed later."""
