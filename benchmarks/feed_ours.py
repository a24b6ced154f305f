"""Our side of the benchmark `feed`: servers, programs, the grid in the world, and those who stand there."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import msgpack
from nats.aio.msg import Msg

from aicore.client import Client, Refused
from aicore.clock import new_id, now_us
from aicore.content.calendar import shipped_calendar
from aicore.content.loading import Change, carry_out
from aicore.content.sample_world import sample_entries
from aicore.running import System, find
from aicore.settings import Settings
from benchmarks.engines_kit import cpu_s
from benchmarks.feed_trace import CANARY, SERVICE, WAY_METRES, Size, hash_of, ways
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.connection import connect
from bus.ports import StreamWrite
from bus.postgres.connect import schema_of
from bus.postgres.log import open_log
from domain.definition.entries import Key
from domain.definition.loading import plan_of
from domain.places.messages import Entered
from domain.places.moving import stream_of
from protocol.fields import SHORT_VERSION

SERVES = ("commands", "queries")
"""In one process; each relay, which may feed, is one of its own."""

UP_LINE = b"Ctrl-C stops everything in order."
READY_S = 60.0
QUIET_S = 1.5
AGAIN_S, ASKING_MAX = 0.2, 16
RECORDED = "SELECT position, recorded_us FROM event WHERE position > $1 AND starts_with(type, 'places.')"
MESSAGE_LINE_BYTES = len("MSG  12 150\r\n\r\n")
CODEC = EventCodec(domain_catalogue())
BATCH = 2_000
GATEWAY = ("ropewalk_quay", "grid_corner_0000")
GATEWAY_METRES = 3_200
"""The way from the sample world's city to the grid."""


@dataclass
class Ours:
    """A running system."""

    system: System
    environment: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, components: Sequence[str], name: str) -> subprocess.Popen[bytes]:
        """Start a process of components; `ready` waits for it."""
        command = [sys.executable, "-m", "aicore", "run", *components]
        process = subprocess.Popen(command, env=self.environment, stderr=subprocess.PIPE)
        self.processes[name] = process
        return process

    async def ready(self, process: subprocess.Popen[bytes]) -> None:
        """Return when a process of components serves."""

        def said() -> bool:
            assert process.stderr is not None
            return any(line.rstrip().endswith(b"ready") for line in process.stderr)

        async with asyncio.timeout(READY_S):
            assert await asyncio.to_thread(said), "a component did not start"
        assert process.stderr is not None
        _drained(process)

    def cpu(self) -> dict[str, float]:
        """Return the seconds of CPU that each server and program has used."""
        found = {name: cpu_s(process.pid) for name, process in self.processes.items()}
        return found | {name: cpu_s(pid) for name, pid in self.system.server_pids.items()}

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Connect as the system's operator."""
        async with connect(self.system.nats_url, name="benchmark") as nc:
            yield Client(nc, self.system.realm)

    @asynccontextmanager
    async def overheard(self) -> AsyncIterator["Heard"]:
        """Hear every frame, as one who gets everything would."""
        async with connect(self.system.nats_url, name="overhearing") as nc:
            heard = Heard()
            await nc.subscribe(f"{self.system.realm}.live.at.>", cb=heard.hear)
            await nc.flush()
            yield heard

    async def recorded(self, least: int) -> dict[int, int]:
        """Return by position when events of places were recorded, µs."""
        session = await asyncpg.connect(
            self.system.postgres_dsn, server_settings={"search_path": schema_of(self.system.realm)}
        )
        try:
            rows = await session.fetch(RECORDED, least)
        finally:
            await session.close()
        return {row["position"]: row["recorded_us"] for row in rows}

    async def quiet(self) -> int:
        """Wait until nothing happens any more; return the log's end."""
        session = await asyncpg.connect(
            self.system.postgres_dsn, server_settings={"search_path": schema_of(self.system.realm)}
        )
        try:
            before = -1
            while before != (head := await session.fetchval("SELECT max(position) FROM event")):
                before = head
                await asyncio.sleep(QUIET_S)
        finally:
            await session.close()
        return int(before)

    async def truth(self, places: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Return number and state hash of each cell, as they are answered."""
        found: dict[str, tuple[int, str]] = {}
        turns = asyncio.Semaphore(ASKING_MAX)

        async def ask(client: Client, place: str) -> None:
            cells, number = 1, 0
            while number < cells:
                async with turns:
                    told = await _snapshot(client, {"place": place, "cell": number})
                state = {name: told[name] for name in ("present", "ways", "shut")}
                found[f"{place}/{number}"] = told["seq"], hash_of(state)
                cells, number = told["cells"], number + 1

        async with self.client() as client, asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(ask(client, place))
        return found


async def _snapshot(client: Client, asked: Mapping[str, Any]) -> Any:
    """Ask until there is an answer: others may ask so much that there is none for a while."""
    while True:
        try:
            return (await client.query("places.snapshot", asked)).result
        except Refused as refusal:
            if refusal.error.retry == "never":
                raise
            await asyncio.sleep((refusal.error.retry_after_ms or 0) / 1e3 + AGAIN_S)


@dataclass
class Heard:
    """All frames together."""

    bytes: int = 0
    leaks: int = 0
    late: list[tuple[int, int]] = field(default_factory=list)
    """Position of each change, and when it was heard, µs."""

    async def hear(self, message: Msg) -> None:
        """Count a frame, with the line before it."""
        now_us = time.time_ns() // 1000
        form, _, _, _, *changes = msgpack.unpackb(message.data)
        assert form == SHORT_VERSION, f"a frame of form {form}"
        self.late += ((position, now_us) for position, *_ in changes)
        self.bytes += len(message.data) + len(message.subject) + MESSAGE_LINE_BYTES
        self.leaks += CANARY in message.data


def _drained(process: subprocess.Popen[bytes]) -> None:
    """Read on what a process says, so that it never waits for us."""
    import threading  # noqa: PLC0415 - only here

    stderr = process.stderr
    assert stderr is not None

    def read() -> None:
        with stderr:
            stderr.read()

    threading.Thread(target=read, daemon=True).start()


@contextmanager
def servers_only(environment: Mapping[str, str]) -> Iterator[System]:
    """Run our embedded servers as `aicore up --servers-only` does; yield where they are."""
    command = [sys.executable, "-m", "aicore", "up", "--servers-only"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        assert any(UP_LINE in line for line in process.stdout), "the servers did not start"
        yield find(Settings(state_dir=Path(environment["AICORE_STATE_DIR"])))
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@asynccontextmanager
async def ours(size: Size, trace: Mapping[str, Any], *, relays: int = 1) -> AsyncIterator[Ours]:
    """Run a system whose world has the trace's grid, with everybody there who only stands."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder:
        environment = {
            **os.environ,
            "AICORE_STATE_DIR": folder,
            "AICORE_QUOTA_REQUESTS_PER_S": "100000",
            "AICORE_QUOTA_IN_FLIGHT": "1024",
            "AICORE_LOG_LEVEL": "error",
        }
        with servers_only(environment) as system:
            running = Ours(system, environment)
            try:
                await running.ready(running.start(SERVES, " ".join(SERVES)))
                for number in range(relays):
                    await running.ready(running.start(("relay",), f"relay {number}"))
                await asyncio.to_thread(_service, environment)
                await _world(running, size, trace)
                yield running
            finally:
                for process in running.processes.values():
                    process.kill()
                    process.wait()


def _service(environment: Mapping[str, str]) -> None:
    """Give the walkers' service its key and rights."""
    rights = ["--may", "session.*", "--may", "places.*"]
    command = [sys.executable, "-m", "aicore", "services", "add", SERVICE, *rights, "--json"]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


async def _world(running: Ours, size: Size, trace: Mapping[str, Any]) -> None:
    """Start the clock, load the sample world with the grid, and have people stand there."""
    by = {"operator": "bench", "reason": "benchmark"}
    async with running.client() as client:
        await client.command("clock.start", {"calendar": shipped_calendar().model_dump(), **by})
        wanted = {**sample_entries(), **_grid(size, trace["places"])}
        await carry_out(client, Change(plan_of(0, {}, wanted), None), "bench", "the grid")
        async with open_log(
            running.system.dsn_of("aicore_writer"), running.system.realm, now_us=now_us
        ) as log:
            people = list(trace["entities"].items())
            for at in range(0, len(people), BATCH):
                await log.append(*(_enters(who, place) for who, place in people[at : at + BATCH]))
        async with asyncio.timeout(READY_S):
            while not await _served(client):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.2)


def _enters(who: str, place: str) -> StreamWrite:
    event = Entered(who=who, kind="person", place=place, at_ms=0, at_us=now_us())
    return StreamWrite(stream_of(who), [CODEC.encode(event, new_id())])


def _grid(size: Size, places: Mapping[str, Any]) -> dict[Key, Any]:
    """Return the grid's entries in the definition."""
    found: dict[Key, Any] = {}
    for place in places:
        x, y = int(place[-4:-2]), int(place[-2:])
        at = [2_000 + WAY_METRES * x, 2_000 + WAY_METRES * y]
        common = {"kind": "street", "side": "light", "district": "ropewalk"}
        found[Key("places", place)] = {"name": f"corner {x} {y}", **common, "at": at}
    lengths = {GATEWAY: GATEWAY_METRES, **dict.fromkeys(ways(size), WAY_METRES)}
    for (start, end), metres in lengths.items():
        way = {"between": [start, end], "metres": metres, "by": ["foot"]}
        found[Key("ways", f"grid_{start[-4:]}_{end[-4:]}")] = way
    return found


async def _served(client: Client) -> bool:
    """Say whether the grid and everybody who stands there are known to those who answer."""
    try:
        told = await client.query("places.snapshot", {"place": "grid_corner_0000"})
    except Refused:
        return False
    return json.dumps(told.result).count("person-") > 0
