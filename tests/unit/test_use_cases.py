"""Commands for a use case that has no model are refused, with the use cases that there are."""

import asyncio

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from domain.batch.messages import OpenBatch
from domain.decider import Rejected
from handlers.known_use_cases import KnownUseCase
from handlers.registry_view import RegistryView
from protocol.messages import CommandMessage, Reply
from tests.unit.kit import memory_log, message, model, runner_on, until


async def test_a_use_case_without_a_model_is_refused_and_the_known_ones_named() -> None:
    log, codec = memory_log(), EventCodec(domain_catalogue())
    registry = RegistryView(log, decode=codec.decode)
    taken: list[CommandMessage] = []

    async def run(command: CommandMessage) -> Reply:
        taken.append(command)
        return Reply()

    await runner_on(log, codec)(message("registry.register_model", model()))
    checked = KnownUseCase(run, registry)
    payload = dict(OpenBatch.example)
    await checked(message("batch.open", payload | {"use_case": "npc_dialogue"}))
    assert len(taken) == 1, "what memory does not know yet is asked of the log"
    await checked(message("batch.open", payload | {"use_case": 7}))
    assert len(taken) == 2, "its schema refuses it"

    async with asyncio.TaskGroup() as group:
        following = group.create_task(registry.run())
        await until(registry.use_cases)
        with pytest.raises(Rejected) as refused:
            await checked(message("batch.open", payload | {"use_case": "npc_dialogu"}))
        following.cancel()

    assert (refused.value.code, refused.value.field) == ("unknown_use_case", "use_case")
    assert "'npc_dialogu'; there are npc_dialogue" in refused.value.message
    assert refused.value.remedy == "did you mean npc_dialogue?"
    assert len(taken) == 2
