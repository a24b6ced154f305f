"""Canaries judged at every turn: false alarms, and turns to catch a regression, of three gates.

The evidence is the class that the deployment's gate folds the log with (`domain.registry.evidence`), fed
turn by turn. Some canaries of each kind go the whole way as well, as the deployment manager has it: events of
the log through the watch, and its verdict through the decider; both must say the same at the same turn.
Beside it, on the same traces: a gate of fixed windows as Flagger and Argo Rollouts have it (a check per
minute, taken back after three failed ones), and a z-test of two shares repeated every 100 turns, as people do
who look often.
"""

import math
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness import Progress, Report, percentile
from domain.inference.messages import InferenceCompleted, InferenceFailed, InferenceRequested
from domain.registry.deployment_facts import CheckFact
from domain.registry.deployment_messages import (
    ConfirmReady,
    DeploymentRolledBack,
    DeploymentStarted,
    RollBackOnEvidence,
    StartDeployment,
    StepStarted,
)
from domain.registry.evidence import Evidence, Turn
from domain.registry.messages import RegisterModel
from domain.registry.models import model_id_of
from domain.registry.use_case import USE_CASE
from domain.registry.watch import Accused, Watch

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

CANARIES, CANARIES_QUICK = 1_000, 100
REPEATS, REPEATS_QUICK = 3_000, 50
"""Canaries of a regression: among 300 the median of the first case was 48 to 58, by which ones they were."""
REPEATS_PEERS = 300
"""Of them also before the other two gates, which often look at a whole trace."""
WHOLE_WAY, WHOLE_WAY_QUICK = 20, 3
SEED = 10_000

UC = "bench"
OLD, NEW = (model_id_of(use_case=UC, name="lamplight", version=version) for version in "12")


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


def judged(case: Case, seed: int, *, peers: bool = True) -> Found:
    """Run a canary before the gates, until each has accused it or the turns are over."""
    evidence, windows, repeated, found = Evidence(FALSE_ALARMS, STEPS), Windows(), Repeated(), Found()
    asked = 0
    for turn in trace(case, seed):
        asked += turn.candidate
        if found.ours is None:
            evidence.observe(turn)
            if evidence.accused:
                found.ours = asked, evidence.latency.pairs
        if peers and found.windows is None and windows.accuses(turn):
            found.windows = asked
        if peers and found.repeated is None and repeated.accuses(turn):
            found.repeated = asked
        if found.ours and (not peers or (found.windows and found.repeated)):
            break
    return found


# --- the whole way ------------------------------------------------------------------------------------------


def deployed(share: int) -> tuple[Any, Watch]:
    """Return the use case's state with a canary at its first step, by the decider alone, and its watch."""
    state, watch = USE_CASE.initial, None
    model = {"use_case": UC, "name": "lamplight", "provider": "embedded", "model_type": "self_hosted"}
    by = {"use_case": UC, "operator": "bench", "reason": "measured", "override": "a simulation"}
    plan = {"strategy": "canary", "steps": [share, 60, 80, 100], "gate": {"turns_min": TURNS}}
    commands: list[Any] = [
        *(RegisterModel(**model, version=version, tier="gold") for version in "12"),
        StartDeployment.model_validate({**by, **plan, "model_id": NEW}),
    ]
    while commands:
        for event in USE_CASE.decide(commands.pop(0), state):
            state = USE_CASE.evolve(state, event)
            if isinstance(event, DeploymentStarted):
                watch = Watch(event)
                ready = CheckFact(name="warm_up", ok=True, detail="answered")
                of = {"use_case": UC, "deployment_id": event.deployment_id}
                commands.append(ConfirmReady(**of, checks=[ready]))
            elif watch is not None and isinstance(event, StepStarted):
                watch.moved(event, 0)
    assert watch is not None
    return state, watch


def whole_way(case: Case, seed: int) -> int | None:
    """Return at which turn of the candidate the decider takes it back on the watch's verdict; None: never."""
    state, watch = deployed(round(case.share * 100))
    asking = InferenceRequested.from_example().model_copy(
        update={"use_case": UC, "alias": None, "conversation": None, "context": {}}
    )
    answer = InferenceCompleted.from_example().model_copy(
        update={"use_case": UC, "source_inference_id": None, "finish_reason": "stop"}
    )
    failure = InferenceFailed.from_example().model_copy(update={"use_case": UC, "code": "engine_failed"})
    asked = 0
    for number, turn in enumerate(trace(case, seed)):
        asked += turn.candidate
        of = {"inference_id": turn.key, "model_id": NEW if turn.candidate else OLD}
        watch.observe(asking.model_copy(update={**of, "player": turn.key}), 2 * number, 0)
        if turn.faults:
            watch.observe(failure.model_copy(update=of), 2 * number + 1, 0)
        else:
            end = answer.model_copy(update={**of, "latency_ms": turn.latency_ms})
            watch.observe(end, 2 * number + 1, 0)
        verdict = watch.verdict(0)
        if isinstance(verdict, Accused):
            of = {"use_case": UC, "deployment_id": state.deployment.started.deployment_id}
            accuse = RollBackOnEvidence(
                **of, measure=verdict.measure, evidence=verdict.evidence, reason=verdict.reason
            )
            rolled = USE_CASE.decide(accuse, state)
            assert isinstance(rolled[0], DeploymentRolledBack)
            after = USE_CASE.fold(rolled, state)
            assert (after.deployment, after.current, after.shares.get(NEW, 0)) == (None, OLD, 0)
            return asked
    return None


def share(values: Sequence[object]) -> float:
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
    canaries, repeats = (CANARIES_QUICK, REPEATS_QUICK) if quick else (CANARIES, REPEATS)
    report.facts |= {"turns per canary": TURNS, "A/A canaries": canaries, "stated": FALSE_ALARMS}
    report.facts |= {
        "canaries of a regression": repeats,
        "of them before the others": min(repeats, REPEATS_PEERS),
    }
    progress(f"{canaries} canaries of a candidate that is no worse")
    found = [judged(AA, seed) for seed in range(canaries)]
    report.add("false_alarms", share([each.ours for each in found]), "share")
    report.add("false_alarms_windows", share([each.windows for each in found]), "share")
    report.add("false_alarms_repeated_z", share([each.repeated for each in found]), "share")
    whole = WHOLE_WAY_QUICK if quick else WHOLE_WAY
    otherwise = _otherwise(AA, 0, found[:whole])
    for name, case in REGRESSIONS.items():
        progress(name)
        found = [judged(case, SEED + n, peers=n < REPEATS_PEERS) for n in range(repeats)]
        _caught(report, name, case, found)
        otherwise += _otherwise(case, SEED, found[:whole])
    report.add("whole_way", whole * (1 + len(REGRESSIONS)), "canaries")
    report.add("whole_way_otherwise", otherwise, "canaries")
    report.add("cost_us", statistics.median(cost_us() for _ in range(5)), "µs per turn")
    return report


def _otherwise(case: Case, seed: int, found: list[Found]) -> int:
    """Return how many canaries end at another turn when they go the whole way."""
    ours = [each.ours and each.ours[0] for each in found]
    return sum(whole_way(case, seed + n) != at for n, at in enumerate(ours))


def _caught(report: Report, name: str, case: Case, found: list[Found]) -> None:
    """Report the share that was taken back, and after how many turns; who never was counts as the last."""
    what, at = ("pairs", 1) if case.slower else ("turns", 0)
    _median(report, name, "", [each.ours and float(each.ours[at]) for each in found], what)
    if not case.slower:
        for gate in ("windows", "repeated"):
            others = [getattr(each, gate) for each in found[:REPEATS_PEERS]]
            _median(report, name, f"_{gate}", others, what)


def _median(report: Report, name: str, gate: str, values: list[float | None], what: str) -> None:
    latest = [float(TURNS if value is None else value) for value in values]
    report.add(f"{name}_caught{gate}", share(values), "share")
    report.add(f"{name}_median{gate}", statistics.median(latest), f"candidate's {what}")
    report.add(f"{name}_p90{gate}", percentile(latest, 0.9), f"candidate's {what}")
