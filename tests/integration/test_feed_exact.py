"""2,000 clients who walk, lose their connections and do not read for a while; feeders and NATS are killed.

After each round everybody has what the server has at the same number: state hashes are compared, by cell.
"""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from benchmarks.feed import DRIVERS, Drivers, drivers, settled, wrong
from benchmarks.feed_ours import Ours, ours
from benchmarks.feed_trace import Size, trace_of

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(2_400)]

SIZE = Size(20, 20, 20_000, 2_000, 30.0, rounds=3, move_s=15.0)
EVENTS_MIN, JOINS_MIN = 10_000, 10_000
RELAYS = 2
LEAD_S = 1.0


async def troubles(system: Ours) -> None:
    """Kill every process that may feed, one after the other, and NATS between them, which starts again."""
    for number in range(RELAYS):
        await asyncio.sleep(4.0)
        name = f"relay {number}"
        system.processes[name].kill()
        system.processes[name].wait()
        await system.ready(system.start(("relay",), name))
        if number == 0:
            await asyncio.sleep(2.0)
            pid = int((system.system.state_dir / "nats" / "nats.pid").read_text())
            os.kill(pid, signal.SIGKILL)


async def a_round(system: Ours, found: Drivers, places: list[str]) -> tuple[int, int]:
    """Walk, with troubles, and settle; return how many have joined since the start, and are wrong."""
    found.tell(f"go {int((time.time() + LEAD_S) * 1e3)}")
    async with asyncio.TaskGroup() as group:
        group.create_task(troubles(system))
        await found.told()
    truth, ends = await settled(system, found, places)
    assert sum(each["wrong"] for each in ends) == 0, "applied twice, or out of order"
    assert sum(each["leaks"] for each in ends) == 0, "a private word"
    assert sum(len(each["sees"]) for each in ends) == SIZE.walkers
    return sum(each["joined"] for each in ends), wrong(truth, ends)


async def test_whatever_is_killed_everybody_ends_with_the_truth(tmp_path: Path) -> None:
    trace = trace_of(SIZE)
    file = tmp_path / "trace.json"
    file.write_text(json.dumps(trace))
    async with ours(SIZE, trace, relays=RELAYS) as system:
        child = [sys.executable, "-m", "benchmarks.feed_child", str(file)]
        commands = [[*child, str(n), str(DRIVERS), str(tmp_path / f"late-{n}")] for n in range(DRIVERS)]
        async with drivers(commands, env=system.environment) as found, system.overheard() as heard:
            before = await system.quiet()
            joins = 0  # of all clients, those at the start with them
            for number in range(SIZE.rounds):
                joins, mistaken = await a_round(system, found, list(trace["places"]))
                assert mistaken == 0, f"round {number + 1}"
            assert heard.leaks == 0
            assert await system.quiet() - before >= EVENTS_MIN
            assert joins >= JOINS_MIN
