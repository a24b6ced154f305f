"""The contract of the work queue, as one suite that JetStream's and the tests' twin pass."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from aicore.embedded import EmbeddedNats
from bus.nats.api import js_request
from bus.nats.connection import connect
from bus.nats.work_queue import NatsWorkQueue
from bus.ports import QueueUnavailable, WorkItem, WorkQueue
from tests.harness.queues import MemoryWorkQueue

SOON_S = 0.05
WAIT_S = 5.0


@dataclass
class Place:
    """A queue, another process's door to it, and what can happen to its server."""

    queue: WorkQueue
    other: WorkQueue
    purge: Callable[[], Awaitable[object]]
    lose: Callable[[], Awaitable[object]]


@pytest.fixture(params=["memory", pytest.param("nats", marks=pytest.mark.integration)])
async def place(request: pytest.FixtureRequest, realm: str) -> AsyncIterator[Place]:
    if request.param == "memory":
        queue = MemoryWorkQueue()
        yield Place(queue, queue, queue.purge, queue.lose)
        return
    server: EmbeddedNats = request.getfixturevalue("nats_server")
    async with connect(server.url, name="test") as nc, connect(server.url, name="other") as away:
        ours, theirs = NatsWorkQueue(nc, realm), NatsWorkQueue(away, realm)
        yield Place(
            ours,
            theirs,
            lambda: js_request(nc, f"STREAM.PURGE.JOBS_{realm}"),
            lambda: js_request(nc, f"STREAM.DELETE.JOBS_{realm}"),
        )
        await ours.close()
        await theirs.close()


async def taken(queue: WorkQueue) -> WorkItem:
    item = await queue.take(WAIT_S)
    assert item is not None
    return item


async def test_only_who_makes_it_is_told_that_it_was_missing(place: Place) -> None:
    assert await place.queue.ensure()
    assert not await place.queue.ensure()
    assert await place.queue.emptied_after() == 0


async def test_work_comes_in_the_order_it_was_put_and_is_gone_when_done(place: Place) -> None:
    await place.queue.ensure()
    for n in range(3):
        await place.queue.put(f"batch:{n}", b"%d" % n)

    items = [await taken(place.queue) for _ in range(3)]

    assert [(item.data, item.attempt) for item in items] == [(b"0", 1), (b"1", 1), (b"2", 1)]
    for item in items:
        assert await place.queue.emptied_after() is None, "what is worked on is left"
        await item.working()
        await item.done()
    assert await place.queue.emptied_after() == 3
    assert await place.queue.take(SOON_S) is None


async def test_the_same_key_counts_once_also_after_it_is_done(place: Place) -> None:
    await place.queue.ensure()
    for data in (b"first", b"again"):
        await place.queue.put("batch:1", data)

    item = await taken(place.queue)
    await item.done()
    await place.queue.put("batch:1", b"once more")

    assert item.data == b"first"
    assert await place.queue.take(SOON_S) is None
    assert await place.queue.emptied_after() == 1


async def test_what_is_taken_is_nobody_elses_until_it_is_given_back(place: Place) -> None:
    await place.queue.ensure()
    await place.other.ensure()
    await place.queue.put("batch:1", b"work")
    item = await taken(place.queue)
    assert await place.other.take(SOON_S) is None

    await item.later(0.0)
    again = await taken(place.other)

    assert (again.data, again.attempt) == (b"work", 2)
    await again.done()
    assert await place.queue.emptied_after() == 1


async def test_who_waits_gets_what_comes_late(place: Place) -> None:
    await place.queue.ensure()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(place.queue.take(WAIT_S))
        assert await place.queue.emptied_after() == 0
        await place.queue.put("batch:1", b"late")

    item = waiting.result()
    assert item is not None
    assert item.data == b"late"
    await item.done()


async def test_two_processes_share_the_work_and_each_piece_is_done_once(place: Place) -> None:
    await place.queue.ensure()
    await place.other.ensure()
    for n in range(20):
        await place.queue.put(f"batch:{n}", b"%d" % n)

    async def work(queue: WorkQueue) -> list[bytes]:
        done = []
        while item := await queue.take(SOON_S * 4):
            await item.done()
            done.append(item.data)
        return done

    async with asyncio.TaskGroup() as group:
        both = [group.create_task(work(queue)) for queue in (place.queue, place.other)]

    assert sorted(both[0].result() + both[1].result()) == sorted(b"%d" % n for n in range(20))


async def test_a_queue_that_lost_its_work_still_knows_the_keys(place: Place) -> None:
    """So what is put in again needs another key."""
    await place.queue.ensure()
    await place.queue.put("batch:0:a", b"lost")

    await place.purge()
    assert await place.queue.emptied_after() == 1
    await place.queue.put("batch:0:a", b"taken for the lost one")
    assert await place.queue.take(SOON_S) is None
    await place.queue.put("batch:1:a", b"again")

    item = await taken(place.queue)
    assert item.data == b"again"
    await item.done()


async def test_a_queue_that_is_gone_says_so_until_it_is_made_anew(place: Place) -> None:
    with pytest.raises(QueueUnavailable):
        await place.queue.take(SOON_S)
    await place.queue.ensure()
    await place.queue.put("batch:1", b"lost with it")
    await place.lose()
    for call in (
        lambda: place.queue.put("batch:1", b"nowhere"),
        lambda: place.queue.take(SOON_S),
        place.queue.emptied_after,
    ):
        with pytest.raises(QueueUnavailable):
            await call()

    assert await place.queue.ensure()
    await place.queue.put("batch:1", b"the same key, for it has forgotten")
    item = await taken(place.queue)
    assert item.attempt == 1
    await item.done()
