"""The HTTP server: one application on one port, while a context is open."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from aicore.embedded.ports import port_fault
from aicore.http.connections import Connections, connections_max

BACKLOG = 128
STOP_TIMEOUT_S = 1.0
IDLE_S = 75.0
"""How long a connection is kept for its next request; longer than what usual clients and proxies reuse."""

LINGER_S = 1.0
"""How long the rest of a body that was refused is read, so that its sender sees the answer."""

HEADERS_MAX = 64
HEADER_BYTES_MAX = 4_096
"""Of a request: its first line, and each header. A longer one gets status 400."""


@asynccontextmanager
async def serving_http(
    app: web.Application, host: str, port: int, connections: Connections | None = None
) -> AsyncIterator[None]:
    """Serve ``app`` while the context is open; ``connections`` None: as many as `connections_max` says.

    Raises:
        PortUnusable: another process has the port, or ``host`` is no address of this machine.
    """
    connections = connections or Connections(connections_max())
    app.middlewares.insert(0, connections.busy)
    # A handler is not cancelled when its caller leaves: the answer's record must come to its end.
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=STOP_TIMEOUT_S,
        lingering_time=LINGER_S,
        keepalive_timeout=IDLE_S,
        max_line_size=HEADER_BYTES_MAX,
        max_field_size=HEADER_BYTES_MAX,
        max_headers=HEADERS_MAX,
        auto_decompress=False,  # see `aicore.http.openai.bodies`
        logger=_server_log(),
    )
    await runner.setup()
    assert runner.server is not None
    connections.serve(runner.server)
    loop, server = asyncio.get_running_loop(), None
    try:
        try:
            server = await loop.create_server(connections, host, port, backlog=BACKLOG, reuse_address=True)
        except OSError as error:
            raise port_fault(host, port, "AICORE_HTTP_PORT", error) from error
        with connections.watched():
            yield
    finally:
        if server is not None:
            server.close()
        await runner.cleanup()


def _server_log() -> logging.Logger:
    """Return aiohttp's log without what a client did that speaks no HTTP: it has had its 400."""
    log = logging.getLogger("aicore.http")
    if not log.filters:
        log.addFilter(
            lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
        )
    return log
