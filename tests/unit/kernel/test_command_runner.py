"""The command loop on the in-memory log: retries, expected versions, conflicts, the cache."""

import asyncio
import dataclasses
from typing import Any

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import AppendResult, IdConflict, StreamWrite, VersionConflict
from domain.kernel.decider import Rejected
from handlers.kernel import commands
from handlers.kernel.commands import CommandRunner
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta
from tests.unit.kit import memory_log, message, model, runner_on

STREAM = "registry-npc_dialogue"


@pytest.fixture
def codec() -> EventCodec:
    return EventCodec(domain_catalogue())


@pytest.fixture
def log() -> MemoryLog:
    return memory_log()


@pytest.fixture
def runner(log: MemoryLog, codec: EventCodec) -> CommandRunner:
    return runner_on(log, codec)


def register(
    version: str = "1", *, name: object = None, expected: Any = "any", **facts: Any
) -> CommandMessage:
    return message("registry.register_model", model(version, **facts), name=name, expected=expected)


def promote(reply: Reply, *, name: object = None) -> CommandMessage:
    payload = {
        "use_case": "npc_dialogue",
        "model_id": reply.result["model_id"],
        "operator": "o",
        "reason": "r",
        "override": "a test",
    }
    return message("registry.promote_model", payload, name=name)


async def test_reply_says_what_happened_and_where(runner: CommandRunner) -> None:
    reply = await runner(register())

    assert reply.result["status"] == "current"
    assert reply.result["current_model_id"] == reply.result["model_id"]
    assert [(e.type, e.stream, e.version, e.position) for e in reply.events] == [
        ("registry.model_registered", STREAM, 1, 1),
        ("registry.model_promoted", STREAM, 2, 2),
    ]
    assert not reply.duplicate


async def test_command_that_changes_nothing_says_so(runner: CommandRunner, log: MemoryLog) -> None:
    first = await runner(register())
    again = await runner(register())

    assert again.result == first.result
    assert not again.events
    assert not again.duplicate
    assert (await log.head()).position == 2


@pytest.mark.parametrize("same_process", [True, False])
async def test_retry_gives_the_first_result_even_when_the_state_has_moved_on(
    log: MemoryLog, codec: EventCodec, same_process: bool
) -> None:
    runner = runner_on(log, codec)
    await runner(register("1"))
    second = await runner(register("2", name="second"))
    await runner(promote(second))
    await runner(
        message(
            "registry.describe_model",
            {**_only_id(second), "description": "new", "operator": "mira", "reason": "test"},
        )
    )

    retry = await (runner if same_process else runner_on(log, codec))(register("2", name="second"))

    assert retry.duplicate
    assert retry.result == second.result == {**second.result, "status": "candidate"}
    assert [*retry.events] == [*second.events]
    assert (await log.head()).position == 5


def _only_id(reply: Reply) -> dict[str, Any]:
    return {"use_case": "npc_dialogue", "model_id": reply.result["model_id"]}


async def test_retry_is_recognised_when_another_process_ran_the_command_first(
    log: MemoryLog, codec: EventCodec
) -> None:
    """Our cached state is behind: the log's answer to the append tells."""
    ours, theirs = runner_on(log, codec), runner_on(log, codec)
    await ours(register("1"))
    first = await theirs(register("2", name="second"))

    retry = await ours(register("2", name="second"))

    assert retry.duplicate
    assert [*retry.events] == [*first.events]


@pytest.mark.parametrize("same_process", [True, False])
async def test_same_id_for_another_command_is_refused(
    log: MemoryLog, codec: EventCodec, same_process: bool
) -> None:
    runner = runner_on(log, codec)
    await runner(register("1", name="one id"))
    other = runner if same_process else runner_on(log, codec)

    with pytest.raises(IdConflict):
        await other(register("2", name="one id"))
    with pytest.raises(IdConflict):
        await other(register("1", name="one id", use_case="barks"))
    assert (await log.head()).position == 2


async def test_a_repeat_by_another_identity_is_a_conflict(log: MemoryLog, codec: EventCodec) -> None:
    """What a command came to is told to who sent it."""
    runner = runner_on(log, codec)
    mine, copied = (
        dataclasses.replace(register("1", name="one id"), meta=Meta(actor=f"service:{who}"))
        for who in ("game", "rogue")
    )
    first = await runner(mine)
    for other in (runner, runner_on(log, codec)):
        with pytest.raises(IdConflict):
            await other(copied)
        assert [*(await other(mine)).events] == [*first.events]


@pytest.mark.parametrize("same_process", [True, False])
async def test_same_id_for_a_command_that_changes_nothing_or_is_refused_elsewhere_is_a_conflict(
    log: MemoryLog, codec: EventCodec, same_process: bool
) -> None:
    runner = runner_on(log, codec)
    await runner(register("1", use_case="barks"))
    known = await runner(register("1", name="one id"))
    other = runner if same_process else runner_on(log, codec)
    refused = promote(known, name="one id")
    refused = dataclasses.replace(refused, payload={**refused.payload, "use_case": "nobody"})

    for reused in (
        register("1", name="one id", use_case="barks"),
        refused,
        register("2", name="one id", use_case="barks", expected=7),
    ):
        with pytest.raises(IdConflict):
            await other(reused)
    assert (await other(register("1", name="one id"))).duplicate
    assert (await log.head()).position == 4


async def test_the_id_of_a_command_that_changed_nothing_is_remembered_by_its_process(
    runner: CommandRunner, log: MemoryLog
) -> None:
    await runner(register("1"))
    await runner(register("1", name="one id"))

    with pytest.raises(IdConflict):
        await runner(register("2", name="one id"))
    assert not (await runner(register("1", name="one id"))).events
    assert (await log.head()).position == 2


@pytest.mark.parametrize("use_case", ["npc_dialogue", "barks"])
async def test_an_id_that_another_process_recorded_an_event_under_belongs_to_that_command(
    log: MemoryLog, codec: EventCodec, use_case: str
) -> None:
    """What changed nothing left nothing: whoever records first owns the id, whatever others remember."""
    ours, theirs = runner_on(log, codec), runner_on(log, codec)
    await ours(register("1"))
    assert not (await ours(register("1", name="one id"))).events
    first = await theirs(register("2", name="one id", use_case=use_case))
    assert first.events

    for runner in (ours, theirs):
        again = await runner(register("2", name="one id", use_case=use_case))
        assert again.duplicate
        assert [*again.events] == [*first.events]
        with pytest.raises(IdConflict):
            await runner(register("1", name="one id"))


@pytest.mark.parametrize("same_process", [True, False])
async def test_a_repeat_of_what_changed_nothing_is_decided_on_the_state_of_now_and_takes_effect_once(
    log: MemoryLog, codec: EventCodec, same_process: bool
) -> None:
    runner = runner_on(log, codec)
    first, second = await runner(register("1")), await runner(register("2"))
    nothing = await runner(promote(first, name="one id"))
    await runner(promote(second))
    other = runner if same_process else runner_on(log, codec)

    again, once_more = [await other(promote(first, name="one id")) for _ in "12"]

    assert (nothing.events, nothing.duplicate, again.duplicate) == ([], False, False)
    assert [event.type for event in again.events] == ["registry.model_promoted"]
    assert once_more.duplicate
    assert [*once_more.events] == [*again.events]


async def test_an_id_whose_command_was_refused_is_free(runner: CommandRunner) -> None:
    await runner(register("1"))
    with pytest.raises(Rejected):
        await runner(promote(Reply({"model_id": "0" * 8 + "-0000" * 3 + "-" + "0" * 12}), name="one id"))

    assert (await runner(register("2", name="one id"))).events


async def test_same_id_for_a_command_that_was_impossible_then_is_refused(runner: CommandRunner) -> None:
    first = await runner(register("1", name="one id"))
    second = await runner(register("2"))

    with pytest.raises(IdConflict):
        await runner(promote(second, name="one id"))
    assert (await runner(register("1", name="one id"))).result == first.result


async def test_long_streams_are_read_in_pages(
    log: MemoryLog, codec: EventCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.kernel.commands.READ_BATCH", 2)
    for n in range(4):
        await runner_on(log, codec)(register(str(n)))

    assert (await runner_on(log, codec)(register("9"))).events[0].version == 6


@pytest.mark.parametrize(("expected", "actual"), [(1, 2), (0, 2), ("none", 2)])
async def test_stale_expected_version_is_refused(runner: CommandRunner, expected: Any, actual: int) -> None:
    await runner(register("1"))

    with pytest.raises(VersionConflict) as conflict:
        await runner(register("2", expected=expected))

    assert (conflict.value.expected, conflict.value.actual) == (expected, actual)


async def test_expected_version_that_holds_passes(runner: CommandRunner) -> None:
    with pytest.raises(VersionConflict):
        await runner(register("1", expected="exists"))
    await runner(register("1", expected="none"))
    await runner(register("2", expected=2))
    await runner(register("3", expected="exists"))


async def test_retry_wins_over_its_own_expected_version(runner: CommandRunner) -> None:
    """After the first try the version differs from the expected one; the retry must not fail for that."""
    await runner(register("1", name="first", expected="none"))

    assert (await runner(register("1", name="first", expected="none"))).duplicate


async def test_refusal_on_a_cached_state_that_is_behind_is_decided_again(
    log: MemoryLog, codec: EventCodec
) -> None:
    ours, theirs = runner_on(log, codec), runner_on(log, codec)
    await ours(register("1"))
    second = await theirs(register("2"))

    assert (await ours(promote(second))).result["status"] == "current"


async def test_already_so_on_a_cached_state_that_is_behind_is_decided_again(
    log: MemoryLog, codec: EventCodec
) -> None:
    ours, theirs = runner_on(log, codec), runner_on(log, codec)
    first = await ours(register("1"))
    await theirs(promote(await theirs(register("2"))))

    back = await ours(promote(first))

    assert [e.type for e in back.events] == ["registry.model_promoted"]


async def test_concurrent_commands_on_one_stream_all_get_through(log: MemoryLog, codec: EventCodec) -> None:
    runners = [runner_on(log, codec) for _ in range(2)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(runners[n % 2](register(str(n)))) for n in range(40)]

    assert sorted(v for t in tasks for v in [e.version for e in t.result().events]) == list(range(1, 42))
    assert sum(t.result().result["status"] == "current" for t in tasks) == 1


async def test_concurrent_tries_of_one_command_take_effect_once(log: MemoryLog, codec: EventCodec) -> None:
    runners = [runner_on(log, codec) for _ in range(3)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(runners[n % 3](register("1", name="same"))) for n in range(9)]

    assert sorted(t.result().duplicate for t in tasks) == [False] + [True] * 8
    assert len({tuple(t.result().events) for t in tasks}) == 1
    assert (await log.head()).position == 2


class AlwaysOvertaken(MemoryLog):
    """Another writer gets in before every append."""

    async def append(self, *writes: StreamWrite) -> AppendResult:
        raise VersionConflict(writes[0].stream, 0, 1)


async def test_endless_conflicts_end(codec: EventCodec) -> None:
    runner = runner_on(AlwaysOvertaken("test", lambda: 1), codec)

    with pytest.raises(VersionConflict):
        await runner(register())


async def test_unknown_command_and_bad_payload_are_refused_by_name(runner: CommandRunner) -> None:
    with pytest.raises(Rejected, match=r"registry\.explode") as unknown:
        await runner(message("registry.explode", {}))
    with pytest.raises(Rejected, match=r"inference\.record_failure"):
        await runner(message("inference.record_failure", {}))
    with pytest.raises(Rejected) as invalid:
        await runner(register("1", tier="platinum"))

    assert unknown.value.code == "unknown_command"
    assert (invalid.value.code, invalid.value.field) == ("invalid_field", "tier")


async def test_cache_is_bounded(runner: CommandRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "STREAMS_CACHED_MAX", 64)
    for n in range(64 + 5):
        await runner(register("1", use_case=f"u{n}"))

    assert len(runner._cache) == 64
    assert (await runner(register("2", use_case="u0"))).result["status"] == "candidate"
