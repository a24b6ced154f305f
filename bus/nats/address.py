"""Addresses of NATS: one server or a list of them, as one string of a setting.

``nats://user:password@host:port``, or ``nats://token@host``, or several of either with commas between them.
What stands before an ``@`` may be percent-encoded, as in any URL; every server of a list gets the same. A
password that is the seed of an nkey is never sent: it signs what the server asks for. Behind a ``?`` stand
files, as paths: ``ca``, ``cert`` and ``cert_key`` of TLS, and ``creds`` or ``nkey``, which prove who we are.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from protocol.errors import WireError
from protocol.identity import Identity

SCHEMES = ("nats", "tls")
SEED = re.compile(r"SU[A-Z2-7]{56}")
"""The seed of a user's nkey, an Ed25519 key. Source: nats-io/nkeys, "prefixes"."""

FILES = ("ca", "cert", "cert_key", "creds", "nkey")
"""What an address may name files for; each is the setting ``AICORE_NATS_`` and its name in capitals."""

PORT = 4222
MASK = "***"


class AddressError(ValueError):
    """An address that cannot be one; the message repeats nothing of it, since it may hold a password."""


@dataclass(frozen=True, slots=True)
class Address:
    """Address of NATS, and our identity there."""

    servers: tuple[str, ...]
    """``scheme://host:port``, without anything secret."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    """Or the seed of an nkey."""
    token: str | None = field(default=None, repr=False)
    files: Mapping[str, str] = field(default_factory=dict)
    """Paths, by what of `FILES` they are."""

    @property
    def secured(self) -> bool:
        """Whether every connection must be encrypted, whatever the servers' scheme."""
        return not self.files.keys().isdisjoint(("ca", "cert"))

    @property
    def query(self) -> str:
        """What an address ends in that names these files."""
        return f"?{urlencode(self.files, quote_via=quote)}" if self.files else ""

    @property
    def identity(self) -> Identity | None:
        """Identity by the user's name; None if it is no identity's."""
        try:
            return Identity.parse(self.user)
        except WireError:
            return None

    @property
    def where(self) -> str:
        """The servers, for people."""
        return ",".join(self.servers)

    @property
    def masked(self) -> str:
        """The servers with who we are, without what proves it."""
        who = f"{self.user}:{MASK}@" if self.user is not None else f"{MASK}@" if self.token else ""
        return ",".join(server.replace("://", f"://{who}", 1) for server in self.servers)

    def options(self) -> dict[str, Any]:
        """Return what `nats.aio.client.Client.connect` takes."""
        who: dict[str, str | None]
        if "creds" in self.files:
            who = {"user_credentials": self.files["creds"]}
        elif "nkey" in self.files:
            who = {"nkeys_seed": self.files["nkey"]}
        elif self.password and SEED.fullmatch(self.password):
            who = {"nkeys_seed_str": self.password}
        else:
            who = {"user": self.user, "password": self.password, "token": self.token}
        return {
            "servers": list(self.servers),
            **{key: value for key, value in who.items() if value is not None},
        }


def parse_address(text: str) -> Address:
    """Return the address that ``text`` names.

    Raises:
        AddressError: it names no server, or is no address.
    """
    found = [_server(part.strip()) for part in text.split(",")]
    known = {who for _, who, _ in found if who}
    if len(known) > 1:
        raise AddressError("all servers of a list must have the same user and password")
    named = {pair for _, _, files in found for pair in files}
    files = dict(named)
    if len(files) < len(named):
        raise AddressError("all servers of a list must have the same files")
    servers = tuple(server for server, _, _ in found)
    who = next(iter(known), "")
    user, colon, password = who.partition(":")
    if not who:
        return Address(servers, files=files)
    if not colon and files.keys().isdisjoint(("creds", "nkey")):
        return Address(servers, token=unquote(user), files=files)
    return Address(servers, user=unquote(user), password=unquote(password) if colon else None, files=files)


def with_files(text: str, files: Mapping[str, str]) -> str:
    """Return an address that names these files, beside those that it names already."""
    rest = ",".join(part.partition("?")[0] for part in text.split(","))
    return rest + Address((), files={**parse_address(text).files, **files}).query


def _server(text: str) -> tuple[str, str, list[tuple[str, str]]]:
    """Return one server as ``scheme://host:port``, what stands before its ``@``, and the files it names."""
    try:
        parts = urlsplit(text if "://" in text else f"nats://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise AddressError(f"is no address; a port is a number up to 65535; {ENCODE}") from None
    if parts.scheme not in SCHEMES:
        raise AddressError("must begin with nats:// or tls://")
    if not host:
        raise AddressError("names no host")
    if port == 0:  # a server asked for 0 takes any free port; nobody can be reached there
        raise AddressError("names port 0, where nobody can listen")
    files = parse_qsl(parts.query, keep_blank_values=True)
    beyond = bool(parts.query) and (not files or any(name not in FILES or not path for name, path in files))
    if parts.path.strip("/") or beyond or parts.fragment or host.count("@"):
        raise AddressError(f"has more than user, host, port and known files; {ENCODE}")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{port or PORT}", parts.netloc.rpartition("@")[0], files


ENCODE = "write @ / ? # : and , of a password as %40 %2F %3F %23 %3A and %2C"
