"""Connections to one realm's schema under one role, and which errors mean that the server is away."""

from typing import Any

import asyncpg

from bus.tls import Named, explained
from protocol.subjects import check_realm

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 60.0

TLS = Named(
    "sslrootcert in the connection string",
    "sslcert and sslkey in the connection string",
    "the connection string",
)

AWAY = (
    OSError,  # refused, reset, and TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says of a session that was lost between two operations
    asyncpg.OperatorInterventionError,  # the server starts, stops, or ended our session
    asyncpg.InsufficientResourcesError,  # no connection or no disk left
    asyncpg.ReadOnlySQLTransactionError,  # a replica that nobody has promoted yet
    asyncpg.ObjectNotInPrerequisiteStateError,  # the database lets nobody in for now
)
"""Errors of the server or the way to it: the same call may succeed later."""


class PostgresUnreachable(ConnectionError):
    """No Postgres took us in at the start; the message names where it was looked for, and why not."""

    remedy = (
        "start it, or correct AICORE_POSTGRES_DSN; without that variable `aicore up` starts one of its own"
    )

    def __init__(self, where: str, error: Exception) -> None:
        told = explained(error, TLS) or str(error) or type(error).__name__
        if (
            isinstance(error, asyncpg.ConnectionDoesNotExistError)
            and "ssl" in where
            and "sslcert" not in where
        ):
            # TLS 1.3 refuses a client without a certificate after the handshake, and asyncpg drops why.
            told += f"; if the server wants a certificate of ours, give {TLS.own}"
        super().__init__(f"no Postgres for us at {where}: {told}")


def schema_of(realm: str) -> str:
    """Return the Postgres schema of a realm."""
    return f"realm_{check_realm(realm)}"


def session_settings(realm: str, role: str, **more: str) -> dict[str, str]:
    """Return the settings that a session of ``role`` in ``realm`` starts with."""
    return {
        "search_path": f"{schema_of(realm)},pg_temp",
        "role": role,
        "application_name": f"aicore/{realm}/{role}",
        "synchronous_commit": "on",
        **more,
    }


async def connect(dsn: str, realm: str, *, role: str, **settings: str) -> asyncpg.Connection:
    """Return one connection; the caller closes it. Raises one of `AWAY` if the server is away."""
    return await asyncpg.connect(
        dsn,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings=session_settings(realm, role, **settings),
    )


async def connect_pool(
    dsn: str, realm: str, *, role: str, size_max: int = 8, **settings: str
) -> asyncpg.Pool:
    """Return a pool of at most ``size_max`` connections; the caller closes it."""
    options: dict[str, Any] = {"timeout": CONNECT_TIMEOUT_S, "command_timeout": COMMAND_TIMEOUT_S}
    pool = asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size_max,
        server_settings=session_settings(realm, role, **settings),
        # A pool resets a returned connection with RESET ALL and UNLISTEN, a round trip for nothing here.
        reset=_nothing,
        **options,
    )
    return await pool


async def _nothing(connection: asyncpg.Connection) -> None:
    """Leave a returned connection as it is: nobody changes a pooled session's settings."""
