"""One sender's flood on a real server: refused with advice before it costs anything, and nobody else's."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest
from nats.aio.msg import Msg

from aicore.embedded import EmbeddedNats
from bus.nats.connection import connect
from bus.nats.service import ServiceOptions, serve
from bus.shares import Share
from protocol.identity import Identity
from protocol.messages import CommandMessage, ErrorReply, Reply, decode_reply, encode_command
from protocol.subjects import command_subject

pytestmark = pytest.mark.integration

NAME = "test.do"
FLOOD = 3_000
SHARE = Share(requests_per_s=1, burst=20, bytes_per_s=1, bytes_burst=10_000, in_flight_max=8, told_per_s=50)


async def test_a_flood_is_refused_at_the_door_and_everybody_else_is_answered(
    nats_server: EmbeddedNats, realm: str
) -> None:
    flooder, innocent = Identity("service", "flooder"), Identity("service", "innocent")
    ran: Counter[str] = Counter()
    replies: list[Reply | ErrorReply] = []

    async def run(message: CommandMessage) -> Reply:
        ran[message.meta.actor] += 1
        return Reply(result={})

    async def answered(message: Msg) -> None:
        reply = decode_reply(message.data)
        assert isinstance(reply, Reply | ErrorReply)
        replies.append(reply)

    def body(number: int) -> bytes:
        return encode_command(CommandMessage(UUID(int=number), NAME, {}))

    options = ServiceOptions(new_id=lambda: UUID(int=7), share=SHARE)
    async with (
        connect(nats_server.url, name="service") as nc,
        connect(nats_server.url, name="clients") as clients,
        serve(nc, realm, {NAME: run}, {}, options) as service,
    ):
        inbox = f"{flooder.inbox}.flood"
        await clients.subscribe(inbox, cb=answered)
        for number in range(FLOOD):
            await clients.publish(command_subject(realm, NAME, flooder), body(number), reply=inbox)
        mine = asyncio.Queue[Msg]()
        await clients.subscribe(f"{innocent.inbox}.one", cb=mine.put)
        subject = command_subject(realm, NAME, innocent)
        await clients.publish(subject, body(FLOOD), reply=f"{innocent.inbox}.one")
        async with asyncio.timeout(10):
            assert isinstance(decode_reply((await mine.get()).data), Reply)
        owner = await clients.request(
            command_subject(realm, NAME, Identity("component", "owner")), body(FLOOD + 1)
        )
        assert isinstance(decode_reply(owner.data), Reply), "our own components have no share"
        await clients.flush()
        told = service.stats().endpoints[0].data
        assert told is not None
        seen = told["over_quota"]["service-flooder"]

    assert ran["service:flooder"] <= SHARE.burst + 10, "its burst, and what time brought"
    assert ran["service:innocent"] == 1
    refusals = [reply for reply in replies if isinstance(reply, ErrorReply)]
    assert {(each.code, each.retry) for each in refusals} == {("over_quota", "later")}
    assert all(each.retry_after_ms for each in refusals)
    assert seen["refused"] == FLOOD - ran["service:flooder"]
    assert seen["unanswered"] == seen["refused"] - len(refusals) > 0
