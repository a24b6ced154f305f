"""Views and processes: a crash between any two steps, the log away, an unreadable event, a restart."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

import pytest
from pydantic import Field

from bus.catalogue import build_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import Head, LogUnavailable, NewEvent, RecordedEvent, StreamWrite, Where
from domain.kernel.context import Context
from domain.kernel.decider import Decider, Rejected
from domain.kernel.event import Command, Event
from domain.kernel.process import Due, Heard, Moment, Process
from handlers.kernel.commands import Binding, CommandRunner
from handlers.kernel.follow import MemoryView, ProcessRunner
from protocol.meta import Meta, decode_meta
from tests.unit.kit import START_US, ident, until

CRASHES = range(12)


class BellRung(Event, name="bell.rung", version=1):
    """A bell was rung."""

    number: int = Field(description="Which.")
    example: ClassVar = {"number": 1}


class BellAnswered(Event, name="bell.answered", version=1):
    """Somebody came."""

    number: int = Field(description="Which.")
    example: ClassVar = {"number": 1}


class AnswerBell(Command, name="bell.answer"):
    """Come. Refused with ``bell_broken`` for number 13."""

    number: int = Field(description="Which.")
    example: ClassVar = {"number": 1}


def decide(command: AnswerBell, answered: frozenset[int]) -> list[BellAnswered]:
    if command.number == 13:
        raise Rejected("bell_broken", "nobody hears it", field="number")
    return [] if command.number in answered else [BellAnswered(number=command.number)]


ANSWERS: Binding[Any, Any, frozenset[int]] = Binding(
    commands=(AnswerBell,),
    stream_of=lambda _: "bell-answers",
    decider=Decider(frozenset[int](), decide, lambda state, event: state | {event.number}),
)
CODEC = EventCodec(
    build_catalogue([Context("bell", events=(BellRung, BellAnswered), internal=(AnswerBell,))])
)


@dataclass
class Open:
    """Bells that were rung and not answered, by their number."""

    rung: dict[int, Heard] = field(default_factory=dict)
    folded: list[int] = field(default_factory=list)


def evolve(state: Open, heard: Heard) -> Open:
    state.folded.append(heard.position)
    match heard.event:
        case BellRung(number=number):
            state.rung[number] = heard
        case BellAnswered(number=number):
            state.rung.pop(number, None)
    return state


def react(state: Open, _: Moment | None) -> Iterator[Due]:
    for number, heard in list(state.rung.items()):
        yield Due(AnswerBell(number=number), heard.id, "answer", heard.id, heard.correlation, "porter")


PORTER: Process[Open] = Process("porter", ("bell.rung", "bell.answered"), lambda _: Open(), evolve, react)


class Bells(MemoryView):
    """How often each was rung."""

    name = "bells"
    types = ("bell.rung",)
    pause_s = 0.0

    def __init__(self, log: Any) -> None:
        super().__init__(log, decode=CODEC.decode)
        self.counts: dict[int, int] = {}

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        if isinstance(event, BellRung):
            self.counts[event.number] = self.counts.get(event.number, 0) + 1


class Shaky(MemoryLog):
    """A log that goes away, or takes its caller down, at the n-th call of any kind."""

    def __init__(self) -> None:
        super().__init__("test", lambda: START_US)
        self.calls = 0
        self.fails_at: dict[int, BaseException] = {}

    def _call(self) -> None:
        self.calls += 1
        if error := self.fails_at.pop(self.calls, None):
            raise error

    async def append(self, *writes: StreamWrite) -> Any:
        self._call()
        result = await super().append(*writes)
        self._call()  # recorded, and the caller never hears of it
        return result

    async def read_all(self, **of: Any) -> list[RecordedEvent]:
        self._call()
        return await super().read_all(**of)

    async def read_stream(self, stream: str, **of: Any) -> list[RecordedEvent]:
        self._call()
        return await super().read_stream(stream, **of)

    async def head(self) -> Head:
        self._call()
        return await super().head()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.kernel.follow.AGAIN_S_MIN", 0.001)
    monkeypatch.setattr("handlers.kernel.follow.AGAIN_S_MAX", 0.002)


async def ring(log: MemoryLog, *numbers: int) -> None:
    for number in numbers:
        new = CODEC.encode(BellRung(number=number), ident(), Meta(actor="player:ann"))
        await MemoryLog.append(log, StreamWrite(f"bell-{number}", [new]))


async def poison(log: MemoryLog) -> int:
    """Record an event whose payload does not fit its declaration; return its position."""
    new = NewEvent(ident(), "bell.rung", 1, b"\x81\xa6number\xa4many")
    return (await MemoryLog.append(log, StreamWrite("bell-x", [new]))).positions[0]


async def answered(log: MemoryLog) -> list[int]:
    found = await MemoryLog.read_all(log, where=Where(types=(BellAnswered.event_name,)))
    return [event.number for event in map(CODEC.decode, found) if isinstance(event, BellAnswered)]


def porter(log: MemoryLog, process: Process[Open] = PORTER) -> ProcessRunner[Open]:
    runner = CommandRunner(log, CODEC, [ANSWERS])
    return ProcessRunner(log, runner, process, decode=CODEC.decode, now_us=lambda: START_US)


@asynccontextmanager
async def running(follower: Any) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(follower.run())
        try:
            yield
        finally:
            task.cancel()


class Killed(BaseException):
    """The process is gone: nothing of ours may handle it."""


@pytest.mark.parametrize("step", CRASHES)
async def test_a_process_that_crashes_between_any_two_steps_says_each_thing_once(step: int) -> None:
    log = Shaky()
    await ring(log, 1, 2)
    log.fails_at = {log.calls + 1 + step: Killed()}
    try:
        async with running(porter(log)):
            async with asyncio.timeout(0.2):
                await until(lambda: _all_said(log))
    except (TimeoutError, BaseExceptionGroup):
        pass  # it was killed, or the step was beyond its work
    log.fails_at = {}

    async with running(porter(log)):
        await ring(log, 3)
        await until(lambda: _done(log, 3))

    assert sorted(await answered(log)) == [1, 2, 3]


async def _all_said(log: Shaky) -> bool:
    return not log.fails_at and sorted(await answered(log)) == [1, 2]


async def _done(log: MemoryLog, number: int) -> bool:
    return number in await answered(log)


@pytest.mark.parametrize("step", CRASHES)
async def test_a_process_lives_through_the_log_being_away_at_any_step(step: int) -> None:
    log = Shaky()
    await ring(log, 1, 2)
    log.fails_at = {log.calls + 1 + step: LogUnavailable("away")}
    runner = porter(log)

    async with running(runner):
        await until(lambda: _done(log, 2))
        await ring(log, 3)
        await until(lambda: _done(log, 3))

    assert sorted(await answered(log)) == [1, 2, 3]


async def test_two_processes_say_each_thing_once() -> None:
    log = Shaky()
    await ring(log, *range(1, 6))

    async with running(porter(log)), running(porter(log)):
        await ring(log, 6, 7)
        await until(lambda: _done(log, 7))

    assert sorted(await answered(log)) == [1, 2, 3, 4, 5, 6, 7]


async def test_what_follows_names_its_cause_its_conversation_and_who() -> None:
    log = Shaky()
    await ring(log, 1)
    (rung,) = await MemoryLog.read_all(log)

    async with running(porter(log)):
        await until(lambda: _done(log, 1))

    meta = decode_meta((await MemoryLog.read_all(log))[1].meta)
    assert (meta.causation, meta.correlation, meta.actor) == (rung.id, rung.id, "porter")


async def test_a_refused_command_stops_nothing_and_is_not_repeated_until_something_happens() -> None:
    log, said = Shaky(), []
    runner = porter(log)
    execute = runner._runner.execute

    async def noting(command: Command, id_: UUID, **more: Any) -> Any:
        said.append(command)
        return await execute(command, id_, **more)

    runner._runner.execute = noting  # type: ignore[method-assign,assignment]  # it counts
    await ring(log, 13, 1)
    async with running(runner):
        await until(lambda: _done(log, 1))
        await until(lambda: runner.position == 3)
        said.clear()
        await runner.react()
        await runner.react()

    assert len(said) <= 1
    assert await answered(log) == [1]


async def test_a_process_stands_still_before_what_it_cannot_read_and_says_where() -> None:
    log = Shaky()
    await ring(log, 1)
    runner = porter(log)
    async with running(runner):
        await until(lambda: _done(log, 1))
        position = await poison(log)
        await ring(log, 2)
        await until(lambda: runner.standing.error)
        error = runner.standing.error

    assert "WireError" in error
    assert f"after position {position - 1}" in error
    assert await answered(log) == [1], "nothing follows from what is only half known"


async def test_a_process_reacts_to_time_where_it_says_so() -> None:
    log, clock = Shaky(), iter(range(START_US, START_US + 10**9))

    def late(state: Open, moment: Moment) -> Iterator[Due]:
        return react(state, moment) if moment.now_us > START_US + 3 else iter(())

    process = Process("porter", PORTER.types, lambda _: Open(), evolve, late, tick_s=0.001)
    runner = ProcessRunner(
        log,
        CommandRunner(log, CODEC, [ANSWERS]),
        process,
        decode=CODEC.decode,
        now_us=lambda: next(clock),
    )
    await ring(log, 1)
    async with running(runner):
        await until(lambda: _done(log, 1))


async def test_a_process_hears_recent_events_from_where_it_wants_and_in_their_order() -> None:
    log = Shaky()
    await ring(log, 1, 2, 3)
    process = Process(
        "porter",
        ("bell.answered",),
        lambda begin: Open(folded=[-begin]),
        evolve,
        lambda *_: [],
        recent=("bell.rung",),
        since=lambda *_: 1,
    )
    runner = porter(log, process)
    async with running(runner):
        await until(lambda: runner.position == 3)
        await ring(log, 4)
        await until(lambda: runner.position == 4)

    assert runner.state.folded == [-1, 2, 3, 4]


@pytest.mark.parametrize("step", CRASHES)
async def test_a_view_lives_through_the_log_being_away_and_counts_nothing_twice(step: int) -> None:
    log, view = Shaky(), None
    await ring(log, 1, 2)
    log.fails_at = {log.calls + 1 + step: LogUnavailable("away")}
    view = Bells(log)

    async with running(view):
        await until(lambda: view.position == 2)
        await ring(log, 1)
        await until(lambda: view.position == 3)

    assert view.counts == {1: 2, 2: 1}


async def test_a_view_passes_over_what_it_cannot_read_and_says_so() -> None:
    log = Shaky()
    await ring(log, 1)
    position = await poison(log)
    newer = NewEvent(ident(), "bell.rung", 9, b"\x80")
    await MemoryLog.append(log, StreamWrite("bell-y", [newer]))
    await ring(log, 2)
    view = Bells(log)

    async with running(view):
        await view.reached(4)

    assert view.counts == {1: 1, 2: 1}
    assert f"event {position + 1} was passed over: bell.rung version 9" in view.standing.error


async def test_a_view_whose_own_code_fails_goes_on_with_the_next_event() -> None:
    log = Shaky()

    class Brittle(Bells):
        def apply(self, event: Event, recorded: RecordedEvent) -> None:
            if recorded.position == 2:
                raise KeyError("a bug")
            super().apply(event, recorded)

    view = Brittle(log)
    await ring(log, 1, 2, 3)
    async with running(view):
        await view.reached(3)

    assert view.counts == {1: 1, 3: 1}
    assert "event 2 was passed over: KeyError" in view.standing.error
