"""One client against another: what a flood costs a client who does nothing wrong.

A whole system (`aicore up`) has two services. One asks for short lines in turn, first alone, then while the
other sends so many small requests, or so large ones, as it can. Each side is a process of its own; all share
this machine's cores, so some of the innocent one's loss is the flood's own computing.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness import Progress, Report, percentile, rounds_of

REALM = "demo"
UP_LINE = "Ctrl-C stops everything in order."
KINDS = {"small": "550,000 small requests in 8 s", "big": "3,000 requests of 480 KB in 8 s"}


@contextmanager
def system() -> Iterator[dict[str, str]]:
    """Run `aicore up` with two services; yield the environment that leads to it."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder:
        environment = {**os.environ, "AICORE_STATE_DIR": folder}
        process = subprocess.Popen(
            [sys.executable, "-m", "aicore", "up", "--demo"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            said = ""
            while UP_LINE not in said:
                line = process.stdout.readline()
                assert line, f"it did not start: {said}"
                said += line
            for name in ("innocent", "flooder"):
                aicore(environment, "services", "add", name)
            yield environment
        finally:
            process.terminate()
            process.wait()


def aicore(environment: Mapping[str, str], *arguments: str) -> Any:
    """Run a command beside the system and return what it says as JSON."""
    command = [sys.executable, "-m", "aicore", *arguments, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


async def asking(environment: Mapping[str, str], seconds: float, flood: str = "") -> tuple[Any, Any]:
    """Return what the innocent one saw, and what the flood, if there is one, came to."""

    async def child(*arguments: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.fair_child", *arguments, env=environment, stdout=subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, arguments
        return json.loads(out.splitlines()[-1])

    sides = [child("innocent", str(seconds))]
    if flood:
        sides.append(child("flooder", str(seconds), flood))
    innocent, *flooder = await asyncio.gather(*sides)
    return innocent, flooder[0] if flooder else None


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    seconds = 4.0 if quick else 8.0
    report = Report("fair", rounds_of(quick), facts={"seconds": seconds})
    with system() as environment:
        await asking(environment, 2.0)  # warm
        leader = aicore(environment, "relay", "status")["leader"]
        for number in range(report.rounds):
            for kind in KINDS:
                progress(f"round {number + 1}: {kind}")
                quiet, _ = await asking(environment, seconds)
                beside, flood = await asking(environment, seconds, kind)
                for label, seen in (("quiet", quiet), ("beside", beside)):
                    report.add(f"p50_ms_{label}_{kind}", percentile(seen["took"], 0.5) * 1e3, "ms")
                    report.add(f"p99_ms_{label}_{kind}", percentile(seen["took"], 0.99) * 1e3, "ms")
                report.add(f"innocent_answered_{kind}", len(beside["took"]), "answers")
                report.add(f"innocent_not_ok_{kind}", sum(Counter(beside["not_ok"]).values()), "answers")
                report.add(f"flood_sent_{kind}", flood["sent"], "requests")
                report.add(f"flood_told_{kind}", flood["told"], "refusals")
                report.add(f"flood_reconnects_{kind}", flood["reconnects"], "times")
                p99 = percentile(quiet["took"], 0.99), percentile(beside["took"], 0.99)
                report.compare(f"p99_kept_{kind}", *p99)
        report.facts["relay_kept_its_lead"] = leader == aicore(environment, "relay", "status")["leader"]
    return report
