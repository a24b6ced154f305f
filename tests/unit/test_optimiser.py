"""The optimiser: what follows from how a use case goes, who decides, and that it is done once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given as any_given
from hypothesis import strategies as st

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import RecordedEvent, StreamWrite, Where
from domain.deployment.messages import DeploymentRolledBack
from domain.event import Event
from domain.guardrails.messages import ViolationDetected
from domain.inference.inference import stream_of as inference_stream
from domain.inference.messages import (
    InferenceCompleted,
    InferenceFailed,
    InferenceRefused,
    InferenceRequested,
)
from domain.optimisation.cost import Usage, cost_of
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
)
from domain.optimisation.proposals import PROPOSALS, proposal_id_of
from domain.optimisation.rules import Seen, finding
from domain.registry.messages import ModelPromoted
from domain.registry.state import UseCaseEvent, UseCaseModels
from domain.registry.use_case import USE_CASE
from handlers.commands import CommandRunner
from handlers.optimiser import OPTIMISATION, OPTIMISATION_RECORDS, Optimiser
from handlers.optimiser import REGISTRY as REGISTRY_KINDS
from handlers.registry import REGISTRY
from handlers.routing import Router
from handlers.tier_board import TierBoard, tiers_serving
from handlers.turns import Tier
from protocol.meta import decode_meta
from tests.unit.kit import START_US, EchoEngine, ident, memory_log, message, model, until
from tests.unit.spec import given
from tests.unit.test_domain_deployment import BASE, NEW, OLD, evaluated, started
from tests.unit.test_domain_registry import UC

ID = proposal_id_of(use_case=UC, number=0)
BY = {"use_case": UC, "proposal_id": ID, "operator": "mira", "reason": "I saw it, too"}
WELL = Seen(turns=200, failed=2, latency_ms=40.0, rating=0.9)
PROMOTED = ModelPromoted(use_case=UC, model_id=NEW, previous_model_id=OLD, operator="mira", reason="better")


def models(*more: UseCaseEvent) -> UseCaseModels:
    return USE_CASE.fold([*BASE, *more])


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


AUTOMATIC = PolicySet(
    use_case=UC, policy=OptimiserPolicy(automatic=["roll_back"]), operator="mira", reason="at night"
)


def unread(kind: str, priority: str) -> Proposed:
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
        (Seen(turns=200, latency_ms=40.0, rating=0.5), "retrain", "players rate 0.50, usual are 0.90"),
        (Seen(turns=200, latency_ms=40.0, cost_micro=90_000), "move_tier", "a turn costs 450 micro-dollars"),
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


@pytest.mark.parametrize("served", [{"gold", "bronze"}, set()])
def test_a_tier_that_does_not_serve_the_model_is_not_proposed(served: set[str]) -> None:
    costly = Seen(turns=200, latency_ms=40.0, cost_micro=90_000)
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


@pytest.mark.parametrize("now", [WELL, Seen(turns=20, failed=19), Seen()])
def test_where_all_is_well_or_little_was_seen_nothing_is_said(now: Seen) -> None:
    assert finding(now, WELL, models(PROMOTED), OptimiserPolicy()) is None


def test_while_a_deployment_runs_its_gate_is_the_judge() -> None:
    bad = Seen(turns=200, failed=100)
    assert finding(bad, WELL, models(evaluated(), started()), OptimiserPolicy()) is None


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


def test_the_cost_of_a_player_hour_is_what_the_design_reckons() -> None:
    """design.md's example: eleven engines at 0.75 dollars an hour serve 10,000 players."""
    usage = Usage(
        seconds=3_600, turns=1_200_000, tokens=60_000_000, token_cost_micro=0, engines=11, players=10_000
    )
    assert cost_of(usage, engine_hour_micro=750_000).per_player_hour_micro == 825


# --- at work ------------------------------------------------------------------------------------------------


class Stage:
    def __init__(self) -> None:
        self.log: MemoryLog = memory_log()
        self.codec = EventCodec(domain_catalogue())
        self.runner = CommandRunner(self.log, self.codec, [REGISTRY, OPTIMISATION])
        self.engines: dict[str, list[EchoEngine]] = {"gold": [EchoEngine()], "silver": [], "bronze": []}
        self.unanswered = 0
        self.optimiser = self.another()
        self.turns = 0

    def another(self) -> Optimiser:
        doer = CommandRunner(self.log, self.codec, [REGISTRY, OPTIMISATION_RECORDS])
        return Optimiser(
            self.log, doer, decode=self.codec.decode, now_us=lambda: START_US + 1, serving=self.serving
        )

    async def serving(self, provider: str, model: str) -> frozenset[str]:
        """What the inference service would say of its tiers; so often as told it says nothing."""
        if self.unanswered:
            self.unanswered -= 1
            raise ConnectionError("no service answers")
        tiers = {name: Tier(engines=engines) for name, engines in self.engines.items()}
        shown, _ = await TierBoard(Router(tiers, clock=lambda: 0.0, draw=lambda: 0.0)).answer({})
        return tiers_serving(shown, provider, model)

    async def say(self, command: str, **payload: Any) -> Any:
        return await self.runner(message(command, payload))

    async def turn(self, model_id: str, *, failed: bool, **facts: Any) -> None:
        self.turns += 1
        id_ = f"{self.turns:032x}"
        of = {"inference_id": id_, "use_case": UC, "model_id": model_id, "player": f"p{self.turns}", **facts}
        kinds: list[type[Event]] = [InferenceRequested, InferenceFailed if failed else InferenceCompleted]
        events = [
            self.codec.encode(
                kind.model_validate(
                    {**kind.example, **{k: v for k, v in of.items() if k in kind.model_fields}}
                ),
                ident(),
            )
            for kind in kinds
        ]
        await self.log.append(StreamWrite(inference_stream(id_), events, "any"))

    async def recorded(self, *kinds: type[Event]) -> list[RecordedEvent]:
        names = tuple(kind.event_name for kind in kinds)
        return list(await self.log.read_all(limit=100_000, where=Where(types=names)))

    async def events(self, *kinds: type[Event]) -> list[Any]:
        return [self.codec.decode(recorded) for recorded in await self.recorded(*kinds)]


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    stage = Stage()
    for version in "12":
        await stage.say("registry.register_model", **model(version))
    ids = [event["model_id"] for event in [e.model_dump() for e in await stage.events(*[type(PROMOTED)])]]
    second = {"use_case": UC, "model_id": NEW, "operator": "mira", "reason": "better"}
    await stage.say("registry.promote_model", **second)
    assert ids == [OLD]
    yield stage


async def run_until(stage: Stage, optimiser: Optimiser, condition: Any) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(optimiser.run())
        await until(condition)
        task.cancel()


async def test_a_failing_model_is_rolled_back_once_somebody_agrees() -> None:
    async with staged() as stage:
        for n in range(100):
            await stage.turn(NEW, failed=n % 4 == 0)

        async def there() -> bool:
            return bool(await stage.events(Proposed))

        await run_until(stage, stage.optimiser, there)
        (found,) = await stage.events(Proposed)
        assert found.action == Action(kind="roll_back", model_id=NEW)
        assert found.inputs["failures"] == 0.25
        assert await stage.events(CarriedOut) == []
        await stage.say("optimisation.approve", **{**BY, "proposal_id": found.proposal_id})

        async def done() -> bool:
            return bool(await stage.events(CarriedOut))

        # The one that proposed has died; the next one carries out what was approved.
        await run_until(stage, stage.another(), done)
        (outcome,) = await stage.events(CarriedOut)
        assert outcome.outcome == "done"
        assert [event.operator for event in await stage.events(DeploymentRolledBack)] == ["mira"]
        (approved,) = await stage.recorded(Approved)
        for caused in (*await stage.recorded(DeploymentRolledBack), *await stage.recorded(CarriedOut)):
            meta = decode_meta(caused.meta)
            assert (meta.actor, meta.causation) == ("optimiser", approved.id)
            assert meta.correlation == decode_meta(approved.meta).correlation
        state = USE_CASE.fold(list(await stage.events(*REGISTRY_KINDS)))
        assert state.current == OLD
        assert state.models[NEW].barred


async def test_what_a_candidate_did_is_not_the_current_models_fault() -> None:
    async with staged() as stage:
        for n in range(100):
            await stage.turn(OLD, failed=n % 2 == 0)  # no model of now: it is gone since the promotion
            await stage.turn(NEW, failed=False)
        critical = {**ViolationDetected.example, "use_case": UC, "model_id": OLD, "severity": "critical"}
        event = stage.codec.encode(ViolationDetected.model_validate({**critical, "side": "output"}), ident())
        await stage.log.append(StreamWrite("violation-x", [event], "any"))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stage.optimiser.run())
            await until(lambda: stage.optimiser.position)
            await stage.optimiser.look(START_US + 2)
            task.cancel()
        assert await stage.events(Proposed) == []


async def test_what_a_person_has_to_do_is_handed_over_with_the_way() -> None:
    async with staged() as stage:
        policy = {**OptimiserPolicy(turns_min=10).model_dump(), "automatic": ["scale_engine"]}
        await stage.say("optimisation.set_policy", use_case=UC, policy=policy, operator="mira", reason="test")
        for n in range(40):
            await stage.turn(NEW, failed=False)
            refused = {**InferenceRefused.example, "code": "overloaded", "use_case": UC, "model_id": NEW}
            event = stage.codec.encode(InferenceRefused.model_validate(refused), ident())
            await stage.log.append(StreamWrite(f"refusal-{n}", [event], "any"))

        async def done() -> bool:
            return bool(await stage.events(CarriedOut))

        await run_until(stage, stage.optimiser, done)
        (outcome,) = await stage.events(CarriedOut)
        assert outcome.outcome == "handed_over"
        assert "raise their capacity: 2 times" in outcome.detail
        shown, _ = await stage.optimiser.answer({})
        assert shown["proposals"][0]["status"] == "ended"
        assert shown["costs"][UC]["turns"] == 40


async def test_a_model_moves_only_to_a_tier_that_serves_it() -> None:
    async with staged() as stage:
        policy = {**OptimiserPolicy(cost_per_turn_micro_max=100).model_dump(), "automatic": ["move_tier"]}
        await stage.say("optimisation.set_policy", use_case=UC, policy=policy, operator="mira", reason="test")
        for _ in range(100):
            await stage.turn(NEW, failed=False, cost_micro=900)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stage.optimiser.run())
            await until(lambda: stage.optimiser.position)
            await stage.optimiser.look(START_US + 2)
            assert await stage.events(Proposed) == []
            stage.engines["silver"].append(EchoEngine())
            await stage.optimiser.look(START_US + 2)

            async def done() -> bool:
                return bool(await stage.events(CarriedOut))

            await until(done)
            task.cancel()
        (outcome,) = await stage.events(CarriedOut)
        assert outcome.outcome == "done"
        assert USE_CASE.fold(list(await stage.events(*REGISTRY_KINDS))).models[NEW].configuration == {
            "tier": "silver"
        }


async def test_a_move_to_a_tier_that_serves_the_model_no_longer_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with staged() as stage:
        runner = CommandRunner(stage.log, stage.codec, [OPTIMISATION_RECORDS])
        action = Action(kind="move_tier", model_id=NEW, tier="silver")
        await runner.execute(propose(action=action), ident("p"), meta=message("x.y", {}).meta)
        await stage.say("optimisation.approve", **BY)
        other = EchoEngine()
        other.models = frozenset({"lamplight@7"})
        stage.engines["silver"].append(other)
        stage.unanswered = 1  # nothing is decided while nobody can be asked

        async def done() -> bool:
            return bool(await stage.events(CarriedOut))

        monkeypatch.setattr("handlers.optimiser.TICK_S", 0.01)
        await run_until(stage, stage.optimiser, done)
        (outcome,) = await stage.events(CarriedOut)
        assert outcome.outcome == "refused"
        assert outcome.detail.startswith(
            "tier_not_served: no engine of the tier 'silver' serves the model 'lamplight@2'"
        )
        assert USE_CASE.fold(list(await stage.events(*REGISTRY_KINDS))).models[NEW].configuration == {}


async def test_a_rollback_that_would_silence_a_use_case_is_refused() -> None:
    async with staged() as stage:
        by = {"use_case": UC, "operator": "mira", "reason": "old"}
        await stage.say("registry.retire_model", model_id=OLD, **by)
        runner = CommandRunner(stage.log, stage.codec, [OPTIMISATION_RECORDS])
        await runner.execute(propose(), ident("p"), meta=message("x.y", {}).meta)
        await stage.say("optimisation.approve", **BY)

        async def done() -> bool:
            return bool(await stage.events(CarriedOut))

        await run_until(stage, stage.optimiser, done)
        (outcome,) = await stage.events(CarriedOut)
        assert (outcome.outcome, outcome.detail[:12]) == ("refused", "no_way_back:")
        assert not USE_CASE.fold(list(await stage.events(*REGISTRY_KINDS))).silenced


async def test_one_line_that_breaks_several_rules_is_one_turn() -> None:
    async with staged() as stage:
        policy = {**OptimiserPolicy(turns_min=10).model_dump(), "automatic": ["roll_back"]}
        await stage.say("optimisation.set_policy", use_case=UC, policy=policy, operator="mira", reason="test")
        for _ in range(100):
            await stage.turn(NEW, failed=False)
        facts = {**ViolationDetected.example, "use_case": UC, "model_id": NEW, "severity": "critical"}
        for n in range(9):
            broken = ViolationDetected.model_validate({**facts, "inference_id": "a", "start": n})
            await stage.log.append(
                StreamWrite(f"violation-{n}", [stage.codec.encode(broken, ident())], "any")
            )
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stage.optimiser.run())
            await until(lambda: stage.optimiser.position)
            await stage.optimiser.look(START_US + 2)
            task.cancel()
        assert await stage.events(Proposed) == []


async def test_what_a_rule_forbids_is_told_and_not_done() -> None:
    async with staged() as stage:
        runner = CommandRunner(stage.log, stage.codec, [OPTIMISATION_RECORDS])
        action = Action(kind="deploy_candidate", model_id=OLD)
        await runner.execute(propose(action=action), ident("p"), meta=message("x.y", {}).meta)
        await stage.say("optimisation.approve", **BY)

        async def done() -> bool:
            return bool(await stage.events(CarriedOut))

        await run_until(stage, stage.optimiser, done)
        (outcome,) = await stage.events(CarriedOut)
        assert outcome.outcome == "refused"
        assert "not_evaluated" in outcome.detail
