"""The command loop: load, fold, decide, append at the exact version; on conflict load again.

State is cached per stream. A cached state may be behind, which costs nothing: an append checks its version,
and any other end (a refusal, "already so", a conflict) is decided again on the state loaded anew.

A retry, which is the same command id, gives the first result even when the state has moved on since: event
ids are derived from the command id, so the log itself remembers. A command that would change nothing, or is
refused, is looked up there, too: its id may belong to another one, on whatever stream. What changed nothing
left nothing in the log: its retry is decided afresh, on the state of then, and its id is remembered by this
process, for a while. Whoever records first under it owns it.
"""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256
from itertools import takewhile
from typing import Any, Generic, NamedTuple, TypeVar, assert_never
from uuid import UUID
from weakref import WeakValueDictionary

from bus.codec import EventCodec, UnknownEvent
from bus.ids import derived_id
from bus.ports import (
    EventLog,
    ExpectedVersion,
    IdConflict,
    NewEvent,
    RecordedEvent,
    StreamWrite,
    VersionConflict,
)
from domain.kernel.decider import Decider, Rejected
from domain.kernel.event import Command, Event
from domain.kernel.parse import parse
from protocol.errors import WireError
from protocol.messages import CommandMessage, EventRef, Reply
from protocol.meta import Meta, decode_meta

ATTEMPTS_MAX = 64
"""Loads and appends of one command. At each conflict another process got a command through; one with a queue
for the stream appends from its cache and wins each time until the queue is empty, so be patient."""

STREAMS_CACHED_MAX = 4_096
"""As many players may be about at once: of one that is not kept every command reads the whole stream."""

COMMANDS_REMEMBERED_MAX = 4_096
"""Newest commands whose digest a process keeps beside their id: some 200 bytes each."""

READ_BATCH = 1_000

C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Binding(Generic[C, E, S]):
    """Connects an aggregate's decider with its commands, its stream and the answer to a caller.

    Without an ``answer`` the commands are internal: `CommandRunner.execute` runs them, no message does.
    ``knows_repeats`` says that the decider itself recognises a repeated command, so that two tries may carry
    different circumstances (another route, say); a repetition's outcome then lists all events of the stream.
    ``beside`` says that a decision takes long: it is made in a thread, or all who wait would wait for it.
    ``situate`` gives a command the circumstances that it is decided by (who said it, when), at each attempt.
    A repeat comes in others; then ``explains`` says whether an event may be what the command led to.
    """

    commands: Sequence[type[C]]
    stream_of: Callable[[C], str]
    decider: Decider[C, E, S]
    answer: Callable[[C, S], Mapping[str, Any]] | None = None
    knows_repeats: bool = False
    beside: bool = False
    situate: Callable[[C, Meta], Any] | None = None
    explains: Callable[[C, E], bool] | None = None

    async def decide(self, command: C, meta: Meta, state: S) -> list[E]:
        """Return what the decider says; raises as it does."""
        asked = self.situate(command, meta) if self.situate else command
        if self.beside:
            return list(await asyncio.to_thread(self.decider.decide, asked, state))
        return list(self.decider.decide(asked, state))


@dataclass(frozen=True, slots=True)
class Outcome(Generic[S]):
    """Outcome of a command: the state right after it, its events (none: already so), if it is a retry."""

    state: S
    events: Sequence[EventRef] = ()
    duplicate: bool = False


class CommandRunner:
    """Runs commands against their deciders. Safe for concurrent use; other processes may run the same."""

    def __init__(self, log: EventLog, codec: EventCodec, bindings: Sequence[Binding[Any, Any, Any]]) -> None:
        self._log = log
        self._codec = codec
        self._bound = {kind: binding for binding in bindings for kind in binding.commands}
        self._kinds = {kind.command_name: kind for kind, binding in self._bound.items() if binding.answer}
        self._cache: OrderedDict[str, _Stream] = OrderedDict()
        self._carried_out: OrderedDict[UUID, bytes] = OrderedDict()
        # Commands on one stream would only conflict with each other: within the process they take turns.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def commands(self) -> Sequence[str]:
        """Names of the commands that messages may carry."""
        return sorted(self._kinds)

    async def __call__(self, message: CommandMessage) -> Reply:
        """Run a command from the wire and return the reply to its caller.

        Raises:
            Rejected: refused by the rules, or ``unknown_command``, or ``invalid_field``.
            VersionConflict: the stream is not as the caller expected, or changed at every attempt.
            IdConflict: the command id belongs to another command.
            LogUnavailable, Fenced: the caller may retry with the same id.
            WireError: ``unsupported_version``, the stream holds events of a newer program.
        """
        kind = self._kinds.get(message.command)
        answer = self._bound[kind].answer if kind else None
        if kind is None or answer is None:
            known = ", ".join(self.commands)
            raise Rejected("unknown_command", f"no {message.command!r} here", remedy=f"there are {known}")
        command = parse(kind, message.payload)
        digest = sha256(f"{message.command} {command.model_dump_json()}".encode()).digest()
        another = self._carried_out.get(message.id, digest) != digest
        # Another process may have recorded events under an id of which nothing came here: the log decides.
        if another and await self._log.find(derived_id(message.id, 0)) is None:
            raise _used(message.id)
        meta = caused_by(message)
        outcome = await self.execute(command, message.id, meta=meta, expected=message.expected)
        self._carried_out[message.id] = digest
        if len(self._carried_out) > COMMANDS_REMEMBERED_MAX:
            self._carried_out.popitem(last=False)
        result = answer(command, outcome.state)
        return Reply(result=result, events=[*outcome.events], duplicate=outcome.duplicate)

    def lane_of(self, message: CommandMessage) -> str:
        """Return the stream that a command is about; one that will be refused has a lane of its own."""
        kind = self._kinds.get(message.command)
        try:
            return self._bound[kind].stream_of(parse(kind, message.payload)) if kind else message.id.hex
        except Exception:  # whoever carries it out says what is wrong with it
            return message.id.hex

    async def recall(self, binding: Binding[Any, Any, S], name: str) -> Outcome[S]:
        """Return a stream's state and events as they are in the log now."""
        async with self._turns.setdefault(name, asyncio.Lock()):
            stream = self._cached(name, binding)
            await self._catch_up(stream, binding)
            return Outcome(stream.state, [*stream.events.values()], duplicate=stream.version > 0)

    async def execute(
        self,
        command: Command,
        command_id: UUID,
        *,
        meta: Meta,
        expected: ExpectedVersion = "any",
        along: Sequence[Command] = (),
    ) -> Outcome[Any]:
        """Run a parsed command; raises as a call does. ``meta`` goes into each event as it is.

        What commands ``along`` come to, each on a stream of its own, is appended with it or not at all; one
        that its rules refuse comes to nothing. They are for who holds the first stream, and left out of
        repeats, which the log answers.
        """
        binding = self._bound[type(command)]
        name = binding.stream_of(command)
        async with AsyncExitStack() as turns:
            # The first stream's turn before all others', which nobody holds who waits for a first one.
            beside = sorted({self._bound[type(each)].stream_of(each) for each in along} - {name})
            for each in (name, *beside):
                await turns.enter_async_context(self._turns.setdefault(each, asyncio.Lock()))
            stream = self._cached(name, binding)
            for attempt in range(ATTEMPTS_MAX):
                fresh = attempt > 0 or not stream.loaded
                tried = stream.version
                if fresh:
                    await self._catch_up(stream, binding)
                try:
                    outcome = await self._attempt(
                        stream, binding, _Try(command, command_id, meta, expected, along)
                    )
                except (Rejected, VersionConflict, IdConflict):
                    if fresh:
                        await self.see_unused(command_id, name)
                        raise
                else:
                    if outcome and not outcome.events and fresh:
                        await self.see_unused(command_id, name)
                    if outcome and (outcome.events or fresh):
                        return outcome
            raise VersionConflict(name, tried, stream.version)

    async def see_unused(self, command_id: UUID, name: str) -> None:
        """See that the id caused nothing on another stream than ``name``, whose own events are known.

        Raises:
            IdConflict: it did.
        """
        first = await self._log.find(derived_id(command_id, 0))
        if first is not None and first.stream != name:
            raise _used(command_id)

    async def _attempt(
        self, stream: "_Stream", binding: Binding[Any, Any, Any], this: "_Try"
    ) -> Outcome[Any] | None:
        """Decide and append once; None if the stream has moved on since it was loaded."""
        if not binding.knows_repeats and (first := stream.events.get(derived_id(this.id, 0))):
            return await self._first_result(stream.name, binding, this, first.version)
        if not stream.meets(this.expected):
            raise VersionConflict(stream.name, this.expected, stream.version)
        decided = await binding.decide(this.command, this.meta, stream.state)
        if not decided and derived_id(this.id, 0) in stream.events:
            return Outcome(stream.state, [*stream.events.values()], duplicate=True)
        if not decided:
            return Outcome(stream.state)
        new = [
            self._codec.encode(event, derived_id(this.id, n), this.meta) for n, event in enumerate(decided)
        ]
        beside = await self._alongside(this, len(new)) if this.along else []
        try:
            result = await self._log.append(
                StreamWrite(stream.name, new, expected=stream.version), *(write for write, _, _ in beside)
            )
        except VersionConflict:
            return None
        except IdConflict:
            # Another process may have run the same command meanwhile; then the stream knows its id now.
            await self._catch_up(stream, binding)
            if new[0].id in stream.events:
                return None
            raise
        if result.duplicate:
            return None
        places = iter(zip(result.versions, result.positions, strict=True))
        refs = _placed(stream.name, new, places)
        stream.advance(binding.decider.fold(decided, stream.state), refs)
        for write, other, state in beside:
            own = _placed(write.stream, write.events, places)
            other.advance(state, own)
            refs = [*refs, *own]
        return Outcome(stream.state, refs)

    async def _alongside(self, this: "_Try", first: int) -> list[tuple[StreamWrite, "_Stream", object]]:
        """Return what commands that go along with one come to: what is written, where, the state after it.

        Args:
            this: the command with those beside it.
            first: number of their first event among the command's.
        """
        made = []
        for command in this.along:
            binding = self._bound[type(command)]
            other = self._cached(binding.stream_of(command), binding)
            await self._catch_up(other, binding)
            try:
                decided = await binding.decide(command, this.meta, other.state)
            except Rejected:
                continue
            if decided:
                ids = (derived_id(this.id, n) for n in itertools.count(first))
                new = [
                    self._codec.encode(event, id_, this.meta)
                    for event, id_ in zip(decided, ids, strict=False)
                ]
                first += len(new)
                write = StreamWrite(other.name, new, expected=other.version)
                made.append((write, other, binding.decider.fold(decided, other.state)))
        return made

    async def _first_result(
        self, name: str, binding: Binding[Any, Any, Any], this: "_Try", version: int
    ) -> Outcome[Any]:
        """Return what the command with this id came to when it first ran, at ``version`` of the stream.

        Decided again on the state of then: if that gives other events, the id belongs to another command.
        Who repeats another's command, id and all, is answered as if the id were somebody else's: it is.
        """
        history = await self._read(name, after=0)
        if decode_meta(history[version - 1].meta).actor != this.meta.actor:
            raise _used(this.id)
        decider = binding.decider
        before = decider.fold(self._decoded(history[: version - 1]))
        if binding.explains:
            found = _caused_by(history[version - 1 :], this.id)
            decided = self._decoded(found) if found else []
            known = decided and binding.explains(this.command, decided[0])
        else:
            try:
                decided = await binding.decide(this.command, this.meta, before)
            except Rejected:
                decided = []
            found = history[version - 1 : version - 1 + len(decided)]
            known = decided and self._decoded(found) == decided
        if not known:
            raise _used(this.id)
        return Outcome(decider.fold(decided, before), [_ref(recorded) for recorded in found], duplicate=True)

    def _cached(self, name: str, binding: Binding[Any, Any, Any]) -> "_Stream":
        stream = self._cache.pop(name, None) or _Stream(name, binding.decider.initial)
        self._cache[name] = stream
        if len(self._cache) > STREAMS_CACHED_MAX:
            self._cache.popitem(last=False)
        return stream

    async def _catch_up(self, stream: "_Stream", binding: Binding[Any, Any, Any]) -> None:
        news = await self._read(stream.name, after=stream.version)
        stream.advance(
            binding.decider.fold(self._decoded(news), stream.state), [_ref(recorded) for recorded in news]
        )
        stream.loaded = True

    def _decoded(self, history: Iterable[RecordedEvent]) -> list[Event]:
        """Return the typed events.

        Raises:
            WireError: ``unsupported_version``, one was written by a newer program; deciding without it could
                break a rule that it keeps.
        """
        events = [self._codec.decode(recorded) for recorded in history]
        for event in events:
            if isinstance(event, UnknownEvent):
                raise WireError(
                    "unsupported_version",
                    "",
                    f"the stream holds {event.type} version {event.schema_version}, which this program is "
                    "too old to know; upgrade it, or ask one that is newer",
                )
        return events

    async def _read(self, name: str, *, after: int) -> list[RecordedEvent]:
        events: list[RecordedEvent] = []
        while True:
            page = await self._log.read_stream(name, after=after, limit=READ_BATCH)
            events += page
            if len(page) < READ_BATCH:
                return events
            after = page[-1].version


class _Try(NamedTuple):
    """A command with what came along."""

    command: Command
    id: UUID
    meta: Meta
    expected: ExpectedVersion
    along: Sequence[Command] = ()


class _Stream:
    """A stream's folded state, and where its events are."""

    def __init__(self, name: str, initial: object) -> None:
        self.name = name
        self.state: Any = initial
        self.version = 0
        self.events: dict[UUID, EventRef] = {}
        self.loaded = False

    def meets(self, expected: ExpectedVersion) -> bool:
        match expected:
            case "any":
                return True
            case "none":
                return self.version == 0
            case "exists":
                return self.version > 0
            case int():
                return self.version == expected
            case _:
                assert_never(expected)

    def advance(self, state: object, refs: Sequence[EventRef]) -> None:
        self.state = state
        self.version += len(refs)
        self.events.update((ref.id, ref) for ref in refs)


def _placed(stream: str, new: Sequence[NewEvent], places: Iterator[tuple[int, int]]) -> list[EventRef]:
    """Return where a stream's events stand in the log; takes as many of the places as there are events."""
    return [EventRef(event.id, event.type, stream, *place) for event, place in zip(new, places, strict=False)]


def _used(command_id: UUID) -> IdConflict:
    return IdConflict(derived_id(command_id, 0), f"was caused by another command with the id {command_id}")


def _caused_by(history: Sequence[RecordedEvent], command_id: UUID) -> list[RecordedEvent]:
    """Return the events at the beginning of ``history`` that one command caused."""
    numbered = enumerate(history)
    return [
        recorded for n, recorded in takewhile(lambda e: e[1].id == derived_id(command_id, e[0]), numbered)
    ]


def caused_by(message: CommandMessage) -> Meta:
    """Return the metadata of events that a command causes: its correlation or itself, and itself as cause."""
    meta = message.meta
    return Meta(meta.correlation or message.id, message.id, meta.actor, meta.trace, meta.extra)


async def refs_of(log: EventLog, command_id: UUID, first: RecordedEvent) -> list[EventRef]:
    """Return all events of a command, whatever their streams; ``first`` is the first of them."""
    refs = [_ref(first)]
    while found := await log.find(derived_id(command_id, len(refs))):
        refs.append(_ref(found))
    return refs


def _ref(recorded: RecordedEvent) -> EventRef:
    return EventRef(recorded.id, recorded.type, recorded.stream, recorded.version, recorded.position)
