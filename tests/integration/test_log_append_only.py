"""The log cannot be changed: not with a writer's rights, not by the owner."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from aicore.embedded import EmbeddedPostgres
from bus.ports import StreamWrite
from bus.postgres.connect import connect, schema_of
from tests.integration.log_kit import event, fresh_log

pytestmark = pytest.mark.integration

LOGIN = PASSWORD = "log_test_writer"

FORBIDDEN = [
    "INSERT INTO event SELECT position + 10, version + 10, recorded_us, gen_random_uuid(), 1, stream,"
    " type, meta, payload, hash FROM event WHERE position = 1",
    "UPDATE event SET payload = '\\x80'",
    "DELETE FROM event",
    "TRUNCATE event",
    "ALTER TABLE event DISABLE TRIGGER ALL",
    "DROP TABLE event CASCADE",
    "SET session_replication_role = 'replica'",
    "SET ROLE aicore_owner",
]


@pytest.fixture
async def filled(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[str]:
    async with fresh_log(postgres.dsn, realm) as log:
        for n in range(3):
            await log.append(StreamWrite(f"story-{n}", [event(), event()]))
    yield realm


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_who_logs_in_as_a_writer_can_only_append(
    postgres: EmbeddedPostgres, filled: str, statement: str
) -> None:
    admin = await asyncpg.connect(postgres.dsn)
    try:
        if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", LOGIN):
            await admin.execute(f"CREATE ROLE {LOGIN} LOGIN PASSWORD '{PASSWORD}' IN ROLE aicore_writer")
    finally:
        await admin.close()
    session = await asyncpg.connect(
        postgres.dsn, user=LOGIN, password=PASSWORD, server_settings={"search_path": schema_of(filled)}
    )
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await session.execute(statement)
        assert await session.fetchval("SELECT count(*) FROM event") == 6
    finally:
        await session.close()


@pytest.mark.parametrize("statement", FORBIDDEN[1:4])
async def test_triggers_refuse_the_owner_too(postgres: EmbeddedPostgres, filled: str, statement: str) -> None:
    session = await connect(postgres.dsn, filled, role="aicore_owner")
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await session.execute(statement)
    finally:
        await session.close()
