"""Read the whole log and decode it to typed events, beside the library's raw read and a bare asyncpg read."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

from aicore.clock import new_id, now_us
from benchmarks import peers
from benchmarks.append import settings_of
from benchmarks.harness import Progress, Report, in_turn, rounds_of, servers
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import EventLog, PayloadPage, StreamWrite
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from bus.read_ahead import read_ahead

REALM = "bench"
PAGE = 2_000
"""Rows that every side reads at a time, where all are fastest."""


async def ours(log: EventLog, codec: EventCodec, number: int) -> float:
    """Return typed events per second, read as a process reads that catches up."""
    began, done = time.perf_counter(), 0

    def read(after: int) -> Awaitable[PayloadPage]:
        return log.read_payloads(after=after, limit=PAGE)

    async with read_ahead(read, limit=PAGE) as parts:
        async for part in parts:
            done += len(codec.decode_page(part))
    assert done == number
    return done / (time.perf_counter() - began)


async def bare(dsn: str, number: int) -> float:
    """Return rows per second of a bare keyset read of all columns, nothing decoded."""
    session = await peers.bare_session(dsn, REALM)
    statement = await session.prepare("SELECT * FROM event WHERE position > $1 ORDER BY position LIMIT $2")
    began, after = time.perf_counter(), 0
    while rows := await statement.fetch(after, PAGE):
        after = rows[-1]["position"]
    took = time.perf_counter() - began
    await session.close()
    assert after == number
    return number / took


def library(recorder: Any, number: int) -> float:
    """Return notifications per second of the library's recorder, nothing decoded."""
    began, start, done = time.perf_counter(), 1, 0
    while found := recorder.select_notifications(start, PAGE):
        done += len(found)
        start = found[-1].id + 1
    assert done >= number
    return done / (time.perf_counter() - began)


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("replay", rounds_of(quick))
    number = 20_000 if quick else 100_000
    codec = EventCodec(domain_catalogue())
    examples = [kind.from_example() for kind in domain_catalogue().events.values()]
    with servers() as (postgres, _):
        await migrate(postgres.dsn, REALM)
        report.facts |= await settings_of(postgres.dsn) | {"events": number, "page": PAGE}
        async with open_log(postgres.dsn, REALM, now_us=now_us) as log:
            with peers.eventsourcing_recorder(postgres.dsn, 1) as recorder:
                append = peers.eventsourcing_call(recorder, 500)
                for start in range(0, number, 500):
                    mixed = [examples[n % len(examples)] for n in range(500)]
                    events = [codec.encode(event, new_id()) for event in mixed]
                    await log.append(StreamWrite(f"bench-{start}", events))
                    await asyncio.to_thread(append)
                sides = {
                    "aicore": lambda: ours(log, codec, number),
                    "bare_read": lambda: bare(postgres.dsn, number),
                    "eventsourcing_raw": lambda: asyncio.to_thread(library, recorder, number),
                }
                for n in range(report.rounds):
                    rates = await in_turn(sides, progress, f"round {n + 1}")
                    for side, rate in rates.items():
                        report.add(side, rate, "events/s")
                    for side in ("bare_read", "eventsourcing_raw"):
                        report.compare(f"vs_{side}", rates["aicore"], rates[side])
    return report
