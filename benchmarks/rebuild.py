"""Making derived things anew from Postgres: the JetStream stream of 200,000 events, and a projection."""

import asyncio
import time
from uuid import UUID

from aicore.clock import now_us
from benchmarks.harness import ROUNDS, ROUNDS_QUICK, Progress, Report
from benchmarks.nats_kit import REALM, STREAMS, Bench, bench
from benchmarks.relay import ours
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.api import js_request
from bus.nats.connection import connect
from bus.nats.topology import events_stream
from bus.ports import StreamWrite
from bus.postgres.connect import connect_pool
from domain.inference.messages import InferenceCompleted
from projections.inference.stats import INFERENCE_STATS
from projections.kernel.runner import ProjectionRunner
from protocol.meta import Meta

EVENTS = 200_000
EVENTS_QUICK = 20_000
BATCH = 5_000


async def fill(on: Bench, codec: EventCodec, number: int) -> int:
    """Append real inference events; return the log's head."""
    event, head = InferenceCompleted.from_example(), 0
    for start in range(0, number, BATCH):
        events = [codec.encode(event, UUID(int=start + n + 1), Meta()) for n in range(BATCH)]
        writes = [StreamWrite(f"inference-{s}", events[s::STREAMS]) for s in range(STREAMS)]
        head = max((await on.log.append(*writes)).positions)
    return head


async def projection(on: Bench, codec: EventCodec, head: int) -> float:
    """Return events per second of rebuilding the inference statistics."""
    pool = await connect_pool(on.dsn, REALM, role="aicore_projector")
    try:
        runner = ProjectionRunner(pool, on.log, INFERENCE_STATS, decode_page=codec.decode_page, now_us=now_us)
        await runner.start()
        began = time.perf_counter()
        assert await runner.rebuild() == head
        return head / (time.perf_counter() - began)
    finally:
        await pool.close()


async def run(quick: bool, progress: Progress) -> Report:
    """Return `rebuild`'s report."""
    rounds = ROUNDS_QUICK if quick else ROUNDS
    report = Report("rebuild", rounds, facts={"events": EVENTS_QUICK if quick else EVENTS})
    codec = EventCodec(domain_catalogue())
    async with bench() as on, connect(on.url, name="bench") as nc:
        head = await fill(on, codec, EVENTS_QUICK if quick else EVENTS)
        for number in range(rounds):
            progress(f"round {number + 1}: stream")
            report.add("stream_per_s", await ours(on, nc, head), "events/s")
            state = (await js_request(nc, f"STREAM.INFO.{events_stream(REALM)}"))["state"]
            assert (state["first_seq"], state["last_seq"], state["messages"]) == (1, head, head)
            await asyncio.sleep(0)
            progress(f"round {number + 1}: projection")
            report.add("projection_per_s", await projection(on, codec, head), "events/s")
    return report
