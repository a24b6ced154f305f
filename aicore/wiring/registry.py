"""Models and their deployments: commands, the models in memory, and who carries a deployment out."""

from functools import partial

from aicore.content.weights import MODELS
from aicore.settings import Settings
from aicore.wiring.parts import Part, Parts
from aicore.wiring.routing import router_of
from aicore.wiring.tiers import own_engine
from domain.registry.queries import CurrentQuery, DeploymentsQuery, ModelsQuery
from handlers.registry.commands import REGISTRY
from handlers.registry.deployment_board import DeploymentBoard
from handlers.registry.deployments import GATE_RECORDS, DeploymentManager
from handlers.registry.engine_keeper import EngineKeeper
from handlers.registry.models import RegistryView
from projections.registry.current_models import CURRENT_MODELS, models


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(
        bindings=(REGISTRY,),
        views=(CURRENT_MODELS,),
        answers={ModelsQuery: models},
        serve={"inference": _deployments, "queries": _queries},
    )


async def models_in_memory(parts: Parts) -> RegistryView:
    """Open the models as of the log's last registry event (`Parts.once`)."""
    return await parts.view(RegistryView(parts.log, decode=parts.codec.decode))


async def _queries(parts: Parts) -> None:
    board = await parts.view(DeploymentBoard(parts.log, decode=parts.codec.decode))
    registry = await parts.once(models_in_memory)
    parts.served.queries |= {CurrentQuery: registry.answer, DeploymentsQuery: board.answer}


async def _deployments(parts: Parts) -> None:
    """Carry deployments out where the engines are."""
    folders = [parts.system.state_dir / "models", MODELS]
    keeper = EngineKeeper(await parts.once(router_of), partial(own_engine, parts.settings, folders))
    parts.stack.push_async_callback(keeper.close)
    manager = DeploymentManager(
        parts.log, parts.runner(GATE_RECORDS), keeper, decode=parts.codec.decode, now_us=parts.log.now_us
    )
    parts.followers.append(manager)
    await parts.background(manager.run())
