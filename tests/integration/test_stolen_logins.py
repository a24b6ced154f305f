"""What the thief of each component's login can do: what docs/security.md lists, and nothing else we know."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from aicore.clock import now_us
from aicore.embedded import EmbeddedPostgres
from bus.ports import StreamWrite
from bus.postgres.connect import schema_of
from bus.postgres.log import open_log
from bus.postgres.logins import LOGINS, script, secure
from bus.postgres.migrate import migrate
from tests.integration.log_kit import event

pytestmark = pytest.mark.integration

DATABASE, REALM = "thieves", "thieves"
PAGE = Path(__file__).parents[2] / "docs" / "security.md"

ROW = "ARRAY['a.b'], ARRAY[1], ARRAY['\\x80'::bytea], ARRAY['\\x80'::bytea]"
ROWS = f"ARRAY['a-b'], ARRAY[1]::bigint[], ARRAY[gen_random_uuid()], {ROW}"
APPEND = f"SELECT log_append(1, '{{}}', '{{}}', '{{}}', 0, {ROWS})"
COLUMNS = "'u', 'i', '', '', '', '', '', '', '', '{}', '{}', '', '', '{}', 0, 0, 0"

STATEMENTS: dict[str, tuple[str, ...]] = {
    "read every event": ("SELECT count(payload) FROM event",),
    "append events of any content": (APPEND,),
    "hold the log while its session lasts": ("SELECT log_reserve()",),
    "read the read models": ("SELECT count(*) FROM current_models, inference_stats, projection_checkpoint",),
    "write the read models": (
        f"INSERT INTO current_models SELECT {COLUMNS}",
        "DELETE FROM current_models",
        "UPDATE inference_stats SET completed = 0",
        "DELETE FROM projection_checkpoint",
    ),
    "make temporary tables": ("CREATE TEMP TABLE q (a text)",),
    "read the relay's state": (
        "SELECT count(*) FROM relay_state, relay_finding, relay_consumer, consumer_floor",
    ),
    "write the relay's state": (
        "UPDATE relay_state SET acknowledged = 0",
        "DELETE FROM consumer_floor",
        "DELETE FROM relay_consumer",
        "DELETE FROM relay_finding",
    ),
    "lead, or keep others from it": ("SELECT pg_try_advisory_lock(7)",),
    "see which migrations were applied": ("SELECT count(*) FROM schema_migration",),
    "wake whoever listens": ("NOTIFY aicore_thieves, 'x'", "SELECT pg_notify('aicore_thieves', 'x')"),
    "spend the server's time and memory": (
        "SELECT pg_sleep(0)",
        "SELECT count(*) FROM generate_series(1, 1000)",
    ),
    "hold up a change of the schema": ("LOCK TABLE event IN ACCESS SHARE MODE",),
    "change its own login's password and defaults": (
        "ALTER ROLE CURRENT_USER SET work_mem = '1GB'",
        "ALTER ROLE CURRENT_USER PASSWORD 'x'",
    ),
    # Nobody of them:
    "change the log": (
        "UPDATE event SET type = type",
        "DELETE FROM event",
        "TRUNCATE event",
        "INSERT INTO event SELECT position + 9, version + 9, 0, gen_random_uuid(), 1, stream, type, meta, "
        "payload, hash FROM event",
        "ALTER TABLE event DISABLE TRIGGER ALL",
        "DROP TRIGGER event_append_only ON event",
        "DROP TABLE event CASCADE",
        "SET session_replication_role = replica",
        "UPDATE schema_migration SET checksum = ''",
        "DELETE FROM schema_migration",
    ),
    "append what is no event": (
        APPEND.replace("0, ARRAY", "9000000000000000, ARRAY"),
        APPEND.replace("a.b", "a.>"),
        APPEND.replace("'a-b'", "'a b'"),
        f"SELECT log_append(NULL, NULL, '{{}}', '{{}}', 9000000000000000, {ROWS}, ARRAY['\\x00'::bytea])",
        "SELECT append_refused('x')",
    ),
    "lock what others need": (
        "LOCK TABLE event IN EXCLUSIVE MODE",
        "LOCK TABLE event IN SHARE MODE",
        "LOCK TABLE append_lock IN ACCESS SHARE MODE",
        "LOCK TABLE append_lock IN SHARE UPDATE EXCLUSIVE MODE",
        "SELECT pg_advisory_lock(7)",
        "SELECT pg_advisory_xact_lock_shared(7, 7)",
        "SELECT pg_advisory_lock('event'::regclass::oid::bigint)",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres' LIMIT 1",
        "SELECT pg_cancel_backend(pg_backend_pid())",
    ),
    "make things": (
        "CREATE TABLE public.t (a int)",
        f"CREATE TABLE {schema_of(REALM)}.t (a int)",
        "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        f"CREATE FUNCTION {schema_of(REALM)}.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA evil",
        "CREATE EXTENSION pgcrypto",
        "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p WITH (connect = false)",
        "CREATE PUBLICATION p FOR ALL TABLES",
        "DO $x$ BEGIN PERFORM 1; END $x$",
        "SELECT lo_create(0)",
        "SELECT lo_creat(-1)",
        "SELECT lo_from_bytea(0, '\\x00')",
        "SELECT pg_logical_emit_message(false, 'x', repeat('x', 9))",
    ),
    "reach the server's machine": (
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "COPY (SELECT 1) TO '/tmp/x'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT dblink('x', 'y')",
        "SET temp_file_limit = -1",
        "SELECT pg_reload_conf()",
    ),
    "become somebody else": (
        "CREATE ROLE evil",
        "SET ROLE aicore_owner",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "SELECT count(*) FROM pg_authid",
        "ALTER ROLE postgres PASSWORD 'x'",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        *(f"ALTER ROLE {login.name} PASSWORD 'x'" for login in LOGINS),
        *(f"SET ROLE {login.role}" for login in LOGINS),
    ),
}

EVERYBODY = (
    "read every event",
    "wake whoever listens",
    "spend the server's time and memory",
    "hold up a change of the schema",
    "change its own login's password and defaults",
)
MAY = {
    "aicore_writer": (
        "append events of any content",
        "hold the log while its session lasts",
        "lead, or keep others from it",
        "see which migrations were applied",
    ),
    "aicore_reader": ("read the read models", "read the relay's state", "see which migrations were applied"),
    "aicore_projector": (
        "read the read models",
        "write the read models",
        "make temporary tables",
        "see which migrations were applied",
    ),
    "aicore_relay": ("read the relay's state", "write the relay's state", "lead, or keep others from it"),
}

DENIED = {"42501", "42883", "0A000", "AC001", "AC002", "42704", "58P01"}
"""No right, no such function, not possible here, refused by log_append; no such extension."""


@pytest.fixture(scope="module")
def doors(postgres: EmbeddedPostgres) -> Iterator[dict[str, str]]:
    """Return the address of each role's login, in a database of its own that is closed as an embedded one."""

    def there(dsn: str) -> str:
        return dsn.replace("/aicore?", f"/{DATABASE}?")

    async def prepare() -> None:
        admin = await asyncpg.connect(postgres.dsn)
        await admin.execute(f"CREATE DATABASE {DATABASE}")
        await admin.close()
        await migrate(there(postgres.dsn), REALM)
        passwords = {login.name: postgres.password_of(login.name) for login in LOGINS}
        for _ in range(2):  # at each start
            await secure(there(postgres.dsn), passwords)
        async with open_log(there(postgres.dsn_of("aicore_writer_login")), REALM, now_us=now_us) as log:
            await log.append(StreamWrite("story-a", [event()]))

    async def remove() -> None:
        admin = await asyncpg.connect(postgres.dsn)
        await admin.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        await admin.close()

    asyncio.run(prepare())
    yield {login.role: there(postgres.dsn_of(login.name)) for login in LOGINS}
    asyncio.run(remove())


async def outcome(dsn: str, statement: str) -> str:
    """Return "done", or the SQLSTATE of an error; nothing of it lasts."""
    session = await asyncpg.connect(dsn, server_settings={"search_path": schema_of(REALM)})
    try:
        transaction = session.transaction()
        await transaction.start()
        try:
            await session.execute(statement)
        except asyncpg.PostgresError as error:
            return str(error.sqlstate)
        finally:
            await transaction.rollback()
        return "done"
    finally:
        session.terminate()


@pytest.mark.parametrize("role", list(MAY))
async def test_a_stolen_login_can_do_what_the_page_lists_and_nothing_else(
    doors: dict[str, str], role: str, postgres: EmbeddedPostgres
) -> None:
    allowed = {*EVERYBODY, *MAY[role]}
    another = await asyncpg.connect(postgres.dsn)  # whose session nobody may end
    for what, statements in STATEMENTS.items():
        for statement in statements:
            if what == "become somebody else" and role in statement:
                continue  # itself
            found = await outcome(doors[role], statement)
            if what in allowed:
                assert found == "done", (what, statement, found)
            else:
                assert found in DENIED, (what, statement, found)
    assert await another.fetchval("SELECT 1") == 1
    another.terminate()


async def test_no_login_can_take_the_places_of_all_others(doors: dict[str, str]) -> None:
    async def limit(dsn: str) -> int:
        session = await asyncpg.connect(dsn)
        try:
            most = await session.fetchval("SELECT rolconnlimit FROM pg_roles WHERE rolname = session_user")
            return int(most)
        finally:
            session.terminate()

    session = await asyncpg.connect(doors["aicore_reader"])
    places = int(await session.fetchval("SHOW max_connections"))
    kept = int(await session.fetchval("SHOW superuser_reserved_connections"))
    session.terminate()

    assert sum([await limit(dsn) for dsn in doors.values()]) <= places - kept


async def test_a_component_works_with_its_login_alone(doors: dict[str, str]) -> None:
    for role in ("aicore_writer", "aicore_reader"):
        async with open_log(doors[role], REALM, now_us=now_us, writer=role == "aicore_writer") as log:
            if role == "aicore_writer":
                await log.append(StreamWrite("story-b", [event()]))
            assert await log.read_all(limit=1)


def test_the_page_lists_what_each_login_can_do() -> None:
    page = re.sub(r"\s+", " ", PAGE.read_text(encoding="utf-8"))
    _, _, section = page.partition("## Postgres")
    section = section.partition(" ## ")[0]

    for role, allowed in MAY.items():
        row = re.search(rf"\| `{role}_login` \|([^|]*)\|", section)
        assert row, role
        assert row[1].strip() == "; ".join(allowed), role
    assert "; ".join(EVERYBODY) in section


def test_the_printed_script_is_what_the_embedded_server_is_given() -> None:
    printed = script("game")

    assert 'REVOKE ALL ON DATABASE "game" FROM PUBLIC;' in printed
    for login in LOGINS:
        assert f"CREATE ROLE {login.name} LOGIN IN ROLE {login.role}" in printed
        assert f"\\password {login.name}" in printed
