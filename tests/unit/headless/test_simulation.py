"""One world of all contexts: the same definition, seed and commands give the same log, wherever it runs."""

import asyncio
from collections.abc import Sequence
from functools import cache

import pytest

import handlers.clock.leader
import handlers.people.leader
from aicore.headless.digests import digest_of, digests_of
from aicore.headless.log import WorldLog
from aicore.headless.record import event_of, row_of
from aicore.headless.simulation import Hour, counts_of, opened
from aicore.headless.world import World, begun
from bus.ports import StreamWrite
from tests.unit.headless.kit import elsewhere, last_hours, lived, sample, small
from tests.unit.kit import in_case

HOURS = 3

CODE = "from tests.unit.headless.kit import *; print(last_hours({}(), {}))"


@cache
def a_morning() -> tuple[World, Sequence[Hour]]:
    """Return a world after its first hours: nobody changes it any more."""
    return asyncio.run(lived(small(), HOURS))


def test_all_contexts_live_in_one_log_and_hear_each_other() -> None:
    world, hours = a_morning()
    counts = counts_of(world)

    assert world.faults() == []
    assert world.parts.left_out == []
    assert [hour.position for hour in hours][-1] == world.log.position == sum(counts.values())
    for kind in (
        "people.decided", "places.entered", "weather.changed", "factions.ground_set", "market.prices_posted",
        "ledger.transferred", "clock.led",
    ):  # fmt: skip
        assert counts[kind] > 0, kind


def test_other_batches_and_other_moments_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, once = a_morning()
    monkeypatch.setattr(handlers.people.leader, "BATCH", 1)
    monkeypatch.setattr(handlers.clock.leader, "BATCH", 1)

    async def by_pieces() -> Hour:
        world = await opened(small())
        begin_us = world.now_us
        for moment in range(HOURS * 200):  # nobody has anything to do at most of them
            await world.go_on(begin_us + moment * 300_017)
        return await _hour(world, begin_us + HOURS * 60_000_000, once[-1])

    assert asyncio.run(by_pieces()) == once[-1]


async def _hour(world: World, at_us: int, like: Hour) -> Hour:
    await world.go_on(at_us)
    head = await world.log.head()
    return like._replace(position=head.position, log=head.hash.hex(), state=digest_of(world.parts))


def test_a_process_that_reads_the_log_knows_what_those_knew_who_wrote_it() -> None:
    world, _ = a_morning()

    async def read_again() -> None:
        fresh = await begun()
        for view in fresh.parts.views:
            await view.take([event for event in world.log.since(0) if event.type in view.types])
        there, again = digests_of(world.parts), digests_of(fresh.parts)
        for name in there.keys() - {"people", "ledger", "clock"}:
            with in_case(name):
                assert there[name] == again[name]

    asyncio.run(read_again())


def test_a_row_gives_the_bytes_back() -> None:
    world, _ = a_morning()

    async def written_again() -> None:
        log = WorldLog("headless", lambda: time[0])
        for event in world.log.since(0):
            time = [event.recorded_us]
            await log.append(StreamWrite(event.stream, [event_of(row_of(event))]))
        assert await log.head() == await world.log.head()

    asyncio.run(written_again())


@pytest.mark.slow
def test_twenty_four_days_are_the_same_in_every_process() -> None:
    days: Sequence[Hour] = last_hours(sample(), 24 * 24)
    for hash_seed in range(10):
        with in_case(f"PYTHONHASHSEED={hash_seed}"):
            assert elsewhere(CODE.format("sample", 24 * 24), hash_seed) == str(days)


@pytest.mark.slow
def test_a_morning_is_the_same_without_avx_and_with_another_hash_seed() -> None:
    assert elsewhere(CODE.format("small", HOURS), 7) == str(last_hours(small(), HOURS))
