"""A deployment judged again from its log: a gate that fires early, late or never differs; and its plot."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import pytest

from aicore.audit.deployment_replay import BLOCKS, Point, Replay, replay, sparkline
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import StreamWrite
from domain.kernel.event import Event
from domain.kernel.visibility import erased
from domain.registry.deployment_facts import EvidenceFact
from domain.registry.deployment_messages import (
    DeploymentAborted,
    DeploymentHeld,
    DeploymentRolledBack,
    StepPassed,
    StepStarted,
)
from domain.registry.evidence import Evidence
from domain.registry.gates import TURNS
from domain.registry.rollback import GATE
from domain.registry.watch import Accused, Passed, Verdict, Watch
from tests.unit.kit import START_US, ident, memory_log
from tests.unit.registry.test_deployment import ID, NEW, OF, started
from tests.unit.registry.test_watch import SECOND, answered, asked, failed

LIMIT = Evidence(0.01).limit


def shown(*e_values: float) -> str:
    points = [Point(n, {"together": value}) for n, value in enumerate(e_values)]
    return sparkline(Replay(ID, limit=LIMIT, points=points), width=20)


async def test_the_limit_is_the_one_that_judged() -> None:
    """A part of the false alarms is kept for bounds, so it is not one over their rate."""
    log, codec = memory_log(), EventCodec(domain_catalogue())
    begun = started(gate={"false_alarms": 0.01, "turns_min": 10})
    await log.append(StreamWrite("use_case-a", [codec.encode(begun, ident(1))], "any"))

    assert (await replay(log, codec, ID)).limit == LIMIT


def test_a_full_block_is_evidence_over_the_limit_and_nothing_else() -> None:
    assert shown(1.0, LIMIT - 0.1)[-1] != BLOCKS[-1]
    assert shown(1.0, LIMIT) == BLOCKS[0] + BLOCKS[-1]


@pytest.mark.parametrize("turns", [7, 20, 21, 599])
def test_the_turn_that_ended_it_is_shown_however_many_there_were(turns: int) -> None:
    assert shown(*[1.0] * (turns - 1), 540.0).endswith(BLOCKS[-1])


# --- negative controls: gates that are not the one that the deployment was promised -----------------


class Evening:
    """A deployment in a log: a turn a second, and a manager that says what it is told to say."""

    def __init__(self, manager: "Manager", **gate: Any) -> None:
        self.now_us = START_US
        self.log = MemoryLog("test", lambda: self.now_us)
        self.codec = EventCodec(domain_catalogue())
        self.begun = started(gate={"turns_min": 10, **gate}, steps=[50, 100])
        self.watch = Watch(self.begun)
        self.manager = manager
        self.due: Verdict | None = None
        """The first verdict of this step."""
        self.since_due = 0
        self.turns = 0

    async def write(self, *events: Event) -> None:
        """Record events; the deployment's own are taken in by the gate, too."""
        if not events:
            return
        new = [self.codec.encode(event, uuid4()) for event in events]
        result = await self.log.append(StreamWrite("use_case-a", new, "any"))
        for event, position in zip(events, result.positions, strict=True):
            if isinstance(event, TURNS):
                self.watch.observe(event, position, self.now_us)
            else:
                self.watch.moved(event, self.now_us)  # type: ignore[arg-type]  # one of the deployment's
                self.due, self.since_due = None, 0

    async def begin(self) -> None:
        await self.write(self.begun)
        await self.write(StepStarted(**OF, step=0, share=50))

    async def play(self, turns: int, outcome: Callable[[int, str], Event] = answered) -> None:
        """Let the candidate answer, and the manager look after each turn."""
        for _ in range(turns):
            self.now_us += SECOND
            self.turns += 1
            await self.write(asked(self.turns, NEW), outcome(self.turns, NEW))
            verdict = self.watch.verdict(self.now_us)
            self.since_due += self.due is not None
            self.due = self.due or verdict
            await self.write(*self.manager(self, verdict))

    async def again(self, **options: Any) -> Replay:
        return await replay(self.log, self.codec, ID, **options)


Manager = Callable[[Evening, Verdict | None], Sequence[Event]]


def passed(evidence: EvidenceFact) -> Sequence[Event]:
    return [StepPassed(**OF, step=0, share=50, evidence=evidence), StepStarted(**OF, step=1, share=100)]


def taken_back(evidence: EvidenceFact, measure: str = "failures") -> Sequence[Event]:
    facts = {**DeploymentRolledBack.example, **OF, "evidence": evidence, "measure": measure}
    return [DeploymentRolledBack.model_validate(facts)]


def honest(_: Evening, verdict: Verdict | None) -> Sequence[Event]:
    match verdict:
        case Passed(step=0):
            return passed(verdict.evidence)
        case Accused():
            return taken_back(verdict.evidence, verdict.measure)
        case _:
            return []


def silent(_: Evening, __: Verdict | None) -> Sequence[Event]:
    return []


def eager(evening: Evening, _: Verdict | None) -> Sequence[Event]:
    """Pass after half of the turns, and say that they were all."""
    if evening.turns != 5:
        return []
    return passed(evening.watch.fact().model_copy(update={"step_turns": 10}))


def dawdling(evening: Evening, verdict: Verdict | None) -> Sequence[Event]:
    """Say it three turns later, of all that was known then."""
    return honest(evening, verdict) if evening.since_due == 3 else []


def holding_back(evening: Evening, _: Verdict | None) -> Sequence[Event]:
    """Say what was due, as it was due, ten turns later."""
    return honest(evening, evening.due) if evening.since_due == 10 else []


def embellishing(evening: Evening, verdict: Verdict | None) -> Sequence[Event]:
    if not isinstance(verdict, Passed) or verdict.step:
        return []
    return passed(verdict.evidence.model_copy(update={"e_value": verdict.evidence.e_value / 2}))


def blaming(_: Evening, verdict: Verdict | None) -> Sequence[Event]:
    return taken_back(verdict.evidence, "latency") if isinstance(verdict, Accused) else []


GOOD = [
    (honest, ""),
    (silent, "never said: due after event"),
    (eager, "early: the gate says turns are lacking after event"),
    (dawdling, "late: due after event"),
    (holding_back, "10.0 s later"),
    (embellishing, ""),
]


@pytest.mark.parametrize(("manager", "why"), GOOD, ids=[each[0].__name__ for each in GOOD])
async def test_a_step_that_is_not_passed_when_it_was_due_differs(manager: Manager, why: str) -> None:
    evening = Evening(manager, turns_min=10)
    await evening.begin()
    await evening.play(24)

    found = await evening.again()

    assert found.same == (manager is honest)
    assert found.checks[0].same == (manager is honest)
    assert why in found.checks[0].why


BAD = [
    (honest, ""),
    (silent, "never said: due after event"),
    (dawdling, "late: due after event"),
    (holding_back, "10.0 s later"),
    (blaming, "the gate says failures"),
]


@pytest.mark.parametrize(("manager", "why"), BAD, ids=[each[0].__name__ for each in BAD])
async def test_a_candidate_that_is_not_taken_back_when_it_was_due_differs(manager: Manager, why: str) -> None:
    evening = Evening(manager, turns_min=500)
    await evening.begin()
    await evening.play(60, failed)

    found = await evening.again()

    assert found.same == (manager is honest)
    assert [check.what for check in found.checks] == ["deployment.rolled_back"]
    assert why in found.checks[0].why


async def test_a_candidate_that_is_taken_back_too_early_differs() -> None:
    def rash(evening: Evening, _: Verdict | None) -> Sequence[Event]:
        return taken_back(evening.watch.fact()) if evening.turns == 3 else []

    evening = Evening(rash, turns_min=500)
    await evening.begin()
    await evening.play(3, failed)

    (check,) = (await evening.again()).checks
    assert check.why.startswith("early: the gate says turns are lacking after event")


class Never(Watch):
    def verdict(self, now_us: int) -> Verdict | None:
        return None


class Hasty(Watch):
    def verdict(self, now_us: int) -> Verdict | None:
        return Passed(self._step, self.fact()) if self._step >= 0 else None


@pytest.mark.parametrize("gate", [Never, Hasty])
async def test_a_gate_of_ours_that_does_not_judge_agrees_with_no_log(gate: type[Watch]) -> None:
    evening = Evening(honest)
    await evening.begin()
    await evening.play(12)
    assert (await evening.again()).same

    assert not (await evening.again(gate=gate)).same


async def test_a_deployment_in_which_nothing_was_due_agrees_with_nothing() -> None:
    evening = Evening(honest)
    await evening.begin()
    await evening.play(5)

    found = await evening.again()

    assert (found.checks, found.same) == ([], False)


@pytest.mark.parametrize(
    ("after_s", "why"), [(60, ""), (62, ""), (30, "early: 30.0 s before"), (75, "said 15.0 s later")]
)
async def test_a_hold_for_want_of_turns_has_its_time(after_s: int, why: str) -> None:
    evening = Evening(honest, hold_after_s=60)
    await evening.begin()
    await evening.play(3)
    evening.now_us = START_US + after_s * SECOND
    await evening.write(DeploymentHeld(**OF, operator=GATE, reason="3 of 10 turns"))

    (check,) = (await evening.again()).checks

    assert (check.what, check.same) == ("deployment.held", not why)
    assert why in check.why


async def test_turns_that_lack_for_long_must_hold_the_deployment() -> None:
    evening = Evening(honest, hold_after_s=60)
    await evening.begin()
    await evening.play(3)
    evening.now_us += 90 * SECOND
    await evening.write(DeploymentAborted(**OF, operator="mira", reason="nobody plays"))

    (check,) = (await evening.again()).checks

    assert (check.what, check.same, check.then) == ("deployment.held", False, None)


async def test_a_step_that_must_last_is_passed_when_its_time_is_over() -> None:
    """The manager sees the clock between two turns: its evidence is that of the turn before."""
    evening = Evening(silent, seconds_min=20)
    await evening.begin()
    await evening.play(15)
    evening.now_us = START_US + 20 * SECOND + 200_000
    await evening.write(*passed(evening.watch.fact()))

    assert (await evening.again()).same


async def test_turns_whose_answers_are_erased_are_counted() -> None:
    evening = Evening(honest)
    await evening.begin()
    await evening.play(3)
    await evening.play(2, lambda number, model: erased(answered(number, model)))

    assert (await evening.again()).erased == 2
