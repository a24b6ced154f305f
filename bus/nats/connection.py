"""One NATS connection: reconnects for ever, drains on exit, and tells the log what happens to it.

Each identity has its own inbox prefix, so that it needs (and gets) the right to its own replies alone. Errors
that nats-py would drop in callbacks are logged here; nothing of the URL but host and port is.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import UnexpectedEOF

from bus.nats.address import parse_address
from bus.nats.fair import FairClient
from bus.nats.tls import FileUnusable, fault_of, identity_of_address, tls_options
from protocol.identity import UNNAMED, Identity

CONNECT_TIMEOUT_S = 5.0
"""First connection; afterwards the client tries for ever."""

RECONNECT_WAIT_S = 0.2
"""Pause between two tries of the same server (nats-py takes fractions, its annotation says int)."""

DRAIN_TIMEOUT_S = 5
PING_INTERVAL_S = 5
PINGS_OUTSTANDING_MAX = 2
"""A dead peer is noticed after `PING_INTERVAL_S` x (`PINGS_OUTSTANDING_MAX` + 1)."""

PENDING_BYTES_MAX = 8 * 1024 * 1024
"""Bytes that wait for the socket, also while reconnecting; beyond them a publish waits or fails."""

VERSION_MIN = (2, 12)
"""Oldest server that we are tried with."""

REFUSED = "Authorization Violation"
"""What a server says to a wrong password, or to none. Source: nats-server, `ErrAuthentication`'s words."""

logger = structlog.get_logger(__name__)


class BrokerUnreachable(ConnectionError):
    """No NATS server answered at start; the message names where it was looked for and what to check."""

    remedy = "`aicore up` starts one of its own without that variable"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"no NATS server at {where} ({reason}); start one or set AICORE_NATS_URL")
        self.reason = reason


class BrokerTooOld(ConnectionError):
    """The NATS server lacks what we need; the message says which one it is, and which would do."""

    remedy = "upgrade it; without AICORE_NATS_URL `aicore up` starts one of its own"


def see_new_enough(nc: Client) -> None:
    """See that the server that a connection leads to is one that we can work with.

    Raises:
        BrokerTooOld: it is not.
    """
    version = nc.connected_server_version
    if (version.major, version.minor) < VERSION_MIN:
        wanted = ".".join(map(str, VERSION_MIN))
        raise BrokerTooOld(
            f"the NATS server is {version.major}.{version.minor}.{version.patch}; {wanted} or newer is needed"
        )


@asynccontextmanager
async def connect(
    url: str,
    *,
    name: str,
    identity: Identity | None = None,
    timeout_s: float = CONNECT_TIMEOUT_S,
    **options: Any,
) -> AsyncIterator[Client]:
    """Yield a connection called ``name`` (shown in the server's monitoring); drain and close it on exit.

    ``url``: of one server, or of several with commas between them; see `parse_address`. ``identity``: who we
    are there, where the URL's user does not say it. ``options``: of nats-py. Unless they say otherwise, a
    server that refuses is asked again until the time is over.

    Raises:
        AddressError: ``url`` is no address.
        BrokerUnreachable: no server answered within ``timeout_s``, or it refused us.
    """
    nc = FairClient()
    address = parse_address(url)
    nc.secured = address.secured
    events = _Events(name, address.where, partial(fault_of, nc), alone=len(address.servers) == 1)
    try:
        tls = tls_options(address)
    except FileUnusable as error:
        raise BrokerUnreachable(events.where, str(error)) from error
    inbox = (identity or identity_of_address(address) or UNNAMED).inbox
    try:
        async with asyncio.timeout(timeout_s):
            await nc.connect(
                **address.options(),
                **tls,
                name=name,
                inbox_prefix=inbox,
                error_cb=events.on_error,
                disconnected_cb=events.on_disconnected,
                reconnected_cb=events.on_reconnected,
                closed_cb=events.on_closed,
                connect_timeout=max(1, int(timeout_s)),
                reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type] # see RECONNECT_WAIT_S
                ping_interval=PING_INTERVAL_S,
                max_outstanding_pings=PINGS_OUTSTANDING_MAX,
                drain_timeout=DRAIN_TIMEOUT_S,
                pending_size=PENDING_BYTES_MAX,
                **{"max_reconnect_attempts": -1, **options},
            )
        if not nc.is_connected:  # nats-py takes the end of a connection for an answer to its greeting
            raise UnexpectedEOF
    except (OSError, NatsError) as error:  # TimeoutError is an OSError
        events.connecting = False
        await nc.close()
        reason = fault_of(nc, error) or events.last_error or str(error) or type(error).__name__
        raise BrokerUnreachable(events.where, reason) from error
    events.connecting, events.live = False, True
    try:
        yield nc
    finally:
        events.live = False
        await _leave(nc)


async def _leave(nc: Client) -> None:
    """Send what is pending and close; a connection that is down is closed at once.

    A RuntimeError is uvloop's word for a socket that is gone before nats-py has noticed.
    """
    try:
        if nc.is_connected:
            async with asyncio.timeout(DRAIN_TIMEOUT_S + 1):
                await nc.drain()
    except (OSError, NatsError, RuntimeError) as error:
        logger.warning("nats_drain_failed", error=type(error).__name__)
    finally:
        if not nc.is_closed:
            try:
                await nc.close()
            except RuntimeError as error:
                logger.warning("nats_close_failed", error=type(error).__name__)


class _Events:
    """Callbacks of one connection; before and after its life they stay silent."""

    def __init__(self, name: str, where: str, fault: Callable[[Exception], str], *, alone: bool) -> None:
        self.where = where
        self._fault = fault
        self._alone = alone
        self.connecting = True
        self.live = False
        self.last_error = ""
        self._log = logger.bind(connection=name, server=where)

    async def on_error(self, error: Exception) -> None:
        if not (self.connecting or self.live):
            return  # it closes: the end of the socket says less than what was said before
        tls = self._fault(error)
        self.last_error = tls or (f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
        if self.connecting and (REFUSED in str(error) or (tls and self._alone)):
            raise error  # the first connection: nats-py would ask again until its time is over
        if self.live:
            self._log.warning("nats_error", error=self.last_error)

    async def on_disconnected(self) -> None:
        if self.live:
            self._log.warning("nats_disconnected")

    async def on_reconnected(self) -> None:
        self._log.info("nats_reconnected")

    async def on_closed(self) -> None:
        if self.live:
            self._log.error("nats_closed", error=self.last_error)


def identity_of(nc: Client) -> Identity:
    """Return who we are on a connection that `connect` made."""
    return Identity.parse(nc._inbox_prefix.decode().removeprefix("_INBOX."))


def reconnects(nc: Client) -> int:
    """Return how often the connection was re-established: a change means that requests under way are lost."""
    count: int = nc.stats["reconnects"]
    return count


def server_of(nc: Client) -> str:
    """Return the id of the server that we are connected to: each start of one has a new id."""
    return str(nc._server_info.get("server_id", ""))
