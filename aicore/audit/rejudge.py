"""Asks a deployment's gate for its verdict after every turn again, and compares what the log says with it.

The gate must have spoken when a verdict was due: with the evidence of that very turn, neither before it nor
much later, and never in silence. A verdict that waits for the clock (the least time of a step, or turns that
do not come) is due when that time is over; whoever looks at the clock does so several times a second.
"""

from collections.abc import Callable
from dataclasses import dataclass

from domain.kernel.event import Event
from domain.registry.deployment_facts import EvidenceFact
from domain.registry.deployment_messages import (
    DeploymentEvent,
    DeploymentHeld,
    DeploymentResumed,
    DeploymentRolledBack,
    DeploymentStarted,
    StepPassed,
    StepStarted,
)
from domain.registry.rollback import GATE
from domain.registry.watch import Accused, Passed, Starved, Verdict, Watch

GRACE_US = 5_000_000
"""Within this time a verdict that is due is recorded, also on a busy machine."""

FOREVER_US = 2**60
"""A time at which nothing waits for the clock any more."""

CLOCKED = {"failures", "latency_ms"}
"""Of the evidence: what depended, before 2026-12, on the moment at which the manager looked."""

WORDS: dict[type[Verdict], str] = {
    Passed: StepPassed.event_name,
    Accused: DeploymentRolledBack.event_name,
    Starved: DeploymentHeld.event_name,
}
"""The event that a verdict becomes."""


@dataclass(frozen=True, slots=True)
class Check:
    """A verdict of the log, and what the gate says now."""

    what: str
    then: EvidenceFact | None
    """None: nothing was said, or its event keeps no evidence."""
    now: EvidenceFact | None
    why: str = ""
    """In what they differ beside the evidence; "" for nothing."""

    @property
    def same(self) -> bool:
        """Whether they agree, in the moment and to the last digit of the evidence."""
        return not self.why and _plain(self.then) == _plain(self.now)


def _plain(fact: EvidenceFact | None) -> object:
    return fact and fact.model_dump(exclude=CLOCKED)


@dataclass(frozen=True, slots=True)
class _Look:
    """The gate's verdict after an event, the clock left aside."""

    position: int
    at_us: int
    verdict: Verdict | None
    fact: EvidenceFact
    first: "_Look | None"
    """The first look since when it says that; None: this one."""

    @property
    def since(self) -> "_Look":
        return self.first or self


class Rejudge:
    """The gate of one deployment, asked after each event that it is given, in the log's order."""

    def __init__(self, started: DeploymentStarted, watch: Callable[[DeploymentStarted], Watch]) -> None:
        """Begin; ``watch`` makes the gate that is asked."""
        self.watch = watch(started)
        self.checks: list[Check] = []
        self._gate = started.gate
        self._looks: dict[int, _Look] = {}
        self._last: _Look | None = None
        self._starved: _Look | None = None
        """The newest look at a gate that lacked turns."""
        self._began = 0
        """Position at which the step, or the time after a hold, began."""
        self._since_us = 0
        self._at_us = 0

    def observe(self, event: Event, position: int, at_us: int) -> None:
        """Take in a turn, or another event that a gate sees."""
        self.watch.observe(event, position, at_us)
        self._look(position, at_us)

    def moved(self, event: DeploymentEvent, position: int, at_us: int) -> None:
        """Take in what happened to the deployment, and judge it if it was the gate's word."""
        self._at_us = at_us
        match event:
            case StepPassed():
                self._judge(Passed, event.evidence, at_us, step=event.step)
            case DeploymentRolledBack(evidence=EvidenceFact() as evidence):
                self._judge(Accused, evidence, at_us, measure=event.measure)
            case DeploymentHeld(operator=operator) if operator == GATE:
                self._judge(Starved, None, at_us)
            case _:
                self.never()
        self.watch.moved(event, at_us)
        if isinstance(event, (StepStarted, DeploymentResumed)):
            self._since_us = at_us
        self._looks.clear()
        self._last, self._starved, self._began = None, None, position
        self._look(position, at_us)

    def never(self) -> None:
        """Note a verdict that was due long enough and that nobody said."""
        if (last := self._last) is not None:
            self._never(last, self._at_us)

    def _look(self, position: int, at_us: int) -> None:
        verdict = self.watch.verdict(FOREVER_US)
        last = self._last
        goes_on = last is not None and type(last.verdict) is type(verdict)
        if last is not None and not goes_on:
            self._never(last, at_us)
        first = last.since if last and goes_on else None
        self._last = _Look(position, at_us, verdict, self.watch.fact(), first)
        self._looks[self._last.fact.position] = self._last
        self._at_us = at_us
        if isinstance(verdict, Starved):
            self._starved = self._last

    def _never(self, look: _Look, at_us: int) -> None:
        """Note what was due at ``look`` and not said up to a time."""
        if look.verdict is None or at_us - self._due_us(look) <= GRACE_US:
            return
        why = f"never said: due after event {look.since.position}"
        now = None if isinstance(look.verdict, Starved) else look.since.fact
        self.checks.append(Check(WORDS[type(look.verdict)], None, now, why))

    def _due_us(self, look: _Look) -> int:
        """Return the time at which a verdict was due."""
        return max(look.since.at_us, self._since_us + self._wait_us(look.verdict))

    def _wait_us(self, verdict: Verdict | None) -> int:
        """Return for how long a step must last before a verdict, µs."""
        waits = {Passed: self._gate.seconds_min, Starved: self._gate.hold_after_s}
        return int(waits.get(type(verdict), 0.0) * 1e6)

    def _judge(
        self,
        kind: type[Verdict],
        then: EvidenceFact | None,
        at_us: int,
        *,
        step: int | None = None,
        measure: str | None = None,
    ) -> None:
        """Note how a word of the gate stands to what the gate says now."""
        look = self._starved if then is None else self._looks.get(then.position)
        now = look.fact if look and then else None
        why = self._other(look, kind, step=step, measure=measure) or (self._when(look, at_us) if look else "")
        self.checks.append(Check(WORDS[kind], then, now, why))

    @staticmethod
    def _other(look: _Look | None, kind: type[Verdict], *, step: int | None, measure: str | None) -> str:
        """Return which verdict the gate gives instead, or ""."""
        if look is None:
            return "early: the gate does not say it"
        match look.verdict:
            case Passed() as passed if kind is Passed:
                return "" if passed.step == step else f"the gate speaks of step {passed.step}"
            case Accused() as accused if kind is Accused:
                return "" if accused.measure == measure else f"the gate says {accused.measure}"
            case Starved() if kind is Starved:
                return ""
            case None:
                return f"early: the gate says nothing after event {look.position}"
            case verdict:
                said = "turns are lacking" if isinstance(verdict, Starved) else WORDS[type(verdict)]
                return f"early: the gate says {said} after event {look.position}"

    def _when(self, look: _Look, at_us: int) -> str:
        """Return how far a verdict came before or after its time, or ""."""
        over_us = self._since_us + self._wait_us(look.verdict)
        if at_us < over_us:
            return f"early: {(over_us - at_us) / 1e6:.1f} s before its time"
        due_us, first = self._due_us(look), look.since
        by_clock = first.at_us < over_us or first.position == self._began
        if first is not look and (not by_clock or look.at_us - due_us > GRACE_US):
            events = sum(first.position < position <= look.position for position in self._looks)
            return f"late: due after event {first.position}, said {events} events later"
        if at_us - due_us > GRACE_US:
            return f"late: due after event {first.position}, said {(at_us - due_us) / 1e6:.1f} s later"
        return ""
