"""Names that nobody serves, while others do: strangers, services that fail, and services that are busy."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from structlog.testing import capture_logs

from aicore.client import Client as OurClient
from aicore.doctor.check import Patient
from aicore.doctor.derived import followers
from aicore.embedded import EmbeddedNats
from aicore.running import System
from aicore.settings import Settings
from bus.nats import unknown
from bus.nats.connection import connect
from bus.nats.discovery import discovered
from bus.nats.service import ServiceOptions, serve
from bus.nats.unknown import Declared
from protocol.identity import UNNAMED
from protocol.messages import Answer, CommandMessage, ErrorReply, Reply, decode_reply, encode_command
from protocol.subjects import command_subject
from tests.integration.log_kit import WAIT_S
from tests.unit.kit import until

pytestmark = pytest.mark.integration

ID = UUID(int=7)
DECLARED = Declared(commands=("test.here", "test.there"), queries=())


async def answer(_: CommandMessage) -> Reply:
    return Reply(result={"done": True})


@asynccontextmanager
async def part(nc: Client, realm: str, name: str) -> AsyncIterator[None]:
    """Serve one of the declared commands, as a process of its own does."""
    options = ServiceOptions(new_id=lambda: ID, declared=DECLARED)
    async with serve(nc, realm, {name: answer}, {}, options):
        yield


@pytest.fixture
async def nc(nats_server: EmbeddedNats) -> AsyncIterator[Client]:
    async with connect(nats_server.url, name="test") as nc:
        yield nc


async def ask(nc: Client, realm: str, name: str) -> Reply | ErrorReply | Answer:
    message = encode_command(CommandMessage(id=ID, command=name, payload={}))
    return await OurClient(nc, realm).request(command_subject(realm, name, UNNAMED), message)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Client, str]]:
    """Return who has looked who serves what, and what was told: the looks of all parts, as they end."""
    done: list[tuple[Client, str]] = []

    async def look(nc: Client, *of: str) -> Any:
        told = await discovered(nc, *of)
        done.append((nc, str(told)))
        return told

    monkeypatch.setattr("bus.nats.unknown.discovered", look)
    monkeypatch.setattr(unknown, "KNOWN_S", 0.05)
    return done


async def seen(nc: Client, realm: str, looks: list[tuple[Client, str]]) -> None:
    """Ask until a part of this connection has seen that another one serves the name."""
    async with asyncio.timeout(WAIT_S):
        while not any(looking is nc and "test.there" in told for looking, told in looks):
            await ask(nc, realm, "test.there")


STRANGE = pytest.mark.parametrize(
    "said",
    [
        '{"metadata": null}',
        '{"metadata": []}',
        "[]",
        '{"metadata": {"realm": "%s"}}',
        '{"metadata": {"realm": "%s"}, "endpoints": null}',
        '{"metadata": {"realm": "%s"}, "endpoints": [null, {}, {"subject": 7}]}',
        '{"metadata": {"realm": "%s"}, "endpoints": [{"data": {"followers": [7, {"name": "x"}]}}]}',
    ],
)
"""What may come back from discovery, where everybody may answer."""


@STRANGE
async def test_what_a_stranger_says_in_discovery_ends_no_service(nc: Client, realm: str, said: str) -> None:
    async def strange(message: Msg) -> None:
        await message.respond((said.replace("%s", realm)).encode())

    await nc.subscribe("$SRV.INFO.aicore", cb=strange)
    async with part(nc, realm, "test.here"):
        reply = await ask(nc, realm, "test.nobody_knows")
        assert isinstance(reply, ErrorReply)
        assert reply.code == "unknown_command"
        assert isinstance(await ask(nc, realm, "test.here"), Reply)


@STRANGE
async def test_doctor_passes_over_what_a_stranger_says(
    nc: Client, realm: str, said: str, tmp_path: Path
) -> None:
    async def strange(message: Msg) -> None:
        await message.respond((said.replace("%s", realm)).encode())

    await nc.subscribe("$SRV.STATS.aicore", cb=strange)
    system = System(realm=realm, state_dir=tmp_path, postgres_dsn="", nats_url="", pid=0)
    assert await followers(Patient(Settings(), system, None, nc, lambda: 0)) == []


async def test_a_service_that_failed_leaves_nobody_behind_who_hears_names(nc: Client, realm: str) -> None:
    """Its connection serves on, and whoever stayed in the queue group would take names and say nothing."""
    with pytest.raises(ExceptionGroup):
        async with part(nc, realm, "test.here"):
            raise OSError("a server was lost")
    async with part(nc, realm, "test.here"), asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(nc, realm, f"test.nobody_{n}")) for n in range(20)]
    assert {reply.code for task in asked if isinstance(reply := task.result(), ErrorReply)} == {
        "unknown_command"
    }


async def test_a_service_that_is_busy_for_longer_than_discovery_waits_is_not_taken_for_gone(
    nats_server: EmbeddedNats, nc: Client, realm: str, looks: list[tuple[Client, str]]
) -> None:
    """An engine's start may hold a process for a second; its callers must not hear that there is none."""
    ready, busy, held, end = [threading.Event() for _ in range(4)]

    async def elsewhere() -> None:
        async with connect(nats_server.url, name="elsewhere") as own, part(own, realm, "test.there"):
            ready.set()
            while not end.is_set():
                await asyncio.sleep(0.01)
                if busy.is_set():
                    busy.clear()
                    held.set()
                    time.sleep(1.0)  # noqa: ASYNC251 - it holds its loop
                    held.clear()

    def in_vain() -> int:
        return sum(looking is nc and "test.there" not in told for looking, told in looks)

    thread = threading.Thread(target=asyncio.run, args=(elsewhere(),))
    thread.start()
    try:
        await asyncio.to_thread(ready.wait)
        async with part(nc, realm, "test.here"), asyncio.timeout(WAIT_S):
            await seen(nc, realm, looks)
            before = in_vain()
            # A request goes to either part; only what goes to ours makes it look, and nobody answers it.
            while in_vain() == before:
                busy.set()
                await until(held.is_set)
                asked = [asyncio.ensure_future(ask(nc, realm, "test.there")) for _ in range(8)]
                replies = await asyncio.gather(*asked)
                assert all(isinstance(reply, Reply) for reply in replies), replies
    finally:
        end.set()
        await asyncio.to_thread(thread.join)


async def test_a_service_that_ended_is_known_to_be_gone(
    nc: Client, realm: str, looks: list[tuple[Client, str]]
) -> None:
    async with part(nc, realm, "test.here"):
        async with part(nc, realm, "test.there"):
            await seen(nc, realm, looks)
        await asyncio.sleep(10 * unknown.KNOWN_S)  # for a moment it counts as there, and nobody answers
        reply = await ask(nc, realm, "test.there")
    assert isinstance(reply, ErrorReply)
    assert (reply.code, reply.retry) == ("unavailable", "later")


async def test_a_service_that_failed_while_nats_was_away_takes_no_requests_when_it_is_back(
    tmp_path: Path, realm: str
) -> None:
    """The connection comes back with every subscription that it has; none of an ended service."""
    server = EmbeddedNats(tmp_path)
    await asyncio.to_thread(server.start)
    try:
        async with connect(server.url, name="test") as nc:
            with pytest.raises(ExceptionGroup):
                async with part(nc, realm, "test.here"):
                    await asyncio.to_thread(server.kill)
                    await until(lambda: not nc.is_connected)
                    raise OSError("the server was lost")
            await asyncio.to_thread(server.start)
            await until(lambda: nc.is_connected)
            async with part(nc, realm, "test.here"):
                for _ in range(20):
                    async with asyncio.timeout(10):
                        assert isinstance(await ask(nc, realm, "test.here"), Reply)
    finally:
        await asyncio.to_thread(server.stop)


async def test_who_waits_for_a_look_is_answered_though_the_service_ends(nc: Client, realm: str) -> None:
    heard: list[bytes] = []

    async def hear(message: Msg) -> None:
        heard.append(message.data)

    inbox = f"{UNNAMED.inbox}.waits"
    await nc.subscribe(inbox, cb=hear)
    async with part(nc, realm, "test.here"):
        await nc.publish(command_subject(realm, "test.nobody_knows", UNNAMED), b"", reply=inbox)
        assert isinstance(await ask(nc, realm, "test.here"), Reply), "it comes behind the other"
    await until(lambda: heard)
    reply = decode_reply(heard[0])
    assert isinstance(reply, ErrorReply)
    assert reply.code == "unknown_command"


async def test_a_flood_of_unknown_names_costs_no_task_each_and_waits_in_a_bounded_line(
    nc: Client, nats_server: EmbeddedNats, realm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is looked who serves a name, what is asked meanwhile waits; beyond the bound nothing does."""
    bound, sent, heard = 200, 1_000, Counter[str]()
    monkeypatch.setattr(unknown, "WAITING_MAX", bound)
    looked = asyncio.Event()

    async def held_up(*of: Any) -> Any:
        await looked.wait()
        return await discovered(*of)

    async def hear(message: Msg) -> None:
        reply = decode_reply(message.data)
        assert isinstance(reply, ErrorReply)
        heard[reply.code] += 1

    monkeypatch.setattr("bus.nats.unknown.discovered", held_up)
    with capture_logs() as logs:
        async with connect(nats_server.url, name="flood") as flood, part(nc, realm, "test.here"):
            await flood.subscribe(f"{UNNAMED.inbox}.flood", cb=hear)
            tasks = len(asyncio.all_tasks())
            for n in range(sent):
                subject = command_subject(realm, f"test.nobody_{n}", UNNAMED)
                await flood.publish(subject, b"", reply=f"{UNNAMED.inbox}.flood")
            await flood.flush()
            # What is served here comes behind all of them on the same connection, and goes on meanwhile.
            assert isinstance(await ask(flood, realm, "test.here"), Reply)
            await until(lambda: not any(each.pending_msgs for each in nc._subs.values()))
            assert len(asyncio.all_tasks()) - tasks < 10
            looked.set()
            await until(lambda: sum(heard.values()) + unanswered(logs) == sent)
            assert isinstance(await ask(flood, realm, "test.nobody_knows"), ErrorReply)
    # One look may have begun with the first of them, while the others came.
    assert bound <= heard["unknown_command"] <= 2 * bound
    assert set(heard) == {"unknown_command"}


def unanswered(logs: list[Any]) -> int:
    return sum(each["number"] for each in logs if each["event"] == "unknown_names_not_answered")
