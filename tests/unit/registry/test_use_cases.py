"""Commands for a use case that has no model are refused, with the use cases that there are."""

import asyncio

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import ClockWrong, LogUnavailable, LogUnread, RecordedEvent
from bus.problems import problem_of
from domain.batch.messages import OpenBatch
from domain.kernel.decider import Rejected
from handlers.kernel import look_up
from handlers.registry.models import RegistryView
from handlers.registry.require_use_case import RequireUseCase
from protocol.messages import CommandMessage, Reply
from tests.unit.kit import START_US, memory_log, message, model, runner_on, until


async def test_a_use_case_without_a_model_is_refused_and_the_known_ones_named() -> None:
    log, codec = memory_log(), EventCodec(domain_catalogue())
    registry = RegistryView(log, decode=codec.decode)
    taken: list[CommandMessage] = []

    async def run(command: CommandMessage) -> Reply:
        taken.append(command)
        return Reply()

    await runner_on(log, codec)(message("registry.register_model", model()))
    checked = RequireUseCase(OpenBatch, run, registry)
    payload = dict(OpenBatch.example)
    await checked(message("batch.open", payload | {"use_case": "npc_dialogue"}))
    assert len(taken) == 1, "what memory does not know yet is asked of the log"
    for wrong in (7, "a\0b", "A"):
        with pytest.raises(Rejected, match="use_case"):
            await checked(message("batch.open", payload | {"use_case": wrong}))

    async with asyncio.TaskGroup() as group:
        following = group.create_task(registry.run())
        await until(registry.use_cases)
        with pytest.raises(Rejected) as refused:
            await checked(message("batch.open", payload | {"use_case": "npc_dialogu"}))
        following.cancel()

    assert (refused.value.code, refused.value.field) == ("unknown_use_case", "use_case")
    assert "'npc_dialogu'; there are npc_dialogue" in refused.value.message
    assert refused.value.remedy == "did you mean npc_dialogue?"
    assert len(taken) == 1


class StandsStill(MemoryLog):
    """A log whose server was stopped: its reads take until asyncpg gives up, and so does cancelling them."""

    async def read_stream(self, stream: str, *, after: int = 0, limit: int = 1_000) -> list[RecordedEvent]:
        await asyncio.shield(asyncio.Event().wait())
        return []


async def test_a_log_that_stands_still_is_not_waited_for_and_the_caller_is_told_that_it_was_a_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(look_up, "LOOK_UP_S", 0.02)
    registry = RegistryView(
        StandsStill("test", lambda: START_US), decode=EventCodec(domain_catalogue()).decode
    )
    checked = RequireUseCase(OpenBatch, runner_on(memory_log(), EventCodec(domain_catalogue())), registry)

    async with asyncio.timeout(5):
        with pytest.raises(LogUnread) as unread:
            await checked(message("batch.open", dict(OpenBatch.example)))
        with pytest.raises(LogUnread):
            await registry.template("harbour@1")

    told, unwritten = problem_of(unread.value), problem_of(LogUnavailable("away"))
    assert told is not None
    assert unwritten is not None
    assert told.code == unwritten.code == "unavailable"
    assert told.message == "the log cannot be read at the moment"
    assert "whether this took effect is unknown" in unwritten.message


def test_a_wrong_clock_is_said_not_to_have_written_and_by_how_much_it_is_wrong() -> None:
    told = problem_of(ClockWrong(-3_500_000))

    assert told is not None
    assert (told.code, told.retry) == ("unavailable", "later")
    assert "nothing was written" in told.message
    assert told.details == {"clock_skew_ms": -3_500}
