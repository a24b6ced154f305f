"""TLS to NATS: nothing is said in clear where it was asked for, and a refusal names the setting to mend.

A client that only offers TLS is turned into one that speaks in clear by whoever answers in the server's
place. So the connection ends, before anything that proves who we are, unless it is encrypted.
"""

import asyncio
import base64
import json
import ssl
from contextlib import suppress
from typing import Any
from urllib.parse import ParseResult

from nats.aio.client import PING_PROTO, Client
from nats.aio.transport import TcpTransport
from nats.errors import Error as NatsError
from nats.errors import UnexpectedEOF

from bus.nats.address import Address
from bus.tls import REFUSED_OURS, Named, explained
from protocol.errors import WireError
from protocol.identity import Identity

NAMED = Named("AICORE_NATS_CA", "AICORE_NATS_CERT", "AICORE_NATS_URL")


class Insecure(NatsError):
    """A server that speaks in clear, where TLS was asked for."""


class FileUnusable(NatsError):
    """A file that a setting names cannot be used; the message names the setting."""


class _Transport(TcpTransport):
    """nats-py's transport (2.16), which waited for ever for a connection that TLS had refused to close.

    A refused handshake leaves the stream without whoever would tell it that the connection is lost.
    """

    _refused = False

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        self._refused = False
        await super().connect(uri, buffer_size, connect_timeout)

    async def connect_tls(
        self, uri: str | ParseResult, ssl_context: ssl.SSLContext, buffer_size: int, connect_timeout: int
    ) -> None:
        try:
            await super().connect_tls(uri, ssl_context, buffer_size, connect_timeout)
        except BaseException:
            self._refused = True
            if self._io_writer is not None:
                self._io_writer.transport.abort()
            raise

    async def wait_closed(self) -> None:
        if not self._refused:
            await super().wait_closed()  # type: ignore[no-untyped-call] # nats-py's

    def __bool__(self) -> bool:
        """Return True: else it is taken for none before it is connected, and replaced."""
        return True


class SecuredClient(Client):
    """nats-py's client; it speaks in clear only to servers that were named so."""

    secured = False
    """Whether every server must speak TLS, whatever its scheme."""

    async def _connect_to_server(self, s: Any) -> None:
        """Connect over a transport that can be closed whatever becomes of it (nats-py 2.16)."""
        if not self._transport:
            self._transport = _Transport()  # type: ignore[no-untyped-call] # nats-py's
        await super()._connect_to_server(s)

    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        """Ping behind what was sent before; nats-py's own (2.16) overtakes it.

        Then a `flush` would end before the server has our subscriptions, and a drained subscription would be
        forgotten while messages for it are on their way.
        """
        if not self.is_connected:
            await super()._send_ping(future)
            return
        self._pongs.append(future or asyncio.Future())
        await self._send_command(PING_PROTO)
        await self._flush_pending()

    def _connect_command(self) -> bytes:
        """Return the first thing that we say, which holds who we are (nats-py 2.16)."""
        server = self._current_server
        wanted = self.secured or (server is not None and server.uri.scheme == "tls")
        if wanted and not self._server_info.get("tls_required"):
            raise Insecure("the server speaks no TLS; see AICORE_NATS_CA and tls:// in AICORE_NATS_URL")
        found: bytes = super()._connect_command()
        return found


def tls_options(address: Address) -> dict[str, Any]:
    """Return what `Client.connect` takes for an address's TLS.

    Raises:
        FileUnusable: naming the setting.
    """
    if not address.secured:
        return {}
    try:
        context = ssl.create_default_context(cafile=address.files.get("ca"))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise _unusable("CA", address.files.get("ca", ""), error) from None
    cert = address.files.get("cert")
    if cert is not None:
        try:
            context.load_cert_chain(cert, address.files.get("cert_key"), password=_no_password)
        except (OSError, ValueError) as error:
            raise _unusable("CERT and AICORE_NATS_CERT_KEY", cert, error) from None
    return {"tls": context}


def _no_password() -> str:
    """Refuse to be asked for a password: at a terminal OpenSSL would wait for one."""
    raise ValueError("the key has a password")


def _unusable(setting: str, path: str, error: Exception) -> FileUnusable:
    said = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return FileUnusable(f"AICORE_NATS_{setting}: {path} cannot be used ({said})")


def fault_of(nc: Client, error: BaseException) -> str:
    """Return what a fault of TLS means and which setting mends it; "" if it is none.

    A server that refuses our certificate says so after the handshake (TLS 1.3); its word may be lost when it
    closes at once, so that all there is to see is a connection that was closed before we were let in.
    """
    if isinstance(error, Insecure | FileUnusable):
        return str(error)
    asked = nc._server_info.get("tls_verify") and not nc.is_connected
    if asked and isinstance(error, ConnectionError | EOFError | UnexpectedEOF):
        return f"TLS: {REFUSED_OURS}; see {NAMED.own}"
    return explained(error, NAMED)


def identity_of_address(address: Address) -> Identity | None:
    """Return who we are by the address's user, or by the name in its credentials file; None: neither says."""
    if address.identity or "creds" not in address.files:
        return address.identity
    with suppress(OSError, ValueError, IndexError, KeyError, TypeError, WireError):
        with open(address.files["creds"], encoding="ascii") as file:
            token = file.read().split("-----BEGIN NATS USER JWT-----")[1].split("------END")[0].strip()
        claims = token.split(".")[1]
        return Identity.parse(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["name"])
    return None
