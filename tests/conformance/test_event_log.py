"""The contract of the log, as one suite that every adapter passes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from itertools import count
from uuid import UUID, uuid5

import pytest

from aicore.embedded import EmbeddedPostgres
from bus.memory import MemoryLog
from bus.ports import (
    APPEND_EVENTS_MAX,
    PAYLOAD_BYTES_MAX,
    EventLog,
    IdConflict,
    InvalidAppend,
    NewEvent,
    PayloadPage,
    RecordedEvent,
    RecordedPayload,
    StreamWrite,
    VersionConflict,
    Where,
)
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from protocol.chain import genesis, link

SPACE = UUID("0e7a4d34-4b7c-4c43-9f6e-2a3f6f2f9b11")
WAIT_S = 10.0


def event(
    name: object, kind: str = "story.told", payload: bytes = b"\x81\xa1n\x01", schema: int = 1
) -> NewEvent:
    return NewEvent(uuid5(SPACE, str(name)), kind, schema, payload)


@asynccontextmanager
async def memory(realm: str) -> AsyncIterator[EventLog]:
    clock = count(1_000)
    yield MemoryLog(realm, lambda: next(clock))


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
async def log(request: pytest.FixtureRequest, realm: str) -> AsyncIterator[EventLog]:
    if request.param == "memory":
        async with memory(realm) as opened:
            yield opened
        return
    server: EmbeddedPostgres = request.getfixturevalue("postgres")
    await migrate(server.dsn, realm)
    clock = count(1_000)
    async with open_log(server.dsn, realm, now_us=lambda: next(clock), skew_us_max=None) as opened:
        yield opened


async def test_positions_and_versions_count_from_one(log: EventLog) -> None:
    first = await log.append(StreamWrite("story-a", [event(1), event(2)]))
    second = await log.append(StreamWrite("story-b", [event(3)]))

    assert (first.positions, first.versions) == ((1, 2), (1, 2))
    assert (second.positions, second.versions) == ((3,), (1,))
    assert (await log.head()).position == 3


async def test_an_empty_log_has_the_genesis_as_its_head(log: EventLog, realm: str) -> None:
    head = await log.head()

    assert (head.position, head.hash) == (0, genesis(realm))
    assert await log.read_all() == []
    assert await log.read_stream("story-a") == []


@pytest.mark.parametrize("expected", [0, "none", "any"])
async def test_a_new_stream_meets(log: EventLog, expected: int) -> None:
    assert (await log.append(StreamWrite("story-a", [event(1)], expected))).versions == (1,)


@pytest.mark.parametrize("expected", [1, "exists", "any"])
async def test_a_stream_with_one_event_meets(log: EventLog, expected: int) -> None:
    await log.append(StreamWrite("story-a", [event(1)]))

    assert (await log.append(StreamWrite("story-a", [event(2)], expected))).versions == (2,)


@pytest.mark.parametrize(("expected", "actual"), [(1, 0), ("exists", 0), (0, 1), ("none", 1), (2, 1)])
async def test_a_conflict_names_expected_and_actual(log: EventLog, expected: int, actual: int) -> None:
    if actual:
        await log.append(StreamWrite("story-a", [event(1)]))

    with pytest.raises(VersionConflict) as conflict:
        await log.append(StreamWrite("story-a", [event(2)], expected))

    assert (conflict.value.stream, conflict.value.expected, conflict.value.actual) == (
        "story-a",
        expected,
        actual,
    )
    assert (await log.head()).position == actual


async def test_several_streams_are_written_together_or_not_at_all(log: EventLog) -> None:
    done = await log.append(StreamWrite("story-a", [event(1)], 0), StreamWrite("quest-b", [event(2)], "none"))
    with pytest.raises(VersionConflict):
        await log.append(StreamWrite("story-a", [event(3)], 1), StreamWrite("quest-b", [event(4)], 7))

    assert done.positions == (1, 2)
    assert [e.stream for e in await log.read_all()] == ["story-a", "quest-b"]


async def test_a_repeated_append_gives_the_first_result(log: EventLog) -> None:
    writes = (StreamWrite("story-a", [event(1), event(2)], "none"), StreamWrite("story-b", [event(3)]))
    first = await log.append(*writes)
    await log.append(StreamWrite("story-a", [event(4)]))

    again = await log.append(*writes)

    assert again.duplicate
    assert not first.duplicate
    assert (again.positions, again.versions, again.recorded_us) == (
        first.positions,
        first.versions,
        first.recorded_us,
    )
    assert (await log.head()).position == 4


@pytest.mark.parametrize(
    "other",
    [
        StreamWrite("story-b", [event(1)]),
        StreamWrite("story-a", [event(1, kind="story.ended")]),
        StreamWrite("story-a", [event(1, payload=b"\x80")]),
        StreamWrite("story-a", [event(1, schema=2)]),
        StreamWrite("story-a", [event(1), event(9)]),
    ],
    ids=["stream", "type", "payload", "schema", "part"],
)
async def test_a_known_id_with_other_content_is_refused(log: EventLog, other: StreamWrite) -> None:
    await log.append(StreamWrite("story-a", [event(1)]))

    with pytest.raises(IdConflict):
        await log.append(other)

    assert (await log.head()).position == 1


async def test_one_callers_conflict_fails_only_that_caller(log: EventLog) -> None:
    appends = [log.append(StreamWrite("story-a", [event(n)], 0)) for n in range(8)]
    appends += [log.append(StreamWrite(f"story-{n}", [event(100 + n)], "none")) for n in range(8)]

    results = await asyncio.gather(*appends, return_exceptions=True)

    assert sum(isinstance(result, VersionConflict) for result in results) == 7
    assert (await log.head()).position == 9


async def test_many_callers_at_once_make_one_gapless_order(log: EventLog) -> None:
    async def write(caller: int) -> None:
        for n in range(20):
            await log.append(StreamWrite(f"story-{caller}", [event((caller, n))], n))

    await asyncio.gather(*map(write, range(10)))

    events = await log.read_all()
    assert [e.position for e in events] == list(range(1, 201))
    for caller in range(10):
        assert [e.version for e in await log.read_stream(f"story-{caller}")] == list(range(1, 21))


async def test_the_same_append_by_two_at_once_is_recorded_once(log: EventLog) -> None:
    write = StreamWrite("story-a", [event(1), event(2)])

    results = await asyncio.gather(*(log.append(write) for _ in range(5)))

    assert {result.positions for result in results} == {(1, 2)}
    assert sum(not result.duplicate for result in results) == 1


async def test_an_event_is_found_by_its_id_on_whatever_stream(log: EventLog) -> None:
    first, second = [event(1)], [event(2)]
    await log.append(StreamWrite("test-a", first), StreamWrite("test-b", second))

    assert await log.find(second[0].id) == (await log.read_stream("test-b"))[0]
    assert await log.find(UUID(int=404)) is None


async def test_events_come_back_as_they_were_given(log: EventLog) -> None:
    given = NewEvent(
        uuid5(SPACE, "x"), "story.told", 3, b"\x81\xa1a\xc4\x02\x00\xff", b"\x81\xa5actor\xa3a:b"
    )
    await log.append(StreamWrite("story-a", [given]))

    [found] = await log.read_stream("story-a")

    assert (found.id, found.type, found.schema_version) == (given.id, given.type, given.schema_version)
    assert (found.payload, found.meta) == (given.payload, given.meta)


async def test_hashes_are_a_chain_from_the_genesis(log: EventLog, realm: str) -> None:
    await log.append(StreamWrite("story-a", [event(1), event(2)]))
    await log.append(StreamWrite("story-b", [event(3)]))

    previous = genesis(realm)
    for e in await log.read_all():
        previous = link(
            previous,
            (e.position, e.id.bytes, e.recorded_us, e.version, e.schema_version),
            (e.type.encode(), e.stream.encode()),
            e.meta,
            e.payload,
        )
        assert e.hash == previous
    assert (await log.head()).hash == previous


async def test_reading_by_type_context_and_stream_prefix(log: EventLog) -> None:
    await log.append(
        StreamWrite("story-a1", [event(1), event(2, "story.ended")]),
        StreamWrite("quest-a1", [event(3, "quest.begun")]),
        StreamWrite("story-b1", [event(4)]),
    )

    async def found(where: Where, **limits: int) -> list[int]:
        events = await log.read_all(where=where, **limits)
        rows = await log.read_payloads(where=where, **limits)
        assert list(rows) == [
            RecordedPayload(e.position, e.recorded_us, e.type, e.schema_version, e.payload) for e in events
        ]
        return [e.position for e in events]

    assert await found(Where(types=["story.told"])) == [1, 4]
    assert await found(Where(context="story")) == [1, 2, 4]
    assert await found(Where(context="stor")) == []
    assert await found(Where(stream_prefix="story-a")) == [1, 2]
    assert await found(Where(types=["story.told"], stream_prefix="story-b")) == [4]
    assert await found(Where(context="story"), after=1, limit=1) == [2]


async def test_pages_meet_without_gap_or_double(log: EventLog) -> None:
    await log.append(StreamWrite("story-a", [event(n) for n in range(25)]))

    pages = [await log.read_stream("story-a", after=after, limit=10) for after in (0, 10, 20, 25)]

    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert [e.version for page in pages for e in page] == list(range(1, 26))
    payloads = [await log.read_stream_payloads("story-a", after=after, limit=10) for after in (0, 10, 20, 25)]
    assert [[*page] for page in payloads] == [[*PayloadPage.of(page)] for page in pages]


@pytest.mark.parametrize(
    ("write", "word"),
    [
        (StreamWrite("story-a", []), "events"),
        (StreamWrite("no_dash", [event(1)]), "stream"),
        (StreamWrite("story-a.b", [event(1)]), "stream"),
        (StreamWrite("story-a", [event(1, kind="Told")]), "type"),
        (StreamWrite("story-a", [event(1, payload=b"")]), "payload"),
        (StreamWrite("story-a", [event(1, payload=bytes(PAYLOAD_BYTES_MAX + 1))]), str(PAYLOAD_BYTES_MAX)),
        (StreamWrite("story-a", [event(1, schema=0)]), "schema_version"),
        (StreamWrite("story-a", [event(1)], -1), "expected"),
        (StreamWrite("story-a", [event(1), event(1)]), "id"),
        (StreamWrite("story-a", [event(n) for n in range(APPEND_EVENTS_MAX + 1)]), str(APPEND_EVENTS_MAX)),
    ],
)
async def test_a_broken_limit_is_named(log: EventLog, write: StreamWrite, word: str) -> None:
    with pytest.raises(InvalidAppend, match=word):
        await log.append(write)

    assert (await log.head()).position == 0


async def collect(
    log: EventLog, number: int, *, after: int = 0, where: Where = Where()
) -> list[RecordedEvent]:
    found: list[RecordedEvent] = []
    async with (
        asyncio.timeout(WAIT_S),
        aclosing(log.subscribe(after=after, where=where, batch_max=7)) as batches,
    ):
        async for batch in batches:
            assert 0 < len(batch) <= 7
            found += batch
            if len(found) >= number:
                return found
    raise AssertionError("a subscription never ends")


async def test_a_subscription_goes_from_old_to_live_without_a_seam(log: EventLog) -> None:
    await log.append(StreamWrite("story-a", [event(n) for n in range(20)]))

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(collect(log, 60, after=5))
        for n in range(20, 65):
            await log.append(StreamWrite("story-a", [event(n)]))

    assert [e.position for e in reading.result()][:60] == list(range(6, 66))


async def test_a_filtered_subscription_sees_only_and_all_that_match(log: EventLog) -> None:
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(collect(log, 10, where=Where(types=["story.ended"])))
        for n in range(60):
            await log.append(
                StreamWrite("story-a", [event(n, "story.ended" if n % 6 == 5 else "story.told")])
            )

    assert [e.position for e in reading.result()] == list(range(6, 61, 6))


async def test_many_subscriptions_each_see_all_that_match_and_nothing_else(log: EventLog) -> None:
    """One that begins late, behind the others, too."""
    wheres = [
        Where(),
        Where(types=["story.ended"]),
        Where(types=["story.ended", "tale.told"]),
        Where(context="tale"),
        Where(stream_prefix="story-b"),
    ]
    kinds = ("story.told", "story.ended", "tale.told")
    async with asyncio.TaskGroup() as group:
        reading = [group.create_task(collect(log, 8, where=where)) for where in wheres]
        for n in range(60):
            await log.append(StreamWrite(f"story-{'ab'[n % 2]}", [event(n, kinds[n % 3])]))
        late = [group.create_task(collect(log, 8, after=5, where=where)) for where in wheres]
        await log.append(StreamWrite("story-c", [event(n) for n in range(60, 80)]))

    for where, task, after in zip(wheres * 2, reading + late, [0] * 5 + [5] * 5, strict=True):
        found = task.result()
        whole = await log.read_all(after=after, limit=1_000, where=where)
        assert found == whole[: len(found)], where
