"""When a process says a command again: after a refusal, after an error, and never too often."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from bus.memory import MemoryLog
from bus.ports import LogUnavailable, NewEvent, StreamWrite
from domain.kernel.decider import Rejected
from domain.kernel.event import Command
from domain.kernel.process import Due, Process
from handlers.kernel.follow import ProcessRunner
from tests.unit.kernel.test_follow import (
    CODEC,
    PORTER,
    AnswerBell,
    BellAnswered,
    Open,
    Shaky,
    answered,
    evolve,
    porter,
    react,
    ring,
    running,
)
from tests.unit.kit import ident, until


def bell_answered(number: int) -> NewEvent:
    return CODEC.encode(BellAnswered(number=number), ident())


BUSY: Process[Open] = Process(
    "porter",
    ("bell.answered",),
    lambda _: Open(),
    evolve,
    lambda state, moment: (due for due in react(state, moment) if due.command.number == 13),  # type: ignore[attr-defined]  # all are AnswerBell
    recent=("bell.rung",),
    since=lambda *_: 0,
)
"""Hears many bells, and comes for number 13 alone."""


def noting(runner: ProcessRunner[Open], before: Callable[[], Any]) -> list[Command]:
    """Note what is said; ``before`` is called before each, and may raise."""
    said: list[Command] = []
    execute = runner._runner.execute

    async def noted(command: Command, id_: UUID, **more: Any) -> Any:
        said.append(command)
        result = before()
        if asyncio.iscoroutine(result):
            await result
        return await execute(command, id_, **more)

    runner._runner.execute = noted  # type: ignore[method-assign,assignment]  # it counts
    return said


async def test_what_was_refused_is_not_said_again_at_each_of_many_recent_events() -> None:
    log = Shaky()
    runner = porter(log, BUSY)
    said = noting(runner, lambda: None)
    await ring(log, 13)
    async with running(runner):
        await until(lambda: said)
        await ring(log, *[1] * 200)
        await until(lambda: runner.position == 201)
        assert len(said) == 1, "turns do not make a refused command welcome"

        await runner.react(tick_us=1)
        assert len(said) == 2, "time does, once something has happened"
        await runner.react(tick_us=2)
        assert len(said) == 2

        await MemoryLog.append(log, StreamWrite("bell-answers", [bell_answered(7)]))
        await until(lambda: len(said) == 3)


async def test_what_the_log_could_not_take_is_said_again_by_time_and_not_at_each_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("handlers.kernel.follow.AGAIN_S_MIN", 0.5)
    log = Shaky()
    runner = porter(log, BUSY)

    def away() -> None:
        raise LogUnavailable("away")

    said = noting(runner, away)
    await ring(log, 13)
    async with running(runner):
        await until(lambda: said)
        await ring(log, *[1] * 100)
        await until(lambda: runner.position == 101)
        assert len(said) == 1, "each try may wait for the log, and the events behind it with it"
        await until(lambda: len(said) == 2)


async def test_a_refusal_by_what_was_so_before_an_event_does_not_outlive_the_event() -> None:
    """The scar: the position was noted after the refusal, and an event between them was lost on it."""
    log = Shaky()
    runner = porter(log, replace(PORTER, react=lambda *_: []))
    broken = [True]

    async def meanwhile() -> None:
        if broken[0]:
            broken[0] = False
            await ring(log, 2)  # it happens, and is heard, while the command is on its way
            await until(lambda: runner.position == 1)
            raise Rejected("bell_broken", "it was when they looked")

    noting(runner, meanwhile)
    come = Due(AnswerBell(number=1), ident(), "answer", None, None, "porter")
    async with running(runner):
        await until(lambda: runner.live)
        assert not await runner.say(come)
        assert await runner.say(come)

    assert await answered(log) == [1]


async def test_a_process_that_does_not_insist_says_what_was_refused_no_more() -> None:
    log = Shaky()
    runner = porter(log, replace(PORTER, insists=False))
    said = noting(runner, lambda: None)
    await ring(log, 13)
    async with running(runner):
        await until(lambda: said)
        await ring(log, 1, 2, 3)
        await until(lambda: runner.position == 7)

    assert [each.number for each in said if isinstance(each, AnswerBell)].count(13) == 1


async def test_what_changed_nothing_is_said_again_if_it_is_still_due_after_an_event() -> None:
    """The scar: a proposal for which there was no place yet was taken for made, for ever."""
    log, dropped = Shaky(), [True]
    runner = porter(log)
    execute = runner._runner.execute

    async def changing_nothing(command: Command, id_: UUID, **more: Any) -> Any:
        outcome = await execute(AnswerBell(number=2) if dropped[0] else command, id_, **more)
        dropped[0] = False
        return outcome

    await MemoryLog.append(log, StreamWrite("bell-answers", [bell_answered(2)]))
    runner._runner.execute = changing_nothing  # type: ignore[method-assign,assignment]  # as the log would
    await ring(log, 1)
    async with running(runner):
        await until(lambda: not dropped[0])
        await ring(log, 3)
        await until(lambda: _three(log))


async def _three(log: MemoryLog) -> bool:
    return sorted(await answered(log)) == [1, 2, 3]


async def test_a_process_stands_still_before_an_event_of_a_newer_program_and_says_so() -> None:
    log = Shaky()
    runner = porter(log)
    await ring(log, 1)
    newer = NewEvent(ident(), "bell.rung", 9, b"\x80")
    await MemoryLog.append(log, StreamWrite("bell-y", [newer]))
    await ring(log, 2)
    async with running(runner):
        await until(lambda: runner.standing.error)
        assert "bell.rung version 9" in runner.standing.error

    assert await answered(log) == [], "nothing follows from what is only half known"


async def test_what_a_process_has_said_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.kernel.follow.SAID_MAX", 3)
    log = Shaky()
    runner = porter(log)
    async with running(runner):
        await ring(log, *range(1, 13))
        await until(lambda: runner.position == 24)

    assert sorted(await answered(log)) == [*range(1, 13)], "what is forgotten the log knows"
    assert len(runner._said) <= 3
