"""Which log a database holds: the same for everybody who opens it, another for every other log."""

import hashlib

import asyncpg

from bus.postgres.connect import schema_of

DIGITS = 16

# Purpose: what no other database has. A copy that was restored elsewhere is another log, though it has the
# same rows; a standby that was promoted is still the same. Lock: none.
SERVER = """
SELECT (pg_control_system()).system_identifier::text || '/' || oid FROM pg_database
WHERE datname = current_database()
"""

# Purpose: likewise, where the provider hides the server's own id: when its roles and schema were made, to the
# microsecond. Lock: none.
SCHEMA = """
SELECT oid || '/' || (SELECT min(applied_at) FROM {schema}.schema_migration) FROM pg_database
WHERE datname = current_database()
"""


async def log_identity(connection: asyncpg.Connection, realm: str) -> str:
    """Return `DIGITS` hexadecimal digits that name the log of ``realm`` in this database."""
    schema = schema_of(realm)
    try:
        found = await connection.fetchval(SERVER)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedFunctionError):
        found = await connection.fetchval(SCHEMA.format(schema=schema))
    return hashlib.sha256(f"{found}/{schema}".encode()).hexdigest()[:DIGITS]
