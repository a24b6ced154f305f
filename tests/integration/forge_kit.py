"""Ways to forge and to damage the stream of events, and a consumer of another program that sees it all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import asyncpg
import nats.errors
import nats.js.errors
from nats.js.client import JetStreamContext

from aicore.clock import now_us
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.api import JetStreamError, JetStreamUnavailable, Missing, js_publish, js_request
from bus.nats.topology import delete_stream, events_stream
from bus.nats.wire import row_encoder
from bus.ports import Head, StreamWrite
from bus.relay.comparison import compare
from bus.relay.judgement import Finding, Message
from bus.relay.reading import read
from bus.relay.record import recall
from bus.relay.relay import Relay
from bus.relay.walk import Pace
from domain.relay.confirmation import STREAM
from domain.relay.messages import LogConfirmed
from protocol.chain import genesis, link
from protocol.envelope import Envelope, decode_envelope, encode_envelope
from protocol.subjects import event_subject
from tests.integration.nats_kit import Bus

QUICK = Pace(per_s=50_000, round_every_s=0.2)
SPOILT = b"\xa1x"
ROWS = """
SELECT position, stream, version, id, type, schema_version, recorded_us, meta, payload, hash
FROM event ORDER BY position
"""


@dataclass
class Foreign:
    """A durable consumer of another program: what it was given at each place, in order."""

    bus: Bus
    seen: dict[int, list[bytes]] = field(default_factory=dict)
    over: bool = False
    """Told to end: nats-py's fetch forgets a cancellation that comes with an answer (Python 3.11)."""
    name: str = "foreign"

    async def make(self) -> None:
        stream = events_stream(self.bus.realm)
        config = {"durable_name": self.name, "ack_policy": "explicit", "ack_wait": 2_000_000_000}
        body = {"stream_name": stream, "config": config}
        await js_request(self.bus.nc, f"CONSUMER.DURABLE.CREATE.{stream}.{self.name}", body)

    async def run(self) -> None:
        """Take and acknowledge for ever, as a client that only knows its durable name does."""
        js = self.bus.nc.jetstream()
        while not self.over:
            try:
                await self._fetch(js)
            except (nats.errors.Error, nats.js.errors.Error, TimeoutError):
                await asyncio.sleep(0.05)  # the stream is made anew

    async def _fetch(self, js: JetStreamContext) -> None:
        pull = await js.pull_subscribe_bind(durable=self.name, stream=events_stream(self.bus.realm))
        try:
            for _ in range(20):
                if self.over:
                    return
                for msg in await pull.fetch(100, timeout=0.3):
                    self.seen.setdefault(msg.metadata.sequence.stream, []).append(msg.data)
                    await msg.ack()
        finally:
            with suppress(nats.errors.Error):
                await pull.unsubscribe()


@dataclass
class Forger:
    """Who may do everything on NATS."""

    bus: Bus

    @property
    def name(self) -> str:
        return events_stream(self.bus.realm)

    async def config(self) -> dict[str, Any]:
        found: dict[str, Any] = (await js_request(self.bus.nc, f"STREAM.INFO.{self.name}"))["config"]
        return found

    async def update(self, **changes: Any) -> None:
        await js_request(self.bus.nc, f"STREAM.UPDATE.{self.name}", {**await self.config(), **changes})

    async def replace(self, config: dict[str, Any]) -> None:
        """Put an empty stream in its place, unless the relay is faster."""
        await delete_stream(self.bus.nc, self.name)
        with suppress(JetStreamError):
            await js_request(self.bus.nc, f"STREAM.CREATE.{self.name}", config)

    async def put(self, data: bytes, subject: str = "") -> None:
        with suppress(JetStreamUnavailable, JetStreamError):
            await js_publish(self.bus.nc, subject or f"{self.bus.realm}.evt.test.happened.0", data, {})

    async def next(self, *, hash_: bytes = b"", on: Envelope | None = None) -> Envelope:
        """Return the event that would come next, chained to the last one of the stream."""
        event = following(on or await self.last(), self.bus.realm)
        return event._replace(hash=hash_ or event.hash)

    async def last(self) -> Envelope | None:
        state = await self.bus.state()
        if state is None or not state.messages:
            return None
        message = (await read(self.bus.nc, self.bus.realm, [state.last]))[state.last]
        return decode_envelope(message.data) if message else None

    async def copy(self, change: Callable[[int, Message], Message], **config: Any) -> None:
        """Put another stream in its place, with the same messages but for what is changed."""
        state, same = await self.bus.state(), await self.config()
        assert state is not None
        messages = await read(self.bus.nc, self.bus.realm, range(state.first, state.last + 1))
        await self.replace({**same, **config})
        for place, message in messages.items():
            assert message is not None
            put = change(place, message)
            await self.put(put.data, put.subject)


def following(last: Envelope | None, realm: str) -> Envelope:
    """Return an event that follows another one, as a true one does."""
    place, before = (last.position + 1, last.hash) if last else (1, genesis(realm))
    id_, kind, stream = uuid4(), "test.happened", "test-0"
    header, names = (place, id_.bytes, now_us(), 1, 1), (kind.encode(), stream.encode())
    digest = link(before, header, names, b"\x80", b"\x80")
    return Envelope(id_, kind, 1, realm, stream, 1, place, header[2], b"\x80", digest, b"\x80")


def spoilt(message: Message) -> Message:
    """Return an event with its hash and id, and other content."""
    return message._replace(data=encode_envelope(decode_envelope(message.data)._replace(payload=SPOILT)))


def subject_of(event: Envelope) -> str:
    return event_subject(event.realm, event.type, event.stream)


async def connected(bus: Bus) -> asyncpg.Connection:
    return await asyncpg.connect(bus.dsn, server_settings={"search_path": f"realm_{bus.realm}"})


async def truth(bus: Bus) -> dict[int, Message]:
    """Return what the stream should hold: the log's events as messages."""
    connection, encode = await connected(bus), row_encoder(bus.realm)
    try:
        return {row["position"]: Message(*encode(row)) for row in await connection.fetch(ROWS)}
    finally:
        await connection.close()


async def equals_log(bus: Bus) -> bool:
    """Return whether the stream holds what the log does, from its first message to the log's end."""
    state, head = await bus.state(), (await bus.log.head()).position
    if state is None or (state.first, state.last) != (1, head):
        return False
    wanted = await truth(bus)
    try:
        found = await read(bus.nc, bus.realm, range(state.first, state.last + 1), bulk=True)
    except (JetStreamUnavailable, Missing):
        return False
    return (state.first, dict(found)) == (1, wanted)


async def compared_outside(bus: Bus, *, doubtful: Sequence[int] = ()) -> Finding:
    """Return what doctor and CLI find, who are no relay."""
    connection = await connected(bus)
    try:
        asked = replace(await recall(connection), doubtful=doubtful)
        return await compare(bus.nc, connection, bus.realm, asked)
    finally:
        await connection.close()


async def state_row(bus: Bus) -> Any:
    """Return the relay's row of state; None before there is one."""
    connection = await connected(bus)
    try:
        return await connection.fetchrow("SELECT * FROM relay_state")
    finally:
        await connection.close()


async def confirm(bus: Bus, lost: Head) -> None:
    """Record an operator's word that the log is right without an event."""
    words = {"operator": "mira", "reason": "forged"}
    confirmed = LogConfirmed(lost_position=lost.position, lost_hash=lost.hash.hex(), **words)
    await bus.log.append(StreamWrite(STREAM, [EventCodec(domain_catalogue()).encode(confirmed, uuid4())]))


def quick_relay(bus: Bus, **options: object) -> Relay:
    """Start a relay that looks often; its clock is the real one."""
    return bus.relay(now_us=now_us, pace=QUICK, floors_every_s=0.2, verify_every_s=60.0, **options)


@asynccontextmanager
async def followed(bus: Bus) -> AsyncIterator[Foreign]:
    """Yield the consumer of another program, at work."""
    foreign = Foreign(bus)
    await foreign.make()
    task = bus.group.create_task(foreign.run())
    try:
        yield foreign
    finally:
        foreign.over = True
        await bus.stop(task)


Damage = Callable[[Forger], Awaitable[None]]
