"""Compares the quick ratios with the last recorded ones: `python -m benchmarks.ratchet [NAME ...]`.

A ratio is ours over a peer's in the same minute, so it holds on another machine, roughly. What it falls by
from run to run on one machine is its noise; that is measured when a value is recorded, and what fell by
more is named. A benchmark that seems to have fallen is run again, `TRIES` times in all, and judged by the
median: a busy moment makes no alarm. Nothing is recorded but by `--record`.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

FILE = Path(__file__).with_name("ratchet.json")

NAMES = ("append", "bulk", "codec", "consume", "relay", "replay")
"""Those whose ratios do not need peers with environments of their own."""

TRIES = 3
RUNS = 5
"""Runs that a value is recorded from."""

NOISE_MIN = 0.05
NOISE_MAX = 0.3
"""A ratio that varies more was measured on a busy machine: it is told, and a fall by a third is one still."""

NOISE_FACTOR = 1.5
"""The worst of a few runs is not the worst there is."""

NAME_TIMEOUT_S = 600.0

Ratios = Mapping[str, float]
Run = Callable[[str], Ratios]
"""Runs a benchmark and returns its ratios."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A ratio as it was when somebody recorded it."""

    value: float
    noise: float
    """The share of the value by which it may fall."""

    @property
    def least(self) -> float:
        """The lowest value that is no fall."""
        return self.value * (1 - self.noise)


@dataclass(frozen=True, slots=True)
class Fall:
    """A ratio that is lower than its noise explains; ``found`` is None if it was not measured at all."""

    ratio: str
    recorded: Recorded
    found: float | None

    def __str__(self) -> str:
        """Return one line for a person."""
        was = f"{self.recorded.value:.2f}, noise {self.recorded.noise:.0%}"
        if self.found is None:
            return f"{self.ratio}: not measured any more (was {was})"
        return (
            f"{self.ratio}: {self.found:.2f}, down by {1 - self.found / self.recorded.value:.0%} (was {was})"
        )


def judge(recorded: Mapping[str, Recorded], found: Ratios) -> list[Fall]:
    """Return what fell, in the order recorded; ratios that nobody recorded are no matter."""
    return [
        Fall(ratio, last, found.get(ratio))
        for ratio, last in recorded.items()
        if not found.get(ratio, 0.0) >= last.least  # so that NaN is a fall
    ]


def summary(runs: Sequence[Ratios]) -> dict[str, Recorded]:
    """Return what to record of some runs: medians, and how far the worst run was below."""
    found: dict[str, Recorded] = {}
    for ratio in runs[0]:
        values = [run[ratio] for run in runs]
        median = statistics.median(values)
        noise = max(NOISE_MIN, NOISE_FACTOR * (1 - min(values) / median))
        found[ratio] = Recorded(round(median, 3), round(min(noise, NOISE_MAX), 3))
    return found


def check(recorded: Mapping[str, Recorded], name: str, run: Run) -> list[Fall]:
    """Run a benchmark until it has not fallen, or `TRIES` times, and return what fell."""
    runs: list[Ratios] = []
    falls: list[Fall] = []
    for _ in range(TRIES):
        runs.append(run(name))
        ratios = set.intersection(*(set(each) for each in runs))
        falls = judge(recorded, {ratio: statistics.median(each[ratio] for each in runs) for ratio in ratios})
        if not falls:
            break
    return falls


def read(file: Path) -> dict[str, dict[str, Recorded]]:
    """Return what is recorded, by benchmark and ratio; nothing if there is no file yet."""
    if not file.exists():
        return {}
    known = json.loads(file.read_text())["benchmarks"]
    return {
        name: {key: Recorded(**value) for key, value in each["ratios"].items()}
        for name, each in known.items()
    }


def record(file: Path, name: str, ratios: Mapping[str, Recorded], day: str) -> None:
    """Write a benchmark's new values; those of the others stay."""
    known = json.loads(file.read_text()) if file.exists() else {"benchmarks": {}}
    known["benchmarks"][name] = {
        "recorded": day,
        "ratios": {key: asdict(value) for key, value in sorted(ratios.items())},
    }
    known["benchmarks"] = dict(sorted(known["benchmarks"].items()))
    file.write_text(json.dumps(known, indent=2) + "\n")


def run_quick(name: str) -> Ratios:
    """Run a benchmark, short, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks", name, "--quick", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=NAME_TIMEOUT_S, check=True)
    ratios: Ratios = json.loads(done.stdout)["ratios"]
    return ratios


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Which benchmarks; none means all.")] = None,
    *,
    record_: Annotated[bool, typer.Option("--record", help="Record new values, on purpose.")] = False,
    runs: Annotated[int, typer.Option(help="Runs that are recorded from.")] = RUNS,
) -> None:
    """Name every ratio that fell by more than its noise, and then end with 1."""
    recorded = read(FILE)
    fallen = 0
    for name in names or NAMES:
        if record_:
            record(
                FILE, name, summary([run_quick(name) for _ in range(runs)]), f"{datetime.now(UTC):%Y-%m-%d}"
            )
            print(f"{name}: recorded")
            continue
        if name not in recorded:
            raise typer.BadParameter(f"{name} was never recorded; --record does")
        falls = check(recorded[name], name, run_quick)
        fallen += len(falls)
        print("\n".join(f"{name}: {fall}" for fall in falls) or f"{name}: nothing fell", flush=True)
    if fallen:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
