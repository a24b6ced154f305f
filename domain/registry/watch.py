"""A deployment's gate: folds the turns of the log into evidence and says what follows from it.

Two folds of the same events come to the same verdict, so an audit can repeat each one, and a manager that
crashed goes on where the log says.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from domain.evaluation.scorers import states
from domain.guardrails.messages import ViolationDetected
from domain.inference.messages import (
    InferenceCancelled,
    InferenceCompleted,
    InferenceFailed,
    InferenceRefused,
    InferenceRequested,
)
from domain.kernel.event import Event
from domain.kernel.visibility import Erased, shown
from domain.registry.deployment_facts import EvidenceFact, Gate, MeasureFact
from domain.registry.deployment_messages import (
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentEvent,
    DeploymentFailed,
    DeploymentHeld,
    DeploymentReady,
    DeploymentResumed,
    DeploymentRolledBack,
    DeploymentStarted,
    StepPassed,
    StepStarted,
)
from domain.registry.evidence import Evidence, Measure, Turn, rounded

WORDS: Mapping[Measure, str] = {
    "failures": "failures",
    "violations": "violations",
    "lore": "lines that ignore their lore",
}

OPEN_MAX = 20_000
RECENT_MAX = 20_000

ENDED_MAX = 20_000
"""Turns remembered after their end, for what is found out about them later."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The step has shown enough."""

    step: int
    evidence: EvidenceFact


@dataclass(frozen=True, slots=True)
class Accused:
    """The candidate is worse."""

    measure: str
    evidence: EvidenceFact
    reason: str


@dataclass(frozen=True, slots=True)
class Starved:
    """Too few turns came for too long."""

    reason: str
    since_us: int
    """Since when they were waited for."""


Verdict = Passed | Accused | Starved


@dataclass(frozen=True, slots=True)
class _Asked:
    """A turn under way, or one that ended not long ago."""

    turn: Turn
    step: int
    lore: tuple[str, ...] = ()
    """Facts that the line was given to keep to."""


@dataclass(frozen=True, slots=True)
class _Recent:
    """A turn of the candidate, as fixed limits look at it."""

    at_us: int
    failed: bool
    broke: bool
    """Whether it broke the policy."""
    latency_ms: float | None


class Watch:
    """The gate of one deployment. ``observe`` what the log holds from its start on, in order."""

    def __init__(self, started: DeploymentStarted) -> None:
        self._started = started
        self.evidence = Evidence(started.gate.false_alarms, len(started.steps))
        self._step = -1
        self._since_us = 0
        """When the step began, or was resumed."""
        self._held = False
        self._step_turns = 0
        self._calm_turns = 0
        self._e_value = 1.0
        """After the last turn, to see whether the next one raises it."""
        self._position = 0
        self._at_us = 0
        """Time of the newest event: windows end there, so that the log alone says what is in them."""
        self._open: dict[str, _Asked] = {}
        self._ended: OrderedDict[str, _Asked] = OrderedDict()
        self._recent: OrderedDict[str, _Recent] = OrderedDict()
        """The candidate's newest turns by id."""

    def observe(self, event: Event, position: int, at_us: int) -> None:
        """Take an event in; those of other use cases change nothing, and there are many."""
        self._position, self._at_us = position, at_us
        if getattr(event, "use_case", None) != self._started.use_case:
            return
        if isinstance(event, InferenceRequested):
            self._asked(event)
        elif isinstance(event, (InferenceCompleted, InferenceFailed)):
            self._answered(event, at_us)
        elif isinstance(event, InferenceRefused):
            self._refused(event, at_us)
        elif isinstance(event, InferenceCancelled):
            self._open.pop(event.inference_id, None)
        elif isinstance(event, ViolationDetected) and event.side == "output":
            lore = event.category == "contradiction"
            self.found(event.inference_id, "lore" if lore else "violations")
        if (e_value := self.evidence.e_value) > self._e_value:
            self._calm_turns = 0
        self._e_value = e_value

    def moved(self, event: DeploymentEvent, at_us: int) -> None:
        """Take in where the deployment is."""
        match event:
            case StepStarted():
                if event.step:
                    self.evidence.begin_step()
                self._step, self._since_us, self._held, self._step_turns = event.step, at_us, False, 0
            case DeploymentHeld():
                self._held = True
            case DeploymentResumed():
                self._held, self._since_us = False, at_us
            case DeploymentStarted() | DeploymentReady() | StepPassed():
                pass
            case DeploymentCompleted() | DeploymentAborted() | DeploymentFailed() | DeploymentRolledBack():
                pass  # the end; nobody asks this watch any more
            case _:
                assert_never(event)

    def found(self, inference_id: str, fault: Measure) -> None:
        """Take in what was found out about a turn, such as a violation of policy."""
        if asked := self._open.get(inference_id):
            turn = _with(asked.turn, fault)
            self._open[inference_id] = replace(asked, turn=turn)
        elif ended := self._ended.get(inference_id):
            self.evidence.found_late(fault, ended.turn)
        if fault == "violations" and (recent := self._recent.get(inference_id)):
            self._recent[inference_id] = replace(recent, broke=True)

    def _asked(self, event: InferenceRequested) -> None:
        started = self._started
        if event.use_case != started.use_case or self._step < 0:
            return
        # Who asks by an alias chose the model; evidence is of those whom the hash chose.
        if event.alias is not None or event.model_id not in (started.model_id, started.previous_model_id):
            return
        candidate = event.model_id == started.model_id
        share = started.steps[self._step] / 100
        turn = Turn(candidate, share, event.who)
        self._open[event.inference_id] = _Asked(turn, self._step, _lore_of(event))
        if len(self._open) > OPEN_MAX:  # never answered: a process died with them
            del self._open[next(iter(self._open))]

    def _answered(self, event: InferenceCompleted | InferenceFailed, at_us: int) -> None:
        asked, how = self._open.pop(event.inference_id, None), event.counts_as
        if asked is None or how is None:
            return
        latency_ms = None
        asked_turn = _with(asked.turn, "failures") if how == "failed" else asked.turn
        if isinstance(event, InferenceCompleted) and how == "answered":
            latency_ms = event.latency_ms
            text = event.text
            gone = isinstance(text, Erased)  # nobody can say any more what it said: no evidence
            ignored = asked.lore and not gone and not any(states(fact, shown(text)) for fact in asked.lore)
            asked_turn = _with(asked_turn, "lore") if ignored else asked_turn
        turn = replace(asked_turn, latency_ms=latency_ms)
        self.evidence.observe(turn)
        self._ended[event.inference_id] = _Asked(turn, asked.step)
        if len(self._ended) > ENDED_MAX:
            self._ended.popitem(last=False)
        self._counted(event.inference_id, turn, asked.step, at_us)

    def _refused(self, event: InferenceRefused, at_us: int) -> None:
        """Count a turn that was turned away because its model had no engine, or none with room."""
        started = self._started
        if self._step < 0 or event.use_case != started.use_case or event.counts_as is None:
            return
        if event.model_id in (started.model_id, started.previous_model_id):
            share = started.steps[self._step] / 100
            who = event.who or event.inference_id
            turn = Turn(event.model_id == started.model_id, share, who, frozenset({"failures"}))
            self.evidence.observe(turn)
            self._counted(event.inference_id, turn, self._step, at_us)

    def _counted(self, inference_id: str, turn: Turn, step: int, at_us: int) -> None:
        if turn.candidate:
            failed, broke = "failures" in turn.faults, "violations" in turn.faults
            # Only what was answered counts towards a step: silence never passes one.
            self._step_turns += step == self._step and not failed
            self._calm_turns += not failed
            self._recent[inference_id] = _Recent(at_us, failed, broke, turn.latency_ms)
            while len(self._recent) > max(RECENT_MAX, self._started.gate.turns_min):
                self._recent.popitem(last=False)

    # --- verdicts ---------------------------------------------------------------------------------------

    def verdict(self, now_us: int) -> Verdict | None:
        """Return what follows from all that was observed, or None while nothing does."""
        gate, waited_s = self._started.gate, (now_us - self._since_us) / 1e6
        if self._step < 0:
            return None
        if accused := self._accused():
            return accused
        if self._held:
            return None
        lacking = self._lacking()
        if not lacking and waited_s >= gate.seconds_min:
            return Passed(self._step, self.fact())
        if lacking and waited_s >= gate.hold_after_s:
            return Starved(f"{lacking} after {waited_s:.0f} s", self._since_us)
        return None

    def _lacking(self) -> str:
        """Return which turns the step waits for; "" for none."""
        gate = self._started.gate
        if self._step_turns < gate.turns_min:
            return f"{self._step_turns} of {gate.turns_min} turns"
        if gate.in_doubt(e_value := rounded(self.evidence.e_value), self._calm_turns):
            return f"{self._calm_turns} of {gate.turns_min} turns since the evidence rose to {e_value:g}"
        # Over a fixed limit it is accused; a mean of no latencies at all is within none.
        if gate.kind == "threshold" and self._window()[1] is None:
            return f"none of the newest {len(self._recent)} turns tells how long the model takes,"
        return ""

    def _accused(self) -> Accused | None:
        match self._started.gate.kind:
            case "evidence":
                if not self.evidence.accused:
                    return None
                measure = self.evidence.worst()
                return Accused(measure, self.fact(), self._reason(measure))
            case "threshold":
                return self._over_a_limit(self._started.gate)
            case kind:
                assert_never(kind)

    def _over_a_limit(self, gate: Gate) -> Accused | None:
        if len(self._recent) < gate.turns_min:
            return None
        failures, latency_ms = self._window()  # which may drop turns that are too old
        turns = len(self._recent)
        match gate.exceeded(failures, latency_ms):
            case None:
                return None
            case "failures":
                limit = f"the limit is {gate.failures_max:.1%}"
                why = f"{failures:.1%} of {turns} turns failed or broke the policy, {limit}"
                return Accused(self._fault(), self.fact(), why)
            case "latency":
                why = f"{latency_ms:.10g} ms on average, the limit is {gate.latency_ms_max:g} ms"
                return Accused("latency", self.fact(), why)
            case limit_of:
                assert_never(limit_of)

    def _fault(self) -> Measure:
        """Return what took the window over its limit: an evaluation must measure it again."""
        failed = sum(turn.failed for turn in self._recent.values())
        return "failures" if failed > self._started.gate.failures_max * len(self._recent) else "violations"

    def _reason(self, measure: Measure) -> str:
        turns = self.evidence.turns
        against = f"in {turns[True]} turns, {{}} in {turns[False]} of the current model"
        if measure == "latency":
            return f"slower than the current model in {self.evidence.latency.pairs} comparisons"
        faults = self.evidence.faults[measure]
        return f"{faults.candidate} {WORDS[measure]} {against.format(faults.control)}"

    def _window(self) -> tuple[float | None, float | None]:
        """Return the window's share of turns that failed or broke the policy, and its mean latency.

        Where the window holds too few to judge by, the newest ``turns_min`` are looked at: slow traffic says
        as much as quick traffic does, only later.
        """
        gate = self._started.gate
        oldest = self._at_us - int(gate.window_s * 1e6)
        while len(self._recent) > gate.turns_min and next(iter(self._recent.values())).at_us < oldest:
            self._recent.popitem(last=False)
        if not self._recent:
            return None, None
        turns = self._recent.values()
        latencies = [turn.latency_ms for turn in turns if turn.latency_ms is not None]
        failures = sum(turn.failed or turn.broke for turn in turns) / len(turns)
        return failures, round(sum(latencies) / len(latencies), 3) if latencies else None

    def fact(self) -> EvidenceFact:
        """Return the evidence as events keep it."""
        evidence = self.evidence
        measures: Mapping[str, MeasureFact] = {
            name: MeasureFact(
                e_value=rounded(wealth),
                candidate=evidence.latency.pairs if name == "latency" else evidence.faults[name].candidate,
                control=0 if name == "latency" else evidence.faults[name].control,
            )
            for name, wealth in evidence.wealth().items()
        }
        failures, latency_ms = self._window()
        threshold = self._started.gate.kind == "threshold"
        return EvidenceFact(
            position=self._position,
            candidate_turns=evidence.turns[True],
            control_turns=evidence.turns[False],
            step_turns=self._step_turns,
            calm_turns=self._calm_turns,
            e_value=rounded(evidence.e_value) if not threshold else 0.0,
            limit=rounded(evidence.limit),
            measures=dict(measures),
            failures=failures,
            latency_ms=latency_ms,
        )


def _lore_of(event: InferenceRequested) -> tuple[str, ...]:
    """Return the facts in a request's context: both models were given such, so one may ask who uses them."""
    lore = [] if isinstance(event.context, Erased) else event.context.get("lore", [])
    return (lore,) if isinstance(lore, str) else tuple(lore)


def _with(turn: Turn, fault: Measure) -> Turn:
    return replace(turn, faults=turn.faults | {fault})
