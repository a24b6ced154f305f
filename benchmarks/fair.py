"""One client against another: what a flood costs a client who does nothing wrong.

A whole system (`aicore up`) has two services. One asks for short lines in turn, first alone, then while the
other sends so many small requests, or so large ones, as it can. Each side is a process of its own; all share
this machine's cores, so some of the innocent one's loss is the flood's own computing. How much, the control
shows: the same flood on the same server, to a subject that nobody hears ("floor").
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


async def asking(environment: Mapping[str, str], seconds: float, *flood: str) -> tuple[Any, Any]:
    """Return what the innocent one saw, and what the flood (its kind, and to whom), if any, came to."""

    async def child(*arguments: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.fair_child", *arguments, env=environment, stdout=subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, arguments
        return json.loads(out.splitlines()[-1])

    sides = [child("innocent", str(seconds))]
    if flood:
        sides.append(child("flooder", str(seconds), *flood))
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
                floor, _ = await asking(environment, seconds, kind, "nobody")
                beside, flood = await asking(environment, seconds, kind, "service")
                for label, seen in (("quiet", quiet), ("floor", floor), ("beside", beside)):
                    report.add(f"p50_ms_{label}_{kind}", percentile(seen["took"], 0.5) * 1e3, "ms")
                    report.add(f"p99_ms_{label}_{kind}", percentile(seen["took"], 0.99) * 1e3, "ms")
                report.add(f"innocent_answered_{kind}", len(beside["took"]), "answers")
                report.add(f"innocent_not_ok_{kind}", sum(Counter(beside["not_ok"]).values()), "answers")
                for what in ("sent", "told", "shut_out", "reconnects"):
                    report.add(f"flood_{what}_{kind}", flood[what], "times")
                p99 = [percentile(seen["took"], 0.99) for seen in (quiet, floor, beside)]
                report.compare(f"p99_kept_{kind}", p99[0], p99[2])
                report.compare(f"p99_kept_floor_{kind}", p99[0], p99[1])
        report.facts["relay_kept_its_lead"] = leader == aicore(environment, "relay", "status")["leader"]
    return report
