"""Whoever holds connections at the HTTP door takes neither its place from others nor the process's files."""

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from aiohttp import ClientError, ClientSession, web

from aicore.cli.terminal import Failure, loop_factory
from aicore.cli.up import FILES_MIN, open_files
from aicore.embedded.ports import free_port
from aicore.http.connections import CONNECTIONS_MAX, Connections, connections_max, peer_of
from aicore.http.server import serving_http
from tests.harness.files import no_file_left
from tests.unit.kit import WAIT_S, until

pytestmark = pytest.mark.integration

MOST = 8
MUCH = 64 * 1024**2
"""Bytes of an answer that no socket holds."""

NOW = b"GET /now HTTP/1.1\r\nHost: x\r\n\r\n"


class Page:
    """A page that is there at once, and one that waits."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.waiting = asyncio.Queue[None]()

    async def now(self, _: web.Request) -> web.Response:
        return web.Response(text="now")

    async def later(self, _: web.Request) -> web.Response:
        self.waiting.put_nowait(None)
        await self.go_on.wait()
        return web.Response(text="later")

    async def much(self, _: web.Request) -> web.Response:
        return web.Response(body=bytes(MUCH))


@asynccontextmanager
async def door(page: Page, connections: Connections | None = None) -> AsyncIterator[int]:
    app, port = web.Application(), free_port()
    app.add_routes([web.get("/now", page.now), web.get("/later", page.later), web.get("/much", page.much)])
    async with serving_http(app, "127.0.0.1", port, connections or Connections(MOST)):
        yield port


async def hold(
    port: int, stack: AsyncExitStack, said: bytes = b"", *, of: str = "127.0.0.1"
) -> asyncio.StreamReader:
    """Open a connection, from the address ``of``, and leave it open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(of, 0))
    stack.callback(writer.close)
    writer.write(said)
    await writer.drain()
    return reader


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("said", [b"", b"GET /now HTTP/1.1\r\nHost: x\r\n"], ids=["silent", "half a request"])
async def test_connections_without_a_request_make_room(said: bytes) -> None:
    async with door(Page()) as port, AsyncExitStack() as stack:
        before = files()
        held = [await hold(port, stack, said) for _ in range(MOST * 4)]
        async with ClientSession() as session, asyncio.timeout(5):
            for _ in range(3):
                async with session.get(f"http://127.0.0.1:{port}/now") as answer:
                    assert await answer.text() == "now"
        # Ours are in the same process: each held connection is one file of the client's.
        assert files() - before <= len(held) + MOST + 2
        assert await held[0].read() == b"", "the one that was idle for longest is closed"


async def test_a_request_under_way_is_never_closed_for_another() -> None:
    page = Page()
    async with door(page) as port, AsyncExitStack() as stack:
        request = b"GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        busy = [await hold(port, stack, request) for _ in range(MOST)]
        async with ClientSession() as session, asyncio.timeout(5):
            for _ in busy:
                await page.waiting.get()
            with pytest.raises(ClientError):
                await session.get(f"http://127.0.0.1:{port}/now")
        page.go_on.set()
        async with asyncio.timeout(5):
            assert [(await each.read()).endswith(b"later") for each in busy] == [True] * MOST


@pytest.mark.parametrize("said", [b"", b"GET /now HTTP/1.1\r\nHost: x\r\nX: "], ids=["silent", "slow"])
async def test_who_has_asked_nothing_is_closed_after_a_while(said: bytes) -> None:
    connections = Connections(MOST, head_timeout_s=1_000)
    async with door(Page(), connections) as port, AsyncExitStack() as stack:
        slow = await hold(port, stack, said)
        asked = await hold(port, stack, NOW)
        await asked.readuntil(b"now")
        now = asyncio.get_running_loop().time()
        connections.sweep(now + 900)
        assert len(connections._present()) == 2
        connections.sweep(now + 2_000)
        assert len(connections._present()) == 1, "one that has asked may be idle for longer"
        async with asyncio.timeout(WAIT_S):
            assert await slow.read() == b""
        assert not asked.at_eof()


async def test_who_takes_nothing_of_an_answer_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    """A reader that takes nothing kept its connection, and its answer in memory, for as long as it liked."""
    connections = Connections(MOST, send_timeout_s=1_000)
    async with door(Page(), connections) as port, AsyncExitStack() as stack:
        reader = await hold(port, stack, b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        now = asyncio.get_running_loop().time()
        await until(
            lambda: [each for each in connections._present() if each.transport.get_write_buffer_size()]
        )
        for passed in (1, 500, 900):
            connections.sweep(now + passed)
            await asyncio.sleep(0)
            assert connections._present(), passed
        connections.sweep(now + 2_000)
        await until(lambda: not connections._present())
        taken = len(await _rest(reader))
    assert taken < MUCH
    assert [record.getMessage() for record in caplog.records] == []


async def test_a_peer_from_elsewhere_has_half_of_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aicore.http.connections.peer_of", lambda address: str(address[0]))
    page = Page()
    later = b"GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with door(page) as port, AsyncExitStack() as stack:
        busy = [await hold(port, stack, later, of="127.0.0.2") for _ in range(MOST)]
        async with asyncio.timeout(WAIT_S):
            for _ in range(MOST // 2):
                await page.waiting.get()
            other = await hold(port, stack, NOW, of="127.0.0.3")
            await other.readuntil(b"now")
        page.go_on.set()
        async with asyncio.timeout(WAIT_S):
            ends = [await _rest(each) for each in busy]
        assert sorted(end.endswith(b"later") for end in ends) == [False] * (MOST // 2) + [True] * (MOST // 2)


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        (("127.0.0.1", 1), ""), (("127.9.9.9", 1), ""), (("::1", 1, 0, 0), ""),
        (("::ffff:127.0.0.1", 1, 0, 0), ""),
        ("", ""), (None, ""), (("10.0.0.7", 1), "10.0.0.7"), (("::ffff:10.0.0.7", 1, 0, 0), "10.0.0.7"),
        (("2001:db8::1", 1, 0, 0), "2001:db8::/64"), (("2001:db8::ffff:1", 1, 0, 0), "2001:db8::/64"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::/64"),
    ],
)  # fmt: skip
def test_a_peer_is_a_machine_or_a_network(address: object, peer: str) -> None:
    assert peer_of(address) == peer


@pytest.mark.parametrize("stolen", [False, True], ids=["none left", "each stolen that comes free"])
def test_without_a_file_left_the_door_goes_on_afterwards(stolen: bool) -> None:
    """On the loop that serves in production, whose listener an error of accept could close for good."""

    async def flooded() -> bytes:
        async with door(Page()) as port, AsyncExitStack() as stack:
            callers = [stack.enter_context(socket.socket()) for _ in range(20)]
            with no_file_left(stealing=stolen):
                for caller in callers:
                    caller.setblocking(False)
                    with suppress(BlockingIOError):
                        caller.connect(("127.0.0.1", port))
                    await asyncio.sleep(0.005)
            async with asyncio.timeout(WAIT_S):
                return await (await hold(port, stack, NOW)).readuntil(b"now")

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        assert runner.run(flooded()).startswith(b"HTTP/1.1 200")


def test_the_door_has_a_part_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, most in (
        (1_024, 256),
        (resource.RLIM_INFINITY, CONNECTIONS_MAX),
        (10**6, CONNECTIONS_MAX),
        (3, 1),
    ):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert connections_max() == most


def test_a_start_takes_the_files_that_it_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: taken.append(limits))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4_096))
    open_files()
    assert taken == [(4_096, 4_096)]

    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, FILES_MIN - 1))
    with pytest.raises(Failure, match="may be open"):
        open_files()
