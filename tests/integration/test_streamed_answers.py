"""Answers piece by piece and their cancellation on a real NATS server, with the embedded engine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from aicore.client import Client, Refused, connect
from aicore.clock import new_id
from aicore.content.weights import shipped_model
from aicore.embedded import EmbeddedNats
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.nats.connection import connect as connect_nats
from bus.nats.service import ServiceOptions, serve
from bus.nats.tokens import cancellable, token_giver
from handlers.engines.embedded import EmbeddedEngine
from handlers.inference.service import InferenceService
from handlers.registry.models import RegistryView
from handlers.routing.router import Router
from handlers.routing.turns import Tier
from protocol.identity import UNNAMED
from protocol.messages import CommandMessage, ErrorReply, Reply, encode_command
from protocol.subjects import command_subject
from tests.unit.kit import memory_log, message, model, runner_on, spooled, until

pytestmark = pytest.mark.integration


@asynccontextmanager
async def served(url: str, realm: str) -> AsyncIterator[tuple[Client, Router, MemoryLog]]:
    """Serve inference in ``realm`` and yield a client, and the router and the log behind it."""
    log, codec = memory_log(), EventCodec(domain_catalogue())
    runner, view = runner_on(log, codec), RegistryView(log, decode=codec.decode)
    await runner(message("registry.register_model", model(provider="embedded")))
    engine = EmbeddedEngine(shipped_model())
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        _, records = await stack.enter_async_context(spooled(log, codec, folder))
        await engine.start()
        stack.push_async_callback(engine.stop)
        nc = await stack.enter_async_context(connect_nats(url, name="test"))
        clock = asyncio.get_running_loop().time
        router = Router({"gold": Tier(engines=[engine])}, clock=clock, draw=lambda: 0.0)
        service = InferenceService(records, view, router, give=token_giver(nc))
        await stack.enter_async_context(cancellable(nc, realm, service.cancel))
        options = ServiceOptions(new_id=new_id, malformed={"inference.generate": service.malformed})
        await stack.enter_async_context(serve(nc, realm, {"inference.generate": service}, {}, options))
        client = await stack.enter_async_context(connect(url, realm))
        yield client, router, log


ASK = {"use_case": "npc_dialogue", "prompt": "Where is the Ferryman?", "max_tokens": 40}


async def test_pieces_come_before_the_reply_and_make_its_text(nats_server: EmbeddedNats, realm: str) -> None:
    async with served(nats_server.url, realm) as (client, _, _), aclosing(client.stream(ASK)) as answer:
        *pieces, reply = [item async for item in answer]
    assert isinstance(reply, Reply)
    assert len(pieces) > 1
    assert "".join(map(str, pieces)) == reply.result["text"]


async def test_closing_the_stream_cancels_at_the_engine(nats_server: EmbeddedNats, realm: str) -> None:
    async with served(nats_server.url, realm) as (client, router, _):
        asked = new_id()
        async with aclosing(client.stream({**ASK, "max_tokens": 4_000}, id=asked)) as answer:
            await anext(answer)
        await until(lambda: router.views()["embedded"].active == 0)
        again = await client.command("inference.generate", {**ASK, "max_tokens": 4_000}, id=asked)
    assert again.duplicate
    assert again.result["finish_reason"] in ("cancelled", "stop")


async def test_a_refusal_ends_a_stream(nats_server: EmbeddedNats, realm: str) -> None:
    async with served(nats_server.url, realm) as (client, _, _):
        with pytest.raises(Refused, match="no_engine"):
            async with aclosing(client.stream({**ASK, "tier": "silver"})) as answer:
                await anext(answer)
        with pytest.raises(Refused, match="prompt_too_long"):
            async with aclosing(client.stream({**ASK, "prompt": "fog " * 400})) as answer:
                await anext(answer)


async def test_what_cannot_be_read_is_a_typed_error_and_a_record(
    nats_server: EmbeddedNats, realm: str
) -> None:
    """A prompt that is no UTF-8, and half a message."""
    whole = encode_command(CommandMessage(new_id(), "inference.generate", ASK))
    broken = whole.replace(b"Ferryman", b"Ferr\xff\xfean")
    async with served(nats_server.url, realm) as (client, _, log):
        for data in (broken, whole[:40]):
            answer = await client.request(command_subject(realm, "inference.generate", UNNAMED), data)
            assert isinstance(answer, ErrorReply)
            assert answer.code == "malformed_message"
        await until(lambda: [e.type for e in log._events].count("inference.refused") == 2)


@pytest.mark.parametrize(
    "subject",
    [
        "elsewhere.live.component-owner.1",
        "{realm}.live.inference.cancel.component-owner",
        "{realm}.live.ann",
        "_INBOX.1",
    ],
)
async def test_pieces_go_to_no_other_realm_and_are_never_cancellations(
    nats_server: EmbeddedNats, realm: str, subject: str
) -> None:
    own = f"{realm}.live.component-owner.1"
    asked = {**ASK, "stream_to": subject.format(realm=realm)}
    async with served(nats_server.url, realm) as (client, _, log):
        with pytest.raises(Refused, match="invalid_field") as refused:
            await client.command("inference.generate", asked, id=new_id())
        await until(lambda: [e.type for e in log._events].count("inference.refused") == 1)
        await client.command("inference.generate", {**ASK, "stream_to": own}, id=new_id())
    assert refused.value.error.field == "stream_to"
