"""The rules of deployments, said as given / when / then, and as invariants over any history."""

from typing import Any

import pytest
from pydantic import JsonValue, ValidationError

from domain.kernel.decider import Rejected
from domain.registry.deployment_facts import CheckFact, EvidenceFact, Gate
from domain.registry.deployment_messages import (
    AbortDeployment,
    ConfirmReady,
    DeploymentAborted,
    DeploymentCompleted,
    DeploymentEvent,
    DeploymentFailed,
    DeploymentHeld,
    DeploymentReady,
    DeploymentResumed,
    DeploymentRolledBack,
    DeploymentStarted,
    HoldDeployment,
    PassStep,
    ResumeDeployment,
    RollBack,
    RollBackOnEvidence,
    StartDeployment,
    StepPassed,
    StepStarted,
)
from domain.registry.facts import configuration_digest
from domain.registry.look_ups import model_met
from domain.registry.messages import (
    AliasSet,
    DescribeModel,
    ModelDescribed,
    ModelEvaluated,
    ModelPromoted,
    ModelRetired,
    RecordEvaluation,
    RegistryEvent,
    RetireModel,
    SetAlias,
    ShiftTraffic,
    TrafficShifted,
    UseCaseSilenced,
)
from domain.registry.rollout import deployment_id_of
from domain.registry.use_case import USE_CASE
from domain.routing.split import bucket_of
from tests.unit.registry.test_registry import UC, first_promoted, model_id, promote, registered
from tests.unit.spec import changed, given

OLD, NEW = model_id("1"), model_id("2")
ID = deployment_id_of(use_case=UC, number=0)
BY: dict[str, Any] = {"operator": "mira", "reason": "better lines"}
OF: dict[str, Any] = {"deployment_id": ID, "use_case": UC, "model_id": NEW}
ON: dict[str, Any] = {"deployment_id": ID, "use_case": UC}
WELL = [CheckFact(name="warm_up", ok=True, detail="answered")]
BASE = (registered("1"), first_promoted("1"), registered("2"))

Event = RegistryEvent | DeploymentEvent


def evaluated(
    verdict: str = "passed", *, against: str = OLD, of: str = NEW, number: int = 0
) -> ModelEvaluated:
    return ModelEvaluated.model_validate(
        {
            "use_case": UC,
            "model_id": of,
            "against_model_id": against,
            "evaluation_id": f"{number:032x}",
            "suite": "s@1",
            "verdict": verdict,
        }
    )


def record(event: ModelEvaluated) -> RecordEvaluation:
    return RecordEvaluation.model_validate(event.model_dump(exclude={"lifts_bar"}))


def start(**changes: Any) -> StartDeployment:
    facts = {"use_case": UC, "model_id": NEW, "strategy": "canary", "gate": Gate(turns_min=10), **BY}
    return StartDeployment.model_validate({**facts, **changes})


def started(**changes: Any) -> DeploymentStarted:
    facts = {**start().model_dump(exclude={"steps", "override"}), "steps": [5, 25, 50, 100]}
    more: dict[str, Any] = {"deployment_id": ID, "previous_model_id": OLD, "evaluation_id": f"{0:032x}"}
    facts["gate"] = Gate(turns_min=10, doubt_max=10.0)
    return DeploymentStarted.model_validate({**facts, **more, **changes})


def evidence(turns: int = 10, e_value: float = 0.5, **changes: Any) -> EvidenceFact:
    facts = {"position": 90, "candidate_turns": turns, "control_turns": 99, "step_turns": turns}
    return EvidenceFact.model_validate({**facts, "e_value": e_value, "limit": 100.0, **changes})


def step(number: int, share: int, operator: str = "mira") -> tuple[Event, Event]:
    shares = {NEW: share, OLD: 100 - share} if share < 100 else {NEW: 100}
    reason = f"step {number} of deployment {ID}"
    shifted = TrafficShifted(use_case=UC, shares=shares, deployment_id=ID, operator=operator, reason=reason)
    return StepStarted(**OF, step=number, share=share), shifted


def back(operator: str, reason: str) -> TrafficShifted:
    return TrafficShifted(use_case=UC, shares={OLD: 100}, deployment_id=ID, operator=operator, reason=reason)


RETIRED = ModelRetired(use_case=UC, model_id=NEW, **BY)
READY = DeploymentReady(**OF, checks=WELL)
RUNNING = (*BASE, evaluated(), started())
AT_5 = (*RUNNING, READY, *step(0, 5))
PASSED = StepPassed(**OF, step=0, share=5, evidence=evidence())
DONE = (
    *RUNNING, READY, *step(0, 5), PASSED, *step(3, 100),
    StepPassed(**OF, step=3, share=100, evidence=evidence()),
    DeploymentCompleted(**OF, evidence=evidence()),
    ModelPromoted(
        use_case=UC, model_id=NEW, previous_model_id=OLD, operator="mira", reason="deployed: better lines"
    ),
)  # fmt: skip
ROLLED = DeploymentRolledBack(
    **OF, to_model_id=OLD, share=5, trigger="evidence", measure="failures",
    evidence=evidence(e_value=120), operator="gate", reason="6 failures",
)  # fmt: skip


# --- the beginning ------------------------------------------------------------------------------------------


def test_a_candidate_that_passed_its_evaluation_is_started() -> None:
    given(USE_CASE, *BASE, evaluated()).when(start()).then(started())


def test_an_operator_may_override_a_missing_evaluation_with_a_reason() -> None:
    given(USE_CASE, *BASE).when(start(override="fix for tonight's outage")).then(
        started(evaluation_id="", override="fix for tonight's outage")
    )


@pytest.mark.parametrize(
    ("history", "command", "code", "says"),
    [
        (BASE, start(), "not_evaluated", "aicore evaluate"),
        ((*BASE, evaluated("failed")), start(), "evaluation_not_passed", "ended failed"),
        ((*BASE, evaluated("undecided")), start(), "evaluation_not_passed", "ended undecided"),
        ((*BASE, evaluated(against=NEW)), start(), "evaluation_outdated", "not current any more"),
        (BASE, start(model_id=OLD), "model_is_current", "serves npc_dialogue already"),
        (BASE, start(model_id=model_id("9")), "model_not_found", "register the model first"),
        ((*BASE, RETIRED), start(), "model_retired", "register it under a new version"),
        (
            (*AT_5, ROLLED, back("gate", "6 failures")),
            start(override="I know"),
            "rolled_back",
            "override is not",
        ),
    ],
)
def test_what_may_not_be_deployed_is_refused_with_the_way_out(
    history: tuple[Event, ...], command: StartDeployment, code: str, says: str
) -> None:
    given(USE_CASE, *history).when(command).then_rejected(code, field="model_id", says=says)


def test_one_deployment_at_a_time() -> None:
    other = (*AT_5, registered("3"), evaluated(of=model_id("3")))
    given(USE_CASE, *other).when(start(model_id=model_id("3"))).then_rejected(
        "deployment_running", field="use_case", says="lamplight 2 is being deployed to npc_dialogue (5 %"
    )


@pytest.mark.parametrize(
    "command",
    [
        promote("2"),
        promote("1"),
        ShiftTraffic(use_case=UC, shares={OLD: 50, NEW: 50}, **BY),
        RetireModel(use_case=UC, model_id=NEW, **BY),
    ],
)
def test_a_deployment_owns_the_traffic_while_it_runs(command: Any) -> None:
    for history in (RUNNING, AT_5):
        given(USE_CASE, *history).when(command).then_rejected(
            "deployment_running", field="use_case", says="deployment.abort"
        )


def test_traffic_that_is_split_by_hand_is_not_taken_over() -> None:
    shifted = TrafficShifted(use_case=UC, shares={OLD: 50, NEW: 50}, **BY)
    given(USE_CASE, *BASE, evaluated(), shifted).when(start()).then_rejected(
        "traffic_is_split", field="use_case", says="registry.promote_model"
    )


def test_where_nobody_speaks_there_is_nothing_to_compare_a_candidate_with() -> None:
    silenced = UseCaseSilenced(use_case=UC, **BY)
    given(USE_CASE, *BASE, evaluated(), silenced).when(start(override="I know")).then_rejected(
        "use_case_silenced", field="use_case", says="promote a model first"
    )


@pytest.mark.parametrize("steps", [[5, 5, 100], [50, 25, 100], [5, 50]])
def test_steps_rise_to_a_hundred(steps: list[int]) -> None:
    with pytest.raises(ValidationError, match="make them rise, with 100 at last"):
        start(steps=steps)


# --- under way ----------------------------------------------------------------------------------------------


def test_a_candidate_that_is_ready_gets_its_first_step() -> None:
    given(USE_CASE, *RUNNING).when(ConfirmReady(**ON, checks=WELL)).then(READY, *step(0, 5))


def test_a_candidate_that_is_not_ready_meets_nobody() -> None:
    checks = [CheckFact(name="artefacts", ok=False, detail="weights.bin has another digest")]
    given(USE_CASE, *RUNNING).when(ConfirmReady(**ON, checks=checks)).then(
        DeploymentFailed(**OF, checks=checks)
    )


def test_no_checks_at_all_are_no_readiness() -> None:
    given(USE_CASE, *RUNNING).when(ConfirmReady(**ON, checks=[])).then(DeploymentFailed(**OF, checks=[]))


def test_a_step_that_passes_leads_to_the_next() -> None:
    given(USE_CASE, *AT_5).when(PassStep(**ON, step=0, evidence=evidence())).then(PASSED, *step(1, 25))


def test_the_last_step_promotes_the_candidate() -> None:
    last = evidence(40)
    given(USE_CASE, *RUNNING, READY, *step(3, 100)).when(PassStep(**ON, step=3, evidence=last)).then(
        StepPassed(**OF, step=3, share=100, evidence=last),
        DeploymentCompleted(**OF, evidence=last),
        ModelPromoted(
            use_case=UC, model_id=NEW, previous_model_id=OLD, operator="mira", reason="deployed: better lines"
        ),
    )


@pytest.mark.parametrize(
    ("number", "found", "says"),
    [
        (0, evidence(turns=9), "9 turns in this step, wanted are 10"),
        (0, evidence(e_value=100.0), "the e-value is 100"),
        (0, evidence(e_value=50.0, calm_turns=9), "the e-value is 50, and rose 9 turns ago"),
        (1, evidence(), "step 1 was not started"),
    ],
)
def test_missing_evidence_holds_and_never_passes(number: int, found: EvidenceFact, says: str) -> None:
    given(USE_CASE, *AT_5).when(PassStep(**ON, step=number, evidence=found)).then_rejected(
        "evidence_missing", field="evidence", says=says
    )


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        ({"failures": 0.33, "latency_ms": 100.0}, "failures: 33.0% failed"),
        ({"failures": 0.0, "latency_ms": 9_000.0}, "latency: 0.0% failed or broke the policy, 9000 ms"),
        ({"failures": None, "latency_ms": None}, "not known"),
    ],
)
def test_what_is_over_a_fixed_limit_does_not_pass(figures: dict[str, Any], says: str) -> None:
    history = (*BASE, evaluated(), started(gate=Gate(kind="threshold", turns_min=10)), READY, *step(0, 5))
    found = evidence(e_value=0.0, **figures)
    given(USE_CASE, *history).when(PassStep(**ON, step=0, evidence=found)).then_rejected(
        "evidence_missing", field="evidence", says=says
    )
    well = evidence(e_value=0.0, failures=0.1, latency_ms=5_000.0)
    passed = changed(PASSED, evidence=well)
    given(USE_CASE, *history).when(PassStep(**ON, step=0, evidence=well)).then(passed, *step(1, 25))


def test_nobody_is_told_to_promote_what_was_rolled_back() -> None:
    retire = RetireModel(use_case=UC, model_id=OLD, **BY)
    given(USE_CASE, *AT_5, ROLLED).when(retire).then_rejected(
        "model_is_current", field="model_id", says="evaluate and promote another model"
    )


def described(model: str, **configuration: Any) -> ModelDescribed:
    return ModelDescribed(use_case=UC, model_id=model, description="", configuration=configuration)


def test_what_was_measured_is_what_is_deployed() -> None:
    """The scar: a candidate that passed with one prompt template was deployed with another."""
    history = (*BASE, evaluated(), described(NEW, template="line@2"))
    given(USE_CASE, *history).when(start()).then_rejected(
        "evaluation_outdated", field="model_id", says="evaluate it"
    )
    given(USE_CASE, *history).when(start(override="a typo")).then(
        started(evaluation_id="", override="a typo")
    )
    again = (*history, evaluated(number=1))
    given(USE_CASE, *again).when(start()).then(started(evaluation_id=f"{1:032x}"))
    same = changed(described(NEW, **BASE[2].configuration), description="for the harbour")
    given(USE_CASE, *BASE, evaluated(), same).when(start()).then(started())
    undone = (*history, described(NEW, **BASE[2].configuration))
    given(USE_CASE, *undone).when(start()).then(started())


def test_what_changed_while_it_was_measured_has_no_ticket() -> None:
    """The scar: a template that was given in mid-evaluation was deployed on the other one's verdict."""
    measured = changed(evaluated(), configuration_digest=configuration_digest({"template": "line@1"}))
    given(USE_CASE, *BASE, measured).when(start()).then_rejected(
        "evaluation_outdated", field="model_id", says="not the one that its evaluation measured"
    )
    given(USE_CASE, *BASE, measured, described(NEW, template="line@1")).when(start()).then(started())
    history = (*AT_5, ROLLED, back("gate", "6 failures"))
    again = changed(measured, evaluation_id=f"{1:032x}")
    told = changed(record(again), rollbacks=1, scorers=["answered"])
    (event,) = USE_CASE.decide(told, USE_CASE.fold(history))
    assert isinstance(event, ModelEvaluated)
    assert not event.lifts_bar
    given(USE_CASE, *history, event).when(start()).then_rejected(
        "rolled_back", field="model_id", says="its configuration is not the one"
    )


def test_a_ticket_is_against_what_serves_now() -> None:
    """The scar: what it was compared with was given another template, and the ticket held."""
    before = configuration_digest(BASE[0].configuration)
    history = (*BASE, changed(evaluated(), against_configuration=before))
    given(USE_CASE, *history).when(start()).then(started())
    other = (*history, described(OLD, template="line@2"))
    given(USE_CASE, *other).when(start()).then_rejected(
        "evaluation_outdated", field="model_id", says="compared with lamplight 1 in another configuration"
    )
    given(USE_CASE, *other).when(start(override="a typo")).then(started(evaluation_id="", override="a typo"))


def test_a_configuration_has_one_digest_however_its_numbers_are_written() -> None:
    assert configuration_digest({"a": [1e22, {"b": 2.0}]}) == configuration_digest({"a": [10**22, {"b": 2}]})
    values: list[JsonValue] = [1, True, "1", 1.5, None, [1]]
    ours = [configuration_digest({"a": value}) for value in values]
    assert len(set(ours)) == len(ours)


def test_a_candidate_does_not_change_under_its_gate() -> None:
    words = DescribeModel(**BY, use_case=UC, model_id=NEW, description="for the harbour")
    other = DescribeModel(**BY, use_case=UC, model_id=NEW, configuration={"template": "line@2"})
    given(USE_CASE, *AT_5).when(other).then_rejected("deployment_running", field="use_case")
    assert USE_CASE.decide(words, USE_CASE.fold(AT_5))
    assert USE_CASE.decide(changed(other, model_id=OLD), USE_CASE.fold(AT_5)), "an operator may have to"


def test_a_held_deployment_stands_until_it_is_resumed() -> None:
    held, resumed = DeploymentHeld(**OF, **BY), DeploymentResumed(**OF, **BY)
    given(USE_CASE, *AT_5).when(HoldDeployment(**ON, **BY)).then(held)
    given(USE_CASE, *AT_5, held).when(PassStep(**ON, step=0, evidence=evidence())).then_rejected(
        "deployment_held", field="deployment_id", says="deployment.resume"
    )
    given(USE_CASE, *AT_5, held).when(ResumeDeployment(**ON, **BY)).then(resumed)
    given(USE_CASE, *AT_5, held, resumed).when(ResumeDeployment(**ON, **BY)).then_nothing()


def test_nobody_meets_a_candidate_whose_preparation_is_held() -> None:
    """The scar: the first step ended the hold."""
    held, ready = DeploymentHeld(**OF, **BY), ConfirmReady(**ON, checks=WELL)
    given(USE_CASE, *RUNNING, held).when(ready).then_rejected("deployment_held", field="deployment_id")
    resumed = DeploymentResumed(**OF, **BY)
    given(USE_CASE, *RUNNING, held, resumed).when(ready).then(READY, *step(0, 5))
    failed = [CheckFact(name="engine", ok=False, detail="no files")]
    given(USE_CASE, *RUNNING, held).when(ConfirmReady(**ON, checks=failed)).then(
        DeploymentFailed(**OF, checks=failed)
    )


# --- who meets it -------------------------------------------------------------------------------------------

PLAYERS = [f"p{n}" for n in range(400)]


def meeting(*history: Event) -> set[str]:
    """Who meets the candidate."""
    state = USE_CASE.fold(list(history))
    return {player for player in PLAYERS if model_met(UC, player, state) == NEW}


def test_every_deployment_meets_other_players() -> None:
    again = deployment_id_of(use_case=UC, number=1)
    renamed = {"deployment_id": again}
    second = (
        evaluated(number=1),
        changed(started(evaluation_id=f"{1:032x}"), **renamed),
        *(changed(event, **renamed) for event in (READY, *step(0, 25))),
    )
    few = meeting(*RUNNING, READY, *step(0, 25))
    others = meeting(*RUNNING, READY, *step(0, 25), ROLLED, back("gate", "6 failures"), *second)
    assert 60 < len(few) < 140
    assert 60 < len(others) < 140
    assert len(few & others) < 50  # a quarter of a quarter, not all


def test_who_meets_a_candidate_keeps_it_while_the_deployment_grows() -> None:
    at = [meeting(*RUNNING, READY, *step(n, share)) for n, share in enumerate((5, 25, 50, 100))]
    assert at[0] < at[1] < at[2] < at[3] == set(PLAYERS)
    assert meeting(*AT_5, DeploymentHeld(**OF, **BY)) == at[0]


def by_name(*events: Event) -> tuple[Event, ...]:
    """The same as it was recorded before splits told of their deployment."""
    return tuple(changed(e, deployment_id=None) if isinstance(e, TrafficShifted) else e for e in events)


def test_a_split_that_names_no_deployment_is_drawn_by_the_use_cases_name() -> None:
    by_hand = TrafficShifted(use_case=UC, shares={OLD: 75, NEW: 25}, **BY)
    before = meeting(*RUNNING, READY, *by_name(*step(0, 25)))
    assert before == meeting(*BASE, by_hand) == {p for p in PLAYERS if bucket_of(p, salt=UC) < 25}
    assert before != meeting(*RUNNING, READY, *step(0, 25))


def test_a_deployment_that_was_begun_by_an_older_program_keeps_its_players() -> None:
    begun = (*RUNNING, READY, *by_name(*step(0, 5)))
    given(USE_CASE, *begun).when(PassStep(**ON, step=0, evidence=evidence())).then(
        PASSED, *by_name(*step(1, 25))
    )
    assert meeting(*begun) < meeting(*begun, PASSED, *by_name(*step(1, 25)))


# --- the way back -------------------------------------------------------------------------------------------


def test_evidence_takes_the_candidate_back() -> None:
    accuse = RollBackOnEvidence(**ON, measure="failures", evidence=evidence(e_value=120), reason="6 failures")
    given(USE_CASE, *AT_5).when(accuse).then(ROLLED, back("gate", "6 failures"))


def test_evidence_below_the_limit_takes_nothing_back() -> None:
    accuse = RollBackOnEvidence(**ON, measure="failures", evidence=evidence(e_value=99), reason="a feeling")
    given(USE_CASE, *AT_5).when(accuse).then_rejected("evidence_missing", field="evidence", says="99")


def test_a_fixed_limit_takes_the_candidate_back_where_the_plan_has_one() -> None:
    gate = Gate(kind="threshold", failures_max=0.1)
    history = (*BASE, evaluated(), started(gate=gate), READY, *step(0, 5))
    accuse = RollBackOnEvidence(
        **ON, measure="failures", evidence=evidence(failures=0.2), reason="20 % failed"
    )
    decided = USE_CASE.decide(accuse, USE_CASE.fold(history))
    assert isinstance(decided[0], DeploymentRolledBack)
    assert decided[0].trigger == "threshold"


def test_an_operator_takes_the_candidate_back() -> None:
    rolled = DeploymentRolledBack(**OF, to_model_id=OLD, share=5, trigger="operator", evidence=None, **BY)
    command = RollBack(use_case=UC, model_id=NEW, **BY)
    given(USE_CASE, *AT_5).when(command).then(rolled, back("mira", "better lines"))


def test_after_a_deployment_the_model_before_it_comes_back() -> None:
    rolled = DeploymentRolledBack(
        **{**OF, "deployment_id": None}, to_model_id=OLD, share=100, trigger="operator", evidence=None, **BY
    )
    promoted = ModelPromoted(use_case=UC, model_id=OLD, previous_model_id=NEW, **BY)
    given(USE_CASE, *DONE).when(RollBack(use_case=UC, model_id=NEW, **BY)).then(rolled, promoted)


def test_if_the_previous_one_is_gone_the_newest_healthy_one_comes_back() -> None:
    first, gone = registered("0"), RetireModel(use_case=UC, model_id=OLD, **BY)
    history: list[Event] = [
        first,
        ModelPromoted(use_case=UC, model_id=first.model_id, previous_model_id=None, **BY),
        registered("1"),
        ModelPromoted(use_case=UC, model_id=OLD, previous_model_id=first.model_id, **BY),
        registered("2"),
        ModelPromoted(use_case=UC, model_id=NEW, previous_model_id=OLD, **BY),
    ]
    history += USE_CASE.decide(gone, USE_CASE.fold(history))
    decided = USE_CASE.decide(RollBack(use_case=UC, model_id=NEW, **BY), USE_CASE.fold(history))
    assert isinstance(decided[1], ModelPromoted)
    assert decided[1].model_id == first.model_id


def test_nobody_goes_back_to_what_was_rolled_back_itself() -> None:
    history: list[Event] = [*DONE]
    history += USE_CASE.decide(RollBack(use_case=UC, model_id=NEW, **BY), USE_CASE.fold(history))
    given(USE_CASE, *history).when(RollBack(use_case=UC, model_id=OLD, **BY)).then_rejected(
        "no_way_back", field="model_id", says="silence"
    )


def test_if_none_is_left_the_characters_say_their_authored_lines() -> None:
    command = RollBack(use_case=UC, model_id=OLD, silence=True, **BY)
    decided = USE_CASE.decide(command, USE_CASE.fold(BASE))
    assert decided[1] == UseCaseSilenced(use_case=UC, **BY)
    state = USE_CASE.fold([*BASE, *decided])
    assert state.silenced
    assert USE_CASE.decide(command, state) == []
    assert not USE_CASE.fold([*BASE, *decided, *USE_CASE.decide(promote("2", "x"), state)]).silenced


def test_nobody_falls_silent_by_a_word_that_does_not_say_so() -> None:
    """The scar: the rollback of the only model silenced its use case at once, for all players."""
    command = RollBack(use_case=UC, model_id=OLD, **BY)
    given(USE_CASE, *BASE).when(command).then_rejected(
        "no_way_back", field="model_id", says="promote another model"
    )
    given(USE_CASE, *AT_5).when(command).then_rejected("no_way_back", field="model_id", says="silence")


def test_a_current_model_is_taken_back_at_once_although_a_deployment_runs() -> None:
    third = model_id("3")
    history = (
        registered("3"),
        ModelPromoted(use_case=UC, model_id=third, previous_model_id=None, **BY),
        registered("1"),
        changed(ModelPromoted(use_case=UC, model_id=OLD, previous_model_id=third, **BY)),
        registered("2"),
        *AT_5[3:],
        DeploymentHeld(**OF, **BY),
    )
    why = f"the current model was rolled back: {BY['reason']}"
    given(USE_CASE, *history).when(RollBack(use_case=UC, model_id=OLD, **BY)).then(
        DeploymentAborted(**OF, operator="mira", reason=why),
        DeploymentRolledBack(
            deployment_id=None,
            use_case=UC,
            model_id=OLD,
            to_model_id=third,
            share=100,
            trigger="operator",
            **BY,
        ),
        ModelPromoted(use_case=UC, model_id=third, previous_model_id=OLD, **BY),
    )


def test_players_do_not_meet_on_an_operators_word_what_was_not_measured() -> None:
    """The scar: a model that nobody had evaluated was promoted by anybody's word, without a trace."""
    failed, other = evaluated("failed"), evaluated(against=model_id("7"))
    changed_since = described(NEW, template="line@2")
    split = ShiftTraffic(use_case=UC, shares={OLD: 50, NEW: 50}, **BY)
    for history, code in (
        ((), "not_evaluated"),
        ((failed,), "evaluation_not_passed"),
        ((other,), "evaluation_outdated"),
        ((evaluated(), changed_since), "evaluation_outdated"),
    ):
        for command, field in ((promote("2"), "model_id"), (split, "shares")):
            given(USE_CASE, *BASE, *history).when(command).then_rejected(code, field=field, says="override")
    given(USE_CASE, *BASE, evaluated()).when(promote("2", "not needed")).then(
        ModelPromoted(
            use_case=UC, model_id=NEW, previous_model_id=OLD, operator="mira", reason="better lines"
        )
    )


def test_no_alias_points_to_what_was_rolled_back() -> None:
    alias = SetAlias(use_case=UC, alias="next", model_id=NEW, **BY)
    given(USE_CASE, *AT_5, ROLLED).when(alias).then_rejected("rolled_back", field="model_id")
    given(USE_CASE, *BASE).when(alias).then(AliasSet(**alias.model_dump()))


def test_what_was_rolled_back_needs_a_new_evaluation() -> None:
    history = (*AT_5, ROLLED, back("gate", "6 failures"))
    for command in (promote("2"), ShiftTraffic(use_case=UC, shares={OLD: 50, NEW: 50}, **BY)):
        with pytest.raises(Rejected, match="not evaluated since"):
            USE_CASE.decide(command, USE_CASE.fold(history))
    id_ = deployment_id_of(use_case=UC, number=1)
    again = evaluated(number=1)
    given(USE_CASE, *history, again).when(start()).then(
        started(deployment_id=id_, evaluation_id=again.evaluation_id)
    )


def test_an_aborted_candidate_may_come_again() -> None:
    aborted = DeploymentAborted(**OF, **BY)
    given(USE_CASE, *AT_5).when(AbortDeployment(**ON, **BY)).then(aborted, back("mira", "better lines"))
    given(USE_CASE, *AT_5, aborted, back("mira", "better lines")).when(start()).then(
        started(deployment_id=deployment_id_of(use_case=UC, number=1))
    )


@pytest.mark.parametrize("command", [HoldDeployment(**ON, **BY), AbortDeployment(**ON, **BY)])
def test_of_two_operators_the_second_one_hears_how_it_ended(command: Any) -> None:
    given(USE_CASE, *AT_5, ROLLED, back("gate", "6 failures")).when(command).then_rejected(
        "deployment_ended", field="deployment_id", says="was rolled_back"
    )


def test_who_names_no_deployment_hears_so() -> None:
    command = HoldDeployment(use_case=UC, deployment_id="0" * 32, **BY)
    given(USE_CASE, *BASE).when(command).then_rejected(
        "deployment_not_found", field="deployment_id", says="deployment.list"
    )


def test_nobody_is_taken_back_whom_nobody_meets() -> None:
    given(USE_CASE, *BASE).when(RollBack(use_case=UC, model_id=NEW, **BY)).then_rejected(
        "model_has_no_traffic", field="model_id"
    )
