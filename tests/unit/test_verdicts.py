"""The verdict teller: what an evaluation found reaches the registry, once, and says who had it made."""

import asyncio
from dataclasses import replace

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import StreamWrite, Where
from domain.evaluation.messages import EvaluationFinished, EvaluationStarted
from domain.registry.deployment_messages import DeploymentRolledBack
from domain.registry.messages import ModelEvaluated
from handlers.commands import CommandRunner
from handlers.registry import REGISTRY, VERDICTS
from handlers.verdicts import VerdictTeller
from protocol.meta import Meta, decode_meta
from tests.unit.kit import ident, memory_log, message, model, until
from tests.unit.spec import changed
from tests.unit.test_domain_deployment import NEW, OLD
from tests.unit.test_domain_registry import UC


async def test_a_verdict_is_told_once_with_its_cause_and_who_had_it_made() -> None:
    log, codec = memory_log(), EventCodec(domain_catalogue())
    runner = CommandRunner(log, codec, [REGISTRY, VERDICTS])
    for version in "12":
        await runner(message("registry.register_model", model(version)))
    facts = {**EvaluationFinished.example, "use_case": UC, "candidate": NEW, "current": OLD}
    rolled = changed(DeploymentRolledBack.from_example(), use_case=UC, model_id=NEW)
    started = changed(EvaluationStarted.from_example(), evaluation_id=f"{1:032x}", candidate=NEW)
    for n, past in enumerate((rolled, started, changed(rolled, reason="later"))):
        await log.append(StreamWrite(f"past-{n}", [codec.encode(past, ident(f"past-{n}"))], "any"))
    for n, candidate in enumerate((OLD, NEW)):  # the first one was compared with itself: nobody takes it
        finished = EvaluationFinished.model_validate(
            {**facts, "evaluation_id": f"{n:032x}", "candidate": candidate}
        )
        new = codec.encode(finished, ident(f"finished-{n}"), Meta(actor="cli:mira", correlation=ident("c")))
        await log.append(StreamWrite(f"evaluation-{n}", [new], "any"))
    where = Where(types=(ModelEvaluated.event_name,))

    async def told() -> object:
        return await log.read_all(where=where)

    for _ in range(2):  # the second one comes after a crash of the first
        async with asyncio.TaskGroup() as group:
            teller = VerdictTeller(log, CommandRunner(log, codec, [VERDICTS]), decode=codec.decode)
            task = group.create_task(teller.run())
            await until(told)
            task.cancel()
    (recorded,) = await log.read_all(where=where)
    event = codec.decode(recorded)
    assert isinstance(event, ModelEvaluated)
    assert (event.model_id, event.evaluation_id, event.verdict) == (NEW, f"{1:032x}", "failed")
    assert event.rollbacks == 1  # of two: the second one came while it was under way
    expected = Meta(actor="cli:mira", correlation=ident("c"), causation=ident("finished-1"))
    assert replace(decode_meta(recorded.meta), extra={}) == expected
