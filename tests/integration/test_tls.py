"""TLS to NATS and Postgres: what works, what is refused, and that a refusal names what mends it."""

import asyncio
import base64
import hashlib
import json
import re
import secrets
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import nkeys
import pytest

from aicore.addresses import masked
from aicore.client import Unanswered
from aicore.client import connect as connect_client
from aicore.embedded import EmbeddedPostgres
from aicore.embedded.keyring import public_of
from aicore.embedded.nats import _binary
from aicore.embedded.ports import LOOPBACK, free_port
from bus.nats.address import with_files
from bus.nats.connection import BrokerUnreachable, connect, identity_of
from bus.postgres.connect import PostgresUnreachable
from protocol.identity import Identity
from tests.harness.folders import open_folder
from tests.integration.tls_kit import Authority, postgres_over_tls
from tests.unit.kit import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

MARKET = Identity("service", "market")
REALM = "demo"
TRIES_MAX = 4
"""Of two clients that TLS refuses: at the next try the certificates were the same."""

HANDSHAKE_FAILED = b"TLS handshake error"
LISTENS = re.compile(rb"Listening for client connections on [^:]+:(\d+)")


def seed_of(kind: int) -> str:
    """Return a new seed, for an nkey of a kind."""
    made: bytes = nkeys.encode_seed(secrets.token_bytes(32), kind)
    return made.decode()


@dataclass
class Servers:
    """Servers of one's own, by what is particular about them, and the files that clients have."""

    folder: Path
    ours: Authority
    others: Authority
    ports: dict[str, int]
    seed: str

    def url(self, server: str, *, scheme: str = "tls", host: str = LOOPBACK, **files: Path) -> str:
        named = {name: str(path) for name, path in files.items()}
        return with_files(f"{scheme}://{MARKET}:{self.seed}@{host}:{self.ports[server]}", named)

    @property
    def ca(self) -> Path:
        return self.ours.certificate


TLS = 'tls {{ cert_file: "{cert}", key_file: "{key}", ca_file: "{ca}", verify: {verify} }}'


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with open_folder() as folder:
        ours, others = Authority(folder, "ours"), Authority(folder, "others")
        found = Servers(folder, ours, others, {}, seed_of(nkeys.PREFIX_BYTE_USER))
        running = []
        try:
            for name, hosts, days, verify in (
                ("good", (LOOPBACK, "localhost"), 1, False),
                ("expired", (LOOPBACK,), -1, False),
                ("elsewhere", ("nats.example.org",), 1, False),
                ("asks", (LOOPBACK,), 1, True),
            ):
                cert, key = ours.signed(name, *hosts, days=days)
                tls = TLS.format(cert=cert, key=key, ca=ours.certificate, verify=str(verify).lower())
                running.append(_started(found, name, tls))
            running.append(_started(found, "jwt", _by_jwt(folder)))
            yield found
        finally:
            for process in running:
                process.kill()
                process.wait()


def _started(
    servers: Servers, name: str, config: str, *, port: int | None = None
) -> "subprocess.Popen[bytes]":
    users = "" if name == "jwt" else f"authorization {{ users: [{{nkey: {public_of(servers.seed)}}}] }}"
    path = servers.folder / f"{name}.conf"
    path.write_text(f"listen: {LOOPBACK}:{port or -1}\n{config}\n{users}\n")  # -1: a free one
    log = servers.folder / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen([_binary(), "-c", str(path)], stdout=out, stderr=out)
    until_ready = time.monotonic() + 20
    while b"Server is ready" not in log.read_bytes():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until_ready, log.read_text()
        time.sleep(0.01)
    listens = LISTENS.search(log.read_bytes())
    assert listens
    servers.ports[name] = int(listens[1])
    return process


# --- a server in operator mode ------------------------------------------------------------------------------


def _jwt(issuer: str, subject: str, name: str, nats: dict[str, Any]) -> str:
    """Return a JWT as `nsc` makes it. Source: nats-io/jwt v2, "claims.go"."""

    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    claims = {"iat": int(time.time()), "iss": public_of(issuer), "sub": subject, "name": name}
    claims["jti"] = hashlib.sha256(part(claims)).hexdigest()
    head = part({"typ": "JWT", "alg": "ed25519-nkey"})
    body = head + b"." + part({**claims, "nats": {"version": 2, **nats}})
    signature = nkeys.from_seed(bytearray(issuer.encode())).sign(body)
    return (body + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def _by_jwt(folder: Path) -> str:
    """Write a service's credentials; return the configuration of a server that takes them."""
    operator, account, user = (
        seed_of(kind)
        for kind in (nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER)
    )
    no_limit = {"subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1}
    account_limits = {"limits": {**no_limit, "wildcards": True}, "type": "account"}
    ours = _jwt(operator, public_of(operator), "ours", {"type": "operator"})
    core = _jwt(operator, public_of(account), "core", account_limits)
    may = {"pub": {"allow": [f"{REALM}.>"]}, "sub": {"allow": [f"{MARKET.inbox}.>"]}, "type": "user"}
    token = _jwt(account, public_of(user), str(MARKET), {**may, "subs": -1, "data": -1, "payload": -1})
    (folder / "market.creds").write_text(
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user}\n------END USER NKEY SEED------\n"
    )
    return f'operator: "{ours}"\nresolver: MEMORY\nresolver_preload: {{ {public_of(account)}: "{core}" }}'


# --- NATS ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["tls", "nats"])
@pytest.mark.parametrize("host", [LOOPBACK, "localhost"])
async def test_a_server_of_our_authority_is_spoken_to_over_tls(
    servers: Servers, scheme: str, host: str
) -> None:
    url = servers.url("good", scheme=scheme, host=host, ca=servers.ca)

    async with connect(url, name="test") as nc, connect_client(url, REALM) as client:
        transport: Any = nc._transport
        assert isinstance(transport._io_writer.get_extra_info("ssl_object"), ssl.SSLObject)
        assert identity_of(nc) == client.identity == MARKET


@pytest.mark.parametrize(
    ("server", "authority", "said"),
    [
        ("good", "others", "nobody known here signed the server's certificate; see AICORE_NATS_CA"),
        ("expired", "ours", "the server's certificate has expired"),
        ("elsewhere", "ours", "certificate is for another address; name it in AICORE_NATS_URL"),
        ("asks", "ours", "takes only a certificate of ours that it knows; see AICORE_NATS_CERT"),
    ],
)
async def test_a_connection_that_tls_refuses_says_why_and_which_setting_mends_it(
    servers: Servers, server: str, authority: str, said: str
) -> None:
    url = servers.url(server, ca=getattr(servers, authority).certificate)
    log = servers.folder / f"{server}.log"
    before = log.read_bytes().count(HANDSHAKE_FAILED)

    with pytest.raises(BrokerUnreachable) as refused:
        async with connect(url, name="test"):
            pass
    with pytest.raises(Unanswered) as told:
        async with connect_client(url, REALM):
            pass

    assert log.read_bytes().count(HANDSHAKE_FAILED) - before <= TRIES_MAX
    for error in (refused.value, told.value):
        assert said in str(error)
        assert servers.seed not in f"{error!r} {error.__cause__!r}"


async def test_a_server_that_asks_for_a_certificate_takes_one_of_its_authority_alone(
    servers: Servers,
) -> None:
    cert, key = servers.ours.signed("client")
    async with connect(servers.url("asks", ca=servers.ca, cert=cert, cert_key=key), name="test") as nc:
        assert nc.is_connected
    both = servers.folder / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    async with connect(servers.url("asks", ca=servers.ca, cert=both), name="test") as nc:
        assert nc.is_connected

    cert, key = servers.others.signed("stranger")
    with pytest.raises(BrokerUnreachable, match="see AICORE_NATS_CERT"):
        async with connect(servers.url("asks", ca=servers.ca, cert=cert, cert_key=key), name="test"):
            pass


async def test_a_file_that_cannot_be_used_is_named_with_its_setting(servers: Servers) -> None:
    cert, key = servers.ours.signed("one")
    _, other_key = servers.ours.signed("two")
    nothing = servers.folder / "nothing.pem"
    nothing.write_text("no certificate")
    unusable: list[tuple[dict[str, Path], str]] = [
        ({"ca": nothing}, "AICORE_NATS_CA"),
        ({"ca": servers.folder / "gone.pem"}, "AICORE_NATS_CA"),
        ({"ca": servers.ca, "cert": cert, "cert_key": other_key}, "AICORE_NATS_CERT_KEY"),
        ({"ca": servers.ca, "cert": nothing, "cert_key": key}, "AICORE_NATS_CERT"),
    ]
    for files, setting in unusable:
        with pytest.raises(BrokerUnreachable, match=f"{setting}.*cannot be used"):
            async with connect(servers.url("good", scheme="tls", host=LOOPBACK, **files), name="test"):
                pass


@pytest.mark.parametrize("asked", ["tls://", "AICORE_NATS_CA"])
async def test_nothing_is_said_to_a_server_that_answers_in_clear(servers: Servers, asked: str) -> None:
    """Somebody between us and the server says that it speaks no TLS: he would get name and signature."""
    heard = bytearray()

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        info = {"server_id": "x", "version": "2.15.0", "max_payload": 1_000, "auth_required": True}
        writer.write(b"INFO " + json.dumps({**info, "nonce": "abc"}).encode() + b"\r\n")
        while data := await reader.read(1_000):
            heard.extend(data)
        writer.close()

    server = await asyncio.start_server(pretend, LOOPBACK, 0)
    servers.ports["clear"] = server.sockets[0].getsockname()[1]
    url = servers.url("clear") if asked == "tls://" else servers.url("clear", scheme="nats", ca=servers.ca)
    try:
        with pytest.raises(BrokerUnreachable, match="the server speaks no TLS"):
            async with connect(url, name="test"):
                pass
        with pytest.raises(Unanswered, match="the server speaks no TLS"):
            async with connect_client(url, REALM):
                pass
    finally:
        server.close()

    assert bytes(heard) == b""


async def test_the_first_server_of_a_list_may_be_away_or_unfit(servers: Servers) -> None:
    whole = servers.url("good", ca=servers.ca)
    for first in (f"tls://{LOOPBACK}:{free_port()}", f"tls://{LOOPBACK}:{servers.ports['expired']}"):
        async with connect(f"{first},{whole}", name="test") as nc:
            assert nc.connected_url is not None
            assert nc.connected_url.port == servers.ports["good"]


async def test_a_connection_that_met_a_bad_certificate_on_its_way_back_comes_back(servers: Servers) -> None:
    """The client waited for ever for the close of a connection that had been refused in its handshake."""
    cert, key = servers.ours.signed("renewed", LOOPBACK)
    old_cert, old_key = servers.ours.signed("outdated", LOOPBACK, days=-1)
    port: int | None = None

    def started(name: str, cert: Path, key: Path) -> "subprocess.Popen[bytes]":
        tls = TLS.format(cert=cert, key=key, ca=servers.ca, verify="false")
        return _started(servers, name, tls, port=port)

    running = started("renewed", cert, key)
    port = servers.ports["renewed"]
    try:
        async with connect(servers.url("renewed", ca=servers.ca), name="test") as nc:
            for name, its in (("outdated", (old_cert, old_key)), ("renewed", (cert, key))):
                running.kill()
                running.wait()
                running = await asyncio.to_thread(started, name, *its)
                if name == "outdated":
                    log = servers.folder / f"{name}.log"
                    await until(lambda log=log: HANDSHAKE_FAILED in log.read_bytes())  # type: ignore[misc]
                else:
                    await until(lambda: nc.is_connected)
            await nc.flush(5)
    finally:
        running.kill()
        running.wait()


async def test_a_seed_comes_from_a_file_and_credentials_say_who_connects(servers: Servers) -> None:
    seed = servers.folder / "market.nk"
    seed.write_text(f"{servers.seed}\n")
    where = f"tls://{MARKET}@{LOOPBACK}:{servers.ports['good']}"
    async with connect(with_files(where, {"ca": str(servers.ca), "nkey": str(seed)}), name="test") as nc:
        assert identity_of(nc) == MARKET

    creds = {"creds": str(servers.folder / "market.creds")}
    url = with_files(f"nats://{LOOPBACK}:{servers.ports['jwt']}", creds)
    async with connect(url, name="test") as nc, connect_client(url, REALM) as client:
        assert identity_of(nc) == client.identity == MARKET
    with pytest.raises(BrokerUnreachable):
        async with connect(f"nats://{LOOPBACK}:{servers.ports['jwt']}", name="test", timeout_s=2):
            pass


# --- Postgres -----------------------------------------------------------------------------------------------


def context_of(
    servers: Servers, name: str, *hosts: str, days: float = 1, asks: bool = False
) -> ssl.SSLContext:
    cert, key = servers.ours.signed(f"postgres-{name}", *hosts, days=days)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(servers.ca))
    context.load_cert_chain(cert, key)
    context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
    return context


def dsn_of(postgres: EmbeddedPostgres, port: int, **tls: object) -> str:
    said = "&".join(f"{key}={value}" for key, value in tls.items())
    who = f"postgres:{postgres.password_of('postgres')}"
    return f"postgresql://{who}@{LOOPBACK}:{port}/aicore?{said}"


@pytest.mark.parametrize(
    ("hosts", "days", "asks", "authority", "said"),
    [
        (
            (LOOPBACK,),
            1,
            False,
            "others",
            "nobody known here signed the server's certificate; see sslrootcert",
        ),
        ((LOOPBACK,), -1, False, "ours", "the server's certificate has expired"),
        (
            ("db.example.org",),
            1,
            False,
            "ours",
            "certificate is for another address; name it in",
        ),
        (
            (LOOPBACK,),
            1,
            True,
            "ours",
            "if the server wants a certificate of ours, give sslcert and sslkey",
        ),
    ],
)
async def test_postgres_whose_certificate_is_refused_says_why(
    servers: Servers,
    postgres: EmbeddedPostgres,
    hosts: tuple[str, ...],
    days: float,
    asks: bool,
    authority: str,
    said: str,
) -> None:
    context = context_of(servers, f"{hosts[0]}{days}{asks}", *hosts, days=days, asks=asks)
    root = getattr(servers, authority).certificate
    async with postgres_over_tls(postgres.socket_dir / ".s.PGSQL.5432", context) as port:
        dsn = dsn_of(postgres, port, sslmode="verify-full", sslrootcert=root)
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)) as refused:
            await asyncpg.connect(dsn, timeout=10)

    told = str(PostgresUnreachable(masked(dsn), refused.value))
    assert said in told
    assert postgres.password_of("postgres") not in told


async def test_postgres_is_verified_in_full_and_shown_our_certificate(
    servers: Servers, postgres: EmbeddedPostgres
) -> None:
    context = context_of(servers, "asks", LOOPBACK, asks=True)
    cert, key = servers.ours.signed("component")
    async with postgres_over_tls(postgres.socket_dir / ".s.PGSQL.5432", context) as port:
        tls = {"sslmode": "verify-full", "sslrootcert": servers.ca, "sslcert": cert, "sslkey": key}
        connection = await asyncpg.connect(dsn_of(postgres, port, **tls), timeout=10)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
