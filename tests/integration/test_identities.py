"""What an identity proves, and what a hostile client of the wire gets: nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from aicore.client import Client as OurClient
from aicore.client import Refused
from aicore.client import connect as connect_client
from aicore.clock import new_id
from aicore.embedded import EmbeddedNats
from bus.nats.api import JetStreamUnavailable, Missing, js_publish, js_request
from bus.nats.claims import open_claims
from bus.nats.connection import BrokerUnreachable, connect, identity_of
from bus.nats.followers import ensure_follower, followers_there, remove_follower
from bus.nats.inbox import DURABLE
from bus.nats.service import ServiceOptions, serve
from bus.nats.tokens import cancellable, token_giver
from bus.nats.topology import create_events_stream, describe, events_stream
from bus.permissions import Grants, consumers_of
from bus.ports import OwnerGone
from domain.kernel.roles import PEOPLE
from protocol.identity import UNNAMED, Identity
from protocol.messages import CommandMessage, ErrorReply, Reply, decode_reply, encode_command
from protocol.meta import Meta
from protocol.subjects import cancel_subject, claim_subject, command_subject, inbox_subject
from protocol.tokens import encode_cancel
from tests.harness.folders import open_folder
from tests.integration.inbox_kit import Inbox
from tests.integration.nats_kit import LIMITS
from tests.unit.kit import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

REALM, ASK, PROMOTE = "demo", "inference.generate", "registry.promote_model"
MIRA = Grants(Identity("operator", "mira"), roles=PEOPLE)
MARKET = Grants(Identity("service", "market"), follow=("registry",), followers=("ledger",))
AUDITOR = Grants(Identity("operator", "auditor"), roles=("auditor",))
THIEF = Grants(Identity("service", "thief"), follow=("registry",))
REFUSED_S = 0.3
"""NATS says nothing to a request that it refuses; so long is listened for an answer."""


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedNats]:
    with open_folder() as folder:
        ours = EmbeddedNats(folder)
        for grants in (MIRA, AUDITOR, MARKET, THIEF):
            ours.keyring.give(grants)
        ours.start()
        yield ours
        ours.stop()


@dataclass
class Wire:
    """Three clients of a service, and what the service heard."""

    core: Client
    mira: Client
    market: Client
    thief: Client
    heard: list[CommandMessage] = field(default_factory=list)
    cancelled: list[tuple[str, str]] = field(default_factory=list)

    async def seen_by_thief(self, *subjects: str) -> list[Msg]:
        """Have the thief subscribe, and return where what came is put."""
        found: list[Msg] = []

        async def on(message: Msg) -> None:
            found.append(message)

        for subject in subjects:
            await self.thief.subscribe(subject, cb=on)
        await self.thief.flush()
        return found


@pytest.fixture
async def wire(server: EmbeddedNats) -> AsyncIterator[Wire]:
    names = {"core": Identity("component", "services")}
    names |= {each.identity.name: each.identity for each in (MIRA, MARKET, THIEF)}
    async with _connections(server, names) as found:
        wire = Wire(found["core"], found["mira"], found["market"], found["thief"])

        async def answer(message: CommandMessage) -> Reply:
            wire.heard.append(message)
            if to := message.payload.get("stream_to"):
                await token_giver(wire.core)(to, message.id.hex, 0, "a piece")
            return Reply({"text": "a line"})

        def cancel(id_: str, actor: str) -> bool:
            wire.cancelled.append((id_, actor))
            return True

        options = ServiceOptions(new_id=new_id)
        async with (
            serve(wire.core, REALM, {ASK: answer, PROMOTE: answer}, {}, options),
            cancellable(wire.core, REALM, cancel),
        ):
            await wire.core.flush()  # the server knows of the service before anybody asks
            yield wire


@asynccontextmanager
async def _connections(server: EmbeddedNats, names: dict[str, Identity]) -> AsyncIterator[dict[str, Client]]:
    found: dict[str, Client] = {}
    opened = [connect(server.url_of(identity), name=name) for name, identity in names.items()]
    try:
        for name, each in zip(names, opened, strict=True):
            found[name] = await each.__aenter__()
        yield found
    finally:
        for each in reversed(opened):
            await each.__aexit__(None, None, None)


@pytest.fixture
async def stream(server: EmbeddedNats) -> AsyncIterator[Client]:
    """The connection of whoever owns the state directory, and a stream of ten events."""
    async with connect(server.url, name="owner") as owner:
        await create_events_stream(owner, REALM, LIMITS)
        for number in range(10):
            await js_publish(owner, f"{REALM}.evt.registry.happened.{number}", b"%d" % number, {})
        for name in (*consumers_of(REALM, MARKET), *consumers_of(REALM, THIEF)):
            await ensure_follower(owner, REALM, name, [f"{REALM}.evt.registry.>"])
        yield owner
        await js_request(owner, f"STREAM.DELETE.{events_stream(REALM)}")


def command(payload: dict[str, object] | None = None, name: str = ASK, actor: str = "") -> CommandMessage:
    return CommandMessage(new_id(), name, payload or {}, meta=Meta(actor=actor))


# --- who is who ---------------------------------------------------------------------------------------------


async def test_nobody_connects_without_a_key_that_is_known(server: EmbeddedNats, tmp_path: Path) -> None:
    stranger = EmbeddedNats(tmp_path, port=server.port)
    wrong = (server.address, server.address.replace("://", "://relay:wrong@"), stranger.url)
    for url in wrong:
        with pytest.raises(BrokerUnreachable):
            async with connect(url, name="thief", timeout_s=2):
                pass


async def test_the_sender_is_who_connected_whatever_the_message_says(wire: Wire) -> None:
    await OurClient(wire.market, REALM).command(ASK, {})
    message = command(actor="operator:mira")
    await wire.market.request(
        command_subject(REALM, ASK, MARKET.identity), encode_command(message), timeout=5
    )

    plain, forged = (each.meta for each in wire.heard)
    assert (plain.actor, plain.extra) == ("service:market", {})
    assert (forged.actor, forged.extra) == ("service:market", {"label": "operator:mira"})


async def test_nobody_sends_in_anothers_name_or_what_is_not_his(wire: Wire) -> None:
    for who, name in ((MIRA.identity, PROMOTE), (MARKET.identity, ASK), (THIEF.identity, PROMOTE)):
        with pytest.raises(NatsTimeoutError):
            subject = command_subject(REALM, name, who)
            await wire.thief.request(subject, encode_command(command(name=name)), timeout=REFUSED_S)
    await OurClient(wire.mira, REALM).command(PROMOTE, {})

    assert [each.meta.actor for each in wire.heard] == ["operator:mira"]
    assert wire.thief.is_connected


async def test_our_client_is_told_at_once_what_it_may_not_send(wire: Wire, server: EmbeddedNats) -> None:
    async with connect_client(server.url_of(THIEF.identity), REALM) as client, asyncio.timeout(5):
        for _ in range(3):
            with pytest.raises(Refused, match="forbidden: service-thief may not send"):
                await client.command(PROMOTE, {})
        await client.command(ASK, {})
    async with connect_client(server.url_of(AUDITOR.identity), REALM) as client, asyncio.timeout(5):
        with pytest.raises(Refused, match="forbidden"):
            async for _ in client.stream({}):
                pass
        with pytest.raises(TimeoutError):  # a caller's own limit stays his
            async with asyncio.timeout(0):
                await client.query("inference.stats")


async def test_a_subject_without_a_sender_is_a_typed_error(wire: Wire, server: EmbeddedNats) -> None:
    async with connect(server.url, name="old client") as owner:
        answer = await owner.request(f"{REALM}.cmd.{ASK}", encode_command(command()), timeout=5)
        reply = decode_reply(answer.data)

    assert isinstance(reply, ErrorReply)
    assert (reply.code, reply.field) == ("invalid_field", "subject")


# --- a hostile client ---------------------------------------------------------------------------------------


async def test_a_hostile_client_hears_nothing_of_others(wire: Wire, stream: Client) -> None:
    theirs = ("_INBOX.service-market.>", f"{REALM}.live.service-market.>", f"{REALM}.qry.>", "_INBOX.*.>")
    found = await wire.seen_by_thief(">", "*.>", f"{REALM}.>", f"{REALM}.cmd.>", f"{REALM}.evt.>", *theirs)
    async for _ in OurClient(wire.market, REALM).stream({"prompt": "my secret is the blue door"}):
        pass
    await js_publish(stream, f"{REALM}.evt.inference.completed.1", b"secret", {})
    await asyncio.sleep(REFUSED_S)

    assert len(wire.heard) == 1
    assert found == []


async def test_pieces_come_to_who_asked_and_before_the_reply(wire: Wire) -> None:
    for _ in range(20):
        *pieces, reply = [each async for each in OurClient(wire.market, REALM).stream({})]
        assert pieces == ["a piece"]
        assert isinstance(reply, Reply)


async def test_a_hostile_client_answers_nobody(wire: Wire) -> None:
    async def lie(message: Msg) -> None:
        await message.respond(b"STOLEN")

    for group in ("", f"{REALM}-aicore", f"{REALM}-aicore-unknown"):
        for subject in (
            f"{REALM}.cmd.>",
            f"{REALM}.cmd.{ASK}.*",
            command_subject(REALM, ASK, MARKET.identity),
        ):
            await wire.thief.subscribe(subject, queue=group, cb=lie)
    await wire.thief.flush()
    replies = [await OurClient(wire.market, REALM).command(ASK, {}) for _ in range(20)]

    assert {str(reply.result["text"]) for reply in replies} == {"a line"}


async def test_only_who_asked_cancels(wire: Wire) -> None:
    id_ = new_id()
    with pytest.raises(NatsTimeoutError):
        subject = cancel_subject(REALM, MARKET.identity)
        await wire.thief.request(subject, encode_cancel(id_.bytes), timeout=REFUSED_S)
    own = cancel_subject(REALM, THIEF.identity)
    await wire.thief.publish(own, encode_cancel(id_.bytes))
    await OurClient(wire.market, REALM).cancel(id_)
    await until(lambda: len(wire.cancelled) == 2)

    assert {actor for _, actor in wire.cancelled} == {"service:thief", "service:market"}


async def test_no_service_is_made_a_deputy(wire: Wire, stream: Client) -> None:
    """Whoever named another's subject for a reply had it sent there: stored as an event, purging a stream."""
    await js_request(stream, "STREAM.CREATE.IN_demo", {"name": "IN_demo", "subjects": [f"{REALM}.in.>"]})
    events = events_stream(REALM)
    heard: list[str] = []

    async def on(message: Msg) -> None:
        heard.append(message.subject)

    await wire.market.subscribe("_INBOX.service-market.>", cb=on)
    await wire.mira.subscribe(f"{REALM}.evt.>", cb=on)
    await wire.market.flush()
    pull = f"{REALM}.js.CONSUMER.MSG.NEXT.{events}.{THIEF.identity}"
    asked = [
        (command_subject(REALM, ASK, THIEF.identity), encode_command(command())),
        (inbox_subject(REALM, ASK, THIEF.identity), encode_command(command())),
        (pull, b'{"batch": 1, "expires": 100000000}'),
        (pull, b'{"batch": 1, "no_wait": true}'),
        (pull.replace("MSG.NEXT", "INFO"), b""),
    ]
    others = [f"{REALM}.evt.registry.forged.x", "_INBOX.service-market.1", f"{REALM}.dlq.in"]
    others += [f"$JS.API.STREAM.{verb}.{events}" for verb in ("PURGE", "DELETE")]
    try:
        for reply in others:
            for subject, body in asked:
                await wire.thief.publish(subject, body, reply=reply)
        await wire.thief.flush()
        await asyncio.sleep(REFUSED_S)
        state = await describe(stream, events)
        assert (state.messages, state.last) == (10, 10)
        assert heard == []
    finally:
        await js_request(stream, "STREAM.DELETE.IN_demo")


async def test_pieces_go_to_nobody_else(wire: Wire) -> None:
    for to in ("_INBOX.service-market.1", f"{REALM}.live.service-market.1", f"{REALM}.evt.a.b.c", "_INBOX.x"):
        message = encode_command(command({"stream_to": to}))
        subject = command_subject(REALM, ASK, THIEF.identity)
        reply = decode_reply((await wire.thief.request(subject, message, timeout=5)).data)
        assert isinstance(reply, ErrorReply)
        assert (reply.code, reply.field) == ("invalid_field", "stream_to")
    assert wire.heard == []


async def test_a_reply_subject_that_is_anothers_is_refused_within_our_account_too(
    wire: Wire, server: EmbeddedNats
) -> None:
    found: list[Msg] = []

    async def on(message: Msg) -> None:
        found.append(message)

    async with connect(server.url, name="owner") as owner:
        await owner.subscribe("elsewhere.>", cb=on)
        subject = command_subject(REALM, ASK, UNNAMED)
        await owner.publish(subject, encode_command(command()), reply="elsewhere.1")
        await OurClient(owner, REALM).command(ASK, {})

    assert (found, len(wire.heard)) == ([], 1)


async def test_the_stream_of_events_is_not_a_clients_to_touch(wire: Wire, stream: Client) -> None:
    verbs = ("INFO", "DELETE", "PURGE", "UPDATE", "CREATE", "MSG.GET", "MSG.DELETE", "SNAPSHOT", "RESTORE")
    subjects = [f"STREAM.{verb}.{events_stream(REALM)}" for verb in verbs]
    subjects += [f"CONSUMER.CREATE.{events_stream(REALM)}.mine", "STREAM.CREATE.SQUAT"]
    tries = (
        js_request(client, subject, {}, timeout_s=REFUSED_S)
        for client in (wire.thief, wire.mira)
        for subject in subjects
    )
    found = await asyncio.gather(*tries, return_exceptions=True)

    assert {type(each) for each in found} == {JetStreamUnavailable}


async def test_a_service_follows_by_its_own_consumer_alone(wire: Wire, stream: Client) -> None:
    events, prefix = events_stream(REALM), f"{REALM}.js"
    own = await wire.market.jetstream(prefix=prefix).pull_subscribe_bind(
        consumer=str(MARKET.identity), stream=events
    )
    found = await own.fetch(10, timeout=5)
    for message in found:
        await message.ack_sync()
    assert [message.metadata.sequence.stream for message in found] == list(range(1, 11))
    with pytest.raises((NatsTimeoutError, NoRespondersError)):
        theirs = await wire.thief.jetstream(prefix=prefix).pull_subscribe_bind(
            consumer=str(MARKET.identity), stream=events
        )
        await theirs.fetch(1, timeout=REFUSED_S)
    info = await js_request(stream, f"CONSUMER.INFO.{events}.{MARKET.identity}")
    assert info["ack_floor"]["stream_seq"] == 10


async def test_each_follower_of_a_service_goes_at_its_own_pace_and_removing_one_leaves_all_others(
    wire: Wire, stream: Client
) -> None:
    events, jetstream = events_stream(REALM), wire.market.jetstream(prefix=f"{REALM}.js")
    first, second = consumers_of(REALM, MARKET)
    for consumer, taken in ((first, 7), (second, 3)):
        own = await jetstream.pull_subscribe_bind(consumer=consumer, stream=events)
        for message in await own.fetch(taken, timeout=5):
            await message.ack_sync()
    infos = [await js_request(stream, f"CONSUMER.INFO.{events}.{name}") for name in (first, second)]
    assert [info["ack_floor"]["stream_seq"] for info in infos] == [7, 3]
    for verb in ("INFO", "MSG.NEXT", "DELETE"):
        with pytest.raises(JetStreamUnavailable):
            await js_request(wire.thief, f"CONSUMER.{verb}.{events}.{second}", {}, timeout_s=REFUSED_S)

    neighbour = "service-market_ledger"
    await ensure_follower(stream, REALM, neighbour, [f"{REALM}.evt.registry.>"])
    there = await followers_there(stream, REALM, str(MARKET.identity))
    await remove_follower(stream, REALM, second)

    assert sorted(there) == [first, second]
    assert await followers_there(stream, REALM, str(MARKET.identity)) == [first]
    assert await followers_there(stream, REALM, neighbour) == [neighbour]


async def test_an_inbox_is_put_into_and_nothing_vanishes_from_it(wire: Wire, stream: Client) -> None:
    inbox = Inbox(stream, REALM)
    await inbox.open()
    done: list[CommandMessage] = []

    async def do(message: CommandMessage) -> Reply:
        done.append(message)
        return Reply()

    try:
        message = command(actor="operator:mira")
        subject = inbox_subject(REALM, ASK, THIEF.identity)
        taken = orjson.loads((await wire.thief.request(subject, encode_command(message), timeout=5)).data)
        assert taken["seq"] == 1
        for mine in (f"$JS.API.CONSUMER.MSG.NEXT.IN_demo.{DURABLE}", f"$JS.ACK.IN_demo.{DURABLE}.1.1.1.1.0"):
            with pytest.raises((NatsTimeoutError, NoRespondersError)):
                await wire.thief.request(mine, b"", timeout=REFUSED_S)
        async with inbox.taken({ASK: do}):
            await inbox.empty()
        assert [each.meta.actor for each in done] == ["service:thief"]
    finally:
        for name in ("IN_demo", "DLQ_demo"):
            with suppress(Missing):  # the letters' stream is made beside the first command
                await js_request(stream, f"STREAM.DELETE.{name}")


# --- keys come and go ---------------------------------------------------------------------------------------


async def test_a_new_key_works_at_once_and_a_revoked_one_is_cut_off(wire: Wire, server: EmbeddedNats) -> None:
    late = Identity("service", "late")
    for _ in range(3):
        server.keyring.give(Grants(late))
        url = server.url_of(late)
        await asyncio.to_thread(server.reload)
        async with connect(url, name="late") as client:
            await OurClient(client, REALM).command(ASK, {})
            server.keyring.revoke(late)
            await asyncio.to_thread(server.reload)
            await until(lambda: not client.is_connected)
        with pytest.raises(BrokerUnreachable):
            async with connect(url, name="late", timeout_s=2):
                pass
        await OurClient(wire.market, REALM).command(ASK, {})
    assert wire.market.stats["reconnects"] == 0, "nobody else notices"
    assert {each.meta.actor for each in wire.heard} == {"service:late", "service:market"}


async def test_keys_are_their_owners_alone_and_kept(server: EmbeddedNats) -> None:
    folder = server.keyring.folder
    seeds = list(folder.glob("*.nk"))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(seeds) > 8
    assert {path.stat().st_mode & 0o777 for path in [*seeds, folder / "granted.json"]} == {0o600}
    told = (server.root / "identities.conf").read_text() + (server.root / "nats.conf").read_text()
    assert [path.name for path in seeds if path.read_text() in told] == []
    again = EmbeddedNats(server.root.parent, port=server.port)
    assert again.url == server.url, "who is connected comes back after a restart"


def test_an_identity_is_known_on_its_connection(wire: Wire) -> None:
    assert [identity_of(each) for each in (wire.market, wire.mira)] == [MARKET.identity, MIRA.identity]


async def test_commands_that_wait_since_before_there_were_identities_are_kept(tmp_path: Path) -> None:
    server = EmbeddedNats(tmp_path)
    server.root.mkdir(parents=True)
    (server.root / "nats.conf").write_text(
        f'listen: 127.0.0.1:{server.port}\npid_file: "nats.pid"\njetstream {{store_dir: "store"}}\n'
    )
    server.launch()
    async with connect(server.address, name="before") as nc:
        await Inbox(nc, REALM).open()
        await js_publish(nc, f"{REALM}.in.test.do", encode_command(command(name="test.do")), {})
    await asyncio.to_thread(server.stop)
    done: list[CommandMessage] = []

    async def do(message: CommandMessage) -> Reply:
        done.append(message)
        return Reply()

    await asyncio.to_thread(server.start)
    try:
        async with connect(server.url, name="after") as nc:
            inbox = Inbox(nc, REALM)
            async with inbox.taken({"test.do": do}):
                await inbox.empty()
    finally:
        await asyncio.to_thread(server.stop)
    assert [(each.command, each.meta.actor) for each in done] == [("test.do", "")]


# --- between our own processes ------------------------------------------------------------------------------


async def test_a_claim_that_names_no_process_is_inherited(server: EmbeddedNats) -> None:
    """What stands on a claim's subject may be anything; only a process of ours is asked for an answer."""
    id_, inference = new_id(), Identity("component", "inference")
    async with (
        connect(server.url, name="owner") as owner,
        connect(server.url_of(inference), name="inference") as component,
        open_claims(component, REALM, new_id) as claims,
    ):
        assert (await claims.claim(new_id())).first
        await owner.request(claim_subject(REALM, id_.hex), b"\x81\xa1v\x01", timeout=5)
        found = await claims.claim(id_)
        with pytest.raises(OwnerGone):
            await claims.ask(found, command(), 5.0)
        assert (await claims.inherit(found)).ours
