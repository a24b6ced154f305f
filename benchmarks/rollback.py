"""From the evidence to 0 % of the traffic at every router: three router processes, one deployment manager.

A candidate that fails half of its turns is deployed again and again. Measured is the time from the record of
the turn that brings the evidence over its limit to the moment from which a player of the candidate meets the
old model, in each of the routers; the manager's verdict, the decision's commit and the news are all in it.
"""

import asyncio
import itertools
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aicore.clock import new_id, now_us
from benchmarks.append import settings_of
from benchmarks.harness import Progress, Report, percentile, servers, settle
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ids import derived_id
from bus.ports import EventLog, NewEvent, StreamWrite
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from domain.inference.inference import stream_of
from domain.inference.messages import InferenceCompleted, InferenceFailed, InferenceRequested
from domain.kernel.event import Event
from domain.registry.deployment_messages import DeploymentRolledBack
from domain.registry.messages import RecordEvaluation
from domain.registry.models import model_id_of
from domain.registry.rollout import deployment_id_of
from domain.routing.split import bucket_of
from handlers.kernel.commands import CommandRunner
from handlers.registry.commands import REGISTRY, VERDICT_RECORDS
from handlers.registry.deployments import GATE_RECORDS, DeploymentManager
from handlers.registry.engine_keeper import EngineKeeper
from handlers.registry.models import RegistryView
from handlers.routing.router import Router
from handlers.routing.turns import Tier
from protocol.messages import CommandMessage
from protocol.meta import Meta
from tests.unit.kit import EchoEngine, until

REALM, USE_CASE = "bench", "npc_dialogue"
ROUTERS = 3
SHARE = 10
BY = {"operator": "bench", "reason": "measured"}
OLD, NEW = (model_id_of(use_case=USE_CASE, name="lamplight", version=version) for version in "12")
ROUNDS, ROUNDS_QUICK = 100, 15


def player_of(number: int) -> str:
    """Return a player who meets the candidate of the nth deployment: each draws its players by its id."""
    salt = deployment_id_of(use_case=USE_CASE, number=number)
    return next(f"p{n}" for n in itertools.count() if bucket_of(f"p{n}", salt=salt) < SHARE)


class RouterProcess:
    """A child that says whom the player of the deployment under way meets."""

    def __init__(self, dsn: str) -> None:
        players = ",".join(player_of(number) for number in range(ROUNDS))
        command = [sys.executable, "-m", "benchmarks.rollback_child", dsn, REALM, USE_CASE, players]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.met: list[tuple[float, str]] = []

    def read(self) -> None:
        """Keep what it says; blocks until it ends."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            at, model = line.split()
            self.met.append((float(at), model))

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


class Stage:
    """The log and who writes to it."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.codec = EventCodec(domain_catalogue())
        self.runner = CommandRunner(log, self.codec, [REGISTRY])
        self.verdicts = CommandRunner(log, self.codec, [VERDICT_RECORDS])
        self.gates = CommandRunner(log, self.codec, [GATE_RECORDS])
        self.view = RegistryView(log, decode=self.codec.decode)
        self.players = 0

    async def say(self, command: str, **payload: Any) -> None:
        """Send a command."""
        await self.runner(CommandMessage(new_id(), command, {"use_case": USE_CASE, **payload}))

    async def turn(self) -> None:
        """Record the turn of a new player: question and outcome, as an inference process would."""
        self.players += 1
        player = f"x{self.players}"
        model, _ = await self.view.version_for(USE_CASE, player) or (None, "")
        assert model is not None
        facts = model.registered
        id_ = new_id()
        of = {
            "inference_id": id_.hex, "use_case": USE_CASE, "model_id": facts.model_id,
            "model_name": facts.name, "model_version": facts.version, "player": player, "conversation": None,
        }  # fmt: skip
        failed = facts.model_id == NEW and self.players % 2 == 0
        kinds: list[type[Event]] = [InferenceRequested, InferenceFailed if failed else InferenceCompleted]
        events = [self._event(kind, derived_id(id_, n), of) for n, kind in enumerate(kinds)]
        await self.log.append(StreamWrite(stream_of(id_.hex), events, "any"))

    def _event(self, kind: type[Event], id_: Any, of: dict[str, Any]) -> NewEvent:
        known = {name: value for name, value in of.items() if name in kind.model_fields}
        return self.codec.encode(kind.model_validate({**kind.example, **known}), id_)


@asynccontextmanager
async def staged(dsn: str) -> AsyncIterator[tuple[Stage, list[RouterProcess]]]:
    """Yield a realm with a deployment manager and the routers' processes."""
    await migrate(dsn, REALM)
    async with open_log(dsn, REALM, now_us=now_us) as log:
        stage = Stage(log)
        for version in "12":
            await stage.say(
                "registry.register_model", name="lamplight", version=version, provider="echo",
                model_type="self_hosted", tier="gold",
            )  # fmt: skip
        router = Router({"gold": Tier(engines=[EchoEngine()])}, clock=time.perf_counter, draw=lambda: 0.0)
        keeper = EngineKeeper(router, lambda _: None)
        manager = DeploymentManager(log, stage.gates, keeper, decode=stage.codec.decode, now_us=now_us)
        routers = [RouterProcess(dsn) for _ in range(ROUTERS)]
        try:
            async with asyncio.TaskGroup() as group:
                readers = [asyncio.to_thread(each.read) for each in routers]
                tasks = [group.create_task(work) for work in (stage.view.run(), manager.run(), *readers)]
                await until(lambda: all(each.met for each in routers))
                yield stage, routers
                for each in routers:
                    each.end()
                for task in tasks:
                    task.cancel()
        finally:
            for each in routers:
                each.end()


async def deployment(stage: Stage, routers: list[RouterProcess], number: int) -> list[float]:
    """Deploy the failing candidate; return for each router how long it went on, ms."""
    evaluated = RecordEvaluation(
        use_case=USE_CASE, model_id=NEW, against_model_id=OLD,
        evaluation_id=f"{number:032x}", suite="bench@1", scorers=["answered"], verdict="passed",
        rollbacks=number,
    )  # fmt: skip
    await stage.verdicts.execute(evaluated, new_id(), meta=Meta())
    await stage.say(
        "deployment.start", model_id=NEW, strategy="canary", steps=[SHARE, 100],
        gate={"turns_min": 1_000}, **BY,
    )  # fmt: skip
    await until(lambda: all(each.met[-1][1] == NEW for each in routers))
    await until(lambda: stage.view.models(USE_CASE).deployment)
    while (found := stage.view.models(USE_CASE)).deployment is not None:
        await stage.turn()
    assert found.ended == "rolled_back"
    await until(lambda: all(each.met[-1][1] == OLD for each in routers))
    since = time.monotonic() - now_us() / 1e6
    rolled_at, evidence_at = await _times(stage)
    return [(each.met[-1][0] - (evidence_at + since)) * 1e3 for each in routers] + [
        (rolled_at - evidence_at) * 1e3
    ]


async def _times(stage: Stage) -> tuple[float, float]:
    """Return when the newest rollback was recorded, and the turn that its evidence ends with; s."""
    past = [each async for each in _events(stage)]
    rolled = next(each for each in reversed(past) if each.type == DeploymentRolledBack.event_name)
    event = stage.codec.decode(rolled)
    assert isinstance(event, DeploymentRolledBack)
    assert event.evidence is not None
    (turn,) = await stage.log.read_all(after=event.evidence.position - 1, limit=1)
    return rolled.recorded_us / 1e6, turn.recorded_us / 1e6


async def _events(stage: Stage) -> AsyncIterator[Any]:
    after = 0
    while page := await stage.log.read_all(after=after, limit=2_000):
        for each in page:
            yield each
        after = page[-1].position


async def run(quick: bool, progress: Progress) -> Report:
    """Measure."""
    rounds = ROUNDS_QUICK if quick else ROUNDS
    report = Report("rollback", rounds)
    report.facts |= {"routers": ROUTERS, "share": f"{SHARE} %"}
    everywhere, decided = list[float](), list[float]()
    with servers() as (postgres, _):
        report.facts |= await settings_of(postgres.dsn)
        await settle(postgres)
        async with staged(postgres.dsn) as (stage, routers):
            for number in range(rounds):
                progress(f"rollback {number + 1} of {rounds}")
                *times, decision = await deployment(stage, routers, number)
                everywhere.append(max(times))
                decided.append(decision)
    for name, values in (("everywhere", everywhere), ("decided", decided)):
        for share in (0.5, 0.99):
            report.add(f"{name}_ms_p{share * 100:.0f}", percentile(values, share), "ms")
    report.add("everywhere_ms_max", max(everywhere), "ms")
    return report
