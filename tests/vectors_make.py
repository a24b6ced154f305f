"""Appends to `protocol/vectors/*.json` what they lack (`python -m tests.vectors_make`); released ones stay.

Every case has a name and its bytes in hexadecimal digits, with what a decoder must find or the error it must
give. A case is released with the commit that adds it, since somebody may have such bytes in a log. An example
that changes becomes another form of its (type, version) beside the older ones; a case made by hand gets a new
name. `released.txt` has a digest of each case, and only grows.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import msgpack

from bus.catalogue import domain_catalogue
from bus.documents import example_of
from domain.kernel.event import Event
from domain.kernel.visibility import erased, personal_of
from domain.places.feed import FOLD, Cell, Feed
from domain.places.messages import Arrived, Departed, Entered, Left, TurnedBack, WayClosed, WayOpened
from protocol.chain import genesis, link
from protocol.envelope import Envelope, encode_envelope
from protocol.frames import Frame, encode_frame
from protocol.messages import (
    Answer,
    CommandMessage,
    ErrorReply,
    EventRef,
    Reply,
    encode_command,
    encode_query,
    encode_reply,
)
from protocol.meta import Meta, encode_meta
from protocol.packing import pack
from protocol.short_frames import encode_short
from tests.vectors_clock import clock_cases
from tests.vectors_edges import edges
from tests.vectors_weather import weather_cases

FOLDER = Path(__file__).parents[1] / "protocol" / "vectors"
MANIFEST = "released.txt"
FILES = (
    "events",
    "messages",
    "boundary",
    "evolved",
    "malformed",
    "chain",
    "edges",
    "clock",
    "frames",
    "weather",
)
BY_DECLARATION = ("events", "messages")
"""The files whose cases are examples of declarations, which may come in several forms."""
ERASED_FIRST = {"guardrails.violation_detected": 2}
"""Versions other than 1 of which the first erased case is; later ones have their number in the name."""

SPACE = UUID("3b9f5c0e-9d0f-4f39-9f65-7d0c1f6c2a11")
TIME_US = 1_790_000_000_123_456
REALM = "demo"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
META = Meta(uuid5(SPACE, "correlation"), uuid5(SPACE, "causation"), "player:ann", TRACE)

Case = dict[str, Any]


class Rewritten(Exception):
    """A released case would be changed or removed."""


def vectors() -> dict[str, list[Case]]:
    """Return the cases that today's code makes, by the file's name."""
    return {
        "events": list(_events()),
        "messages": list(_messages()),
        "boundary": list(_boundary()),
        "evolved": list(_evolved()),
        "malformed": list(_malformed()),
        "chain": list(_chain()),
        "edges": list(edges()),
        "clock": [dict(case) for case in clock_cases()],
        "frames": list(_frames()),
        "weather": [dict(case) for case in weather_cases()],
    }


def released(folder: Path = FOLDER) -> dict[str, list[Case]]:
    """Return the cases that are in the files, by the file's name."""
    paths = {name: folder / f"{name}.json" for name in FILES}
    return {
        name: json.loads(path.read_text("utf-8")) if path.exists() else [] for name, path in paths.items()
    }


def grown(kept: Mapping[str, Sequence[Case]], made: Mapping[str, Sequence[Case]]) -> dict[str, list[Case]]:
    """Return ``kept`` with what it lacks of ``made`` at each file's end.

    Raises:
        Rewritten: a case made by hand has the name of another one.
    """
    return {name: [*kept[name], *_lacking(name, kept[name], made[name])] for name in FILES}


def _lacking(file: str, kept: Sequence[Case], made: Sequence[Case]) -> Iterable[Case]:
    known = {found["name"]: found for found in kept}
    forms = {found["hex"] for found in kept if "hex" in found}
    for new in made:
        if new["name"] not in known:
            yield new
        elif file in BY_DECLARATION:
            if new["hex"] not in forms:
                yield {**new, "name": another_form(new["name"], known)}
        elif new != known[new["name"]]:
            raise Rewritten(f"{file}.json: {new['name']!r} is released; give the new case a name of its own")


def another_form(name: str, known: Iterable[str]) -> str:
    """Return the name of the next form of a case; the first one has no number."""
    return f"{name}, form {2 + sum(found.startswith(f'{name}, form ') for found in known)}"


def manifest(files: Mapping[str, Sequence[Case]]) -> list[str]:
    """Return the line of each case in the manifest: SHA-256 of its JSON, file, name."""
    return [f"{_digest(found)} {file}: {found['name']}" for file in FILES for found in files[file]]


def _digest(found: Case) -> str:
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def write(folder: Path = FOLDER) -> None:
    """Append what the files lack, and its digests to the manifest.

    Raises:
        Rewritten: a case that the manifest names was changed or removed, or would be.
    """
    kept, path = released(folder), folder / MANIFEST
    files = grown(kept, vectors())
    listed = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    # What is there now is compared, not what would be: a removed form of today's example would be made again.
    there = manifest(kept)
    if gone := [line for line in listed if line not in there]:
        raise Rewritten("changed or removed: " + "; ".join(line.partition(" ")[2] for line in gone))
    for name, cases in files.items():
        (folder / f"{name}.json").write_text(render(cases), encoding="utf-8")
    more = [line for line in manifest(files) if line not in listed]
    path.write_text("\n".join([*listed, *more]) + "\n", encoding="utf-8")


def render(cases: Sequence[Case]) -> str:
    """Return a file's text."""
    return json.dumps(cases, indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def envelope(name: str, payload: bytes, **changes: Any) -> Envelope:
    """Return an envelope with fixed surroundings."""
    meta, digest = encode_meta(META), bytes(range(32))
    where = ("story.told", 1, REALM, "story-a1", 1, 7, TIME_US)
    made = Envelope(uuid5(SPACE, name), *where, meta, digest, payload)
    return made._replace(**changes)


def described(found: Envelope) -> Case:
    """Return what a decoder must find in an envelope."""
    return {
        "id": str(found.id),
        "type": found.type,
        "schema": found.schema,
        "realm": found.realm,
        "stream": found.stream,
        "version": found.version,
        "position": found.position,
        "time": found.time,
        "meta": found.meta.hex(),
        "hash": found.hash.hex(),
        "payload": found.payload.hex(),
    }


def case(name: str, found: Envelope, **more: Any) -> Case:
    return {
        "name": name,
        "kind": "envelope",
        "hex": encode_envelope(found).hex(),
        "envelope": described(found),
        **more,
    }


def _events() -> Iterable[Case]:
    for name, kind in domain_catalogue().events.items():
        example = example_of(kind)
        found = envelope(
            name, pack(example), type=name, schema=kind.event_version, stream=f"{name.split('.')[0]}-a1"
        )
        yield case(f"{name} version {kind.event_version}", found, payload=example)


def _messages() -> Iterable[Case]:
    for name, kind in domain_catalogue().commands.items():
        example = example_of(kind)
        message = CommandMessage(uuid5(SPACE, name), name, example, 3, META)
        yield {"name": name, "kind": "command", "hex": encode_command(message).hex(), "id": str(message.id),
               "command": name, "expected": 3, "payload": example}  # fmt: skip
    query = {"use_case": "npc_dialogue"}
    yield {"name": "a query", "kind": "query", "hex": encode_query(query).hex(), "query": query}
    ref = EventRef(uuid5(SPACE, "event"), "story.told", "story-a1", 1, 7)
    reply = Reply({"status": "current"}, [ref], duplicate=True)
    told = {"result": {"status": "current"}, "positions": [7], "duplicate": True}
    yield {"name": "a reply", "kind": "reply", "hex": encode_reply(reply).hex(), **told}
    warning = {"code": "unknown_npc", "field": "npc", "message": "the content has no character 'gualt'"}
    warned = {"text": "I keep the lamp.", "finish_reason": "stop", "warnings": [warning]}
    yield {"name": "a reply with a warning", "kind": "reply", "hex": encode_reply(Reply(warned)).hex(),
           "result": warned, "positions": [], "duplicate": False}  # fmt: skip
    answer = encode_reply(Answer([1, None, "x"], 9))
    yield {"name": "an answer", "kind": "reply", "hex": answer.hex(), "result": [1, None, "x"], "position": 9}
    error = ErrorReply("version_conflict", "it moved", "expected", "reload", "reload", None, {"actual": 4})
    yield {"name": "an error", "kind": "reply", "hex": encode_reply(error).hex(), "code": "version_conflict",
           "field": "expected", "retry": "reload"}  # fmt: skip


def _frames() -> Iterable[Case]:
    yield from _frames_of("frame", encode_frame)
    yield from _frames_of("short frame", encode_short)


def _frames_of(form: str, encode: Callable[[Frame], bytes]) -> Iterable[Case]:
    """A place's frames as they come, and what a reader that began with nothing shows after each."""
    feed, cell, frames = Feed(), Cell("rope_quay", 0), 0
    kinds: tuple[type[Event], ...] = (Entered, Departed, WayClosed, TurnedBack, Arrived, WayOpened, Left)
    for position, kind in enumerate(kinds, 41):
        changes = [change for where, change in feed.apply(kind.from_example(), position) if where == cell]
        for number, at, ops in changes:
            frames += 1
            frame = Frame(7, FOLD, number, [[at, *map(list, ops)]])
            hexed, shown = encode(frame).hex(), feed.room(cell).state()
            yield {"name": f"{form} {frames}, {kind.event_name}", "kind": form, "hex": hexed,
                   "seq": number, "state": shown}  # fmt: skip
    empty = Frame(8, FOLD, feed.room(cell).seq, [])
    yield {"name": f"a {form} without changes", "kind": form, "hex": encode(empty).hex(),
           "seq": empty.seq, "state": feed.room(cell).state()}  # fmt: skip


def _boundary() -> Iterable[Case]:
    plain = pack({"n": 1})
    yield case("smallest payload and metadata", envelope("smallest", b"\x80", meta=b"\x80"))
    yield case(
        "largest numbers", envelope("numbers", plain, version=2**53 - 1, position=2**53 - 1, schema=2**31 - 1)
    )
    yield case("time zero", envelope("zero", plain, time=0))
    yield case(
        "longest names",
        envelope("names", plain, type=f"{'c' * 64}.{'e' * 64}", stream=f"{'c' * 64}-{'Z' * 128}"),
    )
    yield case("longest realm", envelope("realm", plain, realm="r" * 31))
    yield case(
        "numbers of every size",
        envelope("sizes", pack({"n": [0, 127, 128, -1, -32, -33, 2**63 - 1, -(2**63), 0.5]})),
    )
    yield case(
        "text beyond ASCII", envelope("text", pack({"text": "Saint Orrin: \u00e9, \u9418, \U0001f30a"}))
    )


def _evolved() -> Iterable[Case]:
    plain = envelope("evolved", pack({"n": 1}))
    fields = msgpack.unpackb(encode_envelope(plain))
    more = {**fields, "place": "ropewalk", "weight": [1, {"a": None}]}
    extra = {"place": "ropewalk", "weight": [1, {"a": None}]}
    yield {"name": "unknown keys are kept", "kind": "envelope", "hex": pack(more).hex(),
           "envelope": described(plain), "extra": extra}  # fmt: skip
    mixed = dict(reversed(list(fields.items())))
    yield {
        "name": "keys in any order",
        "kind": "envelope",
        "hex": pack(mixed).hex(),
        "envelope": described(plain),
    }
    yield case(
        "a type that nobody knows yet", plain._replace(type="weather.turned", stream="weather-harbour")
    )
    newer = plain._replace(type="registry.model_retired", schema=99, stream="registry-a1")
    yield case("a schema version that nobody knows yet", newer)
    for name, kind in domain_catalogue().events.items():
        if personal_of(kind):
            payload = erased(kind.from_example()).model_dump(mode="json")
            found = envelope(f"erased {name}", pack(payload), type=name, schema=kind.event_version,
                             stream=f"{name.split('.')[0]}-a1")  # fmt: skip
            later = kind.event_version > ERASED_FIRST.get(name, 1)
            of = f" version {kind.event_version}" if later else ""
            yield case(f"{name}{of} with its personal values erased", found, payload=payload)


def _malformed() -> Iterable[Case]:
    good = encode_envelope(envelope("malformed", pack({"n": 1})))
    fields = msgpack.unpackb(good)

    def bad(name: str, data: bytes, code: str) -> Case:
        return {"name": name, "kind": "envelope", "hex": data.hex(), "error": code}

    def changed(name: str, code: str, **changes: Any) -> Case:
        return bad(name, pack({**fields, **changes}), code)

    yield bad("no bytes", b"", "malformed_message")
    for length in (1, 2, 10, len(good) // 2, len(good) - 1):
        yield bad(f"cut off after {length} bytes", good[:length], "malformed_message")
    yield bad("a byte too many", good + b"\x00", "malformed_message")
    yield bad("not a map", msgpack.packb([1, 2]), "malformed_message")
    yield bad("the byte that msgpack never uses", b"\xc1", "malformed_message")
    yield bad("a key twice", b"\x82\xa1v\x01\xa1v\x01", "malformed_message")
    yield bad("a key that is no string", b"\x81\x01\x01", "malformed_message")
    yield bad("an extension type", pack({**fields, "x": msgpack.ExtType(5, b"a")}), "malformed_message")
    yield bad("text that is no UTF-8", b"\x81\xa1v\xa2\xff\xfe", "malformed_message")
    yield bad("a map that claims 2^32-1 entries", b"\xdf\xff\xff\xff\xff", "malformed_message")
    yield bad("nested 33 deep", pack({**fields, "x": _nested(32)}), "malformed_message")
    for key in fields:
        yield bad(f"without {key}", pack({k: v for k, v in fields.items() if k != key}), "malformed_message")
    yield changed("format version 2", "unsupported_version", v=2)
    yield changed("an id of 15 bytes", "malformed_message", id=bytes(15))
    yield changed("a hash of 31 bytes", "malformed_message", hash=bytes(31))
    yield changed("a position that is text", "malformed_message", position="7")
    yield changed("position 0", "invalid_field", position=0)
    yield changed("a negative time", "invalid_field", time=-1)
    yield changed("a type without a dot", "invalid_field", type="told")
    yield changed("a type with a wildcard", "invalid_field", type="story.*")
    yield changed("a stream without a dash", "invalid_field", stream="story")
    yield changed("a stream with a dot", "invalid_field", stream="story-a.b")
    yield changed("a realm in capitals", "invalid_field", realm="Demo")


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def _chain() -> Iterable[Case]:
    previous = genesis(REALM)
    yield {"name": "genesis", "kind": "chain", "realm": REALM, "hash": previous.hex()}
    for n in (1, 2, 3):
        payload, event_id = pack({"n": n}), uuid5(SPACE, f"chain/{n}")
        header = (n, event_id.bytes, TIME_US + n, n, 1)
        digest = link(previous, header, (b"story.told", b"story-a1"), b"\x80", payload)
        columns = {"position": n, "id": str(event_id), "time": TIME_US + n, "version": n, "schema": 1}
        texts = {"type": "story.told", "stream": "story-a1", "meta": "80", "payload": payload.hex()}
        hashes = {"previous": previous.hex(), "hash": digest.hex()}
        yield {"name": f"event {n}", "kind": "chain", **columns, **texts, **hashes}
        previous = digest


if __name__ == "__main__":
    write()
