"""Batches: their commands, their state in memory, and the bronze tier's workers."""

from aicore.clock import new_id
from aicore.settings import Settings
from aicore.wiring.guardrails import active_policy
from aicore.wiring.inference import inference_service
from aicore.wiring.parts import Part, Parts
from aicore.wiring.registry import models_in_memory
from aicore.wiring.routing import router_of
from bus.nats.work_queue import NatsWorkQueue
from domain.batch.messages import AddItems, OpenBatch
from domain.batch.queries import BatchesQuery, ResultsQuery
from handlers.batch.batches import BATCH_RECORDS, BATCHES, BatchView
from handlers.batch.bronze import Bronze, WorkerDependencies
from handlers.guardrails.guard import Redacting
from handlers.registry.require_use_case import RequireUseCase


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(bindings=(BATCHES,), serve={"commands": _commands, "inference": _workers})


async def _commands(parts: Parts) -> None:
    """A batch is for a use case that has a model; what players wrote is redacted before it is recorded."""
    commands, opens, adds = parts.served.commands, OpenBatch.command_name, AddItems.command_name
    commands[opens] = RequireUseCase(OpenBatch, commands[opens], await parts.once(models_in_memory))
    commands[adds] = Redacting(commands[adds], await parts.once(active_policy))


async def _workers(parts: Parts) -> None:
    batches = await parts.view(BatchView(parts.log, decode=parts.codec.decode))
    parts.served.queries |= {BatchesQuery: batches.answer_list, ResultsQuery: batches.answer_results}
    if workers := parts.settings.bronze_concurrent:
        service, router = await parts.once(inference_service), await parts.once(router_of)
        queue = NatsWorkQueue(parts.nc, parts.system.realm)
        parts.stack.push_async_callback(queue.close)
        needs = WorkerDependencies(
            batches, queue, parts.runner(BATCH_RECORDS), service, router, new_id, workers
        )
        await parts.background(Bronze(needs).run())
