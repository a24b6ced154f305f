"""Bounds the connections of an HTTP server: one client must not take all the open files of the process.

The log, NATS and the spool need files of their own, and a question whose record cannot be written is lost.
Where there is no room, the connection that has been without a request for longest is closed for the new one;
one whose request is under way is never closed, and if all are, the new one is.
"""

import asyncio
import resource
from collections.abc import Awaitable, Callable
from itertools import count

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

CONNECTIONS_MAX = 1_000

FILES_SHARE = 4
"""One in so many of the files that the process may open, at most."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def connections_max() -> int:
    """Return how many connections this process may hold at its door."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = files == resource.RLIM_INFINITY
    return CONNECTIONS_MAX if unlimited else max(1, min(CONNECTIONS_MAX, files // FILES_SHARE))


class Connections:
    """Makes the protocol of each new connection, and room for it."""

    def __init__(self, most: int) -> None:
        """Take at most ``most`` connections; add `busy` to the application before `serve` is called."""
        self._most = most
        self._server: Server | None = None
        self._busy: set[RequestHandler] = set()
        self._leaving: set[RequestHandler] = set()
        self._used: dict[RequestHandler, int] = {}
        self._tick = count()

    def serve(self, server: Server) -> None:
        """Make the connections of ``server``."""
        self._server = server

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a connection that was accepted just now."""
        assert self._server is not None
        there = set(self._server.connections)
        self._leaving &= there
        self._used = {each: when for each, when in self._used.items() if each in there}
        if len(there) - len(self._leaving) >= self._most and not self._make_room(there):
            return _Closed()
        made: RequestHandler = self._server()
        self._used[made] = next(self._tick)
        return made

    @web.middleware
    async def busy(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keep a connection while its request is answered."""
        protocol = request.protocol
        self._busy.add(protocol)
        try:
            return await handler(request)
        finally:
            self._busy.discard(protocol)
            self._used[protocol] = next(self._tick)

    def _make_room(self, there: set[RequestHandler]) -> bool:
        idle = there - self._busy - self._leaving
        if not idle:
            return False
        oldest = min(idle, key=lambda each: self._used.get(each, -1))
        self._leaving.add(oldest)
        oldest.force_close()
        return True


class _Closed(asyncio.Protocol):
    """A connection for which there is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.abort()
