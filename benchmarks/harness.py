"""Shared parts of the benchmarks: rounds with sides in turn, medians, the report, and servers to run on.

Fairness: both sides run in the same process or minute, on the same server, in turn; a ratio is the median of
the rounds' own ratios, so that a machine whose speed drifts drifts for both.
"""

import shutil
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from aicore.embedded import EmbeddedNats, EmbeddedPostgres

ROUNDS = 5
ROUNDS_QUICK = 2

Progress = Callable[[str], None]
"""Called with one line about what runs now."""


@dataclass(slots=True)
class Figure:
    """One measured quantity: a value per round."""

    unit: str
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.values)


@dataclass(slots=True)
class Report:
    """A benchmark's result; `as_json` is its published form."""

    name: str
    rounds: int
    figures: dict[str, Figure] = field(default_factory=dict)
    ratios: dict[str, list[float]] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)
    """Conditions of the measurement: server settings, sizes, versions."""

    def add(self, key: str, value: float, unit: str) -> None:
        """Record one round's value of a figure."""
        self.figures.setdefault(key, Figure(unit)).values.append(value)

    def compare(self, key: str, ours: float, theirs: float) -> None:
        """Record one round's ratio, ours over theirs of a rate: larger is better."""
        self.ratios.setdefault(key, []).append(ours / theirs)

    def as_json(self) -> dict[str, object]:
        """Return the report as one JSON object."""
        return {
            "name": self.name,
            "rounds": self.rounds,
            "figures": {
                key: {
                    "median": round(figure.median, 4),
                    "min": round(min(figure.values), 4),
                    "max": round(max(figure.values), 4),
                    "unit": figure.unit,
                }
                for key, figure in self.figures.items()
            },
            "ratios": {key: round(statistics.median(values), 3) for key, values in self.ratios.items()},
            "facts": self.facts,
        }


Side = Callable[[], Awaitable[float]]


async def in_turn(sides: Mapping[str, Side], progress: Progress, label: str) -> dict[str, float]:
    """Run every side once, one after the other, and return their values."""
    found: dict[str, float] = {}
    for name, side in sides.items():
        progress(f"{label}: {name}")
        found[name] = await side()
    return found


def rounds_of(quick: bool) -> int:
    """Return how many rounds to run."""
    return ROUNDS_QUICK if quick else ROUNDS


def percentile(values: list[float], share: float) -> float:
    """Return the value below which ``share`` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@contextmanager
def servers(
    *, postgres: bool = True, nats: bool = False, settings: dict[str, str] | None = None
) -> Iterator[tuple[EmbeddedPostgres, EmbeddedNats]]:
    """Run fresh embedded servers, fsync on, in a folder beside the checkout's own disk, and remove them.

    Args:
        postgres: run Postgres.
        nats: run NATS.
        settings: Postgres's, beyond what the embedded server has anyway.
    """
    root = Path(tempfile.mkdtemp(prefix=".bench-", dir=Path.cwd()))
    root.chmod(0o755)
    database, broker = EmbeddedPostgres(root, settings=settings), EmbeddedNats(root)
    try:
        if postgres:
            database.start()
        if nats:
            broker.start()
        yield database, broker
    finally:
        broker.stop()
        database.stop()
        for folder in (database.data.parent, root):  # the first lies in /var/tmp if root's checkout is closed
            shutil.rmtree(folder, ignore_errors=True)


WAL_SEGMENTS = 32
"""512 MB: what the embedded server keeps of written segments to use again."""


async def settle(postgres: EmbeddedPostgres) -> None:
    """Give a fresh server what one that has run for a while has: written WAL segments to use again.

    A new segment is 16 MB of zeros to write and as much page cache to find; until the first checkpoints have
    passed, that is what a benchmark of commits would measure, on every side (profiled 2026-11-21: a third of
    the backend's time).
    """
    session = await asyncpg.connect(postgres.dsn)
    try:
        for _ in range(WAL_SEGMENTS):
            await session.execute("SELECT pg_logical_emit_message(true, 'settle', '')")
            await session.execute("SELECT pg_switch_wal()")
        await session.execute("CHECKPOINT")
    finally:
        await session.close()
