"""Traces: events of all kinds, each trace held against its cause; folds, looks and descriptions.

What each kind of event leaves is written down by hand (`tests/unit/traces/kit.py`); that what a trace tells
is a fact by its own event is asked of `domain.beliefs`. Times are CPU times of this process.
"""

import time
from collections.abc import Callable
from random import Random

from benchmarks.harness import Progress, Report, percentile
from domain.traces.queries import DescribeQuery, TracesQuery
from domain.traces.showing import at, described
from domain.traces.traces import Traces
from tests.unit.traces.kit import event_id, happenings, setting
from tests.unit.traces.test_traces import see_that_each_has_its_cause

EVENTS = 500
SEEDS, SEEDS_QUICK = 100, 10
FOLDED, FOLDED_QUICK = 50_000, 10_000
ASKED, ASKED_QUICK = 4_000, 1_000
SEED = 7


async def run(quick: bool, progress: Progress) -> Report:
    """Return the rows on traces."""
    report = Report("traces", 1)
    progress("each trace against its cause")
    _causes(report, SEEDS_QUICK if quick else SEEDS)
    progress("many events")
    traces = _fold(report, FOLDED_QUICK if quick else FOLDED)
    progress("looks")
    _look(report, traces, ASKED_QUICK if quick else ASKED)
    return report


def _causes(report: Report, seeds: int) -> None:
    """Raise if a trace has another cause than its own, or an event left other traces than it does."""
    traces, rules = 0, set[str]()
    for seed in range(seeds):
        found = see_that_each_has_its_cause(seed, EVENTS)
        traces, rules = traces + found.total(), rules | set(found)
    report.add("traces, each with its cause", traces, "traces")
    report.facts |= {"events": EVENTS, "times": seeds, "rules": len(rules)}


def _fold(report: Report, count: int) -> Traces:
    events, traces = list(happenings(count, SEED)), Traces.of(setting())
    begin = time.process_time()
    for position, event in enumerate(events, 1):
        traces.apply(event, event_id(position), position)
    report.add("fold, per event", (time.process_time() - begin) / count * 1e6, "CPU us")
    report.facts |= {"events folded": count, "traces kept": len(traces.by_id), "seed": SEED}
    return traces


def _look(report: Report, traces: Traces, count: int) -> None:
    dice, places, now = Random(SEED), sorted(setting().kinds), traces.told.now_ms
    seen = 0
    taken: dict[str, list[float]] = {}
    for _ in range(count):
        place, ago = dice.choice(places), dice.randrange(3 * 86_400_000)
        seen += len(traces.look(place, now - ago))
        asked: dict[str, Callable[[], object]] = {
            "at": lambda: at(traces, TracesQuery(place=place, at_ms=now - ago), now),  # noqa: B023
            "describe": lambda: described(traces, DescribeQuery(place=place, at_ms=now - ago), now),  # noqa: B023
        }
        for name, ask in asked.items():
            begin = time.process_time()
            ask()
            taken.setdefault(name, []).append((time.process_time() - begin) * 1e3)
    for name, times in taken.items():
        report.add(f"{name}: p99", percentile(times, 99), "CPU ms")
    report.add("to be seen at a place, on average", seen / count, "traces")
