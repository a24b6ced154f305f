"""The cases of `edges.json`, derived from the tables of `protocol.fields`: each key at its edge and beyond.

A case without ``error`` is read; any other is refused with that code, naming ``field``.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgpack

from protocol.fields import (
    ANSWER,
    CANCELLATION,
    COMMAND,
    ENVELOPE,
    ERROR,
    EVENT_PLACE,
    FRAME,
    META,
    PIECE,
    QUERY,
    REPLY,
    SHORT_FRAME,
)
from protocol.kinds import (
    Anything,
    Changes,
    Either,
    Field,
    Flag,
    Form,
    Kind,
    MapOf,
    Octets,
    OrNil,
    Packed,
    Rows,
    ShortChanges,
    Text,
    Version,
    Whole,
    Words,
)
from protocol.limits import DEPTH_MAX, META_BYTES_MAX

MALFORMED, INVALID = "malformed_message", "invalid_field"
ID = bytes(range(16))
PLACE = {"id": ID, "type": "story.told", "stream": "story-a1", "version": 1, "position": 7}
TOLD = {
    "code": "internal", "message": "an error", "field": "", "remedy": "", "retry": "later",
    "retry_after_ms": 250, "details": {},
}  # fmt: skip
GOOD: dict[str, dict[str, Any]] = {
    "envelope": {
        "v": 1, **PLACE, "schema": 1, "realm": "demo", "time": 1, "meta": b"\x80", "hash": bytes(32),
        "payload": b"\x80",
    },
    "meta": {},
    "command": {"v": 1, "id": ID, "command": "story.tell", "payload": {}},
    "query": {"v": 1, "query": {}},
    "reply": {"v": 1, "result": {}, "events": [PLACE], "duplicate": False},
    "piece": {"v": 1, "id": ID, "n": 0, "text": "a"},
    "cancellation": {"v": 1, "id": ID},
    "frame": {"v": 1, "epoch": 7, "fold": 1, "seq": 3, "changes": [[41, ["out", "ann"], ["off", "bo"]]]},
    "short frame": {"v": 2, "epoch": 7, "fold": 1, "seq": 3, "changes": [[41, [2, "ann"], [4, "bo"]]]},
}  # fmt: skip
"""A message of each kind that is read."""


class Edge(NamedTuple):
    """A value of one key, and its code; "" where it is read. ``...`` stands for no key at all."""

    name: str
    value: Any
    code: str = ""


def edges() -> Iterable[dict[str, Any]]:
    """Yield the cases."""
    for kind, table in (
        ("envelope", ENVELOPE), ("meta", META), ("command", COMMAND), ("query", QUERY), ("reply", REPLY),
        ("piece", PIECE), ("cancellation", CANCELLATION), ("frame", FRAME),
    ):  # fmt: skip
        yield from _cases(kind, kind, table, GOOD[kind])
    yield from _cases("reply", "answer", ANSWER, {"v": 1, "result": None, "position": 9}, kept=("position",))
    yield from _cases("reply", "event of a reply", EVENT_PLACE, PLACE, ("events", [...]))
    yield from _cases("reply", "error", ERROR, TOLD, ("error", ...))
    yield from _nested()
    yield from _short()


def _short() -> Iterable[dict[str, Any]]:
    """Yield the cases of what is a list; what stands before the changes can be missing at its end only."""
    for field in SHORT_FRAME:
        for edge in _edges(field):
            fields = {**GOOD["short frame"], field.key: edge.value}
            missing = edge.value is ...
            if (missing and field.key != "seq") or (
                field.key == "changes" and not isinstance(edge.value, list)
            ):
                continue
            fault = {"error": edge.code, "field": field.key} if edge.code else {}
            data = as_list(fields)[: 3 if missing else None]
            yield {"name": f"short frame: {field.key} {edge.name}", "kind": "short frame",
                   "hex": msgpack.packb(data).hex(), **fault}  # fmt: skip
    for name, op in (("too few", [1, "ann", 1]), ("too many", [1, "ann", 1, 5, 5])):
        data = msgpack.packb([2, 7, 1, 3, [41, op]]).hex()
        yield {"name": f"short frame: an op of {name} values", "kind": "short frame", "hex": data,
               "error": MALFORMED, "field": "changes"}  # fmt: skip
    data = msgpack.packb(GOOD["short frame"]).hex()
    yield {"name": "short frame: that is a map", "kind": "short frame", "hex": data,
           "error": MALFORMED, "field": "short frame"}  # fmt: skip


def as_list(fields: Mapping[str, Any]) -> list[Any]:
    """Return a short frame as it is written."""
    *first, changes = fields.values()
    return [*first, *changes]


def _cases(
    kind: str,
    name: str,
    table: Sequence[Field],
    good: dict[str, Any],
    inside: tuple[str, Any] | None = None,
    *,
    kept: Sequence[str] = (),
) -> Iterable[dict[str, Any]]:
    """Yield a table's cases; ``inside`` is the key of a reply that holds the map, itself or in a list."""
    for field in table:
        for edge in _edges(field):
            if edge.value is ... and field.key in kept:
                continue  # without it, it would be another kind of reply
            fields = {**good, field.key: edge.value}
            if edge.value is ...:
                del fields[field.key]
            path = field.key if kind != "meta" else f"meta.{field.key}"
            if inside:
                key, holder = inside
                path = f"{key}.{field.key}"
                fields = {**GOOD["reply"], key: [fields] if isinstance(holder, list) else fields}
            fault = {"error": edge.code, "field": path} if edge.code else {}
            data = msgpack.packb(fields).hex()
            yield {"name": f"{name}: {field.key} {edge.name}", "kind": kind, "hex": data, **fault}


def _edges(field: Field) -> Iterable[Edge]:
    nil = field.optional or isinstance(field.kind, OrNil | Anything)
    yield Edge("missing", ..., "" if nil else MALFORMED)
    yield Edge("nil", None, "" if nil else MALFORMED)
    yield from _of(field.kind)


def _of(kind: Kind) -> Iterable[Edge]:
    match kind:
        case Whole():
            yield from _of_whole(kind)
            yield Edge("that is text", "7", MALFORMED)
        case Version():
            yield Edge(f"{kind.known + 1}", kind.known + 1, "unsupported_version")
            yield Edge("that is a float", float(kind.known), MALFORMED)
            yield Edge("that is a boolean", True, MALFORMED)
        case Octets():
            yield Edge(f"of {kind.size - 1} bytes", bytes(kind.size - 1), MALFORMED)
            yield Edge(f"of {kind.size + 1} bytes", bytes(kind.size + 1), MALFORMED)
            yield Edge("that is text", "a" * kind.size, MALFORMED)
        case Packed():
            yield Edge("empty", b"", MALFORMED)
            yield Edge("that is a map", {}, MALFORMED)
            if kind.bytes_max == META_BYTES_MAX:
                yield Edge(f"of {kind.bytes_max + 1} bytes", bytes(kind.bytes_max + 1), "too_large")
        case Text():
            yield from _of_text(kind)
        case Form():
            yield Edge("empty", "", INVALID)
            yield Edge("of another form", "?", INVALID)
            yield Edge("that is bytes", b"a", MALFORMED)
        case Words():
            yield from (Edge(word, word) for word in kind.words)
            yield Edge("of another word", "soon", INVALID)
            yield Edge("that is bytes", b"a", MALFORMED)
        case Flag():
            yield Edge("1", 1, MALFORMED)
        case MapOf():
            yield Edge("that is a list", [], MALFORMED)
        case Rows():
            yield Edge("none", [])
            yield Edge("that is a map", {}, MALFORMED)
            yield Edge("of numbers", [7], MALFORMED)
        case Changes():
            yield from _of_changes()
        case ShortChanges():
            yield from _of_short_changes()
        case OrNil():
            yield from _of(kind.kind)
        case Either():
            yield from _of_whole(kind.whole)
            yield from _of(kind.words)


def _of_whole(kind: Whole) -> Iterable[Edge]:
    yield Edge(f"{kind.least}", kind.least)
    yield Edge(f"{kind.most}", kind.most)
    yield Edge(f"{kind.least - 1}", kind.least - 1, INVALID)
    yield Edge(f"{kind.most + 1}", kind.most + 1, INVALID)
    yield Edge("2^64-1", 2**64 - 1, INVALID)
    yield Edge("that is a float", 4.0, MALFORMED)
    yield Edge("that is a boolean", True, MALFORMED)


def _of_changes() -> Iterable[Edge]:
    yield Edge("none", [])
    yield Edge("of an op that nobody knows", [[1, ["sings", "ann", {"aloud": True}]]])
    yield Edge("that is a map", {}, MALFORMED)
    yield Edge("without ops", [[1]], MALFORMED)
    yield Edge("of an op without a word", [[1, []]], MALFORMED)
    yield Edge("of an op that is a map", [[1, {}]], MALFORMED)
    yield Edge("at no position", [["1", ["out", "ann"]]], MALFORMED)
    yield Edge("at position 0", [[0, ["out", "ann"]]], INVALID)


def _of_short_changes() -> Iterable[Edge]:
    yield Edge("none", [])
    yield Edge("of an op that nobody knows", [[1, [99, "ann", {"aloud": True}]]])
    yield Edge("of numbers", [7], MALFORMED)
    yield Edge("without ops", [[1]], MALFORMED)
    yield Edge("of an op without a number", [[1, []]], MALFORMED)
    yield Edge("of an op with a word", [[1, ["out", "ann"]]], MALFORMED)
    yield Edge("at no position", [["1", [2, "ann"]]], MALFORMED)
    yield Edge("at position 0", [[0, [2, "ann"]]], INVALID)


def _of_text(kind: Text) -> Iterable[Edge]:
    yield Edge("that is bytes", b"a", MALFORMED)
    if kind.bytes_max is not None:
        full = "\u00e9" * (kind.bytes_max // 2)
        yield Edge(f"of {kind.bytes_max} bytes", full)
        yield Edge(f"of {kind.bytes_max + 1} bytes", full + "a", INVALID)


def _nested() -> Iterable[dict[str, Any]]:
    for depth, fault in ((DEPTH_MAX, {}), (DEPTH_MAX + 1, {"error": MALFORMED, "field": "command message"})):
        value: Any = 1
        for _ in range(depth - 2):
            value = [value]
        data = msgpack.packb({**GOOD["command"], "payload": {"x": value}}).hex()
        yield {"name": f"command: nested {depth} deep", "kind": "command", "hex": data, **fault}
