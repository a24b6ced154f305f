"""The optimiser at work: what the log leads to, and that it is done once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aicore.cli.proposals import outcome_of
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import RecordedEvent, StreamWrite, Where
from domain.evaluation.messages import EvaluationFinished
from domain.guardrails.messages import ViolationDetected
from domain.inference.inference import stream_of as inference_stream
from domain.inference.messages import (
    InferenceCompleted,
    InferenceFailed,
    InferenceRefused,
    InferenceRequested,
)
from domain.kernel.event import Event
from domain.optimisation.messages import (
    Action,
    Approved,
    CarriedOut,
    OptimiserPolicy,
    ProposalWithdrawn,
    Proposed,
)
from domain.registry.deployment_messages import DeploymentRolledBack
from domain.registry.messages import ModelEvaluated
from domain.registry.models import model_id_of
from domain.registry.use_case import USE_CASE
from domain.registry.use_cases import KINDS as REGISTRY_KINDS
from handlers.kernel.commands import CommandRunner
from handlers.optimisation.optimiser import OPTIMISATION, OPTIMISATION_RECORDS, Optimiser
from handlers.registry.commands import REGISTRY
from handlers.routing.router import Router
from handlers.routing.tier_board import TierBoard
from handlers.routing.turns import Tier
from protocol.messages import Answer
from protocol.meta import decode_meta
from tests.unit.kit import START_US, EchoEngine, ident, message, model, until
from tests.unit.optimisation.test_optimisation import BY, ID, PROMOTED, propose
from tests.unit.registry.test_deployment import NEW, OLD
from tests.unit.registry.test_registry import UC


class Stage:
    def __init__(self) -> None:
        self.now_us = START_US
        self.log = MemoryLog("test", lambda: self.now_us)
        self.codec = EventCodec(domain_catalogue())
        self.runner = CommandRunner(self.log, self.codec, [REGISTRY, OPTIMISATION])
        self.engines: dict[str, list[EchoEngine]] = {"gold": [EchoEngine()], "silver": [], "bronze": []}
        self.unanswered = 0
        self.waits: asyncio.Event | None = None
        self.optimiser = self.another()
        self.turns = 0

    def another(self) -> Optimiser:
        doer = CommandRunner(self.log, self.codec, [REGISTRY, OPTIMISATION_RECORDS])
        return Optimiser(
            self.log, doer, decode=self.codec.decode, now_us=lambda: self.now_us + 1, tiers=self.tiers
        )

    async def tiers(self) -> Any:
        """What the inference service would say of its tiers; so often as told it says nothing.

        Once asked with ``waits`` set, it tells that and never answers.
        """
        if self.waits and not self.waits.is_set():
            self.waits.set()
            await asyncio.Event().wait()
        if self.unanswered:
            self.unanswered -= 1
            raise ConnectionError("no service answers")
        tiers = {name: Tier(engines=engines) for name, engines in self.engines.items()}
        shown, _ = await TierBoard(Router(tiers, clock=lambda: 0.0, draw=lambda: 0.0)).answer({})
        return shown

    async def past(self, faults: int = 0) -> None:
        """Have 60 turns an hour ago, so many of them failed."""
        for n in range(60):
            await self.turn(NEW, failed=n < faults)
        self.now_us += 3_600_000_000

    async def say(self, command: str, **payload: Any) -> Any:
        return await self.runner(message(command, payload))

    async def turn(self, model_id: str, *, failed: bool, **facts: Any) -> None:
        self.turns += 1
        id_ = f"{self.turns:032x}"
        of = {
            "inference_id": id_,
            "use_case": UC,
            "model_id": model_id,
            "player": f"p{self.turns}",
            "cut": [],
            **facts,
        }
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
    second = {"use_case": UC, "model_id": NEW, "operator": "mira", "reason": "better", "override": "x"}
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
        await stage.past()
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
        assert state.models[NEW].needs_reevaluation


async def test_costs_are_of_the_time_whose_turns_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.optimisation.outlook.PAST_EVENTS", 20)
    async with staged() as stage:
        policy = OptimiserPolicy(engine_hour_micro=3_600_000_000).model_dump()
        await stage.say("optimisation.set_policy", use_case=UC, policy=policy, operator="mira", reason="test")
        for _ in range(100):
            await stage.turn(NEW, failed=False)
            stage.now_us += 1_000_000
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stage.optimiser.run())
            await until(lambda: stage.optimiser.position)
            await stage.optimiser.look(stage.now_us)
            shown = (await stage.optimiser.answer({}))[0]["costs"][UC]
            task.cancel()
        # Ten turns in ten seconds, each with two events: the engine's five minutes had 100 turns and more.
        assert shown["seconds"] == pytest.approx(10)


async def test_who_met_two_models_is_one_player() -> None:
    """The scar: after each promotion a player's hour cost half, as everybody was counted for both models."""
    async with staged() as stage:
        for id_ in (OLD, NEW):
            for n in range(10):
                await stage.turn(id_, failed=False, player=f"p{n}", cost_micro=9)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stage.optimiser.run())
            await until(lambda: stage.optimiser.position)
            shown = (await stage.optimiser.answer({}))[0]["costs"][UC]
            task.cancel()
        assert (shown["players"], shown["turns"]) == (10, 20)
        assert shown["per_player_hour_micro"] == pytest.approx(20 * 9 / 10 * 3_600 / 300)


async def test_what_a_candidate_did_is_not_the_current_models_fault() -> None:
    async with staged() as stage:
        await stage.past()
        for n in range(100):
            await stage.turn(OLD, failed=n % 2 == 0)  # no model of now: it is gone since the promotion
            await stage.turn(NEW, failed=False)
        critical = {**ViolationDetected.example, "use_case": UC, "model_id": OLD, "severity": "critical"}
        event = stage.codec.encode(ViolationDetected.model_validate({**critical, "side": "output"}), ident())
        await stage.log.append(StreamWrite("violation-x", [event], "any"))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stage.optimiser.run())
            await until(lambda: stage.optimiser.position)
            await stage.optimiser.look(stage.now_us + 2)
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
            shown, _ = await stage.optimiser.answer({})
            return any(row["outcome"] for row in shown["proposals"])

        await run_until(stage, stage.optimiser, done)
        (outcome,) = await stage.events(CarriedOut)
        assert outcome.outcome == "handed_over"
        assert "raise their capacity: 2 times" in outcome.detail
        shown, _ = await stage.optimiser.answer({})
        (row,) = shown["proposals"]
        assert (row["status"], row["outcome"], row["detail"]) == ("ended", "handed_over", outcome.detail)
        assert (row["decided_by"], row["inputs"]["factor"]) == ("optimiser", 2.0)
        assert shown["costs"][UC]["turns"] == 40


async def test_prompts_that_are_cut_lead_to_a_larger_budget_with_the_way() -> None:
    async with staged() as stage:
        policy = {**OptimiserPolicy(turns_min=10).model_dump(), "automatic": ["change_budget"]}
        await stage.say("optimisation.set_policy", use_case=UC, policy=policy, operator="mira", reason="test")
        named = {"use_case": UC, "model_id": NEW, "configuration": {"template": "lamplight-line@1"}}
        await stage.say("registry.describe_model", **named, operator="mira", reason="test")
        for n in range(40):
            lost = [
                {"section": "history", "items": 1, "tokens": 20},
                {"section": "lore", "items": 1, "tokens": 9},
            ]
            await stage.turn(NEW, failed=False, cut=lost if n % 4 else [])

        async def done() -> bool:
            return bool(await stage.events(CarriedOut))

        await run_until(stage, stage.optimiser, done)
        (outcome,) = await stage.events(CarriedOut)
        assert outcome.outcome == "handed_over"
        assert outcome.detail.startswith(
            "register lamplight-line@1 as a new version whose budget has 29 tokens more"
        )


async def test_a_model_moves_only_to_a_tier_that_serves_it() -> None:
    async with staged() as stage:
        policy = {**OptimiserPolicy(cost_per_turn_micro_max=100).model_dump(), "automatic": ["move_tier"]}
        await stage.say("optimisation.set_policy", use_case=UC, policy=policy, operator="mira", reason="test")
        for _ in range(100):
            await stage.turn(NEW, failed=False, cost_micro=900)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stage.optimiser.run())
            await until(lambda: stage.optimiser.position)
            await stage.optimiser.look(stage.now_us + 2)
            assert await stage.events(Proposed) == []
            stage.engines["silver"].append(EchoEngine())
            await stage.optimiser.look(stage.now_us + 2)

            async def done() -> bool:
                return bool(await stage.events(CarriedOut))

            await until(done)
            task.cancel()
        (outcome,) = await stage.events(CarriedOut)
        assert outcome.outcome == "done"
        assert USE_CASE.fold(list(await stage.events(*REGISTRY_KINDS))).models[NEW].configuration == {
            "tier": "silver"
        }


async def test_own_engines_count_by_what_they_did_in_costs_and_in_the_rule_about_costs() -> None:
    async with staged() as stage:
        stage.engines["silver"] = [EchoEngine(), EchoEngine()]
        stage.engines["silver"][0].name = "mouse"  # gold's engine serves silver, too: it is one
        rented = EchoEngine()
        rented.name, rented.own = "rented", False
        stage.engines["bronze"].append(rented)
        price = {"engine_hour_micro": 12_000_000, "cost_per_turn_micro_max": 9_000, "turns_min": 10}
        policy = OptimiserPolicy.model_validate(price).model_dump()
        by = {"operator": "mira", "reason": "test"}
        await stage.say("optimisation.set_policy", use_case=UC, policy=policy, **by)
        other = {"use_case": "barks", "model_id": OLD}
        for _ in range(100):
            await stage.turn(NEW, failed=False, prompt_tokens=10, completion_tokens=5)
            await stage.turn(failed=False, prompt_tokens=4, completion_tokens=1, **other)
        await stage.turn(failed=False, cost_micro=700, **{**other, "use_case": "summaries"})

        async def there() -> bool:
            return bool(await stage.events(Proposed))

        await run_until(stage, stage.optimiser, there)
        (found,) = await stage.events(Proposed)
        # Two engines for 300 s at 12 dollars an hour are 2 dollars; three quarters of it in 100 turns.
        assert (found.action.kind, found.reason) == ("move_tier", "a turn costs $0.015, the limit is $0.0090")
        assert found.inputs["cost_per_turn_micro"] == pytest.approx(15_000, abs=1)
        costs = (await stage.optimiser.answer({}))[0]["costs"]
        assert costs[UC]["per_turn_micro"] == found.inputs["cost_per_turn_micro"]
        assert costs[UC]["engines"] == 1.5
        assert costs["barks"]["engines"] == 0.5
        assert (costs["summaries"]["engines"], costs["summaries"]["total_micro"]) == (0, 700)


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

        monkeypatch.setattr("handlers.optimisation.optimiser.TICK_S", 0.01)
        await run_until(stage, stage.optimiser, done)
        (outcome,) = await stage.events(CarriedOut)
        assert outcome.outcome == "refused"
        assert outcome.detail.startswith(
            "tier_not_served: no engine of the tier 'silver' serves the model 'lamplight@2'"
        )
        assert USE_CASE.fold(list(await stage.events(*REGISTRY_KINDS))).models[NEW].configuration == {}


async def test_what_was_cut_short_is_carried_out_by_the_next_one() -> None:
    async with staged() as stage:
        runner = CommandRunner(stage.log, stage.codec, [OPTIMISATION_RECORDS])
        action = Action(kind="move_tier", model_id=NEW, tier="gold")
        await runner.execute(propose(action=action), ident("p"), meta=message("x.y", {}).meta)
        await stage.say("optimisation.approve", **BY)
        waits = stage.waits = asyncio.Event()
        await run_until(stage, stage.optimiser, waits.is_set)  # it ends in the middle of the action
        assert await stage.events(CarriedOut) == []

        async def done() -> bool:
            return bool(await stage.events(CarriedOut))

        await run_until(stage, stage.another(), done)
        (outcome,) = await stage.events(CarriedOut)
        assert outcome.outcome == "done"


async def test_a_proposal_that_is_no_longer_true_is_withdrawn() -> None:
    async with staged() as stage:
        runner = CommandRunner(stage.log, stage.codec, [OPTIMISATION_RECORDS])
        action = Action(kind="deploy_candidate", model_id=OLD)
        await runner.execute(propose(action=action), ident("p"), meta=message("x.y", {}).meta)

        async def done() -> bool:
            return bool(await stage.events(ProposalWithdrawn))

        await run_until(stage, stage.optimiser, done)
        (withdrawn,) = await stage.events(ProposalWithdrawn)
        assert withdrawn.reason == "the model is no candidate any more that passed against the current one"


NO_DIGESTS = {"configuration_digest": None, "against_configuration": None}


async def passed(stage: Stage, version: str, evaluation_id: str) -> str:
    """Register a version whose evaluation passed; return its id."""
    id_ = model_id_of(use_case=UC, name="lamplight", version=version)
    await stage.say("registry.register_model", **model(version))
    facts = {"use_case": UC, "candidate": id_, "current": NEW, "verdict": "passed"}
    of = {"evaluation_id": evaluation_id}
    finished = EvaluationFinished.model_validate({**EvaluationFinished.example, **facts, **of})
    verdict = {"use_case": UC, "model_id": id_, "against_model_id": NEW, "verdict": "passed", **of}
    told = ModelEvaluated.model_validate({**ModelEvaluated.example, **NO_DIGESTS, **verdict})
    for stream, event in ((f"evaluation-{evaluation_id}", finished), (f"registry-{UC}", told)):
        await stage.log.append(StreamWrite(stream, [stage.codec.encode(event, ident())], "any"))
    return id_


async def test_a_candidate_is_proposed_with_the_figures_of_its_evaluation() -> None:
    async with staged() as stage:
        await passed(stage, "3", "a" * 32)

        async def there() -> bool:
            return bool(await stage.events(Proposed))

        await run_until(stage, stage.optimiser, there)
        (found,) = await stage.events(Proposed)
        assert found.inputs == {"answered": 0.0, "lore_stated": -0.63, "pairs": 64.0}


async def test_a_candidate_that_was_rejected_does_not_stand_in_the_way_of_the_next() -> None:
    async with staged() as stage:
        await passed(stage, "3", "a" * 32)
        second = await passed(stage, "4", "b" * 32)

        async def there() -> bool:
            return bool(await stage.events(Proposed))

        await run_until(stage, stage.optimiser, there)
        await stage.say("optimisation.reject", **BY)
        stage.now_us += 3_600_000_000

        async def two() -> bool:
            return len(await stage.events(Proposed)) == 2

        await run_until(stage, stage.another(), two)
        assert (await stage.events(Proposed))[1].action.model_id == second


async def test_who_approves_is_told_what_came_of_it() -> None:
    class Asked:
        """A client of a system that carries out at the third look."""

        looks = 0

        async def query(self, view: str, query: dict[str, Any]) -> Answer:
            assert (view, query["use_case"]) == ("optimisation.proposals", UC)
            self.looks += 1
            outcome = "refused" if self.looks > 2 else None
            return Answer({"proposals": [{"proposal_id": ID, "outcome": outcome, "detail": "why"}]}, 9)

    row = {"use_case": UC, "proposal_id": ID}
    client: Any = Asked()
    told = await outcome_of(client, row)
    assert told is not None
    assert told["detail"] == "why"
    assert client.looks == 3
    assert await outcome_of(client, {**row, "proposal_id": "of nobody"}, wait_s=0.01) is None


async def test_what_callers_did_wrong_is_not_the_models_failure() -> None:
    async with staged() as stage:
        await stage.past()
        for n in range(200):
            await stage.turn(NEW, failed=n % 2 == 0, code="prompt_too_long")
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stage.optimiser.run())
            await until(lambda: stage.optimiser.position)
            await stage.optimiser.look(stage.now_us + 2)
            task.cancel()
        assert await stage.events(Proposed) == []


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
            broken = ViolationDetected.model_validate({**facts, "inference_id": f"{1:032x}", "start": n})
            await stage.log.append(
                StreamWrite(f"violation-{n}", [stage.codec.encode(broken, ident())], "any")
            )
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stage.optimiser.run())
            await until(lambda: stage.optimiser.position)
            await stage.optimiser.look(stage.now_us + 2)
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


async def test_an_optimiser_that_cannot_look_says_so() -> None:
    """What fails beside its process is an error as well; doctor asks how it stands."""

    async def nonsense() -> Any:
        return [7]

    async with staged() as stage:
        stage.tiers = nonsense  # type: ignore[method-assign]  # an inference service of another kind
        policy = OptimiserPolicy(engine_hour_micro=3_600_000_000).model_dump()
        await stage.say("optimisation.set_policy", use_case=UC, policy=policy, operator="mira", reason="test")
        optimiser = stage.another()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(optimiser.run())
            await until(lambda: optimiser.standing.error)
            task.cancel()

    assert optimiser.standing.error.startswith("began anew after TypeError")
