"""Consuming with acknowledgements: ours, nats-py's own fetch loop, FastStream's pull subscriber.

Every side handles the same stored events with the same typed handler (envelope, payload, validated model),
keeps at most 500 unacknowledged and acknowledges each message; one side after the other in each round.
"""

import asyncio
import time

import msgpack
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from nats.aio.client import Client
from nats.js.api import ConsumerConfig
from pydantic import BaseModel

from aicore.clock import now_us
from benchmarks.harness import ROUNDS, Progress, Report, Side, in_turn
from benchmarks.nats_kit import REALM, Bench, bench, until
from bus.nats.address import parse_address
from bus.nats.api import js_request
from bus.nats.connection import connect
from bus.nats.consumer import ConsumeOptions, Consumer, Delivery, events_of
from bus.nats.topology import events_stream
from bus.relay.relay import Relay, RelayOptions
from protocol.envelope import Envelope, decode_envelope

IN_FLIGHT_MAX = 500
STREAM = events_stream(REALM)
SUBJECT = f"{REALM}.evt.>"


class Happened(BaseModel):
    """The event that every side's handler gets."""

    number: int
    text: str


class Count:
    """The typed handler: validates the event, counts it, and says when all have come."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.done = asyncio.Event()

    def __call__(self, envelope: Envelope) -> None:
        happened = Happened.model_validate(msgpack.unpackb(envelope.payload))
        assert happened.number > 0
        self.left -= 1
        if not self.left:
            self.done.set()


async def ours(nc: Client, number: int) -> float:
    count = Count(number)

    async def handle(delivery: Delivery[Envelope]) -> None:
        count(delivery.message)

    options = ConsumeOptions(random=lambda: 0.5, now_us=now_us, in_flight_max=IN_FLIGHT_MAX)
    consumer = Consumer(nc, REALM, events_of(nc, REALM, "ours", options), handle, options)
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(consumer.run())
        await count.done.wait()
        await acknowledged(nc, "ours")
        took = time.perf_counter() - began
        task.cancel()
    return number / took


async def bare(nc: Client, number: int) -> float:
    count = Count(number)
    began = time.perf_counter()
    config = ConsumerConfig(max_ack_pending=IN_FLIGHT_MAX)
    pull = await nc.jetstream().pull_subscribe(SUBJECT, "bare", STREAM, config)
    while count.left:
        for msg in await pull.fetch(IN_FLIGHT_MAX, timeout=5):
            count(decode_envelope(msg.data))
            await msg.ack()
    await acknowledged(nc, "bare")
    took = time.perf_counter() - began
    await pull.unsubscribe()
    return number / took


async def faststream(url: str, nc: Client, number: int) -> float:
    count = Count(number)
    broker = NatsBroker(**parse_address(url).options(), logger=None)

    async def as_bytes(message: NatsMessage) -> bytes:
        body: bytes = message.body
        return body

    @broker.subscriber(
        SUBJECT,
        stream=JStream(STREAM, declare=False),
        durable="faststream",
        config=ConsumerConfig(max_ack_pending=IN_FLIGHT_MAX),
        pull_sub=PullSub(batch_size=IN_FLIGHT_MAX),
        decoder=as_bytes,
    )
    async def handle(body: bytes) -> None:
        count(decode_envelope(body))

    began = time.perf_counter()
    async with broker:
        await broker.start()
        await count.done.wait()
        await acknowledged(nc, "faststream")
        took = time.perf_counter() - began
    return number / took


async def acknowledged(nc: Client, name: str) -> None:
    """Wait until the server has every acknowledgement."""

    async def none_pending() -> bool:
        info = await js_request(nc, f"CONSUMER.INFO.{STREAM}.{name}")
        return bool(info["num_ack_pending"] == 0 and info["num_pending"] == 0)

    await until(none_pending)


async def fill(on: Bench, nc: Client, number: int) -> None:
    head = await on.fill(number)
    relay = Relay(on.dsn, nc, REALM, RelayOptions(now_us=now_us))

    async def done() -> bool:
        return relay.acknowledged >= head

    async with asyncio.TaskGroup() as group:
        task = group.create_task(relay.run())
        await until(done)
        task.cancel()


async def run(quick: bool, progress: Progress) -> Report:
    """Return `consume`'s report."""
    number = 10_000 if quick else 40_000
    report = Report("consume", ROUNDS)
    async with bench() as on, connect(on.url, name="bench") as nc:
        await fill(on, nc, number)
        sides: dict[str, Side] = {
            "ours": lambda: ours(nc, number),
            "bare": lambda: bare(nc, number),
            "faststream": lambda: faststream(on.url, nc, number),
        }
        for number_of in range(ROUNDS):
            found = await in_turn(sides, progress, f"round {number_of + 1}")
            for name, rate in found.items():
                await js_request(nc, f"CONSUMER.DELETE.{STREAM}.{name}")
                report.add(f"{name}_per_s", rate, "events/s")
            report.compare("vs_faststream", found["ours"], found["faststream"])
            report.compare("vs_bare_fetch", found["ours"], found["bare"])
    return report
