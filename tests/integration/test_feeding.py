"""One feeder leads, with an epoch that only grows; one that lost its session feeds no more."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import asyncpg
import pytest

from aicore.embedded import EmbeddedPostgres
from bus.postgres.migrate import migrate
from bus.relay.feeding import lead_feed
from bus.relay.leadership import lock_of
from tests.unit.kit import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

END_LEADER = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = $1
"""


class Fed:
    """Who fed, in order, and who does now."""

    def __init__(self) -> None:
        self.epochs: list[int] = []
        self.now: set[int] = set()
        self.holds: Callable[[], bool] = lambda: False

    def has_led(self, times: int) -> bool:
        """Whether so many leaders have been, and only the last one feeds."""
        return len(self.epochs) == times and self.now == {self.epochs[-1]}

    async def feed(self, epoch: int, holds: Callable[[], bool]) -> None:
        self.epochs.append(epoch)
        self.now.add(epoch)
        self.holds = holds
        try:
            while holds():  # noqa: ASYNC110 - as the feeder does, which has something to send meanwhile
                await asyncio.sleep(0.01)
        finally:
            self.now.discard(epoch)


async def test_another_leads_when_the_leader_loses_its_session(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    await migrate(postgres.dsn, realm)
    fed, connection = Fed(), await asyncpg.connect(postgres.dsn)
    tasks = [
        asyncio.create_task(
            lead_feed(postgres.dsn, realm, fed.feed, name=f"feeder {n}", clock=time.monotonic)
        )
        for n in range(2)
    ]
    try:
        await until(lambda: fed.epochs)
        for led in (1, 2):
            await connection.fetch(END_LEADER, lock_of("feed", realm))
            await until(partial(fed.has_led, led + 1))
        assert fed.epochs == sorted(set(fed.epochs))
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        connection.terminate()


async def test_a_leader_that_cannot_be_sure_any_more_gives_the_lead_up_and_takes_a_new_epoch(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    """As after SIGSTOP: time has passed in which Postgres could not be asked."""
    await migrate(postgres.dsn, realm)
    fed, passed = Fed(), [0.0]
    task = asyncio.create_task(
        lead_feed(postgres.dsn, realm, fed.feed, name="feeder", clock=lambda: time.monotonic() + passed[0])
    )
    try:
        await until(lambda: fed.now)
        passed[0] += 60
        assert not fed.holds(), "before Postgres is asked again"
        await until(lambda: len(fed.epochs) == 2)
        assert fed.epochs[1] > fed.epochs[0]
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
