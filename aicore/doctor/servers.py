"""The two servers: whether they answer, and in which version."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from nats.aio.client import Client

from aicore.addresses import masked
from aicore.doctor.check import CONNECT_TIMEOUT_S, FAILURES, Check
from aicore.running import System
from bus.nats.connection import VERSION_MIN, BrokerUnreachable, connect
from bus.postgres.migrate import POSTGRES_MIN


@asynccontextmanager
async def postgres_of(system: System, found: list[Check]) -> AsyncIterator[asyncpg.Connection | None]:
    """Yield a connection to the system's Postgres, None if it does not answer; add what was ``found``."""
    where = masked(system.postgres_dsn)
    try:
        connection = await asyncpg.connect(system.postgres_dsn, timeout=CONNECT_TIMEOUT_S)
    except FAILURES as error:
        fact = f"does not answer at {where}: {type(error).__name__}: {error}"
        mend = f"start it (`aicore up` for the embedded one; its log is in {system.state_dir}), or correct"
        found.append(Check("postgres", "fault", fact, f"{mend} AICORE_POSTGRES_DSN"))
        yield None
        return
    try:
        version = connection.get_server_version()
        # asyncpg counts as before version 10: the second part of 18.4 is its `micro`.
        fact = f"PostgreSQL {version.major}.{version.micro} at {where}"
        if version.major < POSTGRES_MIN:
            found.append(Check("postgres", "fault", fact, f"upgrade the server to {POSTGRES_MIN} or newer"))
        else:
            found.append(Check("postgres", "ok", fact))
        yield connection
    finally:
        connection.terminate()


@asynccontextmanager
async def nats_of(system: System, found: list[Check]) -> AsyncIterator[Client | None]:
    """Yield a connection to the system's NATS, None if it does not answer; add what was ``found``."""
    where = masked(system.nats_url)
    try:
        # Each server of a list is asked twice: who examines does not wait for one to be started.
        options: dict[str, Any] = {"timeout_s": CONNECT_TIMEOUT_S, "max_reconnect_attempts": 1}
        async with connect(system.owner_url, name="aicore doctor", **options) as nc:
            found.append(_nats_version(nc, where))
            found += who_connects(asks=bool(nc._server_info.get("auth_required")))
            yield nc
    except BrokerUnreachable as error:
        fact = f"does not answer at {where}: {error.reason}"
        mend = f"start it (`aicore up` for the embedded one; its log is in {system.state_dir}), or correct"
        found.append(Check("nats", "fault", fact, f"{mend} AICORE_NATS_URL"))
        yield None


def who_connects(*, asks: bool) -> Sequence[Check]:
    """Warn of a server that ``asks`` nobody who connects: there anybody is anybody."""
    if asks:
        return ()
    mend = "have it include what `aicore nats permissions` prints (docs/security.md)"
    return [Check("identities", "warning", "NATS lets anybody connect, under any name", mend)]


def _nats_version(nc: Client, where: str) -> Check:
    version = nc.connected_server_version
    fact = f"nats-server {version.major}.{version.minor} at {where}"
    if (version.major, version.minor) < VERSION_MIN:
        wanted = ".".join(map(str, VERSION_MIN))
        return Check("nats", "fault", fact, f"upgrade the server to {wanted} or newer")
    return Check("nats", "ok", fact)
