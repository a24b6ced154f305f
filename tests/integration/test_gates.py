"""A flood from one client's account is kept out at the server, and nobody else's request is."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from aicore.client import Client as OurClient
from aicore.clock import new_id
from aicore.embedded import EmbeddedNats
from bus.nats.connection import connect, reconnects
from bus.nats.service import ServiceOptions, serve
from bus.nats.unknown import Declared
from bus.permissions import Grants
from bus.shares import EXCESS_BURST, Share
from protocol.identity import Identity
from protocol.messages import CommandMessage, ErrorReply, Reply, decode_reply, encode_command
from protocol.subjects import command_subject
from tests.harness.folders import open_folder
from tests.integration.nats_kit import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

REALM, ASK = "demo", "inference.generate"
INNOCENT, FLOODER = (Identity("service", name) for name in ("innocent", "flooder"))
SERVICES = Identity("component", "services")
NOBODY = "NoneType"
SHARE = Share(requests_per_s=100, burst=20, in_flight_max=8)


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedNats]:
    with open_folder() as folder:
        ours = EmbeddedNats(folder)
        for identity in (INNOCENT, FLOODER):
            ours.keyring.give(Grants(identity))
        ours.start()
        yield ours
        ours.stop()


async def answer(message: CommandMessage) -> Reply:
    return Reply({"actor": message.meta.actor})


async def _heard_by(client: Client, heard: Counter[str]) -> str:
    """Return a subject for replies, which ``heard`` counts by their kind; `NOBODY`: that of the server."""

    async def on(message: Msg) -> None:
        reply = decode_reply(message.data) if message.data else None
        heard[reply.code if isinstance(reply, ErrorReply) else type(reply).__name__] += 1

    inbox = client.new_inbox()
    await client.subscribe(inbox, cb=on)
    return inbox


async def _flood(flooder: Client, heard: Counter[str]) -> int:
    """Send until the server says that nobody is there; count in ``heard`` what comes, and return how many."""
    sent, inbox = 0, await _heard_by(flooder, heard)
    body = encode_command(CommandMessage(new_id(), ASK, {}))
    while not heard[NOBODY]:
        for _ in range(100):
            await flooder.publish(command_subject(REALM, ASK, FLOODER), body, reply=inbox)
        sent += 100
        await flooder.flush()
    return sent


@pytest.mark.parametrize("apart", [False, True])
async def test_a_flood_is_kept_out_for_a_while_and_everything_gets_one_answer(
    server: EmbeddedNats, apart: bool
) -> None:
    declared = Declared(commands=[ASK, "test.elsewhere"], queries=[]) if apart else None
    options = ServiceOptions(new_id=new_id, share=SHARE, declared=declared)
    heard: Counter[str] = Counter()
    async with (
        connect(server.url_of(SERVICES), name="services") as core,
        connect(server.url_of(FLOODER), name="flooder") as flooder,
        connect(server.url_of(INNOCENT), name="innocent") as innocent,
        serve(core, REALM, {ASK: answer}, {}, options),
    ):
        flood = asyncio.create_task(_flood(flooder, heard))
        while not flood.done():
            reply = await OurClient(innocent, REALM).command(ASK, {})
            assert reply.result == {"actor": "service:innocent"}, "its own gate stays open"
            await asyncio.sleep(0.05)
        sent = await flood

        async def all_heard() -> bool:
            return heard.total() == sent

        await until(all_heard, f"each is answered: {heard}")
        assert heard["Reply"]
        assert heard["over_quota"] > EXCESS_BURST / 2, "so many were told why"

        async def open_again() -> bool:
            message = encode_command(CommandMessage(new_id(), ASK, {}))
            subject = command_subject(REALM, ASK, FLOODER)
            try:
                found = await flooder.request(subject, message, timeout=2)
            except (
                NoRespondersError,
                NatsTimeoutError,
            ):  # it is shut
                return False
            return isinstance(decode_reply(found.data), Reply)

        await until(open_again, "the flood is over")


@asynccontextmanager
async def _not_reading(nc: Client) -> AsyncIterator[None]:
    """Read nothing of a connection while the context is open, as a process does that has no time."""
    transport = nc._transport._io_writer.transport  # type: ignore[union-attr]
    transport.pause_reading()
    try:
        yield
    finally:
        transport.resume_reading()


@pytest.mark.parametrize("lost", [False, True])
async def test_while_we_do_not_read_the_server_lets_through_one_window_and_nothing_of_it_is_lost(
    server: EmbeddedNats, lost: bool
) -> None:
    heard: Counter[str] = Counter()
    window, sent = SHARE.at_once()[0], 3_000
    async with (
        connect(server.url_of(SERVICES), name="services") as core,
        connect(server.url_of(FLOODER), name="flooder") as flooder,
        connect(server.url_of(INNOCENT), name="innocent") as innocent,
        serve(core, REALM, {ASK: answer}, {}, ServiceOptions(new_id=new_id, share=SHARE)),
    ):
        if lost:
            await _lose(core)
            await OurClient(innocent, REALM).command(ASK, {})  # which has every window made anew
            await core.flush()
        inbox = await _heard_by(flooder, heard)
        body = encode_command(CommandMessage(new_id(), ASK, {}))

        async def told() -> bool:
            return heard[NOBODY] >= sent - window

        async def all_heard() -> bool:
            return heard.total() == sent

        async with _not_reading(core):
            for _ in range(sent):
                await flooder.publish(command_subject(REALM, ASK, FLOODER), body, reply=inbox)
            await until(told, f"it is kept out: {heard}")
            await flooder.flush()
            assert heard == {NOBODY: sent - window}
        await until(all_heard, f"each is answered: {heard}")
        assert heard["Reply"]
        assert heard["over_quota"]


async def _lose(nc: Client) -> None:
    """Have a connection break, and wait until it is back."""
    before = reconnects(nc)
    nc._transport.close()  # type: ignore[union-attr]

    async def back() -> bool:
        return reconnects(nc) > before and nc.is_connected

    await until(back, "it is connected again")
    await nc.flush()


async def test_requests_of_one_sender_are_taken_in_their_order_whatever_brings_them(
    server: EmbeddedNats,
) -> None:
    taken: list[int] = []

    async def note(message: CommandMessage) -> Reply:
        taken.append(message.id.int)
        return Reply({})

    share = Share(requests_per_s=1e6, burst=1e6, in_flight_max=64)
    number = 2 * share.at_once()[0]
    async with (
        connect(server.url_of(SERVICES), name="services") as core,
        connect(server.url_of(INNOCENT), name="innocent") as innocent,
        serve(core, REALM, {ASK: note}, {}, ServiceOptions(new_id=new_id, share=share)),
    ):
        heard: Counter[str] = Counter()
        inbox = await _heard_by(innocent, heard)
        for id_ in range(1, number + 1):
            body = encode_command(CommandMessage(UUID(int=id_), ASK, {}))
            await innocent.publish(command_subject(REALM, ASK, INNOCENT), body, reply=inbox)
            if id_ % share.in_flight_max == 0:

                async def answered(until_: int = id_) -> bool:
                    return heard["Reply"] == until_

                await until(answered, f"all are answered: {heard}")
    assert taken == [*range(1, number + 1)]
