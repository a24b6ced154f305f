"""Projections on a real Postgres: killed mid-batch, run twice, rebuilt, compared, broken and mended."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import asyncpg
import pytest
import structlog

from aicore.embedded import EmbeddedPostgres
from aicore.settings import Settings
from aicore.wiring.contexts import parts_of, views_of
from bus.catalogue import domain_catalogue
from bus.ports import NewEvent, StreamWrite
from bus.postgres.connect import connect_pool
from domain.inference.queries import StatsQuery
from domain.kernel.decider import Rejected
from domain.kernel.event import Query
from domain.projections.queries import StatusQuery
from domain.registry.queries import ModelsQuery
from projections.inference.stats import INFERENCE_STATS
from projections.kernel.reading import QueryHandler, Reader
from projections.kernel.runner import ProjectionFailed, ProjectionRunner
from projections.kernel.table import Table
from projections.kernel.view import Fact, Key, Row, View
from projections.registry.current_models import CURRENT_MODELS
from tests.integration.projection_kit import Realm, open_realm
from tests.unit.kit import WAIT_S, ident, message, until

pytestmark = pytest.mark.integration

VIEWS = tuple(views_of(Settings()))


@pytest.fixture
async def place(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[Realm]:
    async with open_realm(postgres, realm) as opened:
        yield opened


async def run_until(place: Realm, runner: ProjectionRunner, position: int) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(runner.run())
        await until(lambda: runner.position >= position)
        task.cancel()


async def catch_up(place: Realm, *views: View) -> None:
    head = await place.log.head()
    for view in views:
        await run_until(place, place.projection(view), head.position)


async def test_rows_equal_those_of_a_rebuild(place: Realm) -> None:
    await place.write_models(3)
    await place.write_outcomes(1_200)
    await place.write_transfers()
    await place.write_world()
    await catch_up(place, *VIEWS)

    for view in VIEWS:
        compared = await place.projection(view).verify()
        assert compared.ok, compared
        assert compared.position == (await place.log.head()).position
        assert compared.rows == len(await place.rows(view)) > 0


async def test_verify_finds_a_row_that_the_log_does_not_explain(place: Realm) -> None:
    await place.write_models(2)
    await catch_up(place, CURRENT_MODELS)
    await place.pool.execute("UPDATE current_models SET tier = 'bronze' WHERE version = '1'")

    compared = await place.projection(CURRENT_MODELS).verify()

    assert not compared.ok
    assert compared.differing == 2
    assert "bronze" in compared.first_difference


async def test_rebuild_mends_rows_and_says_how_far_it_is(place: Realm) -> None:
    await place.write_outcomes(2_500)
    await catch_up(place, INFERENCE_STATS)
    before = await place.rows(INFERENCE_STATS)
    await place.pool.execute("UPDATE inference_stats SET completed = 7")
    told: list[tuple[int, int]] = []

    position = await place.projection(INFERENCE_STATS).rebuild(lambda at, goal: told.append((at, goal)))

    assert await place.rows(INFERENCE_STATS) == before
    assert told[-1] == (2_500, 2_500)
    assert position == 2_500 == (await place.checkpoint(INFERENCE_STATS))["position"]


async def test_readers_see_the_old_rows_during_a_rebuild(place: Realm) -> None:
    await place.write_outcomes(10)
    await catch_up(place, INFERENCE_STATS)
    seen: list[int] = []
    runner = place.projection(INFERENCE_STATS)

    async with runner._rebuilt(None, to_head=True):
        seen.append(len(await place.rows(INFERENCE_STATS)))

    assert seen == [1]


async def test_rebuild_while_events_come_in_loses_none(place: Realm) -> None:
    await place.write_outcomes(1_000)
    runner = place.projection(INFERENCE_STATS)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(runner.run())
        writing = group.create_task(place.write_outcomes(3_000))
        for _ in range(3):
            await place.projection(INFERENCE_STATS).rebuild()
        await writing
        await until(lambda: runner.position >= 4_000)
        running.cancel()

    assert (await runner.verify()).ok
    (row,) = await place.rows(INFERENCE_STATS)
    assert row["completed"] + row["failed"] == 4_000


class Killing:
    """Lets a runner do a part of each batch and then cancels it, at ever later points."""

    def __init__(self, view: View, after: int) -> None:
        self.left = after
        self.view = replace(view, apply=self.apply)
        self.original = view.apply
        self.cancel: Callable[[], object] = lambda: None

    def apply(self, row: Row | None, fact: Fact, key: Key) -> Row | None:
        self.left -= 1
        if self.left == 0:
            self.cancel()
        return self.original(row, fact, key)


async def test_killed_mid_batch_at_many_points_it_resumes_without_loss_or_double(place: Realm) -> None:
    await place.write_outcomes(2_000)
    for after in (1, 2, 499, 500, 501, 700, 999):
        killing = Killing(INFERENCE_STATS, after)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(place.projection(killing.view).run())
            killing.cancel = task.cancel
            async with asyncio.timeout(WAIT_S):
                await asyncio.wait([task])
    assert (await place.checkpoint(INFERENCE_STATS))["position"] < 2_000
    await catch_up(place, INFERENCE_STATS)

    (row,) = await place.rows(INFERENCE_STATS)
    assert (row["completed"], row["failed"]) == (1_800, 200)
    assert (await place.projection(INFERENCE_STATS).verify()).ok


async def test_connection_killed_in_its_transaction_is_survived(
    place: Realm, postgres: EmbeddedPostgres
) -> None:
    """The server ends the projector's session while it holds a batch; the runner goes on by itself."""
    runner = place.projection(INFERENCE_STATS)
    await runner.start()
    admin, observer = await asyncpg.connect(postgres.dsn), await asyncpg.connect(postgres.dsn)
    async with aclosing_all(admin, observer), asyncio.TaskGroup() as group:
        running = group.create_task(runner.run())
        async with admin.transaction():
            await admin.execute(f"SELECT FROM realm_{place.name}.projection_checkpoint FOR UPDATE")
            await place.write_outcomes(700)
            await until(lambda: observer.fetchval(TERMINATE_WHO_WAITS_FOR, admin.get_server_pid()))
        await until(lambda: runner.position >= 700)
        running.cancel()

    assert (await place.projection(INFERENCE_STATS).verify()).ok


async def test_a_server_that_only_reads_is_waited_for(place: Realm) -> None:
    """The scar: a replica that nobody had promoted yet ended the whole process, players' turns among them."""
    settings = {"role": "aicore_projector", "default_transaction_read_only": "on"}
    read_only = await connect_pool(place.dsn, place.name, size_max=1, **settings)
    runner = replace(place, pool=read_only).projection(INFERENCE_STATS)
    with structlog.testing.capture_logs() as said:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(runner.run())
            await until(lambda: any(line["event"] == "projection_interrupted" for line in said))
            running.cancel()
    await read_only.close()


@asynccontextmanager
async def aclosing_all(*connections: asyncpg.Connection) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for connection in connections:
            await connection.close()


TERMINATE_WHO_WAITS_FOR = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND $1 = ANY (pg_blocking_pids(pid))
"""


async def test_two_runners_at_once_do_not_double(place: Realm) -> None:
    runners = [place.projection(INFERENCE_STATS) for _ in range(3)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(runner.run()) for runner in runners]
        await place.write_outcomes(2_000)
        await until(lambda: min(runner.position for runner in runners) == 2_000)
        for task in tasks:
            task.cancel()

    (row,) = await place.rows(INFERENCE_STATS)
    assert row["completed"] + row["failed"] == 2_000
    assert (await runners[0].verify()).ok


async def test_batch_behind_a_gap_is_not_applied(place: Realm) -> None:
    """The checkpoint was set back: the runner must read again from there, not skip."""
    await place.write_outcomes(20)
    runner = place.projection(INFERENCE_STATS)
    await runner.start()

    assert not await runner.apply(await place.log.read_all(after=10))
    assert await runner.apply(await place.log.read_all())
    assert runner.position == 20


async def test_rows_of_another_code_version_are_rebuilt_at_the_start(place: Realm) -> None:
    await place.write_models(1)
    await catch_up(place, CURRENT_MODELS)

    def louder(row: Row | None, fact: Fact, key: Key) -> Row | None:
        after = CURRENT_MODELS.apply(row, fact, key)
        return after and {**after, "description": "louder"}

    newer = replace(CURRENT_MODELS, version=CURRENT_MODELS.version + 1, apply=louder)
    assert await place.projection(newer).start() == 2
    assert [row["description"] for row in await place.rows(CURRENT_MODELS)] == ["louder"]
    assert (await place.checkpoint(CURRENT_MODELS))["view_version"] == newer.version


async def test_checkpoint_ahead_of_the_log_means_another_log_and_a_rebuild(place: Realm) -> None:
    await place.write_models(1)
    await catch_up(place, CURRENT_MODELS)
    await place.pool.execute("UPDATE projection_checkpoint SET position = 999")

    assert await place.projection(CURRENT_MODELS).start() == 2


async def test_failing_event_stops_the_projection_before_it_and_is_told_until_it_passes(place: Realm) -> None:
    await place.write_outcomes(5)
    fail = True

    def fragile(row: Row | None, fact: Fact, key: Key) -> Row | None:
        if fail and fact.position == 3:
            raise KeyError("a bug\x00")
        return INFERENCE_STATS.apply(row, fact, key)

    async def told() -> str:
        return str((await place.checkpoint(INFERENCE_STATS))["error"])

    runner = place.projection(replace(INFERENCE_STATS, apply=fragile))
    await runner.start()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(runner.run())
        await until(told)
        assert "position 3" in await told()
        assert "a bug" in await told()
        assert (await place.checkpoint(INFERENCE_STATS))["position"] == 2, "all before it is applied"
        fail = False
        await until(lambda: runner.position == 5)
        running.cancel()

    assert await told() == ""
    assert (await runner.verify()).ok


async def test_event_of_a_newer_program_stops_the_projection(place: Realm) -> None:
    """Passing over it would leave rows that no rebuild by the newer program gives."""
    newer = NewEvent(ident(), "inference.completed", 99, b"\x80")
    await place.log.append(StreamWrite("inference-1", [newer]))
    runner = place.projection(INFERENCE_STATS)
    await runner.start()

    with pytest.raises(ProjectionFailed, match="upgrade"):
        await runner.apply(await place.log.read_all())


async def test_failing_rebuild_leaves_the_old_rows(place: Realm) -> None:
    await place.write_outcomes(5)
    await catch_up(place, INFERENCE_STATS)

    def broken(row: Row | None, fact: Fact, key: Key) -> Row | None:
        raise KeyError("a bug")

    with pytest.raises(ProjectionFailed):
        await place.projection(replace(INFERENCE_STATS, apply=broken)).rebuild()

    assert (await place.projection(INFERENCE_STATS).verify()).ok
    assert len(await place.rows(INFERENCE_STATS)) == 1


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
async def test_every_view_that_a_context_brings_takes_every_event_and_is_rebuilt_the_same(
    place: Realm, view: View
) -> None:
    heard = [kind for name, kind in domain_catalogue().events.items() if name in view.types]
    assert {kind.event_name for kind in heard} == view.types
    for n, kind in enumerate(domain_catalogue().events.values()):
        new = place.codec.encode(kind.from_example(), ident())
        await place.log.append(StreamWrite(f"{kind.event_name.partition('.')[0]}-{n}", [new]))
    await catch_up(place, view)
    before = await place.rows(view)

    await place.projection(view).rebuild()

    assert await place.rows(view) == before
    assert (await place.projection(view).verify()).ok


async def test_view_may_delete_rows(place: Realm) -> None:
    await place.write_models(3)

    def only_current(row: Row | None, fact: Fact, key: Key) -> Row | None:
        after = CURRENT_MODELS.apply(row, fact, key)
        return after if after and after["version"] == "0" and fact.position < 3 else None

    runner = place.projection(replace(CURRENT_MODELS, apply=only_current))
    await runner.start()
    batch = await place.log.read_all()
    assert await runner.apply(batch[:2])
    assert len(await place.rows(CURRENT_MODELS)) == 1
    await place.commands()(
        message(
            "registry.describe_model",
            {
                "use_case": "npc_dialogue",
                "model_id": _id_of(await place.rows(CURRENT_MODELS)),
                "description": "x",
                "operator": "mira",
                "reason": "test",
            },
        )
    )
    assert await runner.apply(await place.log.read_all(after=2))
    assert await place.rows(CURRENT_MODELS) == []
    assert (await runner.verify()).ok


def _id_of(rows: list[dict[str, Any]]) -> str:
    return str(rows[0]["model_id"])


async def test_checkpoint_set_back_while_running_is_followed(place: Realm) -> None:
    """After a restore of the projection's rows to an older state the runner goes back by itself."""
    await place.write_outcomes(10)
    runner = place.projection(INFERENCE_STATS)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(runner.run())
        await until(lambda: runner.position == 10)
        async with place.pool.acquire() as connection, connection.transaction():
            await connection.execute("DELETE FROM inference_stats")
            await connection.execute("UPDATE projection_checkpoint SET position = 0")
        await place.write_outcomes(1)
        await until(lambda: runner.position == 11)
        running.cancel()

    assert (await runner.verify()).ok


async def test_rows_are_loaded_by_their_primary_key(place: Realm, postgres: EmbeddedPostgres) -> None:
    """A batch must not read the whole table, however long the history."""
    table = Table(INFERENCE_STATS, INFERENCE_STATS.name)
    admin = await asyncpg.connect(postgres.dsn, server_settings={"search_path": f"realm_{place.name}"})
    async with aclosing_all(admin):
        await admin.execute(
            "INSERT INTO inference_stats SELECT 'm' || n, 'gold', n, 'u', 0, 0, 0, 0, 0, 0, 0, '{}', '{}', 0"
            " FROM generate_series(1, 20000) n"
        )
        await admin.execute("ANALYZE inference_stats")
        keys = table.keys_json([("m1", "gold", 1), ("m2", "gold", 2)])
        for statement in (table.load, table.delete):
            lines = await admin.fetch(f"EXPLAIN {statement}", keys)
            plan = "\n".join(line[0] for line in lines)
            assert "Index Scan using inference_stats_pkey" in plan, plan


def answers_of(place: Realm) -> Mapping[type[Query], QueryHandler]:
    """Every answer that the contexts bring, as the program serves them."""
    reader = Reader(place.pool, place.log)
    return {
        query: partial(answer, reader)
        for part in parts_of(Settings())
        for query, answer in part.answers.items()
    }


class TestQueries:
    async def test_models_of_a_use_case(self, place: Realm) -> None:
        await place.write_models(2)
        await catch_up(place, CURRENT_MODELS)
        queries = answers_of(place)
        models, position = await queries[ModelsQuery]({"use_case": "npc_dialogue"})

        assert [(m["version"], m["status"]) for m in models] == [("0", "current"), ("1", "candidate")]
        assert models[0]["configuration"] == {}
        assert position == 3
        assert (await queries[ModelsQuery]({"use_case": "none"}))[0] == []
        named, _ = await queries[ModelsQuery]({"model_id": models[1]["model_id"][:9]})
        assert named == [models[1]]

    async def test_of_many_models_the_newest_are_told(
        self, place: Realm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("projections.registry.current_models.MODELS_MAX", 2)
        await place.write_models(4)
        await catch_up(place, CURRENT_MODELS)
        models, _ = await answers_of(place)[ModelsQuery]({})
        assert [model["version"] for model in models] == ["2", "3"]

    async def test_stats_with_percentiles(self, place: Realm) -> None:
        await place.write_outcomes(100)
        await catch_up(place, INFERENCE_STATS)
        queries = answers_of(place)
        (stats,), position = await queries[StatsQuery]({"tier": "gold"})

        assert (stats["completed"], stats["failed"], position) == (90, 10, 100)
        assert stats["latency_ms"]["max"] == 99.0
        assert 50 <= stats["latency_ms"]["p50"] <= 50 * 1.1
        assert stats["latency_ms"]["p99"] == 99.0
        assert (await queries[StatsQuery]({"tier": "bronze"}))[0] == []
        (hour,), _ = await queries[StatsQuery]({"by_hour": True})
        assert hour["hour_us"] % 3_600_000_000 == 0

    async def test_status_tells_the_lag(self, place: Realm) -> None:
        await place.write_outcomes(10)
        await catch_up(place, INFERENCE_STATS)
        await place.write_outcomes(5)
        (status,), head = await answers_of(place)[StatusQuery]({})

        assert (status["name"], status["position"], status["lag"], head) == ("inference_stats", 10, 5, 15)

    async def test_bad_query_is_refused_by_field(self, place: Realm) -> None:
        queries = answers_of(place)
        with pytest.raises(Rejected) as refusal:
            await queries[StatsQuery]({"from_us": "yesterday"})

        assert refusal.value.field == "from_us"

    async def test_before_any_event(self, place: Realm) -> None:
        handlers = answers_of(place)
        asked = {
            query: {
                name: query.example[name] for name, field in query.model_fields.items() if field.is_required()
            }
            for query in handlers
        }

        assert {query: await handler(asked[query]) for query, handler in handlers.items()} == (
            dict.fromkeys(handlers, ([], 0))
        )
