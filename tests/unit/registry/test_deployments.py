"""The deployment manager on a log in memory: what players, operators and crashes make of a deployment."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aicore.audit.deployment_replay import Replay, replay
from aicore.audit.rejudge import Check
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import LogUnavailable, NewEvent, StreamWrite
from domain.batch.messages import BatchOpened
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.registry.deployment_messages import (
    DeploymentAborted,
    DeploymentFailed,
    DeploymentRolledBack,
    StepStarted,
)
from domain.registry.messages import AliasSet, ModelPromoted, ModelRetired
from domain.registry.models import model_id_of
from domain.registry.rollout import deployment_id_of
from domain.registry.state import Model
from domain.registry.use_case import USE_CASE
from handlers.engines.port import End, EngineAsk, EngineError, Piece
from handlers.inference.service import InferenceService
from handlers.kernel.commands import CommandRunner
from handlers.registry.deployment_board import DeploymentBoard
from handlers.registry.deployments import GATE_RECORDS, DeploymentManager
from handlers.registry.engine_keeper import PROBE, EngineKeeper, wanted_of
from handlers.registry.models import RegistryView
from handlers.routing.router import Router
from handlers.routing.turns import Tier
from protocol.meta import decode_meta
from tests.unit.kit import START_US, EchoEngine, ident, memory_log, message, model, runner_on, spooled, until
from tests.unit.registry.test_deployment import OF, evidence, started
from tests.unit.registry.test_registry import first_promoted, registered
from tests.unit.spec import changed

UC = "npc_dialogue"
OLD, NEW = (model_id_of(use_case=UC, name="lamplight", version=version) for version in "12")
DIGEST = "sha256:" + "ab" * 32
BY = {"operator": "mira", "reason": "a test"}


class Flaky(EchoEngine):
    """A version's own engine, of whose answers a share fails."""

    def __init__(self, version: str, failing: float = 0.0, files: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.name = f"lamplight-{version}"
        self.models = frozenset({f"lamplight@{version}"})
        self.artefacts = files or {"model.bin": DIGEST}
        self.failing = failing
        self.stopped = False
        self._draws = random.Random(7)

    async def stop(self) -> None:
        self.stopped = True

    async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        if ask.prompt != PROBE and self._draws.random() < self.failing:
            raise EngineError("it fell over", "engine_nonsense")
        async for item in super().stream(ask):
            yield item


@dataclass
class Stage:
    """A realm in one process, its players, and the log behind it."""

    log: MemoryLog
    codec: EventCodec
    service: InferenceService
    view: RegistryView
    router: Router
    runner: CommandRunner
    candidate: Flaky | None
    stack: AsyncExitStack
    made: list[Flaky] = field(default_factory=list)
    manager: asyncio.Task[None] | None = None
    turns: int = 0
    now_us: int = START_US

    async def events(self, *kinds: type[Event]) -> list[Any]:
        found = [self.codec.decode(recorded) for recorded in await self.log.read_all(limit=100_000)]
        return [event for event in found if isinstance(event, kinds)]

    async def board(self) -> list[dict[str, Any]]:
        """Return how the board shows the log as it is now."""
        board = DeploymentBoard(self.log, decode=self.codec.decode)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(board.run())
            await until(lambda: board.position)
            rows, _ = await board.answer({})
            task.cancel()
        return list(rows)

    async def start(self, **changes: Any) -> str:
        payload = {"use_case": UC, "model_id": NEW, "strategy": "canary", "gate": {"turns_min": 5}, **BY}
        reply = await self.runner(message("deployment.start", {**payload, "override": "a test", **changes}))
        return str(reply.result["deployment_id"])

    async def play(self, turns: int) -> None:
        """Let new players ask, one after the other."""
        for _ in range(turns):
            self.turns += 1
            ask = {
                "use_case": UC,
                "prompt": "hello there",
                "player": f"p{self.turns}",
                "authored_line": "Hm.",
            }
            await self.service(message("inference.generate", ask))

    async def play_until(self, done: Any, turns_max: int = 3_000) -> None:
        while not done():
            assert self.turns < turns_max, "it did not end"
            await self.play(10)
            await asyncio.sleep(0.001)

    def running(self) -> bool:
        return self.view.models(UC).deployment is not None

    def begin_manager(self, group: asyncio.TaskGroup) -> None:
        keeper = EngineKeeper(self.router, self.make)
        manager = DeploymentManager(
            self.log,
            CommandRunner(self.log, self.codec, [GATE_RECORDS]),
            keeper,
            decode=self.codec.decode,
            now_us=lambda: self.now_us,
        )
        self.manager = group.create_task(manager.run())

    def make(self, model: Model) -> Flaky | None:
        if model.registered.model_id != NEW or self.candidate is None:
            return None
        self.made.append(self.candidate)
        return self.candidate


@asynccontextmanager
async def staged(folder: Path, candidate: Flaky | None) -> AsyncIterator[Stage]:
    log, codec = memory_log(), EventCodec(domain_catalogue())
    runner, view = runner_on(log, codec), RegistryView(log, decode=codec.decode)
    for version in "12":
        await runner(message("registry.register_model", model(version, artefacts={"model.bin": DIGEST})))
    async with AsyncExitStack() as stack:
        _, records = await stack.enter_async_context(spooled(log, codec, folder))
        clock = asyncio.get_running_loop().time
        current = Flaky("1")
        router = Router({"gold": Tier(engines=[current], patience_s=0.0)}, clock=clock, draw=lambda: 0.0)
        service = InferenceService(records, view, router)
        stage = Stage(log, codec, service, view, router, runner, candidate, stack)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(view.run())]
            stage.begin_manager(group)
            await until(lambda: view.current(UC))
            yield stage
            assert stage.manager
            for task in (*tasks, stage.manager):
                task.cancel()


async def test_a_good_candidate_reaches_everybody_step_by_step(tmp_path: Path) -> None:
    async with staged(tmp_path, Flaky("2")) as stage:
        await stage.start()
        await until(stage.running)
        await stage.play_until(lambda: not stage.running())
        assert [event.share for event in await stage.events(StepStarted)] == [5, 25, 50, 100]
        again = await replay(stage.log, stage.codec, deployment_id_of(use_case=UC, number=0))
        assert again.same, again.checks
        assert [check.what for check in again.checks] == ["deployment.step_passed"] * 4
        assert stage.view.models(UC).current == NEW
        await stage.play(3)
        assert not stage.made[0].stopped
        served = {turn.registered.model_id for turn in [stage.view.models(UC).models[NEW]]}
        assert served == {NEW}


async def test_a_failing_candidate_is_taken_back_by_evidence(tmp_path: Path) -> None:
    async with staged(tmp_path, Flaky("2", failing=0.6)) as stage:
        await stage.start(gate={"turns_min": 200})
        await until(stage.running)
        await stage.play_until(lambda: not stage.running())
        (rolled,) = await stage.events(DeploymentRolledBack)
        assert (rolled.trigger, rolled.measure, rolled.to_model_id) == ("evidence", "failures", OLD)
        assert rolled.evidence.e_value >= rolled.evidence.limit
        assert rolled.evidence.candidate_turns < 60
        again = await replay(stage.log, stage.codec, rolled.deployment_id)
        assert again.same, again.checks
        assert stage.view.models(UC).shares == {}
        assert stage.view.models(UC).models[NEW].needs_reevaluation
        await until(lambda: stage.made[0].stopped)


async def test_what_the_manager_says_names_its_cause(tmp_path: Path) -> None:
    """An auditor goes from a rollback to the turn that led to it, and to the start that it belongs to."""
    async with staged(tmp_path, Flaky("2", failing=0.6)) as stage:
        await stage.start(gate={"turns_min": 200})
        await until(stage.running)
        await stage.play_until(lambda: not stage.running())
        log = await stage.log.read_all(limit=100_000)
        by_id = {recorded.id: recorded for recorded in log}
        (start,) = [each for each in log if each.type == "deployment.started"]
        causes = dict[str, str]()
        for each in log:
            if each.type.startswith("deployment.") and each is not start:
                meta = decode_meta(each.meta)
                assert meta.correlation == decode_meta(start.meta).correlation
                assert meta.causation
                cause = by_id[meta.causation]
                assert cause.position < each.position
                causes[each.type] = cause.type
        assert causes["deployment.ready"] == causes["deployment.step_started"] == "deployment.started"
        assert causes["deployment.rolled_back"].startswith("inference.")


async def test_the_old_models_turns_are_the_cause_of_nothing_that_the_candidate_has_to_show(
    tmp_path: Path,
) -> None:
    """The scar: a turn of the old model during the preparation was the cause of deployment.ready."""
    loaded = asyncio.Event()

    class Slow(Flaky):
        async def start(self) -> None:
            await loaded.wait()

    async with staged(tmp_path, Slow("2")) as stage:
        await stage.start(gate={"turns_min": 1_000, "hold_after_s": 0.001})
        await until(lambda: stage.made)
        await stage.play(3)
        await asyncio.sleep(0.05)
        loaded.set()
        await until(lambda: (d := stage.view.models(UC).deployment) and d.step == 0)
        await stage.play(3)
        await asyncio.sleep(0.05)
        stage.now_us += 10**9
        await until(lambda: (d := stage.view.models(UC).deployment) and d.held)
        log = await stage.log.read_all(limit=100_000)
        types = {recorded.id: recorded.type for recorded in log}
        causes = {each.type: types.get(decode_meta(each.meta).causation or each.id) for each in log}
        assert causes["deployment.ready"] == causes["deployment.step_started"] == "deployment.started"
        assert causes["deployment.held"] == "deployment.step_started"


async def test_the_log_tells_the_same_verdict_again(tmp_path: Path) -> None:
    """A manager that comes after a crash, or an auditor, folds the log and gets the same evidence."""
    async with staged(tmp_path, Flaky("2", failing=0.6)) as stage:
        id_ = await stage.start(gate={"turns_min": 200})
        await until(stage.running)
        await stage.play(40)
        assert stage.manager
        stage.manager.cancel()
        await stage.play(400)
        assert stage.running()
        async with asyncio.TaskGroup() as group:
            stage.begin_manager(group)
            await until(lambda: not stage.running())
            stage.manager.cancel()
        (rolled,) = await stage.events(DeploymentRolledBack)
        assert rolled.deployment_id == id_
        (check,) = (await replay(stage.log, stage.codec, id_)).checks
        assert (check.then, check.same) == (check.now, False)
        assert check.why.startswith("late: due after event"), "nobody judged while it was away"


def test_a_verdict_that_comes_out_otherwise_is_told_as_another() -> None:
    """Only what depends on the moment of the look may differ."""
    then = evidence()
    assert Check("step_passed", then, changed(then, failures=0.3, latency_ms=9.0)).same
    assert not Check("step_passed", then, changed(then, e_value=then.e_value + 0.1)).same
    assert not Check("step_passed", then, then, why="late").same
    assert not Replay("d").same
    assert not Replay("d", checks=[Check("a", then, then), Check("b", then, evidence(turns=11))]).same


async def test_a_manager_that_dies_at_any_time_goes_on_where_the_log_says(tmp_path: Path) -> None:
    async with staged(tmp_path, Flaky("2")) as stage:
        await stage.start()
        for _ in range(40):
            if stage.view.models(UC).current == NEW:
                break
            assert stage.manager
            stage.manager.cancel()
            async with asyncio.TaskGroup() as group:
                stage.begin_manager(group)
                await stage.play(20)
                await asyncio.sleep(0.1)
                stage.manager.cancel()
        assert stage.view.models(UC).current == NEW, stage.view.models(UC).deployment
        assert [event.step for event in await stage.events(StepStarted)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"model.bin": "sha256:" + "cd" * 32}, "model.bin is sha256:cdcd"),
        ({"model.bin": DIGEST, "more.bin": DIGEST}, "more.bin is sha256:abab"),
        ({"other.bin": DIGEST}, "model.bin is missing"),
    ],
)
async def test_other_files_than_registered_never_serve(
    files: dict[str, str], says: str, tmp_path: Path
) -> None:
    async with staged(tmp_path, Flaky("2", files=files)) as stage:
        await stage.start()
        await until(lambda: stage.view.models(UC).ended == "failed")
        (failed,) = await stage.events(DeploymentFailed)
        assert f"other files than registered: {says}" in failed.checks[-1].detail
        await stage.play(5)
        assert stage.made[0].prompts == []


def test_engines_are_called_for_by_whoever_may_have_to_speak_at_once() -> None:
    """The current version, the one before it, which is gone back to, a candidate, and those with an alias."""
    third = model_id_of(use_case=UC, name="lamplight", version="3")
    events: list[Any] = [registered("1"), first_promoted("1"), registered("2"), registered("3")]
    assert wanted_of(USE_CASE.fold(events)) == {OLD}
    by = {"use_case": UC, **BY}
    events.append(ModelPromoted(model_id=NEW, previous_model_id=OLD, **by))
    assert wanted_of(USE_CASE.fold(events)) == {OLD, NEW}
    events.append(AliasSet(alias="next", model_id=third, **by))
    assert wanted_of(USE_CASE.fold(events)) == {OLD, NEW, third}
    events.append(ModelRetired(model_id=OLD, **by))
    assert wanted_of(USE_CASE.fold(events)) == {NEW, third}


async def test_a_version_without_an_engine_is_not_deployed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.registry.deployments.MISSING_S", 0.1)
    async with staged(tmp_path, None) as stage:
        await stage.start()
        await until(lambda: stage.view.models(UC).ended == "failed")
        (failed,) = await stage.events(DeploymentFailed)
        assert "no engine of the tier gold serves lamplight 2" in failed.checks[-1].detail


async def test_an_engine_of_that_name_does_not_answer_for_another_version(tmp_path: Path) -> None:
    """The files of the version are here, so its own weights must answer, not the old ones in its name."""
    async with staged(tmp_path, Flaky("2")) as stage:
        bare = EchoEngine()
        bare.models = frozenset({"lamplight"})
        stage.router.add("gold", bare)
        await stage.start(steps=[100], strategy="all_at_once")
        await until(lambda: (d := stage.view.models(UC).deployment) and d.step == 0)
        await stage.play(3)
        assert len(stage.made) == 1
        assert len(stage.made[0].prompts) == 1 + 3
        assert bare.prompts == []


async def test_a_manager_that_comes_back_goes_on_whatever_the_log_ends_with(tmp_path: Path) -> None:
    async with staged(tmp_path, Flaky("2")) as stage:
        assert stage.manager
        stage.manager.cancel()
        await stage.start()
        other = stage.codec.encode(BatchOpened.from_example(), ident())
        await stage.log.append(StreamWrite("batch-x", [other], "any"))
        async with asyncio.TaskGroup() as group:
            stage.begin_manager(group)
            await until(lambda: (d := stage.view.models(UC).deployment) and d.step == 0)
            stage.manager.cancel()


async def test_what_the_log_did_not_take_is_said_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.kernel.follow.AGAIN_S_MIN", 0.05)
    async with staged(tmp_path, Flaky("2")) as stage:
        append, away = stage.log.append, 2

        async def failing(*writes: StreamWrite) -> Any:
            nonlocal away
            if away and any(event.type == "deployment.ready" for write in writes for event in write.events):
                away -= 1
                raise LogUnavailable("Postgres is away")
            return await append(*writes)

        monkeypatch.setattr(stage.log, "append", failing)
        await stage.start()
        await until(lambda: (d := stage.view.models(UC).deployment) and d.step == 0)
        assert away == 0


async def test_an_engine_that_nobody_could_foresee_fails_its_deployment_and_nothing_else(
    tmp_path: Path,
) -> None:
    class Broken(Flaky):
        async def start(self) -> None:
            raise RuntimeError("a file of another kind\x00")

    async with staged(tmp_path, Broken("2")) as stage:
        await stage.start()
        await until(lambda: stage.view.models(UC).ended == "failed")
        (failed,) = await stage.events(DeploymentFailed)
        assert "RuntimeError: a file of another kind" in failed.checks[-1].detail
        assert stage.manager
        assert not stage.manager.done()


async def test_an_engine_that_does_not_start_is_not_tried_again_at_every_turn(tmp_path: Path) -> None:
    starts = list[int]()

    class Broken(Flaky):
        async def start(self) -> None:
            starts.append(stage.turns)
            raise EngineError("its weights are torn")

    async with staged(tmp_path, Broken("2")) as stage:
        alias = {"use_case": UC, "alias": "next", "model_id": NEW, **BY}
        await stage.runner(message("registry.set_alias", alias))
        await until(lambda: starts)
        for _ in range(20):
            await stage.play(1)
            await asyncio.sleep(0.01)
        tried = len(starts)
        described = {"use_case": UC, "model_id": OLD, "description": "of old", **BY}
        await stage.runner(message("registry.describe_model", described))
        await until(lambda: len(starts) > tried)

    assert tried <= 2, "a start costs seconds; only what is called for changes what is tried"


@pytest.mark.parametrize("version", [1, 99])
async def test_engines_are_kept_though_the_judging_stands_still_before_what_it_cannot_read(
    version: int, tmp_path: Path
) -> None:
    """A torn event, or a newer program's, holds up who acts; players still need their engines."""
    async with staged(tmp_path, Flaky("2")) as stage:
        assert stage.manager
        stage.manager.cancel()
        torn = NewEvent(ident(), "registry.model_promoted", version, b"\x80")
        await stage.log.append(StreamWrite("registry-lamps", [torn], "any"))
        alias = {"use_case": UC, "alias": "next", "model_id": NEW, **BY}
        await stage.runner(message("registry.set_alias", alias))
        async with asyncio.TaskGroup() as group:
            stage.begin_manager(group)
            await until(lambda: stage.made)
            stage.manager.cancel()


async def test_a_reply_says_of_a_deployment_what_the_board_says(tmp_path: Path) -> None:
    """The scar: the start's reply said running while nobody could meet the candidate yet."""
    async with staged(tmp_path, Flaky("2")) as stage:
        assert stage.manager
        stage.manager.cancel()
        payload = {"use_case": UC, "model_id": NEW, "strategy": "canary", "override": "a test", **BY}

        async def told(command: str, payload: dict[str, Any]) -> tuple[str, str, int, int]:
            result = (await stage.runner(message(command, payload))).result
            (row,) = await stage.board()
            names = ("deployment_id", "step", "share")
            assert [result[name] for name in names] == [row[name] for name in names]
            assert result["deployment"] == row["state"]
            return result["deployment_id"], row["state"], row["step"], row["share"]

        id_, *stands = await told("deployment.start", payload)
        assert stands == ["preparing", -1, 0]
        of = {"use_case": UC, "deployment_id": id_, **BY}
        assert await told("deployment.hold", of) == (id_, "held", -1, 0)
        assert await told("deployment.resume", of) == (id_, "preparing", -1, 0)
        assert await told("deployment.abort", of) == (id_, "aborted", -1, 0)


async def test_an_operator_holds_and_resumes(tmp_path: Path) -> None:
    async with staged(tmp_path, Flaky("2")) as stage:
        id_ = await stage.start(steps=[50, 100])
        of = {"use_case": UC, "deployment_id": id_, **BY}
        await until(lambda: (d := stage.view.models(UC).deployment) and d.step == 0)
        await stage.runner(message("deployment.hold", of))
        await until(lambda: (d := stage.view.models(UC).deployment) and d.held)
        await stage.play(60)
        assert stage.running()
        await stage.runner(message("deployment.resume", of))
        await stage.play_until(lambda: not stage.running())
        assert stage.view.models(UC).current == NEW


async def test_a_hold_during_the_preparation_keeps_players_away_until_it_is_resumed(tmp_path: Path) -> None:
    async with staged(tmp_path, Flaky("2")) as stage:
        assert stage.manager
        stage.manager.cancel()
        id_ = await stage.start()
        of = {"use_case": UC, "deployment_id": id_, **BY}
        await stage.runner(message("deployment.hold", of))
        async with asyncio.TaskGroup() as group:
            stage.begin_manager(group)
            await until(lambda: stage.made)  # the keeper's: it is called for all the same
            assert await stage.events(StepStarted) == []
            await stage.runner(message("deployment.resume", of))
            await until(lambda: (d := stage.view.models(UC).deployment) and d.step == 0)
            stage.manager.cancel()


async def test_after_a_rollback_without_anyone_left_the_authored_line_is_said(tmp_path: Path) -> None:
    async with staged(tmp_path, None) as stage:
        reply = await stage.runner(
            message(
                "deployment.roll_back", {"use_case": UC, "model_id": OLD, "silence": True, **BY}, name="back"
            )
        )
        assert reply.result == {
            "use_case": UC, "model_id": OLD, "status": "silenced", "current_model_id": OLD,
        }  # fmt: skip
        await until(lambda: stage.view.silenced(UC))
        shown, _ = await stage.view.answer({"use_case": UC})
        assert shown["status"] == "silenced"
        (row,) = await stage.board()
        assert (row["deployment_id"], row["state"], row["share"]) == (None, "rolled_back", 0)
        assert [each["what"] for each in row["story"]] == ["rolled_back"]
        ask = {"use_case": UC, "prompt": "hello"}
        said = await stage.service(message("inference.generate", {**ask, "authored_line": "Not now."}))
        assert (said.result["text"], said.result["finish_reason"]) == ("Not now.", "authored")
        with pytest.raises(Rejected) as refused:
            await stage.service(message("inference.generate", ask))
        assert refused.value.code == "use_case_silenced"


async def test_who_asks_for_an_alias_gets_that_version_whatever_the_traffic(tmp_path: Path) -> None:
    async with staged(tmp_path, Flaky("2")) as stage:
        await stage.runner(
            message("registry.set_alias", {"use_case": UC, "alias": "next", "model_id": NEW, **BY})
        )
        await until(lambda: stage.router.engine_of("gold", "echo", "lamplight@2"))
        ask = {"use_case": UC, "prompt": "hello"}
        said = await stage.service(message("inference.generate", {**ask, "alias": "next"}))
        assert said.result["model"]["version"] == "2"
        assert (await stage.service(message("inference.generate", ask))).result["model"]["version"] == "1"
        with pytest.raises(Rejected) as refused:
            await stage.service(message("inference.generate", {**ask, "alias": "best"}))
        assert refused.value.code == "alias_not_found"
        assert "it has next" in refused.value.message


async def test_who_asks_for_an_alias_of_what_was_rolled_back_gets_what_all_get(tmp_path: Path) -> None:
    """The scar: with no share of the traffic it went on answering whoever asked for the alias."""
    async with staged(tmp_path, None) as stage:
        await stage.runner(
            message("registry.set_alias", {"use_case": UC, "alias": "next", "model_id": NEW, **BY})
        )
        back = DeploymentRolledBack(
            deployment_id=None, use_case=UC, model_id=NEW, to_model_id=OLD, share=5, trigger="operator", **BY
        )
        await stage.log.append(StreamWrite(f"registry-{UC}", [stage.codec.encode(back, ident())], "any"))
        await until(lambda: stage.view.models(UC).models[NEW].needs_reevaluation)
        found = await stage.view.version_for(UC, "p1", "next")
        assert found is not None
        assert found[0].registered.model_id == OLD
        assert found[1] == f"alias next of {UC}, which was rolled back; current model of {UC}"


async def test_the_board_tells_of_the_newest_and_of_any_that_is_named() -> None:
    """The scar: after some 330 deployments no message could hold the answer, and nobody could abort."""
    log, codec = memory_log(), EventCodec(domain_catalogue())
    board = DeploymentBoard(log, decode=codec.decode)
    ids = [deployment_id_of(use_case=UC, number=n) for n in range(150)]
    for id_ in ids:
        aborted = DeploymentAborted(**{**OF, "deployment_id": id_}, **BY)
        new = [codec.encode(event, ident()) for event in (started(deployment_id=id_), aborted)]
        await log.append(StreamWrite(f"registry-{UC}", new, "any"))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(board.run())
        await until(lambda: board.position == 300)
        task.cancel()
    rows, _ = await board.answer({})
    assert [row["deployment_id"] for row in rows] == ids[50:]
    assert [row["deployment_id"] for row in (await board.answer({"deployment_id": ids[3]}))[0]] == [ids[3]]
    assert len((await board.answer({"limit": 7}))[0]) == 7


async def test_the_board_tells_the_story(tmp_path: Path) -> None:
    async with staged(tmp_path, Flaky("2")) as stage:
        await stage.start(steps=[100], strategy="all_at_once")
        await until(stage.running)
        await stage.play_until(lambda: not stage.running())
        (row,) = await stage.board()
        assert (row["state"], row["share"]) == ("completed", 100)
        assert [each["what"] for each in row["story"]] == [
            "started", "ready", "step_started", "step_passed", "completed",
        ]  # fmt: skip
