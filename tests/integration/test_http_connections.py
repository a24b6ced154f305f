"""Whoever holds connections at the HTTP door takes neither its place from others nor the process's files."""

import asyncio
import os
import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import ClientError, ClientSession, web

from aicore.cli.terminal import Failure
from aicore.cli.up import FILES_MIN, open_files
from aicore.embedded.ports import free_port
from aicore.http.connections import CONNECTIONS_MAX, Connections, connections_max
from aicore.http.server import serving_http

pytestmark = pytest.mark.integration

MOST = 8


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


@asynccontextmanager
async def door(page: Page) -> AsyncIterator[int]:
    app, port = web.Application(), free_port()
    app.add_routes([web.get("/now", page.now), web.get("/later", page.later)])
    async with serving_http(app, "127.0.0.1", port, Connections(MOST)):
        yield port


async def hold(port: int, stack: AsyncExitStack, said: bytes = b"") -> asyncio.StreamReader:
    """Open a connection and leave it open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
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
