"""Durable appends in batches of 500, beside asyncpg's COPY of the same rows into the same indexes."""

import time

from aicore.clock import new_id, now_us
from benchmarks import peers
from benchmarks.append import settings_of
from benchmarks.harness import Progress, Report, in_turn, rounds_of, servers, settle
from bus.ports import EventLog, NewEvent, StreamWrite
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate

REALM = "bench"
BATCH = 500
COLUMNS = (
    "position", "version", "recorded_us", "id", "schema_version", "stream", "type", "meta", "payload", "hash",
)  # fmt: skip


async def ours(log: EventLog, batches: int) -> float:
    """Return events per second; one caller, one append after the other."""
    stream = f"bench-{new_id()}"
    began = time.perf_counter()
    for number in range(batches):
        events = [NewEvent(new_id(), "bench.happened", 1, peers.PAYLOAD) for _ in range(BATCH)]
        await log.append(StreamWrite(stream, events, number * BATCH))
    return batches * BATCH / (time.perf_counter() - began)


async def copied(dsn: str, batches: int, first: int) -> float:
    """Return rows per second; one COPY and commit per batch, ids made on the way as on our side."""
    session = await peers.bare_session(dsn, REALM)
    stream = f"bench-{new_id()}"
    began = time.perf_counter()
    for number in range(0, batches * BATCH, BATCH):
        rows = [
            (first + n, n + 1, 1, new_id(), 1, stream, "bench.happened", b"\x80", peers.PAYLOAD, bytes(32))
            for n in range(number, number + BATCH)
        ]
        await session.copy_records_to_table("bare", records=rows, columns=COLUMNS)
    took = time.perf_counter() - began
    await session.close()
    return batches * BATCH / took


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("bulk", rounds_of(quick))
    batches = 40 if quick else 200
    with servers() as (postgres, _):
        await settle(postgres)
        await migrate(postgres.dsn, REALM)
        await peers.make_bare(postgres.dsn, REALM)
        report.facts |= await settings_of(postgres.dsn) | {
            "payload_bytes": len(peers.PAYLOAD),
            "batch": BATCH,
        }
        async with open_log(postgres.dsn, REALM, now_us=now_us) as log:
            await ours(log, 5)
            for n in range(report.rounds):
                first = 1 + n * batches * BATCH
                rates = await in_turn(
                    {
                        "aicore": lambda: ours(log, batches),
                        "copy": lambda first=first: copied(postgres.dsn, batches, first),  # type: ignore[misc]  # mypy cannot infer a default
                    },
                    progress,
                    f"round {n + 1}",
                )
                for side, rate in rates.items():
                    report.add(side, rate, "events/s")
                report.compare("vs_copy", rates["aicore"], rates["copy"])
    return report
