"""Checks: their finding, and the system that they look at."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

import asyncpg
from nats.aio.client import Client
from nats.errors import Error as NatsError

from aicore.running import System
from aicore.settings import Settings
from bus.nats.api import JetStreamError
from bus.postgres.connect import schema_of
from bus.postgres.migrate import MigrationError

CONNECT_TIMEOUT_S = 3.0

LAG_EVENTS_MAX = 10_000
"""A projection or relay further behind than this deserves a look."""


FAILURES = (
    OSError,
    NatsError,
    JetStreamError,
    MigrationError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


class Check(NamedTuple):
    """A finding. ``mend`` is "" unless there is something to do."""

    name: str
    verdict: Literal["ok", "warning", "fault"]
    fact: str
    mend: str = ""


class Patient(NamedTuple):
    """The system under examination; a server that does not answer is None."""

    settings: Settings
    system: System
    postgres: asyncpg.Connection | None
    nats: Client | None
    now_us: Callable[[], int]


@asynccontextmanager
async def in_schema(patient: Patient) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection of its own whose names mean the realm's tables."""
    connection = await asyncpg.connect(
        patient.system.postgres_dsn,
        timeout=CONNECT_TIMEOUT_S,
        server_settings={"search_path": schema_of(patient.system.realm)},
    )
    try:
        yield connection
    finally:
        connection.terminate()
