"""The relay on real servers: sequence = position, whoever races, whatever happens to the stream."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.api import js_publish, js_request
from bus.nats.dead_letters import list_letters
from bus.nats.topology import create_events_stream, delete_stream, events_stream
from bus.ports import Head, StreamWrite
from bus.relay import leadership, mending
from bus.relay import relay as relay_module
from bus.relay.comparison import NO_LONGER_KEPT, compare, newest
from bus.relay.leadership import lead
from bus.relay.record import noted
from bus.relay.relay import ROLE
from bus.relay.status import relay_status
from domain.relay.confirmation import STREAM
from domain.relay.messages import LogConfirmed
from tests.harness.folders import open_folder
from tests.integration.log_kit import superuser
from tests.integration.nats_kit import LIMITS, NOW_US, Bus, Seen, open_bus, until

pytestmark = pytest.mark.integration


@pytest.fixture
async def bus(postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str) -> AsyncIterator[Bus]:
    async with open_bus(postgres, nats_server, realm) as bus:
        yield bus


@pytest.fixture
def own_server() -> Iterator[EmbeddedNats]:
    """A NATS that the test may kill."""
    with open_folder() as folder:
        server = EmbeddedNats(folder)
        server.start()
        yield server
        server.stop()


@pytest.fixture
async def own_bus(postgres: EmbeddedPostgres, own_server: EmbeddedNats, realm: str) -> AsyncIterator[Bus]:
    async with open_bus(postgres, own_server, realm) as bus:
        yield bus


async def assert_equation(bus: Bus) -> None:
    """Every message of the stream is the log's event at that position."""
    async with lead(bus.dsn, f"{bus.realm}", role=ROLE, name="checker") as connection:
        finding = await compare(bus.nc, connection, bus.realm)
    assert finding.verdict == "equal", finding


async def test_sequence_is_position_and_a_second_relay_changes_nothing(bus: Bus) -> None:
    bus.relay(name="a")
    bus.relay(name="b")
    head = 0
    for _ in range(5):
        head = await bus.append(200)
    await bus.relayed(head)
    state = await bus.state()
    assert state is not None
    assert (state.first, state.messages) == (1, 1000)
    await bus.stop(*bus.tasks)
    await assert_equation(bus)


async def test_a_stand_by_takes_over(bus: Bus) -> None:
    first = bus.relay(name="first")
    await asyncio.wait_for(first.leading.wait(), 5)
    second = bus.relay(name="second")
    await bus.relayed(await bus.append(10))
    assert not second.leading.is_set()
    await bus.stop(bus.tasks[0])
    await bus.relayed(await bus.append(10))
    assert second.leading.is_set()


async def test_a_leader_that_does_not_take_its_answer_is_ended(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process stopped in the middle of a large answer keeps its session active, and with it the lock."""
    monkeypatch.setattr(leadership, "STUCK_S", 1)
    async with lead(bus.dsn, bus.realm, role=ROLE, name="stopped") as stopped:
        stopped._transport.pause_reading()  # what a stopped process does: it takes nothing
        large = asyncio.ensure_future(
            stopped.fetch("SELECT repeat('x', 1000000) FROM generate_series(1, 50)")
        )
        second = bus.relay(name="second")
        await asyncio.wait_for(second.leading.wait(), 5)
        stopped._transport.resume_reading()
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
            await large
    await bus.relayed(await bus.append(10))


async def test_two_publishers_racing_store_each_position_once(bus: Bus) -> None:
    """Even without the lock (a leader that does not know it was replaced) the expected sequence holds."""
    bus.relay(name="leader")
    head = await bus.append(300)
    await bus.relayed(head)
    with pytest.raises(Exception, match="10071"):
        await js_publish(
            bus.nc,
            f"{bus.realm}.evt.test.happened.0",
            b"late",
            {"Nats-Expected-Last-Sequence": str(head - 5)},
        )


async def test_a_stream_that_stores_nothing_is_made_anew(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a nats-server's whose disk was full: it refuses for ever, also once there is room again."""
    monkeypatch.setattr(relay_module, "RENEW_S", 0.5)
    relay = bus.relay()
    await bus.relayed(await bus.append(10))
    name = events_stream(bus.realm)
    config = (await js_request(bus.nc, f"STREAM.INFO.{name}"))["config"]
    await js_request(bus.nc, f"STREAM.UPDATE.{name}", {**config, "max_msg_size": 1})
    await bus.relayed(await bus.append(10))
    assert relay.leading.is_set()
    await bus.stop(*bus.tasks)
    await assert_equation(bus)


async def test_status_names_leader_lag_and_rebuilds(bus: Bus) -> None:
    head = await bus.append(7)
    before = await relay_status(bus.dsn, bus.nc, bus.realm, now_us=NOW_US + 2_000_000)
    assert (before.leader, before.log_head, before.lag_events, before.lag_s) == ("", 7, 7, 2.0)
    bus.relay(name="me")
    await bus.relayed(head)

    async def written() -> bool:
        now = await relay_status(bus.dsn, bus.nc, bus.realm, now_us=NOW_US)
        return (now.leader, now.lag_events, now.verdict, now.rebuilds) == ("me", 0, "equal", 1)

    await until(written, "status of a healthy relay")


async def test_deleted_stream_is_rebuilt_while_a_subscriber_waits(bus: Bus) -> None:
    bus.relay()
    seen = Seen()
    bus.consume("watcher", seen)
    await bus.relayed(await bus.append(50))
    await seen.reach(50)
    await delete_stream(bus.nc, events_stream(bus.realm))
    await bus.relayed(await bus.append(50))
    await seen.reach(100)
    assert seen.positions == list(range(1, 101))


async def test_foreign_durable_consumer_comes_back_at_its_floor(bus: Bus) -> None:
    """A client in another language knows only its durable name: the relay makes the consumer again."""
    relay = bus.relay()
    name, stream = "foreign", events_stream(bus.realm)
    await bus.relayed(await bus.append(20))
    config = {"durable_name": name, "ack_policy": "explicit", "filter_subject": f"{bus.realm}.evt.>"}
    await js_request(
        bus.nc, f"CONSUMER.DURABLE.CREATE.{stream}.{name}", {"stream_name": stream, "config": config}
    )
    js = bus.nc.jetstream()
    pull = await js.pull_subscribe_bind(durable=name, stream=stream)
    for msg in await pull.fetch(12, timeout=5):
        await msg.ack_sync(5)
    await pull.unsubscribe()

    async def noted() -> bool:
        status = await relay_status(bus.dsn, bus.nc, bus.realm, now_us=NOW_US)
        return status.stream_last == 20 and await floor_of(bus, name) == 12

    await until(noted, "the floor recorded")
    await delete_stream(bus.nc, stream)

    async def back() -> bool:
        state = await bus.state()
        if state is None or state.last != 20 or relay.acknowledged != 20:
            return False
        names = (await js_request(bus.nc, f"CONSUMER.NAMES.{stream}")).get("consumers") or []
        return name in names

    await until(back, "the consumer made again")
    pull = await js.pull_subscribe_bind(durable=name, stream=stream)
    rest = await pull.fetch(8, timeout=5)
    assert [msg.metadata.sequence.stream for msg in rest] == list(range(13, 21))
    await pull.unsubscribe()

    await js_request(bus.nc, f"CONSUMER.DELETE.{stream}.{name}")

    async def forgotten() -> bool:
        return await floor_of(bus, name) == 0

    await until(forgotten, "its owner removed it, so nobody makes it again")


async def test_who_leads_after_a_rebuild_makes_the_consumers_that_the_last_one_did_not(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, name, stream = bus.relay(), "foreign", events_stream(bus.realm)
    await bus.relayed(await bus.append(20))
    config = {"durable_name": name, "ack_policy": "explicit", "opt_start_seq": 13}
    config |= {"deliver_policy": "by_start_sequence"}
    body = {"stream_name": stream, "config": config}
    await js_request(bus.nc, f"CONSUMER.DURABLE.CREATE.{stream}.{name}", body)

    async def noted() -> bool:
        return await floor_of(bus, name) == 12

    await until(noted, "the floor recorded")
    dies = asyncio.Event()

    async def never(*_: object) -> None:
        dies.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(mending, "recreate", never)
        await delete_stream(bus.nc, stream)
        async with asyncio.timeout(20):
            await dies.wait()
        await bus.stop(*bus.tasks)
    assert not relay.leading.is_set()
    bus.relay(name="next")

    async def back() -> bool:
        names = (await js_request(bus.nc, f"CONSUMER.NAMES.{stream}")).get("consumers") or []
        return name in names

    await until(back, "the consumer made again")
    info = await js_request(bus.nc, f"CONSUMER.INFO.{stream}.{name}")
    assert (info["config"]["opt_start_seq"], info["num_pending"]) == (13, 8)


async def floor_of(bus: Bus, name: str) -> int:
    connection = await asyncpg.connect(bus.dsn, server_settings={"search_path": f"realm_{bus.realm}"})
    value = await connection.fetchval("SELECT position FROM consumer_floor WHERE name = $1", name)
    await connection.close()
    return int(value or 0)


async def test_stream_of_foreign_messages_is_made_anew(bus: Bus) -> None:
    await bus.append(30)
    await create_events_stream(bus.nc, bus.realm, LIMITS)
    for number in range(40):
        await js_publish(bus.nc, f"{bus.realm}.evt.test.happened.0", b"foreign %d" % number, {})
    bus.relay()
    await bus.relayed(30)
    await bus.stop(*bus.tasks)
    await assert_equation(bus)
    await delete_stream(bus.nc, events_stream(bus.realm))
    await create_events_stream(bus.nc, bus.realm, LIMITS)
    for number in range(40):
        await js_publish(bus.nc, f"{bus.realm}.evt.test.happened.0", b"foreign %d" % number, {})
    bus.relay()

    async def anew() -> bool:
        status = await relay_status(bus.dsn, bus.nc, bus.realm, now_us=NOW_US)
        return status.rebuilds == 2 and status.stream_last == 30

    await until(anew, "the second rebuild")
    await bus.stop(*bus.tasks)
    await assert_equation(bus)


async def test_events_that_only_the_stream_has_are_kept_until_the_log_is_confirmed(bus: Bus) -> None:
    bus.relay()
    await bus.relayed(await bus.append(20))
    witness = await newest(bus.nc, bus.realm)
    async with superuser(bus.dsn, bus.realm) as session:
        await session.execute("DELETE FROM event WHERE position > 15")
    await until(lambda: _verdict(bus, "ahead"), "the loss found")
    await js_publish(bus.nc, f"{bus.realm}.evt.test.happened.0", b"intruder", {})  # must not hide them
    await bus.append(2)
    await bus.stop(*bus.tasks)  # neither news nor a new leader change that
    relay = bus.relay()
    await asyncio.wait_for(relay.leading.wait(), 5)
    await until(lambda: _verdict(bus, "ahead"), "the loss found by the new leader")
    assert await newest(bus.nc, bus.realm) == witness
    assert witness is not None

    for position in (19, 20):  # the first is for something else
        await _confirm(bus, Head(position, witness.hash))
    await bus.relayed(19)
    await bus.stop(*bus.tasks)
    await assert_equation(bus)


@pytest.mark.parametrize("purged", [False, True], ids=["kept", "purged"])
async def test_after_a_restore_consumers_go_on_where_log_and_stream_part(bus: Bus, *, purged: bool) -> None:
    """The log goes on over the lost places: what is there now was never delivered."""
    seen, stream = Seen(), events_stream(bus.realm)
    bus.relay()
    bus.consume("own", seen)
    await bus.relayed(await bus.append(20))
    await seen.reach(20)
    config = {"durable_name": "foreign", "ack_policy": "explicit", "opt_start_seq": 21}
    config |= {"deliver_policy": "by_start_sequence"}
    body = {"stream_name": stream, "config": config}
    await js_request(bus.nc, f"CONSUMER.DURABLE.CREATE.{stream}.foreign", body)
    witness = await newest(bus.nc, bus.realm)
    assert witness is not None
    await bus.stop(bus.tasks.pop(0))
    if purged:
        await js_request(bus.nc, f"STREAM.PURGE.{stream}")
        witness = Head(20, NO_LONGER_KEPT)
    async with superuser(bus.dsn, bus.realm) as session:
        await session.execute("DELETE FROM event WHERE position > 15")
    bus.relay(name="second")
    await until(lambda: _verdict(bus, "ahead"), "the loss found")
    await bus.append(10)
    await bus.stop(bus.tasks.pop())  # a new leader knows it, too
    bus.relay(name="third", verify_every_s=3_600.0)

    async def held() -> bool:
        status = await relay_status(bus.dsn, bus.nc, bus.realm, now_us=NOW_US)
        return (status.leader, status.held, status.verdict) == (
            "third",
            True,
            "ahead" if purged else "forked",
        )

    await until(held, "the loss still known")
    await _confirm(bus, witness)
    await bus.relayed(26)
    await seen.reach(31)
    assert seen.positions == [*range(1, 21), *range(16, 27)]

    async def back() -> bool:
        names = (await js_request(bus.nc, f"CONSUMER.NAMES.{stream}")).get("consumers") or []
        return "foreign" in names and await _verdict(bus, "equal")

    await until(back, "the consumer made again, and the comparison at the head")
    info = await js_request(bus.nc, f"CONSUMER.INFO.{stream}.foreign")
    assert (info["config"]["opt_start_seq"], await floor_of(bus, "foreign")) == (16, 15)


async def _confirm(bus: Bus, lost: Head) -> None:
    words = {"operator": "mira", "reason": "a restore"}
    confirmed = LogConfirmed(lost_position=lost.position, lost_hash=lost.hash.hex(), **words)
    codec = EventCodec(domain_catalogue())
    await bus.log.append(StreamWrite(STREAM, [codec.encode(confirmed, uuid4())]))


async def test_a_changed_end_of_the_log_is_found_before_more_is_published(bus: Bus) -> None:
    bus.relay(verify_every_s=3_600.0)
    await bus.relayed(await bus.append(20))
    async with superuser(bus.dsn, bus.realm) as session:
        await session.execute("DELETE FROM event WHERE position > 15")
        await bus.append(30)
        await until(lambda: _verdict(bus, "forked"), "the other history found")
        state = await bus.state()
        assert state is not None
        assert state.last == 20
        await session.execute("DELETE FROM event; INSERT INTO event SELECT * FROM kept")  # a good backup
    await bus.relayed(await bus.append(10))
    await bus.stop(*bus.tasks)
    await assert_equation(bus)


async def _verdict(bus: Bus, verdict: str) -> bool:
    return (await relay_status(bus.dsn, bus.nc, bus.realm, now_us=NOW_US)).verdict == verdict


async def test_a_foreign_message_on_top_is_found_while_running(bus: Bus) -> None:
    seen = Seen()
    bus.relay(verify_every_s=3_600.0)  # a comparison would find it before the consumer has it
    bus.consume("own", seen)
    await bus.relayed(await bus.append(10))
    await until(lambda: _verdict(bus, "equal"), "the look at the first arrival")
    await js_publish(bus.nc, f"{bus.realm}.evt.test.happened.0", b"intruder", {})
    await until(lambda: _buried(bus), "the intruder taken for an event")
    await bus.append(100)  # 11 is refused; those sent behind it are not, they fit the intruder

    async def anew() -> bool:
        status = await relay_status(bus.dsn, bus.nc, bus.realm, now_us=NOW_US)
        return status.rebuilds == 2 and status.stream_last == 110

    await until(anew, "the rebuild")

    async def all_seen() -> bool:
        return set(seen.positions) == set(range(1, 111))

    await until(all_seen, "the event in whose place the intruder was")
    await bus.stop(*bus.tasks)
    await assert_equation(bus)


async def _buried(bus: Bus) -> bool:
    return len(await list_letters(bus.nc, bus.realm)) == 1


async def test_rebuild_of_a_part_begins_where_the_cache_begins(bus: Bus) -> None:
    head = await bus.append(100)
    bus.relay(rebuild_events=40)
    await bus.relayed(head)
    state = await bus.state()
    assert state is not None
    assert (state.first, state.messages) == (61, 40)


async def test_old_copy_of_jetstream_restored(own_bus: Bus, own_server: EmbeddedNats, tmp_path: Path) -> None:
    seen = Seen()
    relay = own_bus.relay()
    own_bus.consume("watcher", seen)
    await own_bus.relayed(await own_bus.append(40))
    await seen.reach(40)
    own_server.stop()
    shutil.copytree(own_server.store, tmp_path / "old")
    own_server.start()
    await own_bus.relayed(await own_bus.append(40))
    await seen.reach(80)

    async def acknowledged() -> bool:
        return relay.acknowledged == 80

    await until(acknowledged, "80 acknowledged")
    own_server.kill()
    shutil.rmtree(own_server.store)
    shutil.copytree(tmp_path / "old", own_server.store)
    own_server.start()
    await own_bus.relayed(await own_bus.append(40))
    await seen.reach(120)
    assert seen.positions == list(range(1, 121))
    assert "the stream ends at 40, and had events up to 80" in await _found(own_bus)
    await own_bus.stop(*own_bus.tasks)
    await assert_equation(own_bus)


async def _found(bus: Bus) -> list[str]:
    """Return what the relay wrote down."""
    connection = await asyncpg.connect(bus.dsn, server_settings={"search_path": f"realm_{bus.realm}"})
    found = [each.what for each in await noted(connection, since_us=0)]
    await connection.close()
    return found


async def test_server_killed_under_traffic_loses_nothing(own_bus: Bus, own_server: EmbeddedNats) -> None:
    seen = Seen()
    own_bus.relay()
    own_bus.consume("watcher", seen, ack_wait_s=2.0)
    total = 0
    for _ in range(3):
        for _ in range(10):
            await own_bus.append(50)
            total += 50
        own_server.kill()
        await own_bus.append(50)
        total += 50
        own_server.start()
    await own_bus.relayed(total)
    await seen.reach(total)
    assert seen.positions == list(range(1, total + 1))


async def test_wiped_jetstream_directory(own_bus: Bus, own_server: EmbeddedNats) -> None:
    seen = Seen()
    own_bus.relay()
    own_bus.consume("watcher", seen)
    await own_bus.relayed(await own_bus.append(60))
    await seen.reach(60)
    own_server.kill()
    shutil.rmtree(own_server.store)
    own_server.start()
    await own_bus.relayed(await own_bus.append(60))
    await seen.reach(120)
    assert seen.positions == list(range(1, 121))
