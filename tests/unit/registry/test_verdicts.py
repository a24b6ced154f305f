"""The process of verdicts: what an evaluation found reaches the registry, once, and says who had it made."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import LogUnavailable, RecordedEvent, StreamWrite, Where
from domain.evaluation.messages import EvaluationFinished, EvaluationStarted
from domain.registry.deployment_messages import DeploymentRolledBack
from domain.registry.messages import ModelEvaluated
from domain.registry.verdicts import VERDICTS
from handlers.kernel.commands import CommandRunner
from handlers.kernel.follow import ProcessRunner
from handlers.registry.commands import REGISTRY, VERDICT_RECORDS
from protocol.meta import Meta, decode_meta
from tests.unit.kit import START_US, ident, memory_log, message, model, until
from tests.unit.registry.test_deployment import NEW, OLD, evaluated
from tests.unit.registry.test_registry import UC
from tests.unit.spec import changed


class Stage:
    """Two models, the evaluations that are added, and tellers that run until a verdict is told."""

    def __init__(self) -> None:
        self.log, self.codec = memory_log(), EventCodec(domain_catalogue())

    async def prepare(self, *numbers: int) -> None:
        runner = CommandRunner(self.log, self.codec, [REGISTRY])
        for version in "12":
            await runner(message("registry.register_model", model(version)))
        for n in numbers:
            await self.finish(n)

    async def finish(self, number: int, candidate: str = NEW) -> None:
        facts = {"use_case": UC, "candidate": candidate, "current": OLD, "evaluation_id": f"{number:032x}"}
        finished = EvaluationFinished.model_validate({**EvaluationFinished.example, **facts})
        meta = Meta(actor="cli:mira", correlation=ident("c"))
        new = self.codec.encode(finished, ident(f"finished-{number}"), meta)
        await self.log.append(StreamWrite(f"evaluation-{number}", [new], "any"))

    async def recorded(self) -> Sequence[RecordedEvent]:
        return await self.log.read_all(where=Where(types=(ModelEvaluated.event_name,)))

    async def told(self) -> list[int]:
        events: list[Any] = [self.codec.decode(recorded) for recorded in await self.recorded()]
        return [int(event.evaluation_id, 16) for event in events]

    def process(self, doer: CommandRunner) -> ProcessRunner[Any]:
        return ProcessRunner(self.log, doer, VERDICTS, decode=self.codec.decode, now_us=lambda: START_US)

    async def tell_until(self, number: int, runner: CommandRunner | None = None) -> None:
        """Run the process until it has told a verdict, and let it crash then."""
        doer = runner or CommandRunner(self.log, self.codec, [VERDICT_RECORDS])

        async def there() -> bool:
            return number in await self.told()

        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.process(doer).run())
            await until(there)
            task.cancel()


async def test_a_verdict_is_told_with_its_cause_and_who_had_it_made() -> None:
    stage = Stage()
    await stage.prepare()
    rolled = changed(DeploymentRolledBack.from_example(), use_case=UC, model_id=NEW)
    started = changed(EvaluationStarted.from_example(), evaluation_id=f"{2:032x}", candidate=NEW)
    for n, past in enumerate((rolled, started, changed(rolled, reason="later"))):
        new = stage.codec.encode(past, ident(f"past-{n}"))
        await stage.log.append(StreamWrite(f"past-{n}", [new], "any"))
    await stage.finish(1, candidate=OLD)  # compared with itself: nobody takes it
    await stage.finish(2)
    await stage.tell_until(2)
    (recorded,) = await stage.recorded()
    event = stage.codec.decode(recorded)
    assert isinstance(event, ModelEvaluated)
    assert (event.model_id, event.evaluation_id, event.verdict) == (NEW, f"{2:032x}", "failed")
    assert event.rollbacks == 1  # of two: the second one came while it was under way
    assert event.configuration_digest == started.candidate_configuration
    assert event.against_configuration == started.current_configuration
    expected = Meta(actor="cli:mira", correlation=ident("c"), causation=ident("finished-2"))
    assert replace(decode_meta(recorded.meta), extra={}) == expected


async def test_a_verdict_that_another_one_told_meanwhile_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    await stage.prepare(1)
    await stage.tell_until(1)
    await stage.finish(2)
    read_all = stage.log.read_all

    async def behind(**of: Any) -> list[RecordedEvent]:
        """As it is for one that read the log before the first verdict was told."""
        return [recorded for recorded in await read_all(**of) if recorded.type != ModelEvaluated.event_name]

    with monkeypatch.context() as late:
        late.setattr(stage.log, "read_all", behind)
        runner = stage.process(CommandRunner(stage.log, stage.codec, [VERDICT_RECORDS]))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(runner.run())
            await until(lambda: runner.position)
            await runner.react()
            task.cancel()
    assert await stage.told() == [1, 2]


async def test_the_verdict_that_was_told_takes_no_other_with_it() -> None:
    stage = Stage()
    await stage.prepare(1, 2)
    known = stage.codec.encode(evaluated(number=1), ident())
    await stage.log.append(StreamWrite(f"registry-{UC}", [known], "any"))
    await stage.tell_until(2)
    assert await stage.told() == [1, 2]


@pytest.mark.parametrize("error", [LogUnavailable("away"), RuntimeError("a bug")], ids=repr)
async def test_a_verdict_that_could_not_be_told_is_told_later(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, errors = Stage(), [error]
    await stage.prepare(1)
    runner = CommandRunner(stage.log, stage.codec, [VERDICT_RECORDS])
    execute = runner.execute

    async def failing(*of: Any, **more: Any) -> Any:
        if errors:
            raise errors.pop()
        return await execute(*of, **more)

    monkeypatch.setattr(runner, "execute", failing)
    monkeypatch.setattr("handlers.kernel.follow.AGAIN_S_MIN", 0.001)
    await stage.tell_until(1, runner)
    assert await stage.told() == [1]


async def test_verdicts_that_nobody_takes_are_not_told_again_with_every_new_one() -> None:
    stage = Stage()
    await stage.prepare()
    for n in range(1, 21):
        await stage.finish(n, candidate=OLD)  # compared with itself
    doer, said = CommandRunner(stage.log, stage.codec, [VERDICT_RECORDS]), list[str]()
    execute = doer.execute

    async def noting(command: Any, *rest: Any, **more: Any) -> Any:
        said.append(command.evaluation_id)
        return await execute(command, *rest, **more)

    doer.execute = noting  # type: ignore[method-assign]  # it counts
    for n in range(21, 24):
        await stage.finish(n)
    await stage.tell_until(23, doer)

    assert sorted(said) == [f"{n:032x}" for n in range(1, 24)]
