"""The embedded NATS: who may publish events and touch their stream, and that nobody else can."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgpack
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError

from aicore.clock import new_id
from aicore.embedded import EmbeddedNats, EmbeddedPostgres
from bus.nats.api import JetStreamError, JetStreamUnavailable, js_request
from bus.nats.claims import open_claims
from bus.nats.connection import BrokerUnreachable, connect
from bus.nats.inbox import DURABLE
from bus.nats.service import ServiceOptions, serve
from bus.nats.topology import describe, events_config, events_stream, inbox_stream
from bus.ports import OwnerGone
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta
from protocol.subjects import claim_subject, peer_subject
from tests.integration.inbox_kit import Inbox
from tests.integration.nats_kit import LIMITS, Bus, open_bus

pytestmark = pytest.mark.integration

REFUSED_S = 0.3
"""NATS says nothing to a request that it refuses; so long is listened for an answer."""

STREAM_REQUESTS = ("DELETE", "PURGE", "UPDATE", "CREATE", "MSG.DELETE", "SNAPSHOT", "RESTORE")


@dataclass
class Wire:
    """A realm whose relay runs, and a game service's connection to it, without a password."""

    bus: Bus
    anybody: Client

    @property
    def stream(self) -> str:
        return events_stream(self.bus.realm)

    async def stored(self) -> tuple[int, int]:
        state = await describe(self.bus.nc, self.stream)
        return state.messages, state.last


@pytest.fixture
async def wire(postgres: EmbeddedPostgres, nats_server: EmbeddedNats, realm: str) -> AsyncIterator[Wire]:
    async with (
        open_bus(postgres, nats_server, realm) as bus,
        connect(nats_server.public_url, name="game") as anybody,
    ):
        bus.relay()
        await bus.relayed(await bus.append(20))
        yield Wire(bus, anybody)


@pytest.mark.parametrize("verb", STREAM_REQUESTS)
async def test_the_stream_of_events_is_not_anybodys_to_change(wire: Wire, verb: str) -> None:
    config = {**events_config(wire.bus.realm, LIMITS, first_seq=1), "max_msgs": 1}
    bodies: dict[str, object] = {"UPDATE": config, "CREATE": config, "MSG.DELETE": {"seq": 3}}
    bodies |= {"SNAPSHOT": {"deliver_subject": "here"}, "RESTORE": {"config": config, "state": {}}}
    request = json.dumps(bodies[verb]).encode() if verb in bodies else b""

    with pytest.raises(NatsTimeoutError):
        await wire.anybody.request(f"$JS.API.STREAM.{verb}.{wire.stream}", request, timeout=REFUSED_S)

    assert await wire.stored() == (20, 20)


async def test_nobody_puts_a_stream_of_his_own_on_the_events(wire: Wire) -> None:
    squat = {"name": "SQUAT", "subjects": [f"{wire.bus.realm}.evt.test.>"]}
    with pytest.raises(JetStreamUnavailable):
        await js_request(wire.anybody, "STREAM.CREATE.SQUAT", squat, timeout_s=REFUSED_S)


async def test_a_foreign_event_never_reaches_a_follower(wire: Wire, nats_server: EmbeddedNats) -> None:
    seen: list[bytes] = []

    async def on(message: Msg) -> None:
        seen.append(message.data)

    subject = f"{wire.bus.realm}.evt.registry.model_promoted.npc_dialogue"
    await wire.anybody.subscribe(f"{wire.bus.realm}.evt.>", cb=on)
    async with connect(nats_server.component_url, name="component") as component:
        for forger in (wire.anybody, component):
            with pytest.raises(NatsTimeoutError):
                await forger.request(subject, b"forged", timeout=REFUSED_S)
            assert forger.is_connected
    head = await wire.bus.append(1)
    await wire.bus.relayed(head)
    await wire.anybody.flush()

    assert len(seen) == 1
    assert b"forged" not in seen
    assert await wire.stored() == (21, 21)


async def test_no_service_is_made_to_publish_an_event(wire: Wire, nats_server: EmbeddedNats) -> None:
    """The scar: whoever named an event's subject for the reply had the answer stored as an event."""

    async def answer(_: object) -> tuple[str, int]:
        return "told", 1

    async with (
        connect(nats_server.component_url, name="component") as component,
        serve(component, wire.bus.realm, {}, {"test.what": answer}, ServiceOptions(new_id=new_id)),
    ):
        query, subject = msgpack.packb({"v": 1, "query": {}}), f"{wire.bus.realm}.qry.test.what"
        await wire.anybody.publish(subject, query, reply=f"{wire.bus.realm}.evt.test.happened.1")
        told = msgpack.unpackb((await wire.anybody.request(subject, query, timeout=5)).data)

    assert told["result"] == "told"
    assert await wire.stored() == (20, 20)


async def test_a_game_service_follows_and_asks_without_a_password(wire: Wire) -> None:
    js = wire.anybody.jetstream()
    pull = await js.pull_subscribe(f"{wire.bus.realm}.evt.>", durable="game", stream=wire.stream)
    found = [message.metadata.sequence.stream for message in await pull.fetch(20, timeout=5)]

    assert found == list(range(1, 21))
    await js.delete_consumer(wire.stream, "game")


async def test_a_game_service_puts_commands_in_and_can_make_none_vanish(
    wire: Wire, nats_server: EmbeddedNats
) -> None:
    realm = wire.bus.realm
    ours, stream = Inbox(wire.bus.nc, realm), inbox_stream(realm)
    await ours.open()
    theirs, begun, done = Inbox(wire.anybody, realm), asyncio.Event(), asyncio.Event()
    id_ = await theirs.put("test.do", {})

    async def do(message: CommandMessage) -> Reply:
        assert message.id == id_
        begun.set()
        await done.wait()
        return Reply()

    async with ours.taken({"test.do": do}):
        await begun.wait()
        config = {"ack_policy": "explicit"}
        consumer = f"{stream}.{DURABLE}"
        forbidden = {
            f"$JS.API.CONSUMER.MSG.NEXT.{consumer}": {"batch": 1},
            f"$JS.API.CONSUMER.DELETE.{consumer}": None,
            f"$JS.API.CONSUMER.PAUSE.{consumer}": {"pause_until": "2100-01-01T00:00:00Z"},
            f"$JS.API.CONSUMER.DURABLE.CREATE.{consumer}": {"config": {**config, "durable_name": DURABLE}},
            f"$JS.API.CONSUMER.CREATE.{consumer}": {"config": {**config, "name": DURABLE}},
            f"$JS.API.STREAM.PURGE.{stream}": None,
            f"$JS.ACK.{consumer}.1.1.1.1.0": None,
            f"{realm}.dlq.in": {"who fills": "the letters holds the inbox up"},
            f"{realm}.dlq.in.redrive.1": None,
        }
        for subject, body in forbidden.items():
            with pytest.raises(NatsTimeoutError):
                await theirs.nc.request(
                    subject, json.dumps(body).encode() if body else b"", timeout=REFUSED_S
                )
        other = {"stream_name": stream, "config": {**config, "durable_name": "mine"}, "action": "create"}
        with pytest.raises(JetStreamError, match="work"):  # the queue has its one consumer
            await js_request(theirs.nc, f"CONSUMER.DURABLE.CREATE.{stream}.mine", other)
        assert await ours.left() == 1
        done.set()
        await ours.empty()


async def test_components_have_streams_of_their_own(wire: Wire, nats_server: EmbeddedNats) -> None:
    name = f"JOBS_{wire.bus.realm}"
    async with connect(nats_server.component_url, name="component") as component:
        await js_request(component, f"STREAM.CREATE.{name}", {"name": name, "subjects": [f"jobs.{name}"]})
        await js_request(component, f"STREAM.DELETE.{name}")
        with pytest.raises(JetStreamError):
            await js_request(component, f"STREAM.INFO.{name}")


async def test_nobody_else_claims_command_ids_or_speaks_to_our_processes(
    wire: Wire, nats_server: EmbeddedNats
) -> None:
    id_ = new_id()
    async with (
        connect(nats_server.component_url, name="component") as component,
        open_claims(component, wire.bus.realm, new_id) as claims,
    ):
        for subject in (
            claim_subject(wire.bus.realm, id_.hex),
            peer_subject(wire.bus.realm, claims.process),
        ):
            with pytest.raises(NatsTimeoutError):
                await wire.anybody.request(subject, bytes(16), timeout=REFUSED_S)
        assert (await claims.claim(id_)).first


async def test_a_claim_that_names_no_process_is_inherited(wire: Wire, nats_server: EmbeddedNats) -> None:
    """Whoever names a claim's subject for a reply has the reply stored there, by a service that may."""
    id_ = new_id()
    async with (
        connect(nats_server.component_url, name="component") as component,
        open_claims(component, wire.bus.realm, new_id) as claims,
    ):
        await component.request(claim_subject(wire.bus.realm, id_.hex), b"\x81\xa1v\x01", timeout=5)
        found = await claims.claim(id_)
        command = CommandMessage(id_, "inference.generate", {}, "any", Meta())
        with pytest.raises(OwnerGone):
            await claims.ask(found, command, 5.0)
        assert (await claims.inherit(found)).ours


async def test_passwords_are_their_owners_alone(nats_server: EmbeddedNats, tmp_path: Path) -> None:
    for name in ("passwords.json", "nats.conf"):
        assert (nats_server.root / name).stat().st_mode & 0o777 == 0o600
    assert "@" not in nats_server.public_url
    once, again = (EmbeddedNats(tmp_path, port=4222).url for _ in range(2))
    assert once == again != nats_server.url, "who is connected comes back after a restart"
    wrong = nats_server.public_url.replace("://", "://relay:wrong@")
    with pytest.raises(BrokerUnreachable):
        async with connect(wrong, name="thief", timeout_s=2):
            pass
