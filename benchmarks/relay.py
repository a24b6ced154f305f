"""The relay: log to acknowledged JetStream message, against bare `publish_async`; latency to a reader.

Both sides publish the same bytes with the same headers to a file stream of the same configuration, one after
the other in each round. The bare side has its messages ready in memory; ours reads and encodes them.
"""

import asyncio
import time

from nats.aio.client import Client

from aicore.clock import now_us
from benchmarks.harness import ROUNDS, Progress, Report, Side, in_turn, percentile
from benchmarks.nats_kit import REALM, Bench, bench, new_event, until
from bus.nats.api import js_request
from bus.nats.connection import connect
from bus.nats.topology import CacheLimits, create_events_stream, delete_stream, events_stream
from bus.nats.wire import encode
from bus.ports import StreamWrite
from bus.relay.relay import Relay, RelayOptions
from protocol.envelope import decode_envelope

BARE = "bare"
"""A realm name for the other side's stream."""

RATE = 2_000
TICK_S = 0.005


async def ours(on: Bench, nc: Client, head: int) -> float:
    """Return events per second of one pass of the relay over the whole log."""
    await delete_stream(nc, events_stream(REALM))
    relay = Relay(on.dsn, nc, REALM, RelayOptions(now_us=now_us))

    async def done() -> bool:
        return relay.acknowledged >= head

    async with asyncio.TaskGroup() as group:
        task = group.create_task(relay.run())
        await relay.leading.wait()
        began = time.perf_counter()
        await until(done, every_s=0.002)
        took = time.perf_counter() - began
        task.cancel()
    return head / took


async def bare(nc: Client, messages: list[tuple[str, str, bytes]]) -> float:
    """Return messages per second of pipelined `publish_async` with the same headers."""
    await delete_stream(nc, events_stream(BARE))
    await create_events_stream(nc, BARE, CacheLimits())
    js = nc.jetstream()
    began = time.perf_counter()
    for last, (subject, event_id, body) in enumerate(messages):
        headers = {"Nats-Msg-Id": event_id, "Nats-Expected-Last-Sequence": str(last)}
        await js.publish_async(subject, body, headers=headers)
    await js.publish_async_completed()
    took = time.perf_counter() - began
    state = (await js_request(nc, f"STREAM.INFO.{events_stream(BARE)}"))["state"]
    assert state["messages"] == len(messages)
    return len(messages) / took


async def latency(on: Bench, nc: Client, seconds: float) -> tuple[list[float], list[float]]:
    """Return ms from the append's return, and from its call, to a subscriber, at `RATE` appends a second."""
    called: dict[int, float] = {}
    committed: dict[int, float] = {}
    arrived: dict[int, float] = {}
    head = (await on.log.head()).position
    last = head + int(RATE * seconds)

    async def one(number: int) -> None:
        began = time.perf_counter()
        result = await on.log.append(StreamWrite(f"bench-{number % 64}", [new_event()]))
        committed[result.positions[0]] = time.perf_counter()
        called[result.positions[0]] = began

    async def read() -> None:
        async with connect(on.url, name="reader") as other:
            events = await other.subscribe(f"{REALM}.evt.>")
            async for message in events.messages:
                position = decode_envelope(message.data).position
                arrived[position] = time.perf_counter()
                if position >= last:
                    return

    relay = Relay(on.dsn, nc, REALM, RelayOptions(now_us=now_us))
    async with asyncio.TaskGroup() as group:
        relaying = group.create_task(relay.run())
        await until(lambda: _is(relay.acknowledged >= head))
        reader = group.create_task(read())
        await asyncio.sleep(0.5)
        due = time.perf_counter()
        number = 0
        while number < last - head:
            for _ in range(int(RATE * TICK_S)):
                group.create_task(one(number))
                number += 1
            due += TICK_S
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await reader
        relaying.cancel()
    ms = [max(0.0, arrived[p] - committed[p]) * 1e3 for p in committed]
    return ms, [(arrived[p] - called[p]) * 1e3 for p in called]


async def _is(value: bool) -> bool:
    return value


async def run(quick: bool, progress: Progress) -> Report:
    """Return `relay`'s report."""
    number, seconds = (20_000, 3.0) if quick else (50_000, 10.0)
    report = Report("relay", ROUNDS)
    async with bench() as on, connect(on.url, name="bench") as nc:
        head = await on.fill(number)
        messages: list[tuple[str, str, bytes]] = []
        for after in range(0, head, 1_000):
            events = await on.log.read_all(after=after, limit=1_000)
            messages += [(encode(BARE, e)[0], e.id.hex, encode(REALM, e)[1]) for e in events]
        sides: dict[str, Side] = {"relay": lambda: ours(on, nc, head), "bare": lambda: bare(nc, messages)}
        for number in range(ROUNDS):
            found = await in_turn(sides, progress, f"round {number + 1}")
            report.add("relay_per_s", found["relay"], "events/s")
            report.add("bare_publish_per_s", found["bare"], "messages/s")
            report.compare("vs_bare_publish", found["relay"], found["bare"])
        progress(f"latency at {RATE} events/s for {seconds:g} s")
        commit_ms, call_ms = await latency(on, nc, seconds)
    for key, values in (("e2e", commit_ms), ("e2e_from_call", call_ms)):
        report.add(f"{key}_p50_ms", percentile(values, 0.5), "ms")
        report.add(f"{key}_p99_ms", percentile(values, 0.99), "ms")
    return report
