"""Requests and replies (SPEC.md, "Commands", "Queries", "Errors"): bytes to values and back, no I/O."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from uuid import UUID

from protocol.errors import WireError
from protocol.meta import Meta, meta_from_map, meta_to_map
from protocol.packing import pack, unpack
from protocol.subjects import check_name

FORMAT_VERSION = 1

Expected = int | Literal["none", "exists", "any"]
Retry = Literal["never", "later", "reload"]
"""What the caller can do: nothing with this message; send it again later; read the state and decide anew."""


@dataclass(frozen=True, slots=True)
class CommandMessage:
    """A command on its way. Its ``id`` is the caller's choice; sent again, it gives the first result."""

    id: UUID
    command: str
    payload: Mapping[str, Any]
    expected: Expected = "any"
    """The version that the target stream must have."""
    meta: Meta = dataclasses.field(default_factory=Meta)


class EventPlace(Protocol):
    """Where an event is; whatever has these attributes can stand in a reply."""

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
    """Where an event is, as a decoded reply says it."""

    id: UUID
    type: str
    stream: str
    version: int
    position: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A command that was carried out (or was so already: no events)."""

    result: Mapping[str, Any] = dataclasses.field(default_factory=dict)
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

    result: Any
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
    fields = _versioned(data, "command message")
    command = fields.get("command")
    if not isinstance(command, str):
        raise _wrong("command", "a string", command)
    expected = fields.get("expected", "any")
    if not (type(expected) is int and expected >= 0) and expected not in ("none", "exists", "any"):
        raise WireError("invalid_field", "expected", 'must be an integer from 0, "none", "exists" or "any"')
    meta, payload = fields.get("meta", {}), fields.get("payload")
    if not isinstance(meta, dict):
        raise _wrong("meta", "a map", meta)
    if not isinstance(payload, dict):
        raise _wrong("payload", "a map", payload)
    return CommandMessage(
        id=_id(fields.get("id"), "id"),
        command=check_name(command),
        payload=payload,
        expected=expected,
        meta=meta_from_map(meta),
    )


def encode_query(query: Mapping[str, Any]) -> bytes:
    """Return a query's bytes."""
    return pack({"v": FORMAT_VERSION, "query": query})


def decode_query(data: bytes) -> dict[str, Any]:
    """Return a query's parameters.

    Raises:
        WireError: naming the field at fault.
    """
    query = _versioned(data, "query message").get("query")
    if not isinstance(query, dict):
        raise _wrong("query", "a map", query)
    return query


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
    fields = _versioned(data, "reply")
    if "error" in fields:
        return _error(fields["error"])
    if "position" in fields:
        if type(fields["position"]) is not int:
            raise _wrong("position", "an integer", fields["position"])
        return Answer(fields.get("result"), fields["position"])
    result, events = fields.get("result"), fields.get("events", [])
    if not isinstance(result, dict):
        raise _wrong("result", "a map", result)
    if not isinstance(events, list):
        raise _wrong("events", "a list", events)
    return Reply(result, [_event_ref(event) for event in events], fields.get("duplicate") is True)


def _event_ref(event: Any) -> EventRef:
    if not isinstance(event, dict):
        raise _wrong("events", "a list of maps", event)
    match event:
        case {"type": str(kind), "stream": str(stream), "version": int(version), "position": int(position)}:
            return EventRef(_id(event.get("id"), "events.id"), kind, stream, version, position)
        case _:
            raise WireError("malformed_message", "events", "an entry lacks type, stream, version or position")


def _error(error: Any) -> ErrorReply:
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        raise _wrong("error", "a map with a code", error)
    texts = {key: str(error.get(key) or "") for key in ("message", "field", "remedy")}
    retry: Retry = error["retry"] if error.get("retry") in ("never", "later", "reload") else "never"
    after, details = error.get("retry_after_ms"), error.get("details")
    return ErrorReply(
        error["code"],
        **texts,
        retry=retry,
        retry_after_ms=after if type(after) is int else None,
        details=details if isinstance(details, dict) else {},
    )


def _versioned(data: bytes, what: str) -> dict[str, Any]:
    fields = unpack(data, what)
    version = fields.get("v")
    if type(version) is not int:
        raise WireError("malformed_message", "v", "the format version is missing or no integer")
    if version != FORMAT_VERSION:
        raise WireError("unsupported_version", "v", f"is {version}; this reader knows {FORMAT_VERSION}")
    return fields


def _id(value: Any, field_name: str) -> UUID:
    if type(value) is not bytes or len(value) != 16:
        raise _wrong(field_name, "16 bytes (msgpack bin)", value)
    return UUID(bytes=value)


def _wrong(field_name: str, wanted: str, value: Any) -> WireError:
    if value is None:
        return WireError("malformed_message", field_name, f"is missing; it must be {wanted}")
    return WireError(
        "malformed_message", field_name, f"is of kind {type(value).__name__}; it must be {wanted}"
    )
