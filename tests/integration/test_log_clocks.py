"""Nodes whose clocks are days wrong, beside one that is right: the log's time is never off by a second."""

import asyncio
from time import perf_counter

import pytest

from aicore.clock import now_us
from aicore.embedded import EmbeddedPostgres
from bus.ports import ClockWrong, StreamWrite
from bus.postgres.log import PostgresLog, open_log
from bus.postgres.migrate import migrate
from bus.postgres.verify import verify
from tests.integration.log_kit import WAIT_S, event

pytestmark = pytest.mark.integration

DAYS_US = 3 * 24 * 3_600_000_000


class Node:
    """A process's clock, which somebody sets, and what it appended with it."""

    def __init__(self, wrong_us: int) -> None:
        self.wrong_us = wrong_us
        self.off_us = 0
        self.written = self.refused = 0

    def now_us(self) -> int:
        return now_us() + self.off_us

    async def load(self, log: PostgresLog, until: float) -> None:
        """Append for as long as it takes; count what was refused for the clock."""
        while perf_counter() < until:
            try:
                await log.append(StreamWrite(f"story-{self.wrong_us % 7}", [event()]))
                self.written += 1
            except ClockWrong as error:
                assert abs(error.skew_us - self.wrong_us) < 1_000_000
                self.refused += 1
                await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    "seconds", [0.5, pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(180)])]
)
async def test_nodes_that_are_days_fast_and_slow_write_nothing_until_they_are_set_right(
    postgres: EmbeddedPostgres, realm: str, seconds: float
) -> None:
    await migrate(postgres.dsn, realm)
    fast, slow, right = Node(DAYS_US), Node(-DAYS_US), Node(0)
    async with (
        open_log(postgres.dsn, realm, now_us=fast.now_us) as of_fast,
        open_log(postgres.dsn, realm, now_us=slow.now_us) as of_slow,
        open_log(postgres.dsn, realm, now_us=right.now_us) as of_right,
        asyncio.timeout(WAIT_S + seconds),
    ):
        nodes = [(fast, of_fast), (slow, of_slow), (right, of_right)]
        for node, log in nodes:
            await log.append(StreamWrite("story-first", [event()]))
            node.off_us = node.wrong_us  # from one append to the next

        began = now_us()
        until = perf_counter() + seconds
        await asyncio.gather(*(node.load(log, until) for node, log in nodes))
        ended = now_us()
        stored = (await of_right.read_all(after=3, limit=10**6))[: right.written]

        assert (fast.written, slow.written, right.refused) == (0, 0, 0)
        assert min(fast.refused, slow.refused, right.written) > 0
        assert (await of_right.head()).position == 3 + right.written == 3 + len(stored)
        assert all(began - 1_000_000 <= e.recorded_us <= ended + 1_000_000 for e in stored)
        assert of_fast.clock.skew_us > 0 > of_slow.clock.skew_us
        for node, log in nodes:
            node.off_us = 0
            assert (await log.append(StreamWrite("story-last", [event()]))).recorded_us <= now_us()
    assert (await verify(postgres.dsn, realm)).ok


async def test_an_idle_node_learns_how_its_clock_stands(
    postgres: EmbeddedPostgres, realm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.postgres.log.COMPARE_CLOCKS_S", 0.01)
    monkeypatch.setattr("bus.postgres.clock.MEASURE_S", 0.01)
    node = Node(DAYS_US)
    node.off_us = DAYS_US
    await migrate(postgres.dsn, realm)
    async with open_log(postgres.dsn, realm, now_us=node.now_us) as log, asyncio.timeout(WAIT_S):
        while not log.clock.wrong:  # noqa: ASYNC110 - a figure, nothing to wait on
            await asyncio.sleep(0.01)
        assert "ahead of Postgres's" in log.clock_wrong
        node.off_us = 0
        while log.clock_wrong:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
