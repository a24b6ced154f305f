"""When the optimiser takes a proposal back, and when it leaves it: scenes of hours in a realm."""

import asyncio
from typing import Any

import pytest

from bus.ports import StreamWrite
from domain.kernel.event import Event
from domain.optimisation.messages import OptimiserPolicy, ProposalWithdrawn, Proposed
from domain.registry.deployment_messages import DeploymentHeld, DeploymentStarted
from tests.unit.kit import EchoEngine, ident, until
from tests.unit.optimisation.test_optimiser import Stage, staged
from tests.unit.registry.test_deployment import NEW, OLD, started
from tests.unit.registry.test_registry import UC

HOUR_US = 3_600_000_000
WINDOW_US = 300_000_000


async def look(stage: Stage) -> None:
    """Have an optimiser that was just started look once."""
    optimiser = stage.another()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(optimiser.run())
        await until(lambda: optimiser.position)
        await optimiser.look(stage.now_us + 1)
        task.cancel()


async def turns(stage: Stage, number: int, failed: int = 0, model_id: str = NEW, **facts: Any) -> None:
    for n in range(number):
        await stage.turn(model_id, failed=n < failed, **facts)


async def incident(stage: Stage) -> None:
    """A quarter of the turns fails after a good past, and a rollback is proposed."""
    await stage.past()
    await turns(stage, 100, failed=25)
    await look(stage)
    (found,) = await stage.events(Proposed)
    assert found.action.kind == "roll_back"


async def withdrawn(stage: Stage) -> list[str]:
    await look(stage)
    return [event.reason for event in await stage.events(ProposalWithdrawn)]


async def test_a_proposal_is_withdrawn_once_a_whole_window_is_as_usual() -> None:
    async with staged() as stage:
        await incident(stage)
        stage.now_us += WINDOW_US // 2
        await turns(stage, 900)
        assert await withdrawn(stage) == []  # 2.5 % of the window, of which half is older
        stage.now_us += WINDOW_US
        await turns(stage, 49)
        assert await withdrawn(stage) == []  # too few to say
        await turns(stage, 1)
        assert await withdrawn(stage) == ["what was seen since is as usual"]


async def test_what_goes_on_for_hours_is_compared_with_what_was_before_it() -> None:
    async with staged() as stage:
        await incident(stage)
        for _ in range(9):
            stage.now_us += HOUR_US
            await turns(stage, 60, failed=15)
        assert await withdrawn(stage) == []


async def test_a_proposal_with_no_past_to_compare_with_stays() -> None:
    async with staged() as stage:
        await incident(stage)
        stage.now_us += 23 * HOUR_US + WINDOW_US  # what was before it is no longer remembered
        await turns(stage, 60, failed=15)
        assert await withdrawn(stage) == []


async def test_while_a_deployment_runs_figures_withdraw_nothing() -> None:
    async with staged() as stage:
        await incident(stage)
        stage.now_us += HOUR_US
        of = {"model_id": OLD, "previous_model_id": NEW}
        event: Event = DeploymentStarted.model_validate({**started().model_dump(), **of})
        await stage.log.append(StreamWrite(f"registry-{UC}", [stage.codec.encode(event, ident())], "any"))
        await turns(stage, 60)
        assert await withdrawn(stage) == []


async def held(stage: Stage) -> None:
    """A deployment of the model before is held."""
    of = {"model_id": OLD, "previous_model_id": NEW}
    begun = DeploymentStarted.model_validate({**started().model_dump(), **of})
    on = {"deployment_id": begun.deployment_id, "use_case": UC, "model_id": OLD}
    held: Event = DeploymentHeld(**on, operator="mira", reason="until tomorrow")
    events = [stage.codec.encode(event, ident()) for event in (begun, held)]
    await stage.log.append(StreamWrite(f"registry-{UC}", events, "any"))


async def test_while_a_deployment_is_held_what_speaks_against_the_current_model_is_told() -> None:
    """The scar: a deployment that was held for the night blinded the optimiser to the current model."""
    async with staged() as stage:
        await held(stage)
        await incident(stage)


async def costly(stage: Stage) -> None:
    """Turns may cost 100 micro-dollars, and silver could serve the model."""
    policy = OptimiserPolicy(cost_per_turn_micro_max=100).model_dump()
    await stage.say("optimisation.set_policy", use_case=UC, policy=policy, operator="mira", reason="test")
    stage.engines["silver"].append(EchoEngine())
    await stage.past()


async def test_while_a_deployment_is_held_no_move_is_withdrawn_or_proposed() -> None:
    async with staged() as stage:
        await costly(stage)
        await turns(stage, 60, cost_micro=900)
        await look(stage)
        assert [found.action.kind for found in await stage.events(Proposed)] == ["move_tier"]
        await held(stage)
        stage.now_us += HOUR_US
        await turns(stage, 60, cost_micro=900)
        assert await withdrawn(stage) == []
        assert len(await stage.events(Proposed)) == 1


async def test_while_nobody_can_be_asked_for_tiers_no_move_is_withdrawn() -> None:
    async with staged() as stage:
        await costly(stage)
        await turns(stage, 60, cost_micro=900)
        await look(stage)
        assert [found.action.kind for found in await stage.events(Proposed)] == ["move_tier"]
        stage.now_us += HOUR_US
        await turns(stage, 60, cost_micro=900)
        stage.unanswered = 9
        assert await withdrawn(stage) == []


@pytest.mark.parametrize(("costs", "proposed"), [((10, 900), 0), ((190, 0), 1)])
async def test_a_turn_costs_what_the_current_models_turns_cost(costs: tuple[int, int], proposed: int) -> None:
    async with staged() as stage:
        await costly(stage)
        for model_id, cost in zip((NEW, OLD), costs, strict=True):
            await turns(stage, 60, model_id=model_id, cost_micro=cost)
        await look(stage)
        assert len(await stage.events(Proposed)) == proposed
