"""Canaries judged at every turn: false alarms, and turns to catch a regression, of three gates.

The evidence is the class that the deployment's gate folds the log with (`domain.registry.evidence`), fed
turn by turn. Beside it, on the same traces: a gate of fixed windows as Flagger and Argo Rollouts have it
(a check per minute, taken back after three failed ones), and a z-test of two shares repeated every 100 turns,
as people do who look often.
"""

import math
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.harness import Progress, Report, percentile
from domain.registry.evidence import Evidence, Turn

FALSE_ALARMS = 0.01
STEPS = 4
"""Of the default canary; what is seen here is its first, so a part of the stake lies idle."""
TURNS = 20_000
FAULTLESS: frozenset[str] = frozenset()
FAILED = frozenset({"failures"})
LATENCY_MS, SIGMA_MS = 100.0, 20.0

WINDOW = 1_200
"""Turns in a minute at 20 a second."""
WINDOW_LIMIT = 0.05
WINDOWS_FAILED = 3
LOOK_EVERY = 100
Z_LIMIT = 2.326
"""One-sided, 1 %."""


@dataclass(frozen=True)
class Case:
    """A candidate: its share of the traffic, both failure rates, and how much slower it is, in sigmas."""

    share: float = 0.1
    usual: float = 0.01
    failing: float = 0.01
    slower: float = 0.0


AA = Case()
REGRESSIONS = {
    "failures_1_to_10": Case(failing=0.10),
    "failures_1_to_50": Case(failing=0.50),
    "failures_1_to_5": Case(failing=0.05),
    "latency_half_sigma": Case(slower=0.5),
    "latency_half_sigma_at_50": Case(share=0.5, slower=0.5),
    "latency_one_sigma": Case(slower=1.0),
}


def trace(case: Case, seed: int) -> Iterator[Turn]:
    """Yield the turns of a canary; every player asks once."""
    draw = random.Random(seed)
    for number in range(TURNS):
        candidate = draw.random() < case.share
        failed = draw.random() < (case.failing if candidate else case.usual)
        latency = draw.gauss(LATENCY_MS, SIGMA_MS) + candidate * case.slower * SIGMA_MS
        yield Turn(
            candidate, case.share, str(number), FAILED if failed else FAULTLESS,  # type: ignore[arg-type]  # a measure
            None if failed else latency,
        )  # fmt: skip


@dataclass
class Windows:
    """Checks the candidate's share of failures once a window."""

    turns: int = 0
    asked: int = 0
    failed: int = 0
    bad: int = 0

    def accuses(self, turn: Turn) -> bool:
        """Take a turn in; say whether the candidate is taken back now."""
        self.turns += 1
        self.asked += turn.candidate
        self.failed += turn.candidate and bool(turn.faults)
        if self.turns % WINDOW:
            return False
        self.bad += self.asked > 0 and self.failed / self.asked > WINDOW_LIMIT
        self.asked = self.failed = 0
        return self.bad >= WINDOWS_FAILED


@dataclass
class Repeated:
    """Compares both shares of failures with a z-test every so many turns."""

    turns: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    failed: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})

    def accuses(self, turn: Turn) -> bool:
        """Take a turn in; say whether the candidate is taken back now."""
        self.turns[turn.candidate] += 1
        self.failed[turn.candidate] += bool(turn.faults)
        total = self.turns[True] + self.turns[False]
        if total % LOOK_EVERY or not all(self.turns.values()):
            return False
        pooled = sum(self.failed.values()) / total
        spread = math.sqrt(pooled * (1 - pooled) * sum(1 / n for n in self.turns.values()))
        shares = {side: self.failed[side] / self.turns[side] for side in (True, False)}
        return spread > 0 and (shares[True] - shares[False]) / spread > Z_LIMIT


@dataclass
class Found:
    """When each gate accused the candidate: turns of the candidate, and its comparisons; None: never."""

    ours: tuple[int, int] | None = None
    windows: int | None = None
    repeated: int | None = None


def judged(case: Case, seed: int) -> Found:
    """Run a canary before all three gates, until each has accused it or the turns are over."""
    evidence, windows, repeated, found = Evidence(FALSE_ALARMS, STEPS), Windows(), Repeated(), Found()
    asked = 0
    for turn in trace(case, seed):
        asked += turn.candidate
        if found.ours is None:
            evidence.observe(turn)
            if evidence.accused:
                found.ours = asked, evidence.latency.pairs
        if found.windows is None and windows.accuses(turn):
            found.windows = asked
        if found.repeated is None and repeated.accuses(turn):
            found.repeated = asked
        if found.ours and found.windows and found.repeated:
            break
    return found


def share(values: list[object]) -> float:
    """Return the share of gates that accused."""
    return sum(value is not None for value in values) / len(values)


def cost_us() -> float:
    """Return what one turn costs the gate, µs."""
    turns, evidence = list(trace(AA, 1)), Evidence(FALSE_ALARMS, STEPS)
    began = time.perf_counter()
    for turn in turns:
        evidence.observe(turn)
        _ = evidence.accused
    return (time.perf_counter() - began) / len(turns) * 1e6


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    report = Report("canary", 1)
    canaries, repeats = (100, 50) if quick else (1_000, 300)
    report.facts |= {"turns per canary": TURNS, "A/A canaries": canaries, "stated": FALSE_ALARMS}
    progress(f"{canaries} canaries of a candidate that is no worse")
    found = [judged(AA, seed) for seed in range(canaries)]
    report.add("false_alarms", share([each.ours for each in found]), "share")
    report.add("false_alarms_windows", share([each.windows for each in found]), "share")
    report.add("false_alarms_repeated_z", share([each.repeated for each in found]), "share")
    for name, case in REGRESSIONS.items():
        progress(name)
        found = [judged(case, 10_000 + seed) for seed in range(repeats)]
        ours = [each.ours for each in found if each.ours]
        report.add(f"{name}_caught", len(ours) / repeats, "share")
        what, at = ("pairs", 1) if case.slower else ("turns", 0)
        values = [float(each[at]) for each in ours]
        report.add(f"{name}_median", statistics.median(values), f"candidate's {what}")
        report.add(f"{name}_p90", percentile(values, 0.9), f"candidate's {what}")
        if not case.slower:
            for gate in ("windows", "repeated"):
                others = [float(n) for each in found if (n := getattr(each, gate)) is not None]
                report.add(f"{name}_caught_{gate}", len(others) / repeats, "share")
                if others:
                    report.add(f"{name}_median_{gate}", statistics.median(others), f"candidate's {what}")
    report.add("cost_us", statistics.median(cost_us() for _ in range(5)), "µs per turn")
    return report
