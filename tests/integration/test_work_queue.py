"""The work queue on a real NATS."""

import asyncio
import time
from contextlib import suppress

import pytest
from nats.aio.client import Client

from aicore.embedded import EmbeddedNats
from bus.nats.connection import DRAIN_TIMEOUT_S, connect
from bus.nats.work_queue import NatsWorkQueue

pytestmark = pytest.mark.integration

DRAINED_S = DRAIN_TIMEOUT_S - 1
"""Less than a connection waits for a subscription that never drains."""


async def drain_s(nc: Client) -> float:
    """Return how long a drain takes, which no time-out ends early: nats-py lets none through."""
    began = time.monotonic()
    await nc.drain()
    return time.monotonic() - began


async def test_a_queue_whose_work_came_late_holds_up_no_drain(nats_server: EmbeddedNats, realm: str) -> None:
    async with connect(nats_server.url, name="test") as nc:
        queue = NatsWorkQueue(nc, realm)
        assert await queue.ensure()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await queue.take(5)
        await queue.put("batch:1", b"late")  # nats-py has it before anybody asks again
        await nc.flush()
        item = await queue.take(1)
        assert item is not None
        await item.done()

        await queue.close()

        assert await drain_s(nc) < DRAINED_S


async def test_work_that_is_done_is_gone_and_the_same_key_counts_once(
    nats_server: EmbeddedNats, realm: str
) -> None:
    async with connect(nats_server.url, name="test") as nc:
        queue = NatsWorkQueue(nc, realm)
        await queue.ensure()
        assert not await queue.ensure()
        for data in (b"first", b"again"):
            await queue.put("batch:1", data)

        item = await queue.take(1)

        assert item is not None
        assert (item.data, item.attempt, await queue.emptied_after()) == (b"first", 1, None)
        await item.done()
        assert await queue.emptied_after() == 1
        await queue.close()
