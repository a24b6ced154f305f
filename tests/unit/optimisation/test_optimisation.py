"""The optimiser's rules: what follows from how a use case goes, and who decides about it."""

from typing import Any

import pytest
from hypothesis import given as any_given
from hypothesis import strategies as st

from domain.kernel.decider import Rejected
from domain.optimisation.cost import Usage, cost_of, dollars
from domain.optimisation.messages import (
    Action,
    Approved,
    ApproveProposal,
    CarriedOut,
    OptimiserPolicy,
    PolicySet,
    ProposalRejected,
    ProposalWithdrawn,
    Propose,
    Proposed,
    RecordOutcome,
    RejectProposal,
    SetPolicy,
    WithdrawProposal,
)
from domain.optimisation.proposals import PROPOSALS, proposal_id_of, weight_of
from domain.optimisation.rules import Finding, Seen, findings, untrue
from domain.registry.deployment_messages import DeploymentAborted, DeploymentHeld, DeploymentRolledBack
from domain.registry.messages import ModelDescribed, ModelPromoted, UseCaseSilenced
from domain.registry.state import UseCaseEvent, UseCaseModels
from domain.registry.use_case import USE_CASE
from tests.unit.registry.test_deployment import BASE, NEW, OF, OLD, evaluated, started
from tests.unit.registry.test_registry import UC, model_id, registered
from tests.unit.spec import changed, given

ID = proposal_id_of(use_case=UC, number=0)
BY = {"use_case": UC, "proposal_id": ID, "operator": "mira", "reason": "I saw it, too"}
WELL = Seen(turns=200, failed=2, latency_ms=40.0, rating=0.9)
PROMOTED = ModelPromoted(use_case=UC, model_id=NEW, previous_model_id=OLD, operator="mira", reason="better")


def models(*more: UseCaseEvent) -> UseCaseModels:
    return USE_CASE.fold([*BASE, *more])


def finding(*of: Any, **more: Any) -> Finding | None:
    """The most urgent of what should be done."""
    return next(iter(findings(*of, **more)), None)


def propose(kind: Any = "roll_back", at_us: int = 1_000, **changes: Any) -> Propose:
    action = Action(kind=kind, model_id=NEW)
    facts = {"use_case": UC, "action": action, "priority": "high", "reason": "it fails", "inputs": {}}
    return Propose.model_validate({**facts, "at_us": at_us, **changes})


def proposed(*, automatic: bool = False) -> Proposed:
    return Proposed(**propose().model_dump(), proposal_id=ID, automatic=automatic)


# --- who decides --------------------------------------------------------------------------------------------


def test_what_the_policy_does_not_allow_waits_for_a_person() -> None:
    given(PROPOSALS).when(propose()).then(proposed())
    given(PROPOSALS, proposed()).when(ApproveProposal(**BY)).then(Approved(**BY))
    given(PROPOSALS, proposed()).when(RejectProposal(**BY)).then(ProposalRejected(**BY))


def test_what_the_policy_allows_is_done_at_once() -> None:
    policy = OptimiserPolicy(automatic=["roll_back"])
    by = {"use_case": UC, "operator": "mira", "reason": "nobody is awake at four"}
    given(PROPOSALS).when(SetPolicy(policy=policy, **by)).then(PolicySet(policy=policy, **by))
    word = {"operator": "optimiser", "reason": "the policy allows it"}
    given(PROPOSALS, PolicySet(policy=policy, **by)).when(propose()).then(
        proposed(automatic=True), Approved(**{**BY, **word})
    )


@pytest.mark.parametrize("priority", ["low", "high"])
def test_nothing_is_proposed_beside_an_open_proposal_of_the_same_weight_or_more(priority: str) -> None:
    later = propose("retrain", at_us=10**12, priority=priority)
    given(PROPOSALS, proposed()).when(later).then_nothing()


@pytest.mark.parametrize("priority", ["low", "high"])
def test_nothing_is_proposed_beside_what_was_approved_and_is_not_done_yet(priority: str) -> None:
    later = propose("retrain", at_us=10**12, priority=priority)
    given(PROPOSALS, proposed(), Approved(**BY)).when(later).then_nothing()


AUTOMATIC = PolicySet(
    use_case=UC, policy=OptimiserPolicy(automatic=["roll_back"]), operator="mira", reason="at night"
)


def unread(kind: str, priority: str = "high") -> Proposed:
    """A proposal that waits for a person."""
    return Proposed(**propose(kind, priority=priority).model_dump(), proposal_id=ID, automatic=False)


@pytest.mark.parametrize(("kind", "priority"), [("deploy_candidate", "low"), ("scale_engine", "critical")])
@pytest.mark.parametrize("at_us", [2_000, 86_400_000_000])
def test_what_weighs_more_takes_the_place_of_a_proposal_that_nobody_read(
    kind: str, priority: str, at_us: int
) -> None:
    urgent = propose("roll_back", at_us=at_us, priority="critical")
    second = proposal_id_of(use_case=UC, number=1)
    given(PROPOSALS, AUTOMATIC, unread(kind, priority)).when(urgent).then(
        ProposalWithdrawn(proposal_id=ID, use_case=UC, reason="roll_back (critical) is more urgent"),
        Proposed(**urgent.model_dump(), proposal_id=second, automatic=True),
        Approved(proposal_id=second, use_case=UC, operator="optimiser", reason="the policy allows it"),
    )


def test_what_weighs_more_waits_for_no_cool_down_of_what_weighs_less() -> None:
    ended = (unread("deploy_candidate", "low"), ProposalRejected(**BY))
    urgent = propose("roll_back", at_us=2_000, priority="high")
    second = proposal_id_of(use_case=UC, number=1)
    given(PROPOSALS, *ended).when(urgent).then(
        Proposed(**urgent.model_dump(), proposal_id=second, automatic=False)
    )


@any_given(
    st.lists(
        st.tuples(
            st.sampled_from(["roll_back", "scale_engine", "deploy_candidate"]),
            st.sampled_from(["low", "medium", "high", "critical"]),
            st.integers(0, 900_000_000),
        ),
        max_size=12,
    )
)
def test_one_proposal_is_open_at_most_and_none_beside_it_weighs_more(
    wished: list[tuple[Any, str, int]],
) -> None:
    state, at_us = PROPOSALS.fold([AUTOMATIC]), 0
    for kind, priority, later_us in wished:
        at_us += later_us
        try:
            decided = PROPOSALS.decide(propose(kind, at_us=at_us, priority=priority), state)
        except Rejected:
            continue
        state = PROPOSALS.fold(decided, state)
        waiting = [each.weight for each in state.known.values() if each.status == "open"]
        assert len(waiting) <= 1
        assert waiting == [] or waiting[0] >= weight_of(priority, automatic=kind == "roll_back")  # type: ignore[arg-type]  # one of them


def test_what_was_withdrawn_cannot_be_approved() -> None:
    withdrawn = ProposalWithdrawn(proposal_id=ID, use_case=UC, reason="roll_back (critical) is more urgent")
    given(PROPOSALS, proposed(), withdrawn).when(ApproveProposal(**BY)).then_rejected(
        "proposal_decided", field="proposal_id", says="was withdrawn already"
    )


def test_between_two_proposals_there_is_a_cool_down() -> None:
    ended = (proposed(), ProposalRejected(**BY))
    given(PROPOSALS, *ended).when(propose("retrain", at_us=60_000_000)).then_rejected(
        "cooling_down", field="at_us", says="wait 540 s"
    )
    later = propose("retrain", at_us=700_000_000)
    given(PROPOSALS, *ended).when(later).then(
        Proposed(**later.model_dump(), proposal_id=proposal_id_of(use_case=UC, number=1), automatic=False)
    )


def test_the_effect_of_an_action_is_seen_before_the_next() -> None:
    """The scar: with a window of an hour and a cool-down of a minute one incident led to sixty actions."""
    policy = OptimiserPolicy(window_s=3_600, cooldown_s=60)
    said = PolicySet(policy=policy, use_case=UC, operator="mira", reason="x")
    given(PROPOSALS, said, proposed(), ProposalRejected(**BY)).when(
        propose("retrain", at_us=61_000_000)
    ).then_rejected("cooling_down", field="at_us", says="wait 3539 s")


REFUSED = CarriedOut(proposal_id=ID, use_case=UC, outcome="refused", detail="traffic_is_split: by hand")


@pytest.mark.parametrize("no", [[ProposalRejected(**BY)], [Approved(**BY), REFUSED]])
def test_a_candidate_that_was_answered_with_no_comes_again_with_another_evaluation_only(no: Any) -> None:
    before, long_after = (unread("deploy_candidate"), *no), 10**12
    given(PROPOSALS, *before).when(propose("deploy_candidate", at_us=long_after)).then_nothing()
    other = propose("deploy_candidate", at_us=long_after, reason="it passed another evaluation")
    assert PROPOSALS.decide(other, PROPOSALS.fold(before))
    figures = propose("roll_back", at_us=long_after)  # may be so again
    assert PROPOSALS.decide(figures, PROPOSALS.fold((unread("roll_back"), *no)))


def test_a_candidate_whose_place_was_taken_is_proposed_again() -> None:
    withdrawn = ProposalWithdrawn(proposal_id=ID, use_case=UC, reason="roll_back (critical) is more urgent")
    state = PROPOSALS.fold((unread("deploy_candidate"), withdrawn))
    assert PROPOSALS.decide(propose("deploy_candidate", at_us=10**12), state)


def test_only_what_nobody_decided_about_is_withdrawn() -> None:
    why = "the model is not the current one any more"
    withdraw = WithdrawProposal(use_case=UC, proposal_id=ID, reason=why)
    given(PROPOSALS, proposed()).when(withdraw).then(
        ProposalWithdrawn(proposal_id=ID, use_case=UC, reason=why)
    )
    given(PROPOSALS, proposed(), Approved(**BY)).when(withdraw).then_nothing()


def test_what_was_decided_stays_decided() -> None:
    given(PROPOSALS, proposed(), ProposalRejected(**BY)).when(ApproveProposal(**BY)).then_rejected(
        "proposal_decided", field="proposal_id", says="was rejected already"
    )
    given(PROPOSALS).when(ApproveProposal(**BY)).then_rejected("proposal_not_found", field="proposal_id")


def test_an_outcome_belongs_to_an_approved_proposal() -> None:
    record = RecordOutcome(use_case=UC, proposal_id=ID, outcome="done", detail="events 7 and 8")
    given(PROPOSALS, proposed()).when(record).then_nothing()
    given(PROPOSALS, proposed(), Approved(**BY)).when(record).then(CarriedOut(**record.model_dump()))


# --- what follows -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "kind", "says"),
    [
        (Seen(turns=2_000, critical=3), "roll_back", "3 of 2000 turns had a critical violation"),
        (
            Seen(turns=200, failed=24, latency_ms=40.0),
            "roll_back",
            "12.0% of 200 turns failed, usual are 1.0%",
        ),
        (Seen(turns=200, violations=10, latency_ms=40.0), "roll_back", "5.0% of 200 turns broke the policy"),
        (Seen(turns=90, refused=30, latency_ms=40.0), "scale_engine", "25.0% of the turns were refused"),
        (Seen(turns=200, latency_ms=90.0), "scale_engine", "turns take 90 ms, usual are 40"),
        (
            Seen(asked=200, turns=180, latency_ms=40.0, cut=150, cut_tokens=4_501),
            "change_budget",
            "cut 75.0% of 200 prompts, by 31 tokens each",
        ),
        (Seen(turns=200, latency_ms=40.0, rating=0.5), "retrain", "players rate 0.50, usual are 0.90"),
        (
            Seen(turns=200, latency_ms=40.0, cost_per_turn_micro=450),
            "move_tier",
            "a turn costs $0.00045, the limit",
        ),
    ],
)
def test_what_goes_wrong_leads_to_what_helps(now: Seen, kind: str, says: str) -> None:
    policy = OptimiserPolicy(cost_per_turn_micro_max=100)
    found = finding(now, WELL, models(PROMOTED), policy, served={"gold", "silver"})
    assert found is not None
    assert found.action.kind == kind
    assert says in found.reason


@pytest.mark.parametrize(
    "now", [Seen(turns=10_000, critical=1), Seen(turns=10_000, critical=9), Seen(turns=49, critical=9)]
)
def test_few_critical_violations_of_many_turns_are_no_word_against_a_model(now: Seen) -> None:
    assert finding(now, Seen(), models(PROMOTED), OptimiserPolicy()) is None


def test_without_a_model_to_go_back_to_a_person_decides_about_critical_violations() -> None:
    found = finding(Seen(turns=200, critical=50), Seen(), models(), OptimiserPolicy())
    assert found is not None
    assert (found.action, found.priority) == (Action(kind="retrain", model_id=OLD), "critical")


@pytest.mark.parametrize("past", [0, 49, 50])
@pytest.mark.parametrize(
    "bad", [{"failed": 17}, {"violations": 17}, {"latency_ms": 90.0}, {"rating": 0.5}], ids=str
)
def test_what_is_usual_is_known_only_from_a_past_that_is_long_enough(bad: Any, past: int) -> None:
    """After a start in a busy realm little of the past is known; what goes on as ever is no news then."""
    usual = Seen(turns=past, latency_ms=40.0, rating=0.9)
    found = finding(Seen(turns=200, **bad), usual, models(PROMOTED), OptimiserPolicy())
    assert (found is not None) == (past == 50)


@pytest.mark.parametrize("served", [{"gold", "bronze"}, set()])
def test_a_tier_that_does_not_serve_the_model_is_not_proposed(served: set[str]) -> None:
    costly = Seen(turns=200, latency_ms=40.0, cost_per_turn_micro=450)
    policy = OptimiserPolicy(cost_per_turn_micro_max=100)
    assert finding(costly, WELL, models(PROMOTED), policy, served=served) is None


def test_the_most_urgent_comes_first() -> None:
    bad = Seen(turns=200, failed=50, critical=5, latency_ms=500.0, rating=0.1)
    found = finding(bad, WELL, models(PROMOTED), OptimiserPolicy())
    assert found is not None
    assert (found.priority, found.action.kind) == ("critical", "roll_back")


def test_a_candidate_that_passed_is_proposed() -> None:
    found = finding(Seen(), Seen(), models(evaluated()), OptimiserPolicy())
    assert found is not None
    assert found.action == Action(kind="deploy_candidate", model_id=NEW)
    assert finding(Seen(), Seen(), models(evaluated("failed")), OptimiserPolicy()) is None


def test_who_was_tried_with_its_ticket_or_changed_since_is_not_proposed_again() -> None:
    aborted = DeploymentAborted.model_validate({**DeploymentAborted.example, "use_case": UC, "model_id": NEW})
    described = ModelDescribed(use_case=UC, model_id=NEW, description="", configuration={"template": "l@2"})
    histories: list[list[UseCaseEvent]] = [[evaluated(), started(), aborted], [evaluated(), described]]
    for history in histories:
        assert finding(Seen(), Seen(), models(*history), OptimiserPolicy()) is None
        again = models(*history, evaluated(number=1))
        assert finding(Seen(), Seen(), again, OptimiserPolicy()) is not None


@pytest.mark.parametrize(
    ("now", "usual"),
    [
        ({"failed": 8}, {"failed": 1}),  # many times more, and few all the same
        ({"violations": 30}, {"violations": 25}),  # many, as always
    ],
)
def test_a_multiple_of_little_and_much_that_is_usual_are_no_news(
    now: dict[str, int], usual: dict[str, int]
) -> None:
    policy = OptimiserPolicy(failures_min=0.05, violations_max=0.02)
    assert finding(Seen(turns=200, **now), Seen(turns=200, **usual), models(PROMOTED), policy) is None
    double = {name: 4 * count for name, count in now.items()}
    assert finding(Seen(turns=200, **double), Seen(turns=200, **usual), models(PROMOTED), policy) is not None


@pytest.mark.parametrize("now", [WELL, Seen(turns=20, failed=19), Seen()])
def test_where_all_is_well_or_little_was_seen_nothing_is_said(now: Seen) -> None:
    assert finding(now, WELL, models(PROMOTED), OptimiserPolicy()) is None


def test_while_a_deployment_runs_its_gate_is_the_judge() -> None:
    bad = Seen(turns=200, failed=100)
    assert finding(bad, WELL, models(evaluated(), started()), OptimiserPolicy()) is None


def test_beside_a_deployment_that_is_held_no_other_candidate_is_proposed() -> None:
    third = changed(registered("3"), model_id=model_id("3"))
    held = DeploymentHeld(**{k: getattr(started(), k) for k in OF}, operator="mira", reason="until tomorrow")
    history = [third, evaluated(of=model_id("3"), number=1), evaluated(), started(), held]
    found = findings(Seen(turns=200, failed=100), WELL, models(*history), OptimiserPolicy())
    assert [each.action.kind for each in found] == ["scale_engine"]


SILENCED = UseCaseSilenced(use_case=UC, operator="mira", reason="it frightens children")


def test_while_a_use_case_is_silenced_a_person_decides() -> None:
    bad = Seen(turns=200, critical=50, refused=200)
    assert findings(bad, WELL, models(evaluated(), SILENCED), OptimiserPolicy()) == []


BARRED = DeploymentRolledBack.model_validate(
    {**DeploymentRolledBack.example, "use_case": UC, "model_id": NEW, "deployment_id": None}
)


@pytest.mark.parametrize(
    ("kind", "of", "more", "says"),
    [
        ("deploy_candidate", NEW, [evaluated()], ""),
        ("deploy_candidate", NEW, [evaluated(), BARRED], "no candidate any more"),
        ("deploy_candidate", NEW, [evaluated(), started()], "no candidate any more"),
        ("deploy_candidate", NEW, [evaluated(), SILENCED], "silenced until a person promotes"),
        ("scale_engine", None, [SILENCED], "silenced until a person promotes"),
        ("roll_back", NEW, [PROMOTED], ""),
        ("roll_back", OLD, [PROMOTED], "not the current one"),
        ("roll_back", OLD, [], "no model to go back to"),
        ("retrain", OLD, [], ""),
        ("scale_engine", None, [PROMOTED], ""),
    ],
)
def test_a_proposal_whose_model_went_another_way_is_no_longer_true(
    kind: Any, of: str | None, more: list[UseCaseEvent], says: str
) -> None:
    why = untrue(Action(kind=kind, model_id=of), models(*more), None)
    assert says in why
    assert bool(why) == bool(says)


def test_a_proposal_whose_figures_are_as_usual_again_is_no_longer_true() -> None:
    state, policy = models(PROMOTED), OptimiserPolicy()
    back, bad = Action(kind="roll_back", model_id=NEW), Seen(turns=200, failed=24, latency_ms=40.0)
    assert untrue(back, state, findings(bad, WELL, state, policy)) == ""
    assert untrue(back, state, findings(WELL, WELL, state, policy)) == "what was seen since is as usual"


@any_given(
    st.builds(
        Usage,
        seconds=st.floats(1, 1e6),
        turns=st.integers(0, 10**6),
        tokens=st.integers(0, 10**8),
        token_cost_micro=st.integers(0, 10**9),
        engines=st.integers(0, 100),
        players=st.integers(0, 10**5),
    ),
    st.integers(0, 10**8),
)
def test_costs_add_up(usage: Usage, price: int) -> None:
    cost = cost_of(usage, engine_hour_micro=price)
    assert cost.total_micro == cost.engine_micro + usage.token_cost_micro
    assert cost.engine_micro >= usage.engines * usage.seconds / 3_600 * price - 1e-3 * max(
        1, cost.engine_micro
    )
    if usage.turns:
        assert cost.per_turn_micro == pytest.approx(cost.total_micro / usage.turns, abs=0.001)


@pytest.mark.parametrize(
    ("micro", "words"),
    [(0, "$0"), (31_250, "$0.031"), (0.4, "$0.00000040"), (12_500_000, "$12.50"), (999_999, "$1.00")],
)
def test_money_is_told_in_dollars(micro: float, words: str) -> None:
    assert dollars(micro) == words


@pytest.mark.parametrize("window_s", [19.0, 43_201.0])
def test_a_window_that_cannot_be_looked_at_is_refused(window_s: float) -> None:
    """The scar: with 30 days an engine's month was paid by a day's turns; with 9 s there was never a turn."""
    policy, by = OptimiserPolicy(window_s=window_s), {"use_case": UC, "operator": "mira", "reason": "x"}
    given(PROPOSALS).when(SetPolicy(policy=policy, **by)).then_rejected(
        "window_unusable", field="policy.window_s", says="20 to 43200 s"
    )
    known = PROPOSALS.fold([PolicySet(policy=policy, **by)])  # by an older program
    assert known.policy.window_s == (20.0 if window_s < 20 else 43_200.0)


def test_the_cost_of_a_player_hour_is_what_the_design_reckons() -> None:
    """design.md's example: eleven engines at 0.75 dollars an hour serve 10,000 players."""
    usage = Usage(
        seconds=3_600, turns=1_200_000, tokens=60_000_000, token_cost_micro=0, engines=11, players=10_000
    )
    assert cost_of(usage, engine_hour_micro=750_000).per_player_hour_micro == 825
