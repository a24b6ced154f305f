"""Applies `migrations/*.sql` to a realm's schema: each once, in order, in a transaction of its own.

Two processes that start together take turns by an advisory lock. A file that was changed or removed after it
was applied is refused: the schema's history is as immutable as the log's.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from asyncpg.types import ServerVersion

from bus.postgres.connect import COMMAND_TIMEOUT_S, CONNECT_TIMEOUT_S, schema_of

FOLDER = Path(__file__).parents[2] / "migrations"

POSTGRES_MIN = 16
"""`GRANT … WITH SET` and `pg_has_role(…, 'SET')` came with it."""

LOCK = 0x61_69_63_6F_72_65
"""Key of the advisory lock ("aicore"). One for all realms, since roles are made by any of them."""

FILE = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
SESSION_MARK = "-- role: session"
"""First line of a migration that must run as the connecting user; all others run as aicore_owner."""


class MigrationError(Exception):
    """The schema cannot be brought up to date; the message names the file and the way out."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file, or what the schema remembers of it."""

    name: str
    checksum: str
    script: str = ""


@dataclass(frozen=True, slots=True)
class MigrationState:
    """Migrations applied in a realm, against the files."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    changed: tuple[str, ...]
    """Applied, and since then changed or removed."""


def read_files(folder: Path = FOLDER) -> list[Migration]:
    """Return the migrations in order of their numbers.

    Raises:
        MigrationError: a name is not ``NNNN_name.sql``, or two have one number.
    """
    found: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        if not FILE.fullmatch(path.name):
            raise MigrationError(f"{path.name} is no migration: rename it to NNNN_lower_case.sql")
        if found and found[-1].name[:4] == path.name[:4]:
            raise MigrationError(
                f"{found[-1].name} and {path.name} have one number: give the newer the next one"
            )
        script = path.read_text(encoding="utf-8")
        found.append(Migration(path.name, hashlib.sha256(script.encode()).hexdigest(), script))
    return found


async def migrate(dsn: str, realm: str, *, folder: Path = FOLDER) -> list[str]:
    """Bring the realm's schema up to date and return the names of the files applied now.

    Raises:
        MigrationError: a released file was changed or removed, or a script failed and was undone.
    """
    files = read_files(folder)
    connection = await _connect(dsn)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        applied = await _applied(connection, realm)
        _refuse_changed(applied, files)
        done = []
        for migration in files:
            if migration.name not in applied:
                await _apply(connection, realm, migration)
                done.append(migration.name)
        return done
    finally:
        await connection.close()


async def migration_state(dsn: str, realm: str, *, folder: Path = FOLDER) -> MigrationState:
    """Return what is applied, pending and changed; changes nothing."""
    files = read_files(folder)
    connection = await _connect(dsn)
    try:
        applied = await _applied(connection, realm)
    finally:
        await connection.close()
    return MigrationState(
        applied=tuple(applied),
        pending=tuple(migration.name for migration in files if migration.name not in applied),
        changed=tuple(_changed(applied, files)),
    )


async def check_migrated(dsn: str, realm: str) -> None:
    """See that the realm's schema is up to date, as somebody who may not change it.

    Raises:
        MigrationError: a file is missing in it, or was another one when it was applied.
    """
    state = await migration_state(dsn, realm)
    if state.changed:
        raise MigrationError(
            f"{', '.join(state.changed)}: applied as another file than ours; use one release"
        )
    if state.pending:
        raise MigrationError(f"not applied yet: {', '.join(state.pending)}; `aicore migrate` applies them")


async def _connect(dsn: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S, command_timeout=COMMAND_TIMEOUT_S)
    try:
        see_new_enough(connection.get_server_version())
    except MigrationError:
        await connection.close()
        raise
    return connection


def see_new_enough(version: ServerVersion) -> None:
    """See that a Postgres of this ``version`` can hold the log.

    Raises:
        MigrationError: it cannot.
    """
    if version.major < POSTGRES_MIN:
        # asyncpg counts as before version 10: the second part of 18.4 is its `micro`.
        raise MigrationError(
            f"this is PostgreSQL {version.major}.{version.micro}; {POSTGRES_MIN} or newer is needed"
        )


async def _applied(connection: asyncpg.Connection, realm: str) -> dict[str, str]:
    table = f"{schema_of(realm)}.schema_migration"
    if await connection.fetchval("SELECT to_regclass($1)", table) is None:
        return {}
    rows = await connection.fetch(f"SELECT name, checksum FROM {table} ORDER BY name")  # noqa: S608 - a checked name
    return {row["name"]: row["checksum"] for row in rows}


def _changed(applied: dict[str, str], files: list[Migration]) -> list[str]:
    present = {migration.name: migration.checksum for migration in files}
    return [name for name, checksum in applied.items() if present.get(name) != checksum]


def _refuse_changed(applied: dict[str, str], files: list[Migration]) -> None:
    if changed := _changed(applied, files):
        raise MigrationError(
            f"{', '.join(changed)}: changed or removed after it was applied; "
            "restore the released file and put the change into a new one"
        )


async def _apply(connection: asyncpg.Connection, realm: str, migration: Migration) -> None:
    schema = schema_of(realm)
    try:
        async with connection.transaction():
            if migration.script.startswith(SESSION_MARK):
                await connection.execute(migration.script)
                await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION aicore_owner")
                await connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {schema}.schema_migration (name text PRIMARY KEY,"
                    " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
                )
                # Who opens the log compares; which schema it is goes into the log's identity.
                readers = "aicore_writer, aicore_reader, aicore_projector"
                await connection.execute(f"GRANT SELECT ON {schema}.schema_migration TO {readers}")
            else:
                await connection.execute(f"SET LOCAL search_path = {schema}, pg_temp")
                await connection.execute("SET LOCAL ROLE aicore_owner")
                await connection.execute(migration.script)
                await connection.execute("RESET ROLE")
            await connection.execute(
                f"INSERT INTO {schema}.schema_migration (name, checksum) VALUES ($1, $2)",  # noqa: S608 - a checked name
                migration.name,
                migration.checksum,
            )
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{migration.name} failed and was undone: {error}") from error
