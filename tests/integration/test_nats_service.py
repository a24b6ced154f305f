"""Command and query services on a real server: results, typed errors for everything, discovery."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from structlog.testing import capture_logs

from aicore.client import Client as OurClient
from aicore.client import Unanswered
from aicore.embedded import EmbeddedNats
from aicore.wiring.optimisation import ask_tiers
from bus.nats.api import request
from bus.nats.connection import BrokerUnreachable, connect
from bus.nats.service import ServiceOptions, serve
from bus.ports import IdConflict, InvalidAppend, LogUnavailable, VersionConflict
from domain.kernel.decider import Rejected
from domain.routing.tiers import tiers_serving
from handlers.routing.router import Router
from handlers.routing.tier_board import TierBoard
from handlers.routing.turns import Tier
from protocol.identity import UNNAMED
from protocol.limits import MESSAGE_BYTES_MAX, REQUEST_BYTES_MAX
from protocol.messages import (
    Answer,
    CommandMessage,
    ErrorReply,
    Reply,
    decode_reply,
    encode_command,
    encode_query,
)
from protocol.subjects import command_subject, query_subject
from tests.unit.kit import EchoEngine

pytestmark = pytest.mark.integration

ID = UUID(int=7)
FAILURES: dict[str, Exception] = {
    "test.rejected": Rejected("model_not_found", "no model m1", field="model_id", remedy="register it"),
    "test.conflict": VersionConflict("test-1", 3, 5),
    "test.id": IdConflict(ID, "is another event"),
    "test.invalid": InvalidAppend("too much"),
    "test.down": LogUnavailable("postgres://user:secret@host"),
    "test.bug": RuntimeError("password=secret"),
    "test.timeout": TimeoutError(),
}


async def run(message: CommandMessage) -> Reply:
    if message.command in FAILURES:
        raise FAILURES[message.command]
    if message.command == "test.slow":
        await asyncio.Event().wait()
    return Reply(result={"echo": message.payload})


async def models(parameters: dict[str, Any]) -> tuple[object, int]:
    if parameters.get("all"):
        return "x" * MESSAGE_BYTES_MAX, 42
    return [parameters], 42


@pytest.fixture
async def nc(nats_server: EmbeddedNats) -> AsyncIterator[Client]:
    async with connect(nats_server.url, name="test service") as nc:
        yield nc


@pytest.fixture
async def realm_served(nc: Client, realm: str) -> AsyncIterator[str]:
    names = ["test.do", "test.slow", *FAILURES]
    options = ServiceOptions(new_id=lambda: ID, deadline_s=0.3, in_flight_max=4)
    async with serve(nc, realm, dict.fromkeys(names, run), {"current_models": models}, options):
        yield realm


async def send_command(nc: Client, realm: str, message: CommandMessage) -> Reply | ErrorReply | Answer:
    subject = command_subject(realm, message.command, UNNAMED)
    return await OurClient(nc, realm).request(subject, encode_command(message))


async def query(nc: Client, realm: str, view: str, asked: dict[str, Any]) -> Reply | ErrorReply | Answer:
    return await OurClient(nc, realm).request(query_subject(realm, view, UNNAMED), encode_query(asked))


def command(name: str, **payload: object) -> CommandMessage:
    return CommandMessage(id=ID, command=name, payload=payload)


async def test_a_command_that_keeps_deadlines_of_its_own_is_given_their_time(nc: Client, realm: str) -> None:
    late = asyncio.Event()

    async def slowly(_: CommandMessage) -> Reply:
        await late.wait()
        return Reply(result={"done": True})

    options = ServiceOptions(new_id=lambda: ID, deadline_s=0.05, deadlines_s={"test.slowly": 60.0})
    commands = {"test.slowly": slowly, "test.slow": run}
    async with serve(nc, realm, commands, {}, options), asyncio.TaskGroup() as group:
        reply = group.create_task(send_command(nc, realm, command("test.slowly")))
        other = await send_command(nc, realm, command("test.slow"))
        late.set()
    assert isinstance(other, ErrorReply)
    assert other.code == "deadline_exceeded"
    answer = reply.result()
    assert isinstance(answer, Reply)
    assert answer.result == {"done": True}


async def test_the_optimiser_asks_another_process_what_its_tiers_serve(nc: Client, realm: str) -> None:
    with pytest.raises(ConnectionError):
        await ask_tiers(nc, realm)
    engine = EchoEngine()
    engine.models = frozenset({"lamplight"})
    tiers = {"gold": Tier(engines=[engine]), "silver": Tier(engines=[], below="gold")}
    board = TierBoard(Router(tiers, clock=lambda: 0.0, draw=lambda: 0.0))
    options = ServiceOptions(new_id=lambda: ID)
    async with serve(nc, realm, {}, {"inference.tiers": board.answer}, options):
        shown = await ask_tiers(nc, realm)
    assert tiers_serving(shown, "echo", "lamplight@2") == {"gold"}
    assert tiers_serving(shown, "echo", "ember@1") == frozenset()


async def test_a_cancellation_that_comes_with_the_answer_is_not_lost(nc: Client, realm: str) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(b"")

    await nc.subscribe(f"{realm}.ask", cb=answer)
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(request(nc, f"{realm}.ask", b"", timeout_s=5))
        while not nc._resp_map:  # noqa: ASYNC110 - nats-py tells nobody
            await asyncio.sleep(0)
        (waiting,) = nc._resp_map.values()
        waiting.add_done_callback(lambda _: asking.cancel())

    assert asking.cancelled()


async def test_command_and_query_are_answered(nc: Client, realm_served: str) -> None:
    reply = await send_command(nc, realm_served, command("test.do", x=1))
    assert isinstance(reply, Reply)
    assert reply.result == {"echo": {"x": 1}}
    assert await query(nc, realm_served, "current_models", {"use": "npc"}) == Answer([{"use": "npc"}], 42)


@pytest.mark.parametrize(
    ("name", "code", "retry"),
    [
        ("test.rejected", "model_not_found", "never"),
        ("test.conflict", "version_conflict", "reload"),
        ("test.id", "id_conflict", "never"),
        ("test.invalid", "invalid_field", "never"),
        ("test.down", "unavailable", "later"),
        ("test.bug", "internal", "later"),
        ("test.timeout", "internal", "later"),
        ("test.slow", "deadline_exceeded", "later"),
        ("test.nobody_knows", "unknown_command", "never"),
    ],
)
async def test_each_failure_has_its_code_and_tells_no_secret(
    nc: Client, realm_served: str, name: str, code: str, retry: str
) -> None:
    with capture_logs() as logs:
        reply = await send_command(nc, realm_served, command(name))
    assert isinstance(reply, ErrorReply)
    assert (reply.code, reply.retry) == (code, retry)
    assert "secret" not in repr(reply)
    if code == "internal":
        assert reply.details == {"error_id": str(ID)}
        assert str(ID) in reply.remedy
        assert any(entry.get("error_id") == str(ID) for entry in logs)
    if code == "version_conflict":
        assert reply.details == {"stream": "test-1", "expected": 3, "actual": 5}


@pytest.mark.parametrize(
    ("subject", "body", "code", "field"),
    [
        ("cmd.test.do", b"", "malformed_message", None),
        ("cmd.test.do", b"\xc1\xff garbage", "malformed_message", None),
        ("cmd.test.do", encode_command(command("test.other")), "invalid_field", "command"),
        ("cmd.test.do", b"x" * (REQUEST_BYTES_MAX + 1), "too_large", None),
        ("cmd.what", b"", "unknown_command", "command"),
        ("qry.nothing", b"", "unknown_query", "query"),
        ("qry.current_models", b"\x80", "malformed_message", "v"),
    ],
)
async def test_garbage_is_answered_with_a_typed_error(
    nc: Client, realm_served: str, subject: str, body: bytes, code: str, field: str | None
) -> None:
    reply = decode_reply((await nc.request(f"{realm_served}.{subject}.{UNNAMED}", body, timeout=5)).data)
    assert isinstance(reply, ErrorReply)
    assert reply.code == code
    if field is not None:
        assert reply.field == field


async def test_too_many_requests_are_told_to_come_back(nc: Client, realm_served: str) -> None:
    replies = await asyncio.gather(*(send_command(nc, realm_served, command("test.slow")) for _ in range(6)))
    codes = sorted(reply.code for reply in replies if isinstance(reply, ErrorReply))
    assert codes == ["deadline_exceeded"] * 4 + ["unavailable"] * 2


async def test_oversized_for_the_server_and_no_service_are_errors_too(nc: Client, realm: str) -> None:
    big = await send_command(nc, realm, command("test.do", text="x" * 1_100_000))
    assert isinstance(big, ErrorReply)
    assert big.code == "too_large"
    with pytest.raises(Unanswered, match="no service answers on"):
        await send_command(nc, realm, command("test.do"))


async def test_an_answer_that_no_message_can_hold_is_an_error_and_no_silence(
    nc: Client, realm_served: str
) -> None:
    found = await query(nc, realm_served, "current_models", {"all": True})
    assert isinstance(found, ErrorReply)
    assert (found.code, found.retry) == ("too_large", "never")
    assert "the limit is 1048576" in found.message
    assert found.remedy.startswith("ask for less")


async def test_service_discovery_names_commands_and_problems(nc: Client, realm_served: str) -> None:
    await send_command(nc, realm_served, command("test.rejected"))

    async def ours(verb: str) -> dict[str, Any]:
        inbox = nc.new_inbox()
        answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def take(msg: Any) -> None:
            answers.put_nowait(orjson.loads(msg.data))

        subscription = await nc.subscribe(inbox, cb=take)
        await nc.publish(f"$SRV.{verb}", b"", reply=inbox)
        async with asyncio.timeout(5):
            while (answer := await answers.get())["metadata"]["realm"] != realm_served:
                pass
        await subscription.unsubscribe()
        return answer

    assert (await ours("PING"))["name"] == "aicore"
    endpoints = (await ours("INFO"))["endpoints"]
    assert [e["subject"] for e in endpoints] == [f"{realm_served}.cmd.>", f"{realm_served}.qry.>"]
    assert "test.do" in endpoints[0]["metadata"]["names"]
    assert (await ours("STATS"))["endpoints"][0]["data"]["problems"] == {"model_not_found": 1}


async def test_a_flush_comes_behind_what_was_sent_before(
    nats_server: EmbeddedNats, realm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(nats_server.url, name="test") as nc:
        transport, sent = nc._transport, bytearray()
        assert transport is not None
        writelines = transport.writelines

        def note(lines: list[bytes]) -> None:
            sent.extend(b"".join(lines))
            writelines(lines)

        monkeypatch.setattr(transport, "write", lambda data: note([data]))
        monkeypatch.setattr(transport, "writelines", note)
        await nc.subscribe(f"{realm}.somewhere")
        await nc.flush()
    assert sent.index(b"SUB ") < sent.index(b"PING")


async def test_unreachable_server_is_a_clear_error_without_secrets() -> None:
    with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1:1 .*AICORE_NATS_URL") as caught:
        async with connect("nats://user:hunter2@127.0.0.1:1", name="nobody", timeout_s=0.5):
            pass
    assert "hunter2" not in str(caught.value)
