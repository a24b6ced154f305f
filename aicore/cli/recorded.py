"""One event of the log, for people on a line and for programs as JSON."""

from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from aicore.cli.terminal import out, print_json
from bus.ports import RecordedEvent
from protocol.meta import LABEL, ROLE, decode_meta
from protocol.packing import unpack

SHOWN_CHARACTERS_MAX = 160
MOST_TELLING = ("prompt", "text", "excerpt", "reason", "message", "code")
"""Keys that one line begins with: it is cut at its end."""

LESS_TELLING = ("_id", "_hash", "_digest")
"""Ends of keys that one line leaves out; `aicore log show` has everything."""


def print_event(event: RecordedEvent, *, json: bool) -> None:
    """Print one event on one line: its payload cut, or with ``json`` all that it carries."""
    if json:
        print_json(whole(event))
        return
    fields = unpack(event.payload, "payload")
    keys = sorted(fields, key=lambda key: key not in MOST_TELLING)
    payload = " ".join(f"{key}={fields[key]}" for key in keys if not key.endswith(LESS_TELLING))
    line = Text(f"{event.position:>8}  ", style="bold")
    line.append(f"{time_shown(event.recorded_us)}  ", style="dim")
    line.append(f"{event.type:<26} ", style="cyan")
    line.append(f"{event.stream} v{event.version}  ", style="magenta")
    line.append(payload if len(payload) <= SHOWN_CHARACTERS_MAX else payload[:SHOWN_CHARACTERS_MAX] + "…")
    out.print(line, soft_wrap=True)


def whole(event: RecordedEvent) -> dict[str, Any]:
    """Return all that an event carries, by name; ids are text, the payload is a map."""
    meta = decode_meta(event.meta)
    return {
        "position": event.position,
        "type": event.type,
        "schema": event.schema_version,
        "stream": event.stream,
        "version": event.version,
        "id": str(event.id),
        "time": time_shown(event.recorded_us),
        "actor": meta.actor,
        **{key: meta.extra[key] for key in (ROLE, LABEL) if key in meta.extra},
        "correlation": str(meta.correlation or ""),
        "causation": str(meta.causation or ""),
        "trace": meta.trace,
        "hash": event.hash.hex(),
        "payload": unpack(event.payload, "payload"),
    }


def time_shown(us: int) -> str:
    """Return µs since 1970 as a time of UTC in ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
