"""A stream out of which somebody took messages is noticed within seconds, news or not, and filled again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import msgpack
import pytest
from typer.testing import CliRunner

from aicore.cli import relay as relay_commands
from aicore.cli.terminal import Failure
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from bus.nats.api import Missing, js_request
from bus.nats.consumer import Delivery
from bus.nats.topology import CacheLimits, StreamState, delete_stream, events_stream
from bus.ports import StreamWrite
from bus.postgres.log import open_log
from bus.postgres.migrate import migrate
from bus.relay.comparison import taken_out
from bus.relay.status import relay_status
from protocol.envelope import Envelope
from tests.integration.log_kit import event as any_event
from tests.integration.nats_kit import NOW_US, Bus, Seen, open_bus, until
from tests.integration.test_nats_relay import floor_of

pytestmark = pytest.mark.integration

SECONDS = 5.0
MIB = 1024 * 1024


@pytest.fixture
async def bus(postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str) -> AsyncIterator[Bus]:
    async with open_bus(postgres, nats_server, realm) as bus:
        yield bus


async def holds(bus: Bus, first: int, last: int) -> bool:
    state = await bus.state()
    return state is not None and (state.first, state.last, state.messages) == (first, last, last - first + 1)


@pytest.mark.parametrize(
    "request_",
    [("PURGE", None), ("PURGE", {"seq": 20}), ("PURGE", {"keep": 1}), ("DELETE", None)],
    ids=["all", "the front", "all but one", "deleted"],
)
async def test_what_was_taken_out_comes_back_within_seconds(bus: Bus, request_: tuple[str, Any]) -> None:
    bus.relay(verify_every_s=3_600.0, floors_every_s=0.5)
    await bus.relayed(await bus.append(30))
    verb, body = request_

    await js_request(bus.nc, f"STREAM.{verb}.{events_stream(bus.realm)}", body)

    await until(lambda: holds(bus, 1, 30), "the stream as it was", timeout_s=SECONDS)


async def test_a_consumer_that_a_purge_moved_on_gets_what_it_had_not_seen(bus: Bus) -> None:
    """The server lets a consumer stand after everything that was purged, as if it had seen it."""
    bus.relay(verify_every_s=3_600.0)
    name, stream = "foreign", events_stream(bus.realm)
    await bus.relayed(await bus.append(20))
    config = {"durable_name": name, "ack_policy": "explicit", "filter_subject": f"{bus.realm}.evt.>"}
    await js_request(
        bus.nc, f"CONSUMER.DURABLE.CREATE.{stream}.{name}", {"stream_name": stream, "config": config}
    )
    js = bus.nc.jetstream()
    pull = await js.pull_subscribe_bind(durable=name, stream=stream)
    for message in await pull.fetch(12, timeout=5):
        await message.ack_sync(5)
    await pull.unsubscribe()

    async def noted() -> bool:
        return await floor_of(bus, name) == 12

    await until(noted, "the floor recorded")

    await js_request(bus.nc, f"STREAM.PURGE.{stream}")

    async def back() -> bool:
        names = (await js_request(bus.nc, f"CONSUMER.NAMES.{stream}")).get("consumers") or []
        return await holds(bus, 1, 20) and name in names

    await until(lambda: _there(back), "the stream filled and the consumer made again", timeout_s=SECONDS)
    pull = await js.pull_subscribe_bind(durable=name, stream=stream)
    rest = await pull.fetch(8, timeout=5)
    assert [message.metadata.sequence.stream for message in rest] == list(range(13, 21))
    await pull.unsubscribe()


async def test_a_consumer_that_is_behind_a_purge_misses_nothing(bus: Bus) -> None:
    """The scar: the server went on after the purge as if everything before had been seen."""
    go_on, seen = asyncio.Event(), Seen()
    bus.relay(verify_every_s=3_600.0, floors_every_s=0.5)
    await bus.relayed(await bus.append(40))

    async def slow(delivery: Delivery[Envelope]) -> None:
        await go_on.wait()
        await seen(delivery)

    bus.consume("slow", slow, in_flight_max=4)

    async def holding() -> bool:
        info = await js_request(bus.nc, f"CONSUMER.INFO.{events_stream(bus.realm)}.slow")
        return bool(info["num_ack_pending"] == 4)

    await until(lambda: _there(holding), "the consumer at work")
    await js_request(bus.nc, f"STREAM.PURGE.{events_stream(bus.realm)}")
    await bus.append(5)
    go_on.set()

    async def all_seen() -> bool:
        return set(seen.positions) == set(range(1, 46))

    await until(all_seen, "every event")


async def _there(condition: Callable[[], Awaitable[bool]]) -> bool:
    """Return what the condition says, or False while there is nothing to ask."""
    try:
        return await condition()
    except Missing:
        return False


async def test_a_stream_that_is_full_lets_go_and_is_left_as_it_is(bus: Bus) -> None:
    bus.relay(limits=CacheLimits(bytes_max=3 * MIB))
    big = msgpack.packb({"t": bytes(400_000)})
    for _ in range(12):
        await bus.log.append(StreamWrite("test-1", [any_event(big)]))
    await bus.relayed(12)

    async def let_go() -> bool:
        state = await bus.state()
        return state is not None and state.first > 1

    await until(let_go, "the oldest gone")
    await bus.relayed(await bus.append(1))
    status = await relay_status(bus.dsn, bus.nc, bus.realm, now_us=NOW_US)
    assert (status.rebuilds, status.held) == (1, False), "made once, at the start"


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({}, True),
        ({"messages": 0, "bytes": 0}, True),
        ({"first": 1}, False),
        ({"made_first": 5}, False),
        ({"bytes": 99 * MIB}, False),
        ({"age_max_us": 1_000_000}, False),
        ({"messages": 0, "bytes": 0, "age_max_us": 1_000_000}, False),
    ],
)
async def test_only_what_no_limit_explains_was_taken_out(
    changes: dict[str, Any], taken: bool, postgres: EmbeddedPostgres, realm: str
) -> None:
    """All events are of 2001, so a stream that keeps them for a second has let them go in time."""
    await migrate(postgres.dsn, realm)
    async with open_log(postgres.dsn, realm, now_us=lambda: 10**15, skew_us_max=None) as log:
        await log.append(StreamWrite("test-1", [any_event() for _ in range(9)]))
    connection = await asyncpg.connect(postgres.dsn, server_settings={"search_path": f"realm_{realm}"})
    state: dict[str, Any] = {
        "first": 5,
        "last": 9,
        "messages": 5,
        "bytes": MIB,
        "bytes_max": 100 * MIB,
        **changes,
    }

    found = await taken_out(connection, StreamState(deleted=0, **state))

    assert bool(found) == taken
    await connection.close()


async def test_an_operator_has_the_stream_filled_again(
    bus: Bus, nats_server: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"REALM": bus.realm, "POSTGRES_DSN": bus.dsn, "NATS_URL": nats_server.url}.items():
        monkeypatch.setenv(f"AICORE_{name}", value)
    await bus.append(40)

    def refill() -> Any:
        return CliRunner().invoke(relay_commands.app, ["refill"])

    nobody = await asyncio.to_thread(refill)
    assert isinstance(nobody.exception, Failure)
    assert "no relay leads" in str(nobody.exception)
    bus.relay(verify_every_s=3_600.0)
    await bus.relayed(40)
    before = await bus.state()

    done = await asyncio.to_thread(refill)

    assert "filled up to 40" in done.stdout, done.exception
    after = await bus.state()
    assert before is not None
    assert after is not None
    assert (after.messages, after.made != before.made) == (40, True)
    await delete_stream(bus.nc, events_stream(bus.realm))
