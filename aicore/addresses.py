"""Addresses of Postgres and NATS, as people may see them: no password in what is shown or refused."""

import re
from urllib.parse import urlsplit

from bus.nats.address import MASK, AddressError, parse_address


def masked(url: str) -> str:
    """Return an address of Postgres or NATS without its passwords, wherever they stand in it."""
    if not url.startswith(("postgresql:", "postgres:")):
        try:
            return parse_address(url).masked
        except AddressError:
            return MASK
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    pairs = [
        f"{pair.partition('=')[0]}={MASK}"
        if pair.startswith(("password=", "passfile=", "sslpassword="))
        else pair
        for pair in parts.query.split("&")
    ]
    netloc = f"{name}{colon}{MASK if colon else ''}{at}{hosts}"
    # By hand: urlunsplit leaves the // out where no host follows, and that is another address.
    return f"{parts.scheme}://{netloc}{parts.path}{'?' if parts.query else ''}{'&'.join(pairs)}"


def check_dsn(value: str) -> None:
    """Refuse what asyncpg would refuse in words that repeat a part of the password.

    Raises:
        ValueError: saying what is wrong, without repeating any of it.
    """
    encode = "write @ / ? and # of a password as %40 %2F %3F and %23"
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError(f"is no address; {encode}") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must begin with postgresql://")
    hosts = parts.netloc.rpartition("@")[2].split(",")
    ports = [host.rpartition("]")[2].partition(":")[2] for host in hosts]
    if parts.fragment or not all(re.fullmatch(r"\d{0,5}", port) for port in ports):
        raise ValueError(f"has something that is no port where one belongs; {encode}")
