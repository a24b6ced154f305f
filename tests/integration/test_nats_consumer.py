"""Durable consumers on a real server: order, retries, bounds, dead letters and their redrive."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from bus.nats.api import js_publish, js_request
from bus.nats.consumer import Delivery
from bus.nats.dead_letters import NoSuchLetter, list_letters, redrive, show
from bus.nats.topology import create_events_stream, events_stream
from protocol.envelope import Envelope
from tests.integration.nats_kit import LIMITS, NOW_US, Bus, Seen, open_bus, until

pytestmark = pytest.mark.integration


@pytest.fixture
async def bus(postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str) -> AsyncIterator[Bus]:
    async with open_bus(postgres, nats_server, realm) as bus:
        yield bus


async def test_each_stream_stays_in_order_while_others_are_retried(bus: Bus) -> None:
    seen, failures = Seen(), Counter[int]()

    async def sometimes(delivery: Delivery[Envelope]) -> None:
        position = delivery.message.position
        await asyncio.sleep(0)
        if position % 7 == 0 and failures[position] < 2:
            failures[position] += 1
            raise ValueError("try again")
        await seen(delivery)

    bus.relay()
    bus.consume("order", sometimes, concurrency=8)
    await bus.relayed(await bus.append(200, streams=10))
    await seen.reach(200)
    assert sorted(seen.positions) == list(range(1, 201))
    assert all(versions == sorted(versions) for versions in seen.versions.values())
    assert failures.total() == 2 * len([p for p in range(1, 201) if p % 7 == 0])


async def test_never_holds_more_than_its_bound(bus: Bus) -> None:
    gate, held, most = asyncio.Event(), 0, 0

    async def slow(delivery: Delivery[Envelope]) -> None:
        nonlocal held, most
        held += 1
        most = max(most, held)
        await gate.wait()
        held -= 1

    bus.relay()
    bus.consume("slow", slow, in_flight_max=20, concurrency=64)
    await bus.relayed(await bus.append(100, streams=100))

    async def info() -> tuple[int, int]:
        answer = await js_request(bus.nc, f"CONSUMER.INFO.{events_stream(bus.realm)}.slow")
        return answer["num_ack_pending"], answer["delivered"]["consumer_seq"]

    async def full() -> bool:
        return held == 20

    await until(full, "twenty under way")
    assert await info() == (20, 20)
    gate.set()

    async def done() -> bool:
        return await info() == (0, 100)

    await until(done, "all handled, each delivered once")
    assert most == 20


async def test_restart_goes_on_where_it_was(bus: Bus) -> None:
    bus.relay()
    first, second = Seen(), Seen()
    task = bus.consume("again", first)
    await bus.relayed(await bus.append(30))
    await first.reach(30)
    await bus.stop(task)
    await bus.relayed(await bus.append(30))
    bus.consume("again", second)
    await second.reach(30)
    assert sorted(second.positions)[-30:] == list(range(31, 61))
    assert set(second.positions) & set(first.positions) <= set(range(1, 31))


async def test_consumer_deleted_underneath_recovers(bus: Bus) -> None:
    bus.relay()
    seen = Seen()
    bus.consume("gone", seen, concurrency=1)
    await bus.relayed(await bus.append(20))
    await seen.reach(20)
    await js_request(bus.nc, f"CONSUMER.DELETE.{events_stream(bus.realm)}.gone")
    await bus.relayed(await bus.append(20))
    await seen.reach(40)
    assert seen.positions == list(range(1, 41))


async def test_long_handler_is_not_delivered_again(bus: Bus) -> None:
    gate, calls = asyncio.Event(), 0

    async def long(delivery: Delivery[Envelope]) -> None:
        nonlocal calls
        calls += 1
        async with asyncio.timeout(10):
            await gate.wait()

    bus.relay()
    bus.consume("long", long, ack_wait_s=1.0)
    await bus.relayed(await bus.append(1))
    asyncio.get_running_loop().call_later(2.0, gate.set)

    async def done() -> bool:
        if not gate.is_set():
            return False
        info = await js_request(bus.nc, f"CONSUMER.INFO.{events_stream(bus.realm)}.long")
        return bool(info["num_ack_pending"] == 0)

    await until(done, "handled")
    info = await js_request(bus.nc, f"CONSUMER.INFO.{events_stream(bus.realm)}.long")
    assert (calls, info["num_redelivered"], info["delivered"]["consumer_seq"]) == (1, 0, 1)


async def test_given_up_event_is_a_dead_letter_and_redriven_once_to_its_consumer(bus: Bus) -> None:
    seen, other, broken = Seen(), Seen(), True

    async def fails(delivery: Delivery[Envelope]) -> None:
        if broken and delivery.message.position == 3:
            raise LookupError("no such\nmodel")
        await seen(delivery)

    bus.relay()
    bus.consume("fails", fails)
    bus.consume("other", other)
    await bus.relayed(await bus.append(6))
    await seen.reach(5)
    await other.reach(6)

    async def buried() -> bool:
        return len(await list_letters(bus.nc, bus.realm)) == 1

    await until(buried, "a dead letter")
    [letter] = await list_letters(bus.nc, bus.realm, consumer="fails")
    assert (letter.position, letter.attempts, letter.error_class) == (3, 3, "LookupError")
    assert (letter.reason, letter.first_failure_us, letter.redriven) == ("no such model", NOW_US, False)
    assert letter.subject.startswith(f"{bus.realm}.evt.test.happened.")
    broken = False
    assert await redrive(bus.nc, bus.realm, letter.sequence)
    assert not await redrive(bus.nc, bus.realm, letter.sequence)
    await seen.reach(6)
    assert (seen.positions[-1], len(other.positions)) == (3, 6)
    assert (await show(bus.nc, bus.realm, letter.sequence)).redriven
    with pytest.raises(NoSuchLetter, match="no dead letter 999"):
        await show(bus.nc, bus.realm, 999)


async def test_poison_goes_straight_to_the_dead_letters(bus: Bus) -> None:
    await create_events_stream(bus.nc, bus.realm, LIMITS)
    await js_publish(bus.nc, f"{bus.realm}.evt.test.happened.1", b"\xc1 no event", {})
    bus.consume("poison", Seen())

    async def buried() -> bool:
        return len(await list_letters(bus.nc, bus.realm, consumer="poison")) == 1

    await until(buried, "a dead letter")
    [letter] = await list_letters(bus.nc, bus.realm)
    assert (letter.attempts, letter.error_class, letter.body) == (0, "WireError", b"\xc1 no event")
