"""A deployment under way while clocks are days wrong: its steps, holds and windows go by the log's time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aicore.audit.deployment_replay import replay
from aicore.client import Client, connect
from aicore.clock import new_id, now_us
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.connection import connect as connect_nats
from bus.nats.service import ServiceOptions, serve
from bus.ports import RecordedEvent, StreamWrite
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from bus.spool.spool import SpoolOptions, open_spool
from domain.inference.messages import InferenceCompleted
from domain.registry.deployment_messages import (
    ConfirmReady,
    DeploymentCompleted,
    DeploymentHeld,
    DeploymentRolledBack,
    StepPassed,
    StepStarted,
)
from domain.registry.gates import GATES
from domain.registry.models import model_id_of
from handlers.inference.records import InferenceRecords, recall_with
from handlers.inference.service import InferenceService
from handlers.kernel.commands import CommandRunner
from handlers.kernel.follow import ProcessRunner
from handlers.registry.deployments import GATE_RECORDS, DeploymentManager
from handlers.registry.engine_keeper import EngineKeeper
from handlers.registry.models import RegistryView
from handlers.routing.router import Router
from handlers.routing.turns import Tier
from protocol.meta import Meta
from tests.integration.log_kit import WAIT_S
from tests.unit.kit import EchoEngine, message, model, runner_on, until
from tests.unit.registry.test_deployment import WELL
from tests.unit.registry.test_watch import answered, asked

pytestmark = pytest.mark.integration

DAY_US = 24 * 3_600_000_000
DAYS_US = 3 * DAY_US
UC = "npc_dialogue"
NEW = model_id_of(use_case=UC, name="lamplight", version="2")
CODEC = EventCodec(domain_catalogue())
STEP_S = 1.0
GATE = {"turns_min": 3, "seconds_min": STEP_S, "hold_after_s": DAY_US / 1e6, "false_alarms": 0.001}


@dataclass
class Node:
    """A process of a cluster: its clock, and the log as it is open there."""

    wrong_us: int = 0
    log: Any = None
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def now_us(self) -> int:
        return now_us() + self.wrong_us

    async def events(self, *kinds: type) -> list[tuple[Any, RecordedEvent]]:
        found = [(CODEC.decode(each), each) for each in await self.log.read_all(limit=10_000)]
        return [(event, recorded) for event, recorded in found if isinstance(event, kinds)]


class SetRightInTheMiddle:
    """A node's log; the node's clock is set right between a command's decision and its append."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node.log, name)

    async def append(self, *writes: StreamWrite) -> Any:
        self._node.wrong_us = 0
        return await self._node.log.append(*writes)


@asynccontextmanager
async def running(work: Any) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work.run())
        yield
        task.cancel()


@asynccontextmanager
async def node_at(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[Node]:
    """Open the log of a node; what it runs ends before that closes."""
    node = Node()
    async with open_log(postgres.dsn, realm, now_us=node.now_us) as node.log, AsyncExitStack() as node.stack:
        yield node


async def judging(node: Node, routed: Router) -> None:
    """Carry deployments out on a node, as the program does."""
    runner, keeper = CommandRunner(node.log, CODEC, [GATE_RECORDS]), EngineKeeper(routed, lambda _: None)
    manager = DeploymentManager(node.log, runner, keeper, decode=CODEC.decode, now_us=node.log.now_us)
    await node.stack.enter_async_context(running(manager))


def router() -> Router:
    engine = EchoEngine()
    engine.models = frozenset({"lamplight@1", "lamplight@2"})
    clock = asyncio.get_running_loop().time
    return Router({"gold": Tier(engines=[engine])}, clock=clock, draw=lambda: 0.0)


async def answering(node: Node, url: str, realm: str, folder: Path) -> None:
    """Answer players and start deployments on a node, and carry them out there."""
    enter, runner, routed = node.stack.enter_async_context, runner_on(node.log, CODEC), router()
    options = SpoolOptions(now_us=node.now_us, draw=lambda: 0.5)
    spool = await enter(open_spool(folder, node.log, options))
    records = InferenceRecords(spool, CODEC, recall_with(runner), now_us=node.now_us, new_id=new_id)
    view = RegistryView(node.log, decode=CODEC.decode)
    await enter(running(view))
    await judging(node, routed)
    await until(lambda: view.current(UC))
    nc = await enter(connect_nats(url, name="test"))
    commands: dict[str, Any] = {
        "inference.generate": InferenceService(records, view, routed),
        "deployment.start": runner,
    }
    await enter(serve(nc, realm, commands, {}, ServiceOptions(new_id=new_id)))


async def registered(node: Node) -> None:
    for version in "12":
        await runner_on(node.log, CODEC)(message("registry.register_model", model(version)))


BAD = (DeploymentHeld, DeploymentRolledBack)
START: dict[str, Any] = {
    "use_case": UC,
    "model_id": NEW,
    "strategy": "canary",
    "steps": [50, 100],
    "gate": GATE,
    "operator": "mira",
    "reason": "a test",
    "override": "a test",
}


async def play(client: Client, node: Node, *ends: type) -> int:
    """Let players ask until the log has one of ``ends``; return how many did."""
    asked = 0
    async with asyncio.timeout(WAIT_S):
        while not await node.events(*ends):
            asked += 1
            ask = {"use_case": UC, "prompt": "hello", "player": f"p{asked % 40}"}
            await client.command("inference.generate", ask, id=new_id())
            await asyncio.sleep(0.005)
    return asked


async def test_steps_and_windows_go_by_the_logs_time_while_nodes_are_days_fast_and_slow(
    postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str, tmp_path: Path
) -> None:
    """Answers of the wrong nodes wait in their spools, and count once, when they are in the log."""
    folders = [tmp_path / name for name in ("right", "fast", "slow")]
    for folder in folders:
        folder.mkdir()
    await migrate(postgres.dsn, realm)
    async with AsyncExitStack() as stack:
        right, fast, slow = nodes = [await stack.enter_async_context(node_at(postgres, realm)) for _ in "123"]
        await registered(right)
        for node, folder in zip(nodes, folders, strict=True):
            await answering(node, nats_server.url, realm, folder)
        client = await stack.enter_async_context(connect(nats_server.url, realm))
        await client.command("deployment.start", START, id=new_id())
        await until(lambda: right.events(StepStarted))
        fast.wrong_us, slow.wrong_us = DAYS_US, -DAYS_US
        asked = await play(client, right, StepPassed, *BAD)
        unwritten = asked - len(await right.events(InferenceCompleted))
        fast.wrong_us = slow.wrong_us = 0
        asked += await play(client, right, DeploymentCompleted, *BAD)

        async def all_known() -> bool:
            return len(await right.events(InferenceCompleted)) == asked

        await until(all_known)
        assert unwritten > 0, "two of three nodes could write nothing"
        assert not await right.events(*BAD)
        begun, passed = await right.events(StepStarted), await right.events(StepPassed)
        assert [event.step for event, _ in passed] == [0, 1]
        for (_, begin), (_, end) in zip(begun, passed, strict=True):
            assert end.recorded_us - begin.recorded_us >= STEP_S * 1e6
        again = await replay(right.log, CODEC, passed[0][0].deployment_id)
        assert again.same, again.checks


@pytest.mark.parametrize("gate", [{"turns_min": 1, "seconds_min": DAY_US / 1e6}, {"turns_min": 2}])
async def test_no_verdict_of_a_wrong_clock_is_written_once_the_clock_is_right(
    postgres: EmbeddedPostgres, realm: str, gate: dict[str, Any]
) -> None:
    """Three days on, the step had passed, or starved; the clock is set right before that is written."""
    await migrate(postgres.dsn, realm)
    async with node_at(postgres, realm) as right, node_at(postgres, realm) as node:
        await registered(right)
        command = message("deployment.start", {**START, "gate": {**GATE, **gate}})
        id_ = (await runner_on(right.log, CODEC)(command)).result["deployment_id"]
        ready = ConfirmReady(use_case=UC, deployment_id=id_, checks=WELL)
        await CommandRunner(right.log, CODEC, [GATE_RECORDS]).execute(ready, new_id(), meta=Meta())
        turn = [CODEC.encode(event, new_id(), Meta()) for event in (asked(1, NEW), answered(1, NEW))]
        await right.log.append(StreamWrite(f"inference-{1:032x}", turn))
        log = SetRightInTheMiddle(node)
        gates = ProcessRunner(
            log, CommandRunner(log, CODEC, [GATE_RECORDS]), GATES, decode=CODEC.decode, now_us=log.now_us
        )
        async with running(gates):
            await until(lambda: gates.live and gates.state.runs and node.log.clock.sure)
            node.wrong_us = DAYS_US
            await gates.react(tick_us=log.now_us())
        assert not await right.events(StepPassed, *BAD)
