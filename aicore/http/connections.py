"""Bounds the connections of an HTTP server: one client must not take all the open files of the process.

The log, NATS and the spool need files of their own, and a question whose record cannot be written is lost.
Where there is no room, the connection that has been without a request for longest is closed for the new one;
one whose request is under way is never closed, and if all are, the new one is. A peer from elsewhere has half
of the room at most; the programs of this machine share one address, so there is no such bound for them.

No place is held by doing nothing: a connection without a whole first request is closed after
`HEAD_TIMEOUT_S`, one that leaves a part of its answer here after `SEND_TIMEOUT_S`.
"""

import asyncio
import ipaddress
import resource
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_server import Server

CONNECTIONS_MAX = 1_000

FILES_SHARE = 4
"""One in so many of the files that the process may open, at most."""

PEER_SHARE = 2
"""One in so many of the connections, at most, for one peer that is not on this machine."""

HEAD_TIMEOUT_S = 10.0
"""From a connection to its first request's whole head."""

SEND_TIMEOUT_S = 10.0
"""Longest time that a part of an answer lies here because its caller does not take it."""

SWEEP_EVERY_S = 1.0

HERE = ""
"""The peer that all programs of this machine are."""

NETWORK_BITS = 64
"""Of an IPv6 address: who has one has all of its network's."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def connections_max() -> int:
    """Return how many connections this process may hold at its door."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = files == resource.RLIM_INFINITY
    return CONNECTIONS_MAX if unlimited else max(1, min(CONNECTIONS_MAX, files // FILES_SHARE))


def peer_of(address: object) -> str:
    """Return who is at the other end, by what a transport calls ``peername``; `HERE` for this machine."""
    if not isinstance(address, tuple):
        return HERE  # a unix socket's
    found = ipaddress.ip_address(str(address[0]).partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    if found.is_loopback:
        return HERE
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, NETWORK_BITS), strict=False))
    return str(found)


@dataclass(slots=True, eq=False)
class _Place:
    """One connection; times are the loop's."""

    transport: asyncio.Transport
    peer: str
    used: float
    """Time at which it was made, or its last request ended."""
    protocol: RequestHandler
    asked: bool = False
    """Whether it has had a request."""
    requests: int = 0
    """Requests that are being answered."""
    stuck: float | None = None
    """Since when a part of an answer lies here."""

    def close(self) -> None:
        """Close it now, whatever lies here still."""
        self.protocol.force_close()
        self.transport.abort()


class Connections:
    """Makes room for each new connection, or closes it."""

    def __init__(
        self, most: int, *, head_timeout_s: float = HEAD_TIMEOUT_S, send_timeout_s: float = SEND_TIMEOUT_S
    ) -> None:
        """Take at most ``most`` connections; add `busy` to the application before `serve` is called."""
        self._most = most
        self._head_timeout_s = head_timeout_s
        self._send_timeout_s = send_timeout_s
        self._server: Server | None = None
        self._places: dict[RequestHandler, _Place] = {}

    def serve(self, server: Server) -> None:
        """Make the connections of ``server``."""
        self._server = server

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a connection that was accepted just now."""
        return _Entrance(self)

    def enter(self, transport: asyncio.Transport) -> None:
        """Give a connection its place and its protocol, or close it."""
        assert self._server is not None
        peer = peer_of(transport.get_extra_info("peername"))
        if not self._has_room(peer):
            transport.abort()
            return
        protocol: RequestHandler = self._server()
        now = asyncio.get_running_loop().time()
        self._places[protocol] = _Place(transport, peer, now, protocol)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    @web.middleware
    async def busy(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keep a connection while its request is answered."""
        place = self._places.get(request.protocol)
        if place is None:  # gone between its head and now
            return await handler(request)
        place.requests, place.asked = place.requests + 1, True
        try:
            return await handler(request)
        finally:
            place.requests -= 1
            place.used = asyncio.get_running_loop().time()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Close connections whose time is over, while the context is open."""
        loop = asyncio.get_running_loop()
        due: list[asyncio.TimerHandle] = []

        def look() -> None:
            due[:] = [loop.call_later(SWEEP_EVERY_S, look)]
            self.sweep(loop.time())

        due.append(loop.call_later(SWEEP_EVERY_S, look))
        try:
            yield
        finally:
            due[0].cancel()

    def sweep(self, now: float) -> None:
        """Close the connections whose time is over at ``now``."""
        for place in self._present():
            waits = place.transport.get_write_buffer_size() > 0
            place.stuck = (place.stuck or now) if waits else None
            silent = not place.asked and now - place.used >= self._head_timeout_s
            if silent or (place.stuck is not None and now - place.stuck >= self._send_timeout_s):
                place.close()

    def _has_room(self, peer: str) -> bool:
        """Return whether one more may come; one without a request is closed for it, the peer's own first."""
        there = self._present()
        if peer != HERE:
            own = [place for place in there if place.peer == peer]
            if len(own) >= max(1, self._most // PEER_SHARE):
                return _one_closed(own)
        return len(there) < self._most or _one_closed(there)

    def _present(self) -> list[_Place]:
        """Return the connections that are open, and forget the others."""
        # The protocol loses its transport as soon as it closes; its handler may go on for a while.
        self._places = {each: place for each, place in self._places.items() if each.transport is not None}
        return list(self._places.values())


def _one_closed(places: Collection[_Place]) -> bool:
    """Close the one that has been without a request for longest; return False if each has one."""
    idle = [place for place in places if not place.requests]
    if not idle:
        return False
    min(idle, key=lambda place: place.used).close()
    return True


class _Entrance(asyncio.Protocol):
    """Stands for a connection until it is clear whose it is."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or close it."""
        self._connections.enter(cast("asyncio.Transport", transport))
