"""Durable appends of single 520-byte events by 1 to 256 callers, beside the peers on the same machine."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aicore.clock import new_id, now_us
from benchmarks import peers
from benchmarks.harness import Progress, Report, in_turn, percentile, rounds_of, servers, settle
from bus.ports import EventLog, NewEvent, StreamWrite
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate

REALM = "bench"
CALLERS = (1, 8, 32, 256)
SESSIONS_MAX = 32
"""Sessions of the bare side and of the library: the server allows 80 in all."""


async def ours(log: EventLog, callers: int, seconds: float) -> tuple[float, list[float]]:
    """Return appends per second and their latencies in ms; each append expects its stream's exact version."""
    waits: list[float] = []
    end = time.perf_counter() + seconds

    async def write() -> None:
        stream, version = f"bench-{new_id()}", 0
        while (began := time.perf_counter()) < end:
            event = NewEvent(new_id(), "bench.happened", 1, peers.PAYLOAD)
            await log.append(StreamWrite(stream, [event], version))
            version += 1
            waits.append((time.perf_counter() - began) * 1e3)

    began = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(callers)))
    return len(waits) / (time.perf_counter() - began), waits


async def settings_of(dsn: str) -> dict[str, str]:
    """Return the server's settings that decide what durable means."""
    session = await peers.bare_session(dsn, REALM)
    try:
        names = ("server_version", "fsync", "synchronous_commit", "wal_sync_method", "full_page_writes")
        return {name: await session.fetchval(f"SHOW {name}") for name in names}
    finally:
        await session.close()


@dataclass(frozen=True)
class Sides:
    """Target of each side's appends."""

    dsn: str
    log: EventLog
    uma: str
    recorder: Any


async def one_round(
    on: Sides, callers: int, seconds: float, progress: Progress
) -> tuple[dict[str, float], list[float]]:
    """Run every side once with so many callers."""
    waits: list[float] = []

    async def we() -> float:
        rate, found = await ours(on.log, callers, seconds)
        waits.extend(found)
        return rate

    async def library() -> float:
        make = lambda: peers.eventsourcing_call(on.recorder)  # noqa: E731 - one short call
        return await asyncio.to_thread(peers.in_threads, min(callers, SESSIONS_MAX), seconds, make)

    async def umadb() -> float:
        return await asyncio.to_thread(peers.in_threads, callers, seconds, lambda: peers.umadb_call(on.uma))

    async def bare() -> float:
        return await peers.bare_rate(on.dsn, REALM, min(callers, SESSIONS_MAX), seconds)

    sides = {"aicore": we, "bare_insert": bare, "eventsourcing": library, "umadb": umadb}
    return await in_turn(sides, progress, f"{callers} callers"), waits


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("append", rounds_of(quick))
    seconds = 1.0 if quick else 3.0
    with servers() as (postgres, _):
        await settle(postgres)
        await migrate(postgres.dsn, REALM)
        await peers.make_bare(postgres.dsn, REALM)
        report.facts |= await settings_of(postgres.dsn) | {"payload_bytes": len(peers.PAYLOAD)}
        async with (
            open_log(postgres.dsn, REALM, now_us=now_us) as log,
            peers.umadb_server(Path.cwd()) as uma,
        ):
            with peers.eventsourcing_recorder(postgres.dsn, SESSIONS_MAX) as recorder:
                await ours(log, 8, 0.5)
                for _ in range(report.rounds):
                    for callers in CALLERS:
                        rates, waits = await one_round(
                            Sides(postgres.dsn, log, uma, recorder), callers, seconds, progress
                        )
                        note(report, callers, rates, waits)
    return report


def note(report: Report, callers: int, rates: dict[str, float], waits: list[float]) -> None:
    """Record a round."""
    for side, rate in rates.items():
        report.add(f"{side}_{callers}", rate, "events/s")
        if side != "aicore":
            report.compare(f"vs_{side}_{callers}", rates["aicore"], rate)
    report.add(f"p50_ms_{callers}", percentile(waits, 0.5), "ms")
    report.add(f"p99_ms_{callers}", percentile(waits, 0.99), "ms")
