"""One command id and several inference processes: one effect, one text, whoever gets the repeats."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import ClaimBoard, MemoryClaims, MemoryLog
from bus.ports import IdConflict, LogUnavailable, RecordedEvent, StreamWrite
from bus.spool.disk import Directory
from bus.spool.orphans import Orphans
from bus.spool.spool import Spool, SpoolOptions, open_free_spool
from domain.inference.messages import InferenceCompleted, InferenceRequested
from domain.kernel.decider import Rejected
from handlers.engines.port import End, EngineAsk, Piece
from handlers.inference.records import InferenceRecords, recall_with
from handlers.inference.service import InferenceService
from handlers.registry.models import RegistryView
from protocol.messages import CommandMessage, Reply
from tests.unit.inference.kit import ask, routes
from tests.unit.kit import START_US, EchoEngine, message, model, runner_on, until


class Moody(EchoEngine):
    """Never says the same twice, as an engine at temperature 1 may."""

    said = count(1)

    async def stream(self, ask: EngineAsk) -> AsyncGenerator[Piece | End, None]:
        self.prompts.append(ask.prompt)
        await self.go.wait()
        yield Piece(f"mood {next(self.said)} ", 1)
        await asyncio.sleep(0)
        yield Piece("of mine", 2)
        yield End("stop", 1, 3)


class Shutter(MemoryLog):
    """A log that can be away."""

    away = False

    async def append(self, *writes: StreamWrite) -> Any:
        if self.away:
            raise LogUnavailable("away")
        return await super().append(*writes)

    async def read_stream(self, stream: str, *, after: int = 0, limit: int = 1_000) -> list[RecordedEvent]:
        if self.away:
            raise LogUnavailable("away")
        return await super().read_stream(stream, after=after, limit=limit)


@dataclass
class Process:
    service: InferenceService
    spool: Spool
    engine: Moody
    claims: MemoryClaims
    own: AsyncExitStack


@dataclass
class Realm:
    folder: Path
    log: Shutter
    codec: EventCodec
    view: RegistryView
    stack: AsyncExitStack
    board: ClaimBoard = field(default_factory=ClaimBoard)
    processes: list[Process] = field(default_factory=list)

    async def begin(self, number: int = 1, **options: Any) -> list[Process]:
        """Start inference processes, each with an engine, a memory and a spool of its own."""
        for _ in range(number):
            own = await self.stack.enter_async_context(AsyncExitStack())
            options_ = SpoolOptions(now_us=lambda: START_US, draw=lambda: 0.5, drain_s=0.0)
            spool = await own.enter_async_context(open_free_spool(self.folder, self.log, options_))
            records = InferenceRecords(
                spool,
                self.codec,
                recall_with(runner_on(self.log, self.codec)),
                now_us=lambda: START_US,
                new_id=uuid4,
                orphans=Orphans(self.folder).read,
            )
            claims, engine = MemoryClaims(self.board, uuid4()), Moody()
            service = InferenceService(records, self.view, routes(engine), claims=claims, **options)
            claims.answer_with(service.answer_peer)
            self.processes.append(Process(service, spool, engine, claims, own))
        return self.processes

    async def kill(self, process: Process) -> None:
        """End a process: nobody answers for it any more, and its spool stays as it is."""
        self.board.answers.pop(process.claims.process)
        await process.own.aclose()
        self.processes.remove(process)

    async def shipped(self) -> list[Any]:
        """Return the log's turns once all spools are empty, those of the dead, too; no letter was dead."""
        await until(lambda: not Orphans(self.folder)._read_all())
        assert not any(Directory(path).count_letters() for path in self.folder.iterdir())
        events = await self.log.read_all(limit=10_000)
        return [self.codec.decode(event) for event in events if event.type.startswith("inference.")]


@pytest.fixture
async def realm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Realm]:
    monkeypatch.setattr("bus.spool.spool.TAKE_OVER_S", 0.05)
    log, codec = Shutter("test", lambda: START_US), EventCodec(domain_catalogue())
    await runner_on(log, codec)(message("registry.register_model", model()))
    view = RegistryView(log, decode=codec.decode)
    async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        following = group.create_task(view.run())
        await view.reached(2)
        yield Realm(tmp_path / "spool", log, codec, view, stack)
        await stack.aclose()
        following.cancel()


def new() -> UUID:
    """An id that was made after every process's start."""
    return UUID(int=(START_US // 1_000 + 60_000) << 80 | 7 << 76 | 2 << 62 | uuid4().int >> 68)


def question(prompt: str = "who goes there", *, id_: UUID | None = None, **changes: Any) -> CommandMessage:
    asked = ask(prompt, temperature=1.0, **changes)
    return CommandMessage(id_ or new(), asked.command, asked.payload, meta=asked.meta)


@pytest.mark.parametrize("number", [2, 4])
@pytest.mark.parametrize("away", [False, True])
async def test_a_command_sent_to_all_at_once_has_one_effect_and_one_result(
    realm: Realm, number: int, away: bool
) -> None:
    processes = await realm.begin(number)
    realm.log.away = away
    for turn in range(20):
        asked = question(f"who is {turn}")
        sent = [processes[n % number].service(asked) for n in range(12)]
        replies: list[Reply] = await asyncio.gather(*sent)
        assert [reply.duplicate for reply in replies].count(False) == 1
        assert len({repr(reply.result) for reply in replies}) == 1
    assert sum(len(process.engine.prompts) for process in processes) == 20
    realm.log.away = False
    events = await realm.shipped()
    assert [type(event) for event in events].count(InferenceCompleted) == 20
    assert len(events) == 40


async def test_a_repeat_at_another_process_waits_for_the_answer_under_way(realm: Realm) -> None:
    one, two = await realm.begin(2)
    one.engine.go.clear()
    asked = question()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(one.service(asked))
        await until(lambda: one.engine.prompts)
        repeat = group.create_task(two.service(asked))
        await until(lambda: two.service.under_way)
        one.engine.go.set()
    assert (first.result().duplicate, repeat.result().duplicate) == (False, True)
    assert first.result().result == repeat.result().result
    assert two.engine.prompts == []


async def test_a_cancellation_reaches_the_owner_and_nobody_else_says_that_it_cancelled(realm: Realm) -> None:
    one, two = await realm.begin(2)
    one.engine.go.clear()
    asked = question()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(one.service(asked))
        await until(lambda: one.engine.prompts)
        repeat = group.create_task(two.service(asked))
        await until(lambda: two.service.under_way)
        await asyncio.sleep(0)
        who = (asked.id.hex, asked.meta.actor)
        assert [two.service.cancel(*who), one.service.cancel(*who)] == [False, True]
    assert first.result().result == repeat.result().result
    assert first.result().result["finish_reason"] == "cancelled"


async def test_the_same_id_with_other_words_is_a_conflict_wherever_it_comes(realm: Realm) -> None:
    one, two = await realm.begin(2)
    asked = question()
    await one.service(asked)
    with pytest.raises(IdConflict):
        await two.service(question("something else", id_=asked.id))
    assert two.engine.prompts == []


async def test_a_failure_is_told_as_it_was(realm: Realm) -> None:
    one, two = await realm.begin(2)
    asked = question()
    one.engine.go.clear()
    with pytest.raises(Rejected) as first:
        await one.service(question(id_=asked.id, deadline_ms=20))
    with pytest.raises(Rejected) as repeat:
        await two.service(question(id_=asked.id, deadline_ms=20))
    assert (repeat.value.code, repeat.value.message) == (first.value.code, first.value.message)
    assert len(await realm.shipped()) == 2


async def test_what_was_refused_may_be_answered_by_another_process(realm: Realm) -> None:
    one, two = await realm.begin(2)
    engine_state = one.service._router.engine_states()["echo"]
    engine_state.ok = False
    asked = question()
    with pytest.raises(Rejected) as refusal:
        await one.service(asked)
    assert refusal.value.code == "engines_away"
    assert (await two.service(asked)).duplicate is False
    engine_state.ok = True
    assert (await one.service(asked)).duplicate


@pytest.mark.parametrize("away", [False, True])
async def test_who_inherits_from_a_dead_process_goes_on_with_its_question(realm: Realm, away: bool) -> None:
    one, two = await realm.begin(2)
    realm.log.away = away
    one.engine.go.clear()
    asked = question()
    async with asyncio.TaskGroup() as group:
        dying = group.create_task(one.service(asked))
        await until(lambda: one.engine.prompts)
        dying.cancel()
    await realm.kill(one)
    reply = await two.service(asked)
    assert reply.duplicate is False
    realm.log.away = False
    requested, completed = await realm.shipped()
    assert isinstance(requested, InferenceRequested)
    assert completed.text == reply.result["text"]


@pytest.mark.parametrize("away", [False, True])
async def test_who_inherits_an_answer_gives_it(realm: Realm, away: bool) -> None:
    """The log is away, and only the dead process's spool has the answer."""
    one, two = await realm.begin(2)
    realm.log.away = away
    asked = question()
    first = await one.service(asked)
    await realm.kill(one)
    if not away:
        await until(lambda: len(realm.log._events) == 4)
    repeat = await two.service(asked)
    assert (repeat.duplicate, repeat.result) == (True, first.result)
    assert two.engine.prompts == []


async def test_an_owner_that_is_silent_is_told_as_unavailable_and_nothing_is_asked(realm: Realm) -> None:
    one, two = await realm.begin(2)
    one.engine.go.clear()
    asked = question()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(one.service(asked))
        await until(lambda: one.engine.prompts)
        with pytest.raises(Rejected) as refusal:
            await two.service(question(id_=asked.id, deadline_ms=50))
        one.engine.go.set()
    assert (refusal.value.code, refusal.value.retry_after_ms) == ("unavailable", 500)
    assert (await two.service(asked)).result == first.result().result
    assert two.engine.prompts == []
    assert len(await realm.shipped()) == 2, "no refusal is recorded of what was answered"


async def test_a_repeat_of_what_this_process_forgot_is_looked_up(
    realm: Realm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scar: younger than the process and no longer remembered, it was taken for new and asked again.

    While the log is away nobody can say what came of it, and nobody asks anew.
    """
    monkeypatch.setattr("handlers.inference.records.REMEMBERED_MAX", 2)
    one, two = await realm.begin(2)
    asked = question()
    first = await one.service(asked)
    for number in range(4):
        await one.service(question(f"who is {number}"))
    await realm.shipped()
    realm.log.away = True
    with pytest.raises(LogUnavailable):
        await one.service(asked)
    with pytest.raises(Rejected) as refusal:
        await two.service(asked)
    assert (refusal.value.code, refusal.value.retry_after_ms) == ("unavailable", 500)
    realm.log.away = False
    for process in (one, two):
        repeat = await process.service(asked)
        assert (repeat.duplicate, repeat.result) == (True, first.result)
    assert len(one.engine.prompts) == 5
    assert two.engine.prompts == []
