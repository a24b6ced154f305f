"""The command loop on a real Postgres: writers of their own, as separate processes have, and one use case."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from aicore.embedded import EmbeddedPostgres
from bus.ports import VersionConflict
from bus.postgres.log import open_log
from domain.registry.use_case import USE_CASE, stream_of
from handlers.kernel.commands import CommandRunner
from protocol.messages import Reply
from tests.integration.projection_kit import START_US, Realm, open_realm
from tests.unit.kit import message, model, runner_on

pytestmark = pytest.mark.integration

STREAM = stream_of("npc_dialogue")


@pytest.fixture
async def place(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[Realm]:
    async with open_realm(postgres, realm) as opened:
        yield opened


async def test_conflicting_commands_of_two_writers_all_take_effect_once(place: Realm) -> None:
    async with open_log(place.dsn, place.name, now_us=lambda: START_US, skew_us_max=None) as other:
        runners = [runner_on(place.log, place.codec), runner_on(other, place.codec)]
        models = [await runners[n % 2](message("registry.register_model", model(str(n)))) for n in range(6)]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_promote(runners[n % 2], models[n % 6], name=f"{place.name} {n // 2}"))
                for n in range(48)
            ]

    history = await place.log.read_stream(STREAM)
    state = USE_CASE.fold(place.codec.decode(event) for event in history)  # type: ignore[misc]  # this stream's
    assert [event.version for event in history] == list(range(1, len(history) + 1))
    assert [m.status for m in state.models.values()].count("current") == 1
    told = [ref for task in tasks if not task.result().duplicate for ref in task.result().events]
    assert sorted(ref.version for ref in told) == list(range(8, len(history) + 1)), "each event has one owner"
    assert {ref.id for ref in told} <= {event.id for event in history}


async def test_first_of_a_use_case_is_decided_once_however_many_register_at_once(place: Realm) -> None:
    async with open_log(place.dsn, place.name, now_us=lambda: START_US, skew_us_max=None) as other:
        runners = [runner_on(place.log, place.codec), runner_on(other, place.codec)]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(runners[n % 2](message("registry.register_model", model(str(n)))))
                for n in range(20)
            ]

    assert [task.result().result["status"] for task in tasks].count("current") == 1
    assert (await place.log.head()).position == 21


async def test_only_one_of_two_with_the_same_expected_version_wins(place: Realm) -> None:
    await place.write_models(1)
    async with open_log(place.dsn, place.name, now_us=lambda: START_US, skew_us_max=None) as other:
        runners = [runner_on(place.log, place.codec), runner_on(other, place.codec)]
        commands = [message("registry.register_model", model(str(n)), expected=2) for n in (7, 8)]
        results = await asyncio.gather(
            *(runner(command) for runner, command in zip(runners, commands, strict=True)),
            return_exceptions=True,
        )

    assert sum(isinstance(result, Reply) for result in results) == 1
    (lost,) = [result for result in results if isinstance(result, VersionConflict)]
    assert (lost.expected, lost.actual) == (2, 3)


async def _promote(runner: CommandRunner, registered: Reply, *, name: str) -> Reply:
    payload = {
        "use_case": "npc_dialogue",
        "model_id": registered.result["model_id"],
        "operator": "mira",
        "reason": "in turn",
        "override": "a test",
    }
    # Pairs of tasks carry the same id on different writers: only where model and id agree is it a retry.
    return await runner(message("registry.promote_model", payload, name=f"{name} {payload['model_id']}"))
