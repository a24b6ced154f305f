"""The clock: how late alarms fire, undisturbed and over the death of the leader.

Two processes may lead. Undisturbed: an alarm every 10 ms; measured is the time from when it was due to when
the log recorded that it fired. Over a death: the leader is killed, or stopped so that Postgres ends its
session after six silent seconds, and the alarms that came due meanwhile fire late.

Negative control: two processes of APScheduler on one store, which its documentation forbids, that die, too.
It runs in an environment of its own (`make venv-apscheduler`); without it only our side is measured.
"""

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from uuid import uuid4

import asyncpg

from aicore.clock import now_us
from benchmarks.harness import Progress, Report, percentile, rounds_of, servers
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import StreamWrite
from bus.postgres.log import PostgresLog, open_log
from bus.postgres.migrate import migrate
from domain.clock.alarm_messages import AlarmFired, AlarmSet
from domain.clock.clock import STREAM
from domain.clock.messages import ClockLed, ClockStarted

REALM = "bench"
CODEC = EventCodec(domain_catalogue())
APART_US = 10_000
CHUNK = 500
LEASE_S = 6.0
APSCHEDULER = Path(".venv-apscheduler/bin/python")
THERE = APSCHEDULER.exists()
PEER_APART_US = 20_000
PEER_KILLS, PEER_END_S = 3, 3.0


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    rounds = rounds_of(quick)
    report = Report("clock", rounds)
    with servers() as (postgres, _):
        await migrate(postgres.dsn, REALM)
        async with open_log(postgres.dsn, REALM, now_us=now_us) as log:
            arena = _Arena(postgres.dsn, log)
            try:
                await arena.begin()
                for number in range(rounds):
                    progress(f"round {number + 1}: undisturbed")
                    late = await arena.late(500 if quick else 2_000, None)
                    report.add("undisturbed p50", percentile(late, 0.5), "ms")
                    report.add("undisturbed p99", percentile(late, 0.99), "ms")
                    progress(f"round {number + 1}: the leader is killed")
                    report.add("killed, most", max(await arena.late(300, signal.SIGKILL)), "ms")
                    progress(f"round {number + 1}: the leader is stopped")
                    stopped = max(await arena.late(900, signal.SIGSTOP))
                    report.add("stopped, most beyond the lease", stopped - LEASE_S * 1e3, "ms")
                    report.add("ours, fired twice or never", arena.wrong, "alarms")
            finally:
                arena.end()
        if THERE:
            for number in range(rounds):
                progress(f"round {number + 1}: APScheduler, with {PEER_KILLS} deaths")
                twice, never = await _peer(postgres.dsn, 300 if quick else 1_000)
                report.add("apscheduler, fired twice", twice, "alarms")
                report.add("apscheduler, never fired", never, "alarms")
    report.facts |= {"lease_s": LEASE_S, "alarms_apart_ms": APART_US / 1e3, "apscheduler": THERE}
    return report


async def _peer(dsn: str, jobs: int) -> tuple[int, int]:
    """Return how many of APScheduler's jobs two processes ran twice, and never, over some deaths."""
    url = dsn.replace("postgres://", "postgresql://")

    def command(*numbers: int) -> list[str]:
        return [str(APSCHEDULER), "benchmarks/apscheduler_child.py", url, *map(str, numbers)]

    session = await asyncpg.connect(dsn)
    children: list[subprocess.Popen[bytes]] = []
    try:
        await session.execute("DROP TABLE IF EXISTS ran, apscheduler_jobs; CREATE TABLE ran (number integer)")
        begin = now_us() + 5_000_000 + jobs * 5_000
        adding = await asyncio.create_subprocess_exec(*command(jobs, begin, PEER_APART_US))
        assert await adding.wait() == 0
        children = [_begun(command(0, 0, 0)) for _ in range(2)]
        await asyncio.sleep((begin - now_us()) / 1e6)
        for number in range(PEER_KILLS):
            await asyncio.sleep(jobs * PEER_APART_US / 1e6 / (PEER_KILLS + 1))
            children[number % 2].kill()
            children[number % 2].wait()
            children[number % 2] = _begun(command(0, 0, 0))
        await asyncio.sleep(jobs * PEER_APART_US / 1e6 / (PEER_KILLS + 1) + PEER_END_S)
        ran = Counter(row["number"] for row in await session.fetch("SELECT number FROM ran"))
    finally:
        for child in children:
            child.kill()
            child.wait()
        await session.close()
    return sum(count > 1 for count in ran.values()), jobs - len(ran)


def _begun(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


class _Arena:
    """Two processes that may lead, and alarms for them."""

    def __init__(self, dsn: str, log: PostgresLog) -> None:
        self._dsn = dsn
        self._log = log
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._version = 0
        self._serial = 0
        self._leader = ""
        self._fired = Counter[int]()

    @property
    def wrong(self) -> int:
        """How many alarms have fired twice, or never."""
        return sum(self._fired[serial] != 1 for serial in range(self._serial))

    async def begin(self) -> None:
        example = {**ClockStarted.example, "operator": "bench"}
        await self._append([ClockStarted.model_validate(example)])
        for name in "ab":
            self._start(name)
        await self._led()

    def _start(self, name: str) -> None:
        command = [sys.executable, "-m", "tests.integration.clock_child", self._dsn, REALM, name]
        self._children[name] = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def end(self) -> None:
        for child in self._children.values():
            child.kill()
            child.wait()

    async def _append(self, events: list[AlarmSet] | list[ClockStarted]) -> None:
        for begin in range(0, len(events), CHUNK):
            new = [CODEC.encode(event, uuid4()) for event in events[begin : begin + CHUNK]]
            await self._log.append(StreamWrite(STREAM, new))

    async def _led(self) -> None:
        """Wait until somebody leads who did not before."""
        before = self._leader
        while self._leader in ("", before):
            await self._read()
            await asyncio.sleep(0.05)

    async def _read(self) -> dict[int, int]:
        """Return by how many µs each alarm that fired since was late."""
        late: dict[int, int] = {}
        for recorded in await self._log.read_stream(STREAM, after=self._version, limit=10_000):
            self._version = recorded.version
            match CODEC.decode(recorded):
                case ClockLed(leader=leader):
                    self._leader = leader
                case AlarmFired(serial=serial, due_real_us=int(due)):
                    late[serial] = recorded.recorded_us - due
                    self._fired[serial] += 1
        return late

    async def late(self, alarms: int, number: signal.Signals | None) -> list[float]:
        """Set alarms, and send the leader a signal in between; return the milliseconds each was late."""
        begin, first = now_us() + 1_000_000, self._serial
        self._serial += alarms
        due = {first + n: begin + n * APART_US for n in range(alarms)}
        sets = [
            AlarmSet.model_validate({"alarm_id": f"a{n}", "serial": n, "real": {"at_us": us}})
            for n, us in due.items()
        ]
        await self._append(sets)
        if number is not None:
            await asyncio.sleep(1.5)
            self._children[self._leader].send_signal(number)
        found: dict[int, int] = {}
        before = self._leader
        while len(found) < alarms:
            found |= await self._read()
            await asyncio.sleep(0.05)
        if number == signal.SIGSTOP:
            self._children[before].send_signal(signal.SIGCONT)
        if number == signal.SIGKILL:
            self._children.pop(before).wait()
            self._start(before)
            await asyncio.sleep(1.0)
        return [late_us / 1e3 for late_us in found.values()]
