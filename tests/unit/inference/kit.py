"""An inference service on the in-memory log, with an engine whose words are known."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.spool.spool import Spool, SpoolOptions
from domain.inference.messages import (
    InferenceRefused,
)
from domain.routing.choice import Objective
from handlers.inference.service import InferenceService
from handlers.kernel.commands import CommandRunner
from handlers.registry.models import RegistryView
from handlers.routing.router import Router
from handlers.routing.turns import Tier
from protocol.messages import CommandMessage, Reply
from tests.unit.kit import (
    START_US,
    WAIT_S,
    EchoEngine,
    memory_log,
    message,
    model,
    records_on,
    runner_on,
    spooled,
    until,
)

PATIENCE_S = 0.1
"""How long a turn waits for an engine that is away to come back: none of these does."""


def routes(*engines: EchoEngine, waiting_max: int = 64) -> Router:
    tier = Tier(engines=engines, objective=Objective(waiting_max=waiting_max), patience_s=PATIENCE_S)
    clock = asyncio.get_running_loop().time
    return Router({"gold": tier, "silver": tier}, clock=clock, draw=lambda: 0.0)


@dataclass
class Stage:
    log: MemoryLog
    codec: EventCodec
    runner: CommandRunner
    view: RegistryView
    engine: EchoEngine
    spool: Spool

    def service(self, *, waiting_max: int = 64, **options: Any) -> InferenceService:
        """A service with caches of its own: another process, as far as the log can tell."""
        router = routes(self.engine, waiting_max=waiting_max)
        records = records_on(self.spool, self.log, self.codec)
        return InferenceService(records, self.view, router, **options)

    def spool_options(self) -> SpoolOptions:
        return SpoolOptions(now_us=lambda: START_US, draw=lambda: 0.5, drain_s=0.0)

    async def register(self, **facts: Any) -> Reply:
        reply = await self.runner(message("registry.register_model", model(**facts)))
        async with asyncio.timeout(WAIT_S):
            await self.view.reached(reply.events[-1].position)
        return reply

    async def events(self) -> list[Any]:
        """Return what the log holds of inferences once the spool is empty."""
        await until(lambda: self.spool.figures().backlog_records == 0)
        return [self.codec.decode(e) for e in await self.log.read_all() if e.type.startswith("inference.")]

    async def codes(self) -> list[str]:
        """Return the codes of the recorded refusals."""
        return [event.code for event in await self.events() if isinstance(event, InferenceRefused)]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    log, codec = memory_log(), EventCodec(domain_catalogue())
    view = RegistryView(log, decode=codec.decode)
    async with asyncio.TaskGroup() as group, spooled(log, codec, tmp_path) as (spool, _):
        task = group.create_task(view.run())
        yield Stage(log, codec, runner_on(log, codec), view, EchoEngine(), spool)
        task.cancel()


def ask(prompt: str = "who goes there", *, name: object = None, **changes: Any) -> CommandMessage:
    return message("inference.generate", {"use_case": "npc_dialogue", "prompt": prompt, **changes}, name=name)
