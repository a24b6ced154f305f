"""Documents derived from declarations: JSON Schemas, AsyncAPI, a page per message."""

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any

from bus.catalogue import Catalogue
from domain.inference.live import Piece
from domain.kernel.event import Command, Event, LiveMessage, Query
from domain.kernel.visibility import Erased, Personal, Private, personal_of, private_of
from protocol.packing import pack

ASYNCAPI_VERSION = "3.0.0"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REALM_EXAMPLE = "demo"
ENVELOPE_TYPE = "application/msgpack"

Declared = type[Event] | type[Command] | type[Query] | type[LiveMessage]
"""Everything that can be said to a realm, or heard from it."""


def schema_of(kind: Declared) -> dict[str, Any]:
    """Return the JSON Schema of a payload, with units and the example."""
    schema = kind.model_json_schema()
    schema["$schema"] = DIALECT
    schema["title"] = row_of(kind)["name"]
    schema["description"] = summary_of(kind)
    if example := example_of(kind):
        schema["examples"] = [example]
    if shows := shows_of(kind):
        schema["x-result"] = shows
    return schema


def shows_of(kind: Declared) -> dict[str, str]:
    """Return what of the result of a command or query is personal or private, by dotted path."""
    marks: Mapping[str, Personal | Private] = getattr(kind, "shows", {})
    return {
        path: f"personal of {mark.of}" if isinstance(mark, Personal) else "private"
        for path, mark in marks.items()
    }


def example_of(kind: Declared) -> dict[str, Any]:
    """Return the declaration's example as JSON data; {} if it has none."""
    example = getattr(kind, "example", None)
    return dict(kind.model_validate(dict(example)).model_dump(mode="json")) if example else {}


def summary_of(kind: Declared) -> str:
    """Return what the declaration says of itself."""
    return inspect.getdoc(kind) or ""


def row_of(kind: Declared) -> dict[str, Any]:
    """Return what a list shows of a declaration: kind, name, version, meaning, subject."""
    meaning = summary_of(kind).split("\n")[0]
    if issubclass(kind, Event):
        subject = f"{{realm}}.evt.{kind.event_name}.{{stream id}}"
        return _row("event", kind.event_name, kind.event_version, meaning, subject)
    if issubclass(kind, Command):
        return _row(
            "command", kind.command_name, 1, meaning, f"{{realm}}.cmd.{kind.command_name}.{{identity}}"
        )
    if issubclass(kind, Query):
        return _row("query", kind.query_name, 1, meaning, f"{{realm}}.qry.{kind.query_name}.{{identity}}")
    return _row("live", kind.live_name, 1, meaning, kind.subject)


def _row(kind: str, name: str, version: int, meaning: str, subject: str) -> dict[str, Any]:
    return {"kind": kind, "name": name, "version": version, "meaning": meaning, "subject": subject}


def fields_of(kind: Declared) -> list[dict[str, str]]:
    """Return each field's name, type, unit, limits, whether it is required, visibility and meaning."""
    schema = kind.model_json_schema()
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "type": _type(part, schema),
            "unit": str(part.get("unit", "")),
            "limits": _limits(_resolved(part, schema)),
            "required": "yes" if name in required else "no",
            "visibility": _visibility(kind, name),
            "meaning": str(part.get("description") or _resolved(part, schema).get("description", "")),
        }
        for name, part in schema.get("properties", {}).items()
    ]


def _visibility(kind: Declared, name: str) -> str:
    """Return whose words a field holds, or that it is private; of a part of it with the part's path."""
    told = [(path, f"personal of {of}") for path, of in personal_of(kind).items()]
    told += [(path, "private") for path in sorted(private_of(kind))]
    own = [word for path, word in told if path == name]
    parts = [f"{path} {word}" for path, word in told if path.startswith(f"{name}.")]
    return ", ".join([*own, *parts])


def page_of(kind: Declared) -> str:
    """Return a page in Markdown for people: meaning, subject, fields, the example as JSON and as bytes."""
    row = row_of(kind)
    lines = [f"# {row['name']}", "", summary_of(kind), ""]
    lines += [f"{row['kind']}, version {row['version']} · subject `{row['subject']}`", ""]
    lines += [
        "| field | type | unit | limits | required | visibility | meaning |",
        "|---|---|---|---|---|---|---|",
    ]
    for field in fields_of(kind):
        lines.append("| " + " | ".join(value.replace("|", "\\|") for value in field.values()) + " |")
    if shows := shows_of(kind):
        told = ", ".join(f"`{path}` ({word})" for path, word in shows.items())
        lines += ["", f"Of the result: {told}."]
    if example := example_of(kind):
        packed = pack(example).hex()
        lines += ["", "Example:", "", "```json", json.dumps(example, indent=2, ensure_ascii=False), "```", ""]
        lines += [
            "The same as msgpack:",
            "",
            "```",
            *[packed[i : i + 96] for i in range(0, len(packed), 96)],
            "```",
        ]
    return "\n".join(lines) + "\n"


def asyncapi_of(catalogue: Catalogue, *, version: str) -> dict[str, Any]:
    """Return the AsyncAPI 3 document of everything that can be said to, and heard from, a realm.

    Source: AsyncAPI Specification 3.0.0. NATS's binding knows only queue groups, so what concerns JetStream
    stands in ``x-nats-…`` keys.
    """
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {"reply": _reply_message()}
    for event in catalogue.events.values():
        _add_event(channels, operations, messages, event)
    for command in catalogue.commands.values():
        _add_command(channels, operations, messages, command)
    _add_inbox(channels, operations, catalogue)
    for query in catalogue.queries.values():
        _add_query(channels, operations, messages, query)
    for live in catalogue.live.values():
        _add_live(channels, operations, messages, live)
    schemas: dict[str, Any] = {}
    messages = {key: _hoisted(message, schemas) for key, message in messages.items()}
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {
            "title": "AI Core",
            "version": version,
            "description": "Messages are msgpack maps as protocol/SPEC.md describes; "
            "the schemas here are those of their `payload` or `query`; of live messages, of the whole.",
        },
        "defaultContentType": ENVELOPE_TYPE,
        "servers": {"nats": {"host": "127.0.0.1:4222", "protocol": "nats"}},
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }


_REALM = {"realm": {"description": "Name of the realm", "examples": [REALM_EXAMPLE]}}
_SENDER = {**_REALM, "identity": {"description": "The sender: {service|operator|component}-{name}"}}


def _add_event(
    channels: dict[str, Any], operations: dict[str, Any], messages: dict[str, Any], kind: type[Event]
) -> None:
    context, name = kind.event_name.split(".")
    key = f"event.{kind.event_name}"
    stream = {"stream_id": {"description": f"What stands behind `{context}-` in the stream's name"}}
    messages[key] = _message(kind, {"x-schema-version": kind.event_version})
    channels[key] = _channel(f"{{realm}}.evt.{context}.{name}.{{stream_id}}", key, {**_REALM, **stream})
    channels[key]["x-nats-jetstream"] = {"stream": "EVT_{realm}", "sequence": "position in the log"}
    operations[f"hear.{kind.event_name}"] = {
        "action": "send",
        "channel": {"$ref": f"#/channels/{key}"},
        "summary": row_of(kind)["meaning"],
    }


def _add_command(
    channels: dict[str, Any], operations: dict[str, Any], messages: dict[str, Any], kind: type[Command]
) -> None:
    key = f"command.{kind.command_name}"
    messages[key] = _message(kind, {})
    channels[key] = _channel(row_of(kind)["subject"], key, _SENDER)
    operations[f"do.{kind.command_name}"] = _request(key, row_of(kind)["meaning"])


def _add_inbox(channels: dict[str, Any], operations: dict[str, Any], catalogue: Catalogue) -> None:
    """Add the one channel on which every command may be put that is a decision and nothing more."""
    keys = [f"command.{name}" for name in catalogue.commands]
    command = {"description": "Name of the command: `{context}.{name}`"}
    channels["inbox"] = {
        "address": "{realm}.in.{command}.{identity}",
        "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in keys},
        "parameters": {**_SENDER, "command": command},
        "x-nats-jetstream": {"stream": "IN_{realm}", "Nats-Msg-Id": "the command's id in hexadecimal digits"},
    }
    summary = "Commands that nobody waits for; the reply is JetStream's. SPEC.md, Inbox."
    operations["put"] = {"action": "receive", "channel": {"$ref": "#/channels/inbox"}, "summary": summary}


def _add_query(
    channels: dict[str, Any], operations: dict[str, Any], messages: dict[str, Any], kind: type[Query]
) -> None:
    key = f"query.{kind.query_name}"
    messages[key] = _message(kind, {"description": summary_of(kind)})
    channels[key] = _channel(row_of(kind)["subject"], key, _SENDER)
    operations[f"ask.{kind.query_name}"] = _request(key, row_of(kind)["meaning"])


def _add_live(
    channels: dict[str, Any], operations: dict[str, Any], messages: dict[str, Any], kind: type[LiveMessage]
) -> None:
    key = f"live.{kind.live_name}"
    messages[key] = _message(kind, {"description": summary_of(kind)})
    meaning = row_of(kind)["meaning"]
    if (
        kind is Piece or kind.heard_with
    ):  # what goes out; a piece to the caller's own subject, which is unknown
        names = re.findall(r"\{([a-z]+)\}", kind.subject) if kind.heard_with else []
        channel = _channel(kind.subject if names else None, key, {name: {} for name in names})
        channel["messages"].pop("reply", None)
        channels[key] = {**channel, "description": meaning}
        reference = {"$ref": f"#/channels/{key}"}
        operations[f"hear.{kind.live_name}"] = {"action": "send", "channel": reference, "summary": meaning}
    else:
        channels[key] = _channel(kind.subject, key, _SENDER)
        operations[f"say.{kind.live_name}"] = _request(key, meaning)


def _request(key: str, summary: str) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{key}"},
        "summary": summary,
        "reply": {"messages": [{"$ref": f"#/channels/{key}/messages/reply"}]},
    }


def _channel(address: str | None, key: str, parameters: dict[str, Any]) -> dict[str, Any]:
    messages: dict[str, Any] = {"message": {"$ref": f"#/components/messages/{key}"}}
    if address is not None and not key.startswith("event."):
        messages["reply"] = {"$ref": "#/components/messages/reply"}
    return {"address": address, "messages": messages, "parameters": parameters}


def _message(kind: Declared, more: dict[str, Any]) -> dict[str, Any]:
    row, example = row_of(kind), example_of(kind)
    message = {"name": row["name"], "contentType": ENVELOPE_TYPE, "summary": row["meaning"], **more}
    message["payload"] = {
        "schemaFormat": "application/schema+json;version=draft-2020-12",
        "schema": _as_sent(kind),
    }
    if example:
        message["examples"] = [{"name": "example", "payload": example}]
    return message


def _as_sent(kind: Declared) -> dict[str, Any]:
    """Return the JSON Schema of a message: of one that is sent as a list, the list's."""
    schema = schema_of(kind)
    if not (issubclass(kind, LiveMessage) and kind.listed):
        return schema
    *first, last = schema.pop("properties").values()
    kept = {key: schema[key] for key in ("$schema", "$defs", "title", "description") if key in schema}
    return kept | {"type": "array", "prefixItems": first, "items": last["items"], "minItems": len(first)}


def _hoisted(part: Any, schemas: dict[str, Any]) -> Any:
    """Return a part of the document with its ``$defs`` moved to ``schemas``, which all messages share.

    A reference counts from the root of the document that it stands in, which has no ``$defs``.
    """
    match part:
        case list():
            return [_hoisted(item, schemas) for item in part]
        case {"$ref": str(reference), **more} if reference.startswith("#/$defs/"):
            name = reference.removeprefix("#/$defs/")
            return {"$ref": f"#/components/schemas/{name}", **more}
        case dict():
            for name, schema in part.get("$defs", {}).items():
                moved = _hoisted(schema, schemas)
                assert schemas.setdefault(name, moved) == moved, f"two schemas are called {name}"
            return {key: _hoisted(value, schemas) for key, value in part.items() if key != "$defs"}
        case _:
            return part


def _reply_message() -> dict[str, Any]:
    error = {"code": "string", "message": "string", "field": "string", "remedy": "string", "retry": "string"}
    properties: dict[str, Any] = {name: {"type": kind} for name, kind in error.items()}
    properties["retry"]["enum"] = ["never", "later", "reload"]
    properties["retry_after_ms"] = {"type": ["integer", "null"], "unit": "ms"}
    properties["details"] = {"type": "object"}
    schema = {
        "type": "object",
        "description": "`error` is there exactly if the request was not carried out.",
        "properties": {
            "v": {"const": 1},
            "result": {},
            "events": {"type": "array"},
            "duplicate": {"type": "boolean"},
            "position": {"type": "integer"},
            "error": {"type": "object", "properties": properties, "required": ["code", "message", "retry"]},
        },
        "required": ["v"],
    }
    return {"name": "reply", "contentType": ENVELOPE_TYPE, "payload": schema}


def _resolved(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a field's schema with its one reference or non-null alternative looked up."""
    if "$ref" in part:
        found: dict[str, Any] = schema["$defs"][part["$ref"].rsplit("/", 1)[1]]
        return found
    for option in part.get("anyOf", ()):
        if option.get("type") != "null":
            return _resolved(option, schema)
    return part


def _type(part: dict[str, Any], schema: dict[str, Any]) -> str:
    resolved = _resolved(part, schema)
    name = (
        "one of " + ", ".join(map(str, resolved["enum"]))
        if "enum" in resolved
        else "binary"
        if resolved.get("format") == "binary"
        else resolved.get("type", "any")
    )
    options = part.get("anyOf", ())
    nullable = any(option.get("type") == "null" for option in options)
    erasable = any(option.get("$ref", "").endswith(f"/{Erased.__name__}") for option in options)
    return " or ".join([str(name), *(["null"] if nullable else []), *(["erased"] if erasable else [])])


def _limits(resolved: dict[str, Any]) -> str:
    words = {
        "minimum": "≥ {}",
        "maximum": "≤ {}",
        "exclusiveMinimum": "> {}",
        "minLength": "≥ {} characters",
        "maxLength": "≤ {} characters",
        "maxProperties": "≤ {} entries",
        "maxItems": "≤ {} items",
        "pattern": "`{}`",
    }
    told = ", ".join(text.format(resolved[key]) for key, text in words.items() if key in resolved)
    return told.replace("characters", "bytes") if resolved.get("format") == "binary" else told
