"""Requests and replies (SPEC.md, "Commands", "Queries", "Errors"): bytes to values and back, no I/O."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol
from uuid import UUID

from protocol.errors import Retry
from protocol.fields import ANSWER, COMMAND, ERROR, ERROR_REPLY, FORMAT_VERSION, QUERY, REPLY
from protocol.identity import Identity
from protocol.kinds import read
from protocol.meta import LABEL, Meta, meta_from_map, meta_to_map
from protocol.packing import pack, unpack

Expected = int | Literal["none", "exists", "any"]


@dataclass(frozen=True, slots=True)
class CommandMessage:
    """A command on its way. Its ``id`` is the caller's choice; sent again, it gives the first result."""

    id: UUID
    command: str
    payload: Mapping[str, Any] = dataclasses.field(repr=False)
    expected: Expected = "any"
    """The version that the target stream must have."""
    meta: Meta = dataclasses.field(default_factory=Meta)

    def sent_by(self, sender: Identity | None) -> "CommandMessage":
        """Return it with the sender that its subject proves; who it says to be is kept as a label."""
        proven, said = sender.actor if sender else "", self.meta.actor
        label = {} if said in ("", proven) else {LABEL: said}
        meta = replace(self.meta, actor=proven, extra={**self.meta.extra, **label})
        return replace(self, meta=meta)


class EventPlace(Protocol):
    """Place of an event; anything that has these attributes can stand in a reply."""

    @property
    def id(self) -> UUID: ...  # noqa: D102 - the attributes are those of the wire
    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def stream(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def position(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class EventRef:
    """Place of an event, as a decoded reply says it."""

    id: UUID
    type: str
    stream: str
    version: int
    position: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A command that was carried out (or was so already: no events)."""

    result: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    events: Sequence[EventPlace] = ()
    duplicate: bool = False
    """The command had been carried out before; this is the first result."""


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """A request that was not carried out."""

    code: str
    message: str
    field: str = ""
    remedy: str = ""
    retry: Retry = "never"
    retry_after_ms: int | None = None
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A query's result, and the position of the log that it is true as of."""

    result: Any = dataclasses.field(repr=False)
    position: int


def encode_command(message: CommandMessage) -> bytes:
    """Return a command's bytes."""
    fields: dict[str, Any] = {"v": FORMAT_VERSION, "id": message.id.bytes, "command": message.command}
    if message.expected != "any":
        fields["expected"] = message.expected
    if meta := meta_to_map(message.meta):
        fields["meta"] = meta
    fields["payload"] = message.payload
    return pack(fields)


def decode_command(data: bytes) -> CommandMessage:
    """Return the command that ``data`` is.

    Raises:
        WireError: naming the field at fault.
    """
    _, id_, command, expected, meta, payload = read(unpack(data, "command message"), COMMAND)
    return CommandMessage(id_, command, payload, expected, meta_from_map(meta))


def encode_query(query: Mapping[str, Any]) -> bytes:
    """Return a query's bytes."""
    return pack({"v": FORMAT_VERSION, "query": query})


def decode_query(data: bytes) -> dict[str, Any]:
    """Return a query's parameters.

    Raises:
        WireError: naming the field at fault.
    """
    _, query = read(unpack(data, "query message"), QUERY)
    found: dict[str, Any] = query
    return found


def encode_reply(reply: Reply | ErrorReply | Answer) -> bytes:
    """Return a reply's bytes."""
    match reply:
        case Reply():
            events = [
                {
                    "id": e.id.bytes,
                    "type": e.type,
                    "stream": e.stream,
                    "version": e.version,
                    "position": e.position,
                }
                for e in reply.events
            ]
            return pack(
                {"v": FORMAT_VERSION, "result": reply.result, "events": events, "duplicate": reply.duplicate}
            )
        case Answer():
            return pack({"v": FORMAT_VERSION, "result": reply.result, "position": reply.position})
        case ErrorReply():
            error = {
                "code": reply.code,
                "message": reply.message,
                "field": reply.field,
                "remedy": reply.remedy,
                "retry": reply.retry,
                "retry_after_ms": reply.retry_after_ms,
                "details": reply.details,
            }
            return pack({"v": FORMAT_VERSION, "error": error})


def decode_reply(data: bytes) -> Reply | ErrorReply | Answer:
    """Return the reply that ``data`` is: an `ErrorReply` exactly if the key ``error`` is there.

    Raises:
        WireError: it is none.
    """
    fields = unpack(data, "reply")
    if "error" in fields:
        _, error = read(fields, ERROR_REPLY)
        return ErrorReply(*read(dict(error), ERROR, "error."))
    if "position" in fields:
        _, result, position = read(fields, ANSWER)
        return Answer(result, position)
    _, result, events, duplicate = read(fields, REPLY)
    return Reply(result, [EventRef(*event) for event in events], duplicate)
