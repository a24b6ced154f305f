"""Append from one, ten and forty processes at once: what writers cost each other where nothing conflicts."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from functools import partial

from aicore.embedded import EmbeddedPostgres
from benchmarks.append import settings_of
from benchmarks.harness import Progress, Report, in_turn, percentile, rounds_of, servers, settle
from bus.postgres.migrate import migrate

REALM = "bench"
PROCESSES = (1, 10, 40)


async def start(dsn: str, seconds: float) -> Process:
    """Return a writer process that is ready to begin."""
    arguments = ["-m", "benchmarks.writers_child", dsn, REALM, str(seconds)]
    child = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=PIPE, stdout=PIPE, limit=2**26
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"
    return child


async def together(dsn: str, processes: int, seconds: float, report: Report) -> float:
    """Return appends per second of so many processes at once."""
    children = await asyncio.gather(*(start(dsn, seconds) for _ in range(processes)))
    said = await asyncio.gather(*(child.communicate(b"go\n") for child in children))
    took = [each for out, _ in said for each in json.loads(out)]
    report.add(f"p50_ms_{processes}", percentile(took, 0.5) * 1e3, "ms")
    report.add(f"p99_ms_{processes}", percentile(took, 0.99) * 1e3, "ms")
    return len(took) / seconds


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    seconds = 2.0 if quick else 6.0
    report = Report("writers", rounds_of(quick), facts={"seconds": seconds})
    with servers(settings={"max_connections": "400"}) as (postgres, _):
        await _measure(postgres, seconds, report, progress)
    return report


async def _measure(postgres: EmbeddedPostgres, seconds: float, report: Report, progress: Progress) -> None:
    await migrate(postgres.dsn, REALM)
    await settle(postgres)
    report.facts |= await settings_of(postgres.dsn)
    sides = {f"processes_{n}": partial(together, postgres.dsn, n, seconds, report) for n in PROCESSES}
    for number in range(report.rounds):
        rates = await in_turn(sides, progress, f"round {number + 1}")
        for side, rate in rates.items():
            report.add(side, rate, "events/s")
        report.compare("ten_vs_one", rates["processes_10"], rates["processes_1"])
        report.compare("forty_vs_one", rates["processes_40"], rates["processes_1"])
