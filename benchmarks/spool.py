"""The spool: a million records, Postgres and NATS each down for 30 s, three SIGKILLs; lost, doubled, cost.

A process puts records at a pace and is killed three times, once while Postgres is down, once while NATS is. A
relay carries the log on into JetStream. In the end the log's own rows show what is lost, doubled, misplaced
or not what was put.
"""

import asyncio
import sys
import time
from array import array
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from aicore.clock import now_us
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from aicore.logs import set_up
from benchmarks import peers
from benchmarks.append import settings_of
from benchmarks.harness import Progress, Report, percentile, servers
from benchmarks.nats_kit import REALM
from benchmarks.spool_child import CONFIRMED, FILES, MADE
from bus.nats.api import js_request
from bus.nats.connection import connect
from bus.nats.topology import events_stream
from bus.postgres.migrate import migrate
from bus.relay.relay import Relay, RelayOptions
from bus.spool.disk import Directory

PUT_US_MAX = 50
"""The limit of one put on the event loop, µs at p99."""

POLL_S = 0.01
WAIT_S = 900.0

# Purpose: everything that must hold, from the rows alone. Index: whole table, by design. Lock: none.
CHECK = """
SELECT count(*) AS events, count(DISTINCT n) FILTER (WHERE n BETWEEN 1 AND $1) AS wanted,
       count(*) FILTER (WHERE stream <> 'inference-' || lpad(to_hex((n - 1) / 2), 32, '0')
                           OR version <> 1 + (n - 1) % 2) AS misplaced,
       count(*) FILTER (WHERE type <> ($2::text[])[1 + (n - 1) % 2]
                           OR payload <> ($3::bytea[])[1 + (n - 1) % 2]
                           OR meta <> $4) AS damaged,
       max(position) AS head, min(recorded_us) AS first_us, max(recorded_us) AS last_us
FROM (SELECT *, ('x' || right(replace(id::text, '-', ''), 16))::bit(64)::bigint AS n FROM event) AS numbered
"""
BEST_SECOND = "SELECT max(c) FROM (SELECT count(*) AS c FROM event GROUP BY recorded_us / 1000000) AS seconds"


@dataclass
class Run:
    """A run, and its progress."""

    folder: Path
    postgres: EmbeddedPostgres
    nats: EmbeddedNats
    total: int
    rate: int
    down_s: float
    progress: Progress
    process: Process | None = None
    kills: int = 0

    async def start(self) -> None:
        """Start the process that puts."""
        arguments = [str(self.folder), self.postgres.dsn, str(self.total), str(self.rate)]
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.spool_child", *arguments
        )

    async def kill(self) -> None:
        """Kill it with SIGKILL and start it again."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        self.kills += 1
        self.progress(f"killed at {self.confirmed():,} confirmed records")
        await self.start()

    def confirmed(self) -> int:
        """Return how many records are confirmed."""
        path = self.folder / "confirmed"
        data = path.read_bytes() if path.exists() else b""
        return int(CONFIRMED.unpack(data)[0]) if len(data) == CONFIRMED.size else 0

    async def reached(self, share: float) -> None:
        """Wait until so much is confirmed."""
        await self.until(lambda: self.confirmed() >= share * self.total)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition; the process must not end meanwhile by itself before its work is done."""
        async with asyncio.timeout(WAIT_S):
            while not condition():
                assert self.process is not None
                assert self.process.returncode in (None, 0), "the process that puts has failed"
                await asyncio.sleep(POLL_S)

    async def faults(self) -> None:
        """Do everything that is to happen."""
        await self.reached(0.10)
        await self._down("Postgres", self.postgres.stop, self.postgres.start)
        await self.reached(0.55)
        await self._down("NATS", self.nats.stop, self.nats.start)
        await self.reached(0.90)
        await self.kill()

    async def _down(self, name: str, stop: Callable[[], None], start: Callable[[], None]) -> None:
        """Stop a server for the time, with a kill of the process in the middle."""
        self.progress(f"{name} is down for {self.down_s:g} s, {self.confirmed():,} records are confirmed")
        stop()
        await asyncio.sleep(self.down_s / 2)
        await self.kill()
        await asyncio.sleep(self.down_s / 2)
        start()
        self.progress(f"{name} is up, {self.confirmed():,} records are confirmed")


@asynccontextmanager
async def relayed(run: Run) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Run the relay; yield a function that waits until JetStream holds a position and returns its last."""
    async with connect(run.nats.url, name="bench") as nc:
        relay = Relay(run.postgres.dsn, nc, REALM, RelayOptions(now_us=now_us))

        async def arrived(head: int) -> int:
            await run.until(lambda: relay.acknowledged >= head)
            info = await js_request(nc, f"STREAM.INFO.{events_stream(REALM)}")
            return int(info["state"]["last_seq"])

        async with asyncio.TaskGroup() as group:
            task = group.create_task(relay.run())
            yield arrived
            task.cancel()


async def checked(session: asyncpg.Connection, total: int) -> asyncpg.Record:
    """Return what `CHECK` finds of so many records."""
    types, payloads = [event.type for event in MADE], [event.payload for event in MADE]
    row = await session.fetchrow(CHECK, total, types, payloads, MADE[0].meta, timeout=WAIT_S)
    assert row is not None
    return row


async def check(run: Run, report: Report) -> int:
    """Read what the log holds; return its head."""
    session = await peers.bare_session(run.postgres.dsn, REALM)
    try:
        row = await checked(session, run.total)
        best = await session.fetchval(BEST_SECOND, timeout=WAIT_S)
    finally:
        await session.close()
    report.add("lost", run.total - row["wanted"], "records")
    report.add("doubled", row["events"] - row["wanted"], "records")
    report.add("misplaced", row["misplaced"], "records")
    report.add("damaged", row["damaged"], "records")
    report.add("shipped_per_s_best_second", best, "records/s")
    return int(row["head"])


def costs(run: Run, report: Report) -> None:
    """Report what a put cost."""
    for name, (key, per, unit) in FILES.items():
        found = array("I")
        data = (run.folder / f"{name}.costs").read_bytes()
        found.frombytes(data[: len(data) // 4 * 4])
        values = [value / per for value in found]
        report.add(f"{key}_p50", percentile(values, 0.5), unit)
        report.add(f"{key}_p99", percentile(values, 0.99), unit)


async def run(quick: bool, progress: Progress) -> Report:
    """Return `spool`'s report."""
    total, rate, down_s = (50_000, 5_000, 3.0) if quick else (1_000_000, 10_000, 30.0)
    report = Report("spool", 1)
    set_up("error", "console")  # that servers come and go is the plan
    with servers(nats=True) as (postgres, nats):
        report.facts |= await settings_of(postgres.dsn)
        await migrate(postgres.dsn, REALM)
        folder = postgres.data.parent / "spool-bench"
        folder.mkdir(mode=0o700)
        this = Run(folder, postgres, nats, total, rate, down_s, progress)
        async with relayed(this) as arrived:
            began = time.perf_counter()
            await this.start()
            await this.faults()
            progress("all faults are done; waiting until everything is in the log")
            assert this.process is not None
            async with asyncio.timeout(WAIT_S):
                assert await this.process.wait() == 0
            took = time.perf_counter() - began
            head = await check(this, report)
            report.add("jetstream_missing", head - await arrived(head), "events")
        letters = Directory(folder / "spool").count_letters()
        report.add("dead_letters", letters, "records")
        report.add("records_per_s", total / took, "records/s")
        costs(this, report)
    report.facts |= {"records": total, "put_per_s": rate, "down_s": down_s, "kills": this.kills}
    report.facts |= {"put_us_p99_max": PUT_US_MAX, "seconds": round(took, 1)}
    return report
