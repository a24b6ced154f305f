"""The process of gates: which deployments it follows, what it asks for and by which ids, where it begins."""

from typing import Any
from uuid import UUID

import pytest

from domain.guardrails.messages import ViolationDetected
from domain.inference.messages import (
    InferenceCancelled,
    InferenceCompleted,
    InferenceFailed,
    InferenceRefused,
    InferenceRequested,
)
from domain.kernel.event import Event
from domain.kernel.process import Due, Heard, Moment
from domain.registry.deployment_messages import (
    DeploymentHeld,
    DeploymentResumed,
    DeploymentRolledBack,
    DeploymentStarted,
    HoldDeployment,
    PassStep,
    RollBackOnEvidence,
    StepStarted,
)
from domain.registry.gates import GATES, TICK_S, TURN_TYPES, Deployments
from domain.registry.rollback import GATE
from domain.registry.use_cases import USE_CASE_TYPES
from tests.unit.registry.test_deployment import BASE, ID, NEW, OF, OLD, evaluated, started, step
from tests.unit.registry.test_registry import UC
from tests.unit.registry.test_watch import answered, asked, failed
from tests.unit.spec import changed

SECOND = 1_000_000
TALK = UUID(int=99)
BACK = DeploymentRolledBack(**OF, to_model_id=OLD, share=5, trigger="operator", operator="mira", reason="x")


class Log:
    """Events as the process hears them, a second apart; the id of each is its position."""

    def __init__(self, *events: Event, turns_min: int = 2, **gate: Any) -> None:
        self.state, self.position = GATES.initial(0), 0
        plain = started()
        self.started = changed(plain, gate={**plain.gate.model_dump(), "turns_min": turns_min, **gate})
        self.hear(*BASE, evaluated(), self.started, *step(0, 5), *events)

    def hear(self, *events: Event) -> None:
        for event in events:
            self.position += 1
            heard = Heard(event, UUID(int=self.position), self.position, self.position * SECOND, TALK, "mira")
            self.state = GATES.evolve(self.state, heard)

    def turn(self, number: int, ended: Event | None = None) -> None:
        self.hear(asked(number, NEW), ended or answered(number, NEW))

    def due(self, *, at_s: float | None = None, now_s: float | None = None) -> list[Due]:
        at_us = int((self.position if at_s is None else at_s) * SECOND)
        now_us = at_us if now_s is None else int(now_s * SECOND)
        return list(GATES.react(self.state, Moment(at_us, now_us, tick=True)))


def test_it_hears_the_registry_from_the_beginning_and_turns_from_where_they_are_needed() -> None:
    assert (GATES.name, GATES.types, GATES.recent) == ("gates", USE_CASE_TYPES, TURN_TYPES)
    assert (GATES.tick_s, TICK_S) == (0.25, 0.25)
    assert set(TURN_TYPES) == {
        kind.event_name
        for kind in (
            InferenceRequested, InferenceCompleted, InferenceFailed, InferenceCancelled, InferenceRefused,
            ViolationDetected,
        )
    }  # fmt: skip


def test_turns_are_needed_from_the_start_of_the_oldest_deployment_under_way() -> None:
    log = Log()
    began = log.state.starts[ID]
    assert began == len(BASE) + 2
    assert GATES.since(log.state, 500) == began - 1
    log.hear(changed(log.started, use_case="other", deployment_id="5d" * 16))
    log.hear(BACK)
    assert ID not in log.state.starts
    assert GATES.since(GATES.initial(0), 500) == 500, "without one the turns before say nothing"


def test_a_deployment_that_ended_is_followed_no_longer() -> None:
    log = Log()
    assert list(log.state.runs) == list(log.state.starts) == [ID]
    log.hear(BACK)
    assert log.state.runs == {}
    assert log.state.starts == {}
    log.turn(1)
    assert log.due() == []


def test_events_that_concern_no_use_case_change_nothing() -> None:
    log = Log()
    cause = log.state.runs[ID].cause
    log.hear(asked(1, NEW, use_case="other"))
    assert log.state.runs[ID].cause == cause


def test_enough_good_turns_ask_for_the_next_step_with_what_was_known() -> None:
    log = Log()
    log.turn(1)
    assert log.due() == []
    log.turn(2)

    (due,) = log.due()

    assert isinstance(due.command, PassStep)
    assert (due.command.use_case, due.command.deployment_id, due.command.step) == (UC, ID, 0)
    assert due.command.evidence.position == log.position
    assert due.command.evidence.step_turns == 2
    assert due.of == UUID(ID)
    assert due.what == "deployment.pass 0"
    assert due.cause == UUID(int=log.position), "the turn that was taken in last"
    assert due.correlation == TALK, "of the command that started it"
    assert due.actor == GATE


def test_the_next_step_is_asked_for_by_another_name() -> None:
    log = Log()
    log.hear(*step(1, 25))
    log.turn(1)
    log.turn(2)
    assert [due.what for due in log.due()] == ["deployment.pass 1"]


def test_a_bad_candidate_is_accused_with_measure_reason_and_how_long_it_took() -> None:
    log = Log(kind="threshold", failures_max=0.1)
    log.turn(1, failed(1, NEW))
    log.turn(2, failed(2, NEW))

    (due,) = log.due(at_s=20, now_s=20.0123456)

    assert isinstance(due.command, RollBackOnEvidence)
    assert (due.command.use_case, due.command.deployment_id) == (UC, ID)
    assert (due.command.measure, due.command.evidence.failures) == ("failures", 1.0)
    assert due.command.reason == "100.0% of 2 turns failed or broke the policy, the limit is 10.0%"
    assert due.command.decided_ms == 12.345
    assert (due.what, due.cause, due.actor) == ("deployment.accuse", UUID(int=log.position), GATE)
    assert log.due(at_s=20, now_s=19)[0].command.decided_ms == 0.0, "clocks differ"  # type: ignore[attr-defined]


def test_a_step_that_starves_is_held_once_for_each_time_it_is_waited_for() -> None:
    log = Log(hold_after_s=60)
    since = log.state.runs[ID].since
    begun_s = since.int  # the step's event
    assert log.due(at_s=begun_s + 59) == []

    (due,) = log.due(at_s=begun_s + 60)

    assert isinstance(due.command, HoldDeployment)
    assert (due.command.use_case, due.command.deployment_id, due.command.operator) == (UC, ID, GATE)
    assert due.command.reason == "0 of 2 turns after 60 s"
    assert due.what == f"deployment.hold 0 {begun_s * SECOND}"
    assert due.cause == since
    log.turn(1)
    assert log.due(at_s=begun_s + 60)[0].cause == since, "of the waiting, whatever turn came last"


def test_a_step_that_was_resumed_is_waited_for_anew() -> None:
    log = Log(hold_after_s=60)
    log.hear(DeploymentHeld(**OF, operator=GATE, reason="x"))
    assert log.due(at_s=500) == [], "it is held"
    log.hear(DeploymentResumed(**OF, operator="mira", reason="x"))
    resumed = log.position

    (due,) = log.due(at_s=resumed + 60)

    assert due.what == f"deployment.hold 0 {resumed * SECOND}"
    assert due.cause == UUID(int=resumed)


def test_a_later_step_is_held_by_its_number() -> None:
    log = Log(hold_after_s=60)
    log.hear(*step(1, 25))
    assert log.due(at_s=500)[0].what.startswith("deployment.hold 1 ")


def test_every_deployment_under_way_is_judged() -> None:
    log = Log(hold_after_s=60)
    other = "npc_trade"
    theirs: list[Any] = [changed(event, use_case=other) for event in (*BASE, evaluated())]
    log.hear(*theirs, changed(log.started, use_case=other, deployment_id="5d" * 16))
    log.hear(changed(StepStarted(**OF, step=0, share=5), use_case=other, deployment_id="5d" * 16))

    assert {due.of for due in log.due(at_s=500)} == {UUID(ID), UUID("5d" * 16)}
    log.turn(1)
    log.turn(2)
    assert {due.what.split()[0] for due in log.due(at_s=500)} == {"deployment.pass", "deployment.hold"}


def test_each_event_of_a_use_case_is_counted_as_a_change_and_no_turn_is() -> None:
    log = Log()
    assert (GATES.initial(0).changes, log.state.changes) == (0, log.position)
    log.turn(1)
    assert log.state.changes == log.position - 2


def test_what_is_known_begins_empty() -> None:
    one, other = Deployments(), GATES.initial(7)
    one.runs["x"] = one.starts["x"] = 1  # type: ignore[assignment]  # anything
    assert (other.runs, other.starts) == ({}, {})


def test_what_happened_to_the_deployment_itself_is_a_cause_too() -> None:
    log = Log()
    log.turn(1)
    log.turn(2)
    log.hear(
        DeploymentHeld(**OF, operator="mira", reason="x"),
        DeploymentResumed(**OF, operator="mira", reason="x"),
    )
    assert log.due()[0].cause == UUID(int=log.position)


@pytest.mark.parametrize("model", [OLD, NEW])
def test_a_turn_of_either_model_is_the_cause_of_what_follows(model: str) -> None:
    log = Log()
    log.turn(1)
    log.turn(2)
    log.hear(asked(3, model), answered(3, model))
    assert log.due()[0].cause == UUID(int=log.position)
    assert isinstance(log.started, DeploymentStarted)
