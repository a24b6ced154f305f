"""Check of a port before a start: a port that somebody else has is told at once, with the way out."""

import errno
import ipaddress
import socket
from contextlib import suppress

import psutil

from aicore.embedded.process import EmbeddedServerError

LOOPBACK = "127.0.0.1"
EVERYWHERE = {"": LOOPBACK, "0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - what somebody may have chosen
"""An address of this machine for those that mean all of its addresses."""


class PortUnusable(EmbeddedServerError, OSError):
    """We cannot listen there; the message names address, process and variable."""

    def __init__(self, message: str, *, remedy: str, errno: int = errno.EADDRNOTAVAIL) -> None:
        super().__init__(message, remedy=remedy)
        self.errno = errno

    def __str__(self) -> str:
        """Return the message alone; an OSError would put its number before it."""
        return str(self.args[0])


def free_port(host: str = LOOPBACK) -> int:
    """Return a port of ``host`` on which nobody listens now.

    Raises:
        PortUnusable: ``host`` is no address of this machine.
    """
    for family, kind, protocol, address in _addresses(host, 0, "AICORE_HTTP_HOST"):
        with socket.socket(family, kind, protocol) as probe:
            try:
                probe.bind(address)
            except OSError as error:
                raise _unusable(host, 0, error, "AICORE_HTTP_HOST") from None
            port: int = probe.getsockname()[1]
            return port
    raise PortUnusable(f"{host} is no address of this machine", remedy="correct AICORE_HTTP_HOST")


def port_fault(host: str, port: int, variable: str, error: OSError) -> PortUnusable:
    """Return what to tell of a server of ours that could not listen."""
    return _unusable(host, port, error, variable)


def check_port(host: str, port: int, variable: str) -> None:
    """Do nothing if we could listen on ``port`` of ``host`` now; ``variable`` is the setting that names it.

    Raises:
        PortUnusable: another process has it, it is not for us, or ``host`` is no address of this machine.
    """
    for family, kind, protocol, address in _addresses(host, port, variable):
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: connections of an earlier one that are not over yet do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(address)
            except OSError as error:
                raise _unusable(host, port, error, variable) from None


def may_listen(host: str, port: int) -> bool:
    """Return whether we could listen on ``port`` of ``host`` now."""
    try:
        check_port(host, port, "")
    except PortUnusable:
        return False
    return True


def holder(port: int) -> str:
    """Return which process listens on a port; "another program" where that cannot be found out."""
    with suppress(psutil.Error, OSError):
        for each in psutil.net_connections("tcp"):
            if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid:
                return f"process {each.pid} ({psutil.Process(each.pid).name()})"
    return "another program"


def listens(pid: int, port: int) -> bool:
    """Return whether a process of ours, or a descendant of it, is the one that listens on a port."""
    with suppress(psutil.Error, OSError):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                for each in process.net_connections("tcp"):
                    if each.status == psutil.CONN_LISTEN and each.laddr.port == port:
                        return True
    return False


def shown_host(host: str) -> str:
    """Return a host as it stands in a URL: IPv6 in brackets, and for all addresses one that can be asked."""
    host = EVERYWHERE.get(host, host)
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a server that listens on ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _addresses(
    host: str, port: int, variable: str
) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise PortUnusable(
            f"{host}: {error.strerror or error}", remedy=f"correct {_host_variable(variable)}"
        ) from None
    return [(family, kind, protocol, address) for family, kind, protocol, _, address in found]  # type: ignore[misc]


def _unusable(host: str, port: int, error: OSError, variable: str) -> PortUnusable:
    where = f"{shown_host(host)}:{port}"
    if error.errno == errno.EADDRINUSE:
        remedy = f"stop that program, or name another port with {variable}"
        return PortUnusable(
            f"port {port} of {host} belongs to {holder(port)} ({variable})", remedy=remedy, errno=error.errno
        )
    if error.errno == errno.EACCES:
        remedy = f"name one above 1023 with {variable}"
        return PortUnusable(f"port {port} of {host} is not for this user ({variable})", remedy=remedy)
    remedy = f"name an address of this machine with {_host_variable(variable)}"
    return PortUnusable(f"cannot listen on {where}: {error.strerror}", remedy=remedy)


def _host_variable(variable: str) -> str:
    return variable.replace("_PORT", "_HOST")
