"""The place feed beside Colyseus 0.16: what the same walkers cost the servers, and whether all see the truth.

Both sides play one recorded trace: walkers on a grid of places, each a client of its own that sees its place
and those beside it, with connections that break and clients who do not read for a while. Ours is Postgres,
NATS and our programs, all counted; Colyseus is one room with a StateView for each client (`make
venv-colyseus`; without it only our side is measured). The drivers are two processes on each side.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from array import array
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.engines_kit import cpu_s, free_port
from benchmarks.feed_ours import GATEWAY, Heard, Ours, ours
from benchmarks.feed_trace import FULL, QUICK, Size, trace_of
from benchmarks.harness import Progress, Report, percentile

DRIVERS = 2
COLYSEUS = Path(".venv-colyseus")
SOURCE = Path(__file__).with_name("colyseus")
HERE = Path.cwd()
THERE = (COLYSEUS / "node_modules").exists()
LEAD_S = 1.0
SETTLE_S = 14.0
"""Longer than a client keeps what it leaves, and a paused reader's backlog."""

SETTLE_TRIES = 10
LINE_BYTES_MAX = 256 * 1024 * 1024
CHILD_S = 600.0


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    size = QUICK if quick else FULL
    report = Report("feed", 1)
    report.facts |= {"places": size.width * size.height, "entities": size.entities, "clients": size.walkers}
    report.facts |= {"seconds": size.seconds, "drivers": DRIVERS, "colyseus": THERE}
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=HERE) as folder:
        trace = trace_of(size)
        mine = await _ours(size, trace, Path(folder), report, progress)
        if THERE:
            theirs = await _colyseus(size, trace, Path(folder), report, progress)
            # By what was done: on a machine that is too busy a side falls behind, and uses less by it.
            for ratio, what in (("clients_vs_colyseus", "cores"), ("bytes_vs_colyseus", "bytes")):
                report.compare(ratio, theirs[what] / theirs["joins"], mine[what] / mine["joins"])
    return report


# --- drivers ------------------------------------------------------------------------------------------------


class Drivers:
    """The processes that play the trace."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self._processes = processes

    @property
    def pid(self) -> int:
        """The first one's process id."""
        return self._processes[0].pid

    async def told(self) -> list[str]:
        """Return the next line of each."""
        async with asyncio.timeout(CHILD_S):
            return [await _line(process) for process in self._processes]

    def tell(self, line: str) -> None:
        """Say a line to each."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{line}\n".encode())


async def _line(process: Process) -> str:
    """Return the next line that is for us: a library may say something, too."""
    assert process.stdout is not None
    while line := await process.stdout.readline():
        if line.startswith((b"ready", b"{")):
            return line.decode()
    raise ChildProcessError(f"a child ended with code {await process.wait()}")


@asynccontextmanager
async def drivers(commands: Sequence[Sequence[str]], **options: Any) -> AsyncIterator[Drivers]:
    """Run a process for each command; they are ready when this begins."""
    started = [
        await asyncio.create_subprocess_exec(*each, stdin=PIPE, stdout=PIPE, limit=LINE_BYTES_MAX, **options)
        for each in commands
    ]
    try:
        found = Drivers(started)
        await found.told()
        yield found
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _played(found: Drivers, seconds: float, cpu: Any) -> tuple[list[Any], dict[str, float]]:
    """Have the drivers play the trace; return what each measured, and the cores that each server used."""
    begin = time.time() + LEAD_S
    found.tell(f"go {int(begin * 1e3)}")
    await asyncio.sleep(begin - time.time())
    before, began = cpu(), time.monotonic()
    await asyncio.sleep(begin + seconds - time.time())
    after, took = cpu(), time.monotonic() - began
    measured = [json.loads(line) for line in await found.told()]
    return measured, {name: (after[name] - before[name]) / took for name in before}


def _common(report: Report, side: str, size: Size, measured: Sequence[Any], cores: float) -> dict[str, float]:
    """Report what both sides have."""
    of_all = sum(each["bytes"] for each in measured) / size.walkers / size.seconds
    report.add(f"{side}: clients per server core", size.walkers / cores, "clients")
    report.add(f"{side}: bytes per client", of_all, "bytes/s")
    for number, each in enumerate(measured, 1):
        report.add(f"{side}: driver {number}", each["cpu_s"] / size.seconds, "cores")
    joins = [took for each in measured for took in each["joins"]]
    report.add(f"{side}: join p50", percentile(joins, 0.5), "ms")
    report.add("join_p99_ms" if side == "ours" else f"{side}: join p99", percentile(joins, 0.99), "ms")
    report.add(f"{side}: joins", len(joins), "joins")
    report.add(f"{side}: lost", sum(each["lost"] for each in measured), "requests")
    return {"cores": cores, "bytes": of_all, "joins": len(joins)}


# --- ours ---------------------------------------------------------------------------------------------------


async def _ours(
    size: Size, trace: Mapping[str, Any], folder: Path, report: Report, progress: Progress
) -> dict[str, float]:
    progress("ours: the servers, the world, and who stands there")
    file = folder / "trace.json"
    file.write_text(json.dumps(trace))
    async with ours(size, trace) as system:
        child = [sys.executable, "-m", "benchmarks.feed_child", str(file)]
        commands = [[*child, str(n), str(DRIVERS), str(folder / f"late-{n}")] for n in range(DRIVERS)]
        progress("ours: the clients come")
        async with drivers(commands, env=system.environment) as found, system.overheard() as heard:
            progress("ours: they walk")
            least, sent = await system.quiet(), heard.bytes
            measured, cores = await _played(found, size.seconds, system.cpu)
            sent = heard.bytes - sent
            progress("ours: they settle")
            truth, ends = await settled(system, found, trace["places"])
            recorded = await system.recorded(least)
    for name, used in cores.items():
        report.add(f"ours: {name}", used, "cores")
    _latencies(report, folder, recorded, heard)
    report.add("ours: wrong final states", wrong(truth, ends), "clients")
    report.add("ours: applied twice or out of order", sum(each["wrong"] for each in ends), "changes")
    report.add("ours: private words seen", heard.leaks + sum(each["leaks"] for each in ends), "times")
    report.add("ours: refused", sum(each["refused"] for each in measured), "commands")
    report.add("ours: holes", sum(each["holes"] for each in measured), "holes")
    mine = _common(report, "ours", size, measured, sum(cores.values()))
    everything = sent / size.seconds
    report.add("ours: frames, all of them once", everything, "bytes/s")
    report.add("ours: saved against broadcast", 100 * (1 - mine["bytes"] / everything), "%")
    return mine


Truth = Mapping[str, tuple[int, str]]
"""By cell the number of the last change and a hash of the state."""


async def settled(system: Ours, found: Drivers, grid: Collection[str]) -> tuple[Truth, list[Any]]:
    """Wait until nothing happens any more; return what is so then, and what each driver's clients see.

    Raises:
        TimeoutError: something always happened.
    """
    await asyncio.sleep(SETTLE_S)
    places = [*grid, GATEWAY[0]]
    for _ in range(SETTLE_TRIES):
        await system.quiet()
        truth = await system.truth(places)
        found.tell(json.dumps({cell: seq for cell, (seq, _) in truth.items()}))
        ends = [json.loads(line) for line in await found.told()]
        if await system.truth(places) == truth:
            return truth, ends
    raise TimeoutError


def _latencies(report: Report, folder: Path, recorded: Mapping[int, int], heard: Heard) -> None:
    """Report how long after it was recorded a change was applied by each of those who saw it, ms.

    Beside it when one heard it who does nothing but listen to all frames: what lies between is the
    walkers' own.
    """
    late: list[float] = []
    for number in range(DRIVERS):
        seen = array("q")
        seen.frombytes((folder / f"late-{number}").read_bytes())
        late += _since(zip(seen[::2], seen[1::2], strict=True), recorded)
    report.add("ours: feed p50", percentile(late, 0.5), "ms")
    report.add("feed_p99_ms", percentile(late, 0.99), "ms")
    report.add("ours: changes seen", len(late), "changes")
    bare = _since(heard.late, recorded)
    report.add("ours: feed p50, of a bare listener", percentile(bare, 0.5), "ms")
    report.add("ours: feed p99, of a bare listener", percentile(bare, 0.99), "ms")


def _since(heard: Iterable[tuple[int, int]], recorded: Mapping[int, int]) -> list[float]:
    return [(at - recorded[position]) / 1e3 for position, at in heard if position in recorded]


def wrong(truth: Truth, ends: Sequence[Any]) -> int:
    """Return how many clients end with another state of some cell than the one that is answered.

    ``truth`` and ``ends``, by client and cell: number and hash. Who sees nothing at all is wrong, too.
    """
    return sum(
        not seen or any(truth.get(cell) != tuple(state) for cell, state in seen.items())
        for each in ends
        for seen in each["sees"].values()
    )


# --- Colyseus -----------------------------------------------------------------------------------------------


async def _colyseus(
    size: Size, trace: Mapping[str, Any], folder: Path, report: Report, progress: Progress
) -> dict[str, float]:
    progress("colyseus: everybody stands there")
    file, port = folder / "trace.json", str(free_port())
    file.write_text(json.dumps({**trace, "base_ms": int(time.time() * 1e3)}))
    for script in SOURCE.glob("*.mjs"):
        shutil.copy(script, COLYSEUS / script.name)
    with (folder / "colyseus.log").open("ab") as log:
        node: Any = {"cwd": COLYSEUS, "stderr": log}
        async with drivers([["node", "server.mjs", port, str(file)]], **node) as server:
            progress("colyseus: the clients come")
            commands = [["node", "driver.mjs", port, str(file), str(n), str(DRIVERS)] for n in range(DRIVERS)]
            async with drivers(commands, **node) as found:
                progress("colyseus: they walk")
                measured, cores = await _played(found, size.seconds, lambda: {"server": cpu_s(server.pid)})
                progress("colyseus: they settle")
                await asyncio.sleep(SETTLE_S)
                server.tell("end")
                (truth,) = [json.loads(line) for line in await server.told()]
                found.tell("end")
                seen = {id_: each for line in await found.told() for id_, each in json.loads(line).items()}
    late = [took for each in measured for took in each["late"]]
    report.add("colyseus: feed p50", percentile(late, 0.5), "ms")
    report.add("colyseus: feed p99", percentile(late, 0.99), "ms")
    mistaken = sum(truth.get(id_) != each for id_, each in seen.items())
    report.add("colyseus: wrong final states", mistaken, "clients")
    return _common(report, "colyseus", size, measured, cores["server"])
