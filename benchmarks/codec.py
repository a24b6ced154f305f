"""Encode and decode one typed event: time and bytes, beside msgpack with pydantic done naively, and JSON."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgpack
from pydantic import BaseModel, TypeAdapter

from benchmarks.harness import Progress, Report, in_turn, rounds_of
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from domain.inference.messages import InferenceCompleted
from protocol.envelope import Envelope, decode_envelope, encode_envelope
from protocol.meta import Meta

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
META = Meta(ID, ID, "player:ann", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
POSITION, TIME_US = 123_456, 1_790_000_000_123_456


class Naive(BaseModel):
    """An envelope as one would write it first: one pydantic model around another."""

    v: int
    id: UUID
    type: str
    schema_version: int
    realm: str
    stream: str
    version: int
    position: int
    time: int
    correlation: UUID
    causation: UUID
    actor: str
    trace: str
    hash: bytes
    payload: InferenceCompleted


NAIVE = TypeAdapter(Naive)


def rate(work: Callable[[], object], seconds: float) -> float:
    """Return calls per second."""
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        for _ in range(100):
            work()
        done += 100
    return done / took


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("codec", rounds_of(quick))
    seconds = 0.2 if quick else 1.0
    codec, event = EventCodec(domain_catalogue()), InferenceCompleted.from_example()
    where = ("demo", "inference-a1", 2, POSITION, TIME_US)

    def encode() -> bytes:
        new = codec.encode(event, ID, META)
        return encode_envelope(
            Envelope(ID, new.type, new.schema_version, *where, new.meta, bytes(32), new.payload)
        )

    def decode(data: bytes) -> Any:
        found = decode_envelope(data)
        return codec.decode_payload(found.type, found.schema, found.payload)

    naive = Naive(
        v=1, id=ID, type=event.event_name, schema_version=1, realm="demo", stream="inference-a1", version=2,
        position=POSITION, time=TIME_US, correlation=ID, causation=ID, actor=META.actor, trace=META.trace,
        hash=b"\x20" * 32, payload=event,
    )  # fmt: skip

    def to_msgpack() -> bytes:
        packed: bytes = msgpack.packb(naive.model_dump(mode="json"))
        return packed

    def to_json() -> bytes:
        return json.dumps(naive.model_dump(mode="json")).encode()

    ours, theirs, text = encode(), to_msgpack(), to_json()
    report.facts |= {"event": event.event_name}
    for key, data in (("aicore", ours), ("naive", theirs), ("json", text)):
        report.add(f"{key}_bytes", len(data), "bytes")
    pairs: dict[str, dict[str, Callable[[], object]]] = {
        "encode": {"aicore": encode, "naive": to_msgpack, "json": to_json},
        "decode": {
            "aicore": lambda: decode(ours),
            "naive": lambda: NAIVE.validate_python(msgpack.unpackb(theirs)),
            "json": lambda: NAIVE.validate_python(json.loads(text)),
        },
    }
    for n in range(report.rounds):
        for what, works in pairs.items():
            sides = {side: _side(work, seconds) for side, work in works.items()}
            rates = await in_turn(sides, progress, f"round {n + 1} {what}")
            for side, found in rates.items():
                report.add(f"{what}_{side}_us", 1e6 / found, "µs")
                if side != "aicore":
                    report.compare(f"{what}_vs_{side}", rates["aicore"], found)
    return report


def _side(work: Callable[[], object], seconds: float) -> Any:
    async def side() -> float:
        return rate(work, seconds)

    return side
