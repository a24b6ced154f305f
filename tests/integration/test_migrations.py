"""The schema's history: each file once, in order, unchanged, whoever else starts at the same time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from asyncpg.types import ServerVersion

from aicore.embedded import EmbeddedPostgres
from bus.postgres.connect import schema_of
from bus.postgres.migrate import (
    FOLDER,
    LOCK,
    Migration,
    MigrationError,
    MigrationState,
    check_migrated,
    migrate,
    migration_state,
    read_files,
    see_new_enough,
)
from tests.integration.log_kit import WAIT_S

pytestmark = pytest.mark.integration

ROLES = (FOLDER / "0001_roles.sql").read_text()
FIRST = ["0001_roles.sql", "0002_lamp.sql"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two migrations."""
    (tmp_path / "0001_roles.sql").write_text(ROLES)
    (tmp_path / "0002_lamp.sql").write_text("CREATE TABLE lamp (lumen int NOT NULL)")
    return tmp_path


@asynccontextmanager
async def admin_of(postgres: EmbeddedPostgres, realm: str) -> AsyncIterator[asyncpg.Connection]:
    session = await asyncpg.connect(postgres.dsn, server_settings={"search_path": schema_of(realm)})
    try:
        yield session
    finally:
        await session.close()


async def tables(session: asyncpg.Connection, realm: str) -> set[str]:
    rows = await session.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema_of(realm))
    return {row["tablename"] for row in rows}


# --- the files -------------------------------------------------------------------------------------------


def test_our_own_files_are_in_order_and_each_has_a_number_of_its_own() -> None:
    names = [migration.name for migration in read_files()]

    assert names == sorted(names)
    assert len({name[:4] for name in names}) == len(names) > 5


@pytest.mark.parametrize(
    "name", ["3_lamp.sql", "0003-lamp.sql", "0003_Lamp.sql", "00003_lamp.sql", "0003_.sql", "lamp.sql"]
)
def test_a_name_that_says_no_place_in_the_order_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("SELECT 1")

    with pytest.raises(MigrationError, match=f"{name} is no migration"):
        read_files(folder)


def test_two_files_of_one_number_are_refused_by_name(folder: Path) -> None:
    (folder / "0002_wick.sql").write_text("SELECT 1")

    with pytest.raises(MigrationError, match=r"0002_lamp\.sql and 0002_wick\.sql have one number"):
        read_files(folder)


def test_other_files_are_left_alone(folder: Path) -> None:
    (folder / "README.md").write_text("what these are")
    (folder / "0003_draft.sql.txt").write_text("no")

    assert [migration.name for migration in read_files(folder)] == FIRST


def test_a_checksum_is_of_every_character(folder: Path) -> None:
    def lamp() -> Migration:
        return read_files(folder)[1]

    before = lamp()
    (folder / "0002_lamp.sql").write_text(before.script + " ")

    assert lamp().checksum != before.checksum


def test_a_server_of_before_its_time_is_told_by_its_number() -> None:
    with pytest.raises(MigrationError, match=r"^this is PostgreSQL 15\.20; 16 or newer is needed$"):
        see_new_enough(ServerVersion(15, 0, 20, "final", 0))
    see_new_enough(ServerVersion(16, 0, 0, "final", 0))


# --- a server --------------------------------------------------------------------------------------------


async def test_each_file_is_applied_once_and_new_ones_later(
    postgres: EmbeddedPostgres, realm: str, folder: Path
) -> None:
    assert await migrate(postgres.dsn, realm, folder=folder) == FIRST
    assert await migrate(postgres.dsn, realm, folder=folder) == []
    (folder / "0003_wick.sql").write_text("CREATE TABLE wick (mm int)")
    waiting = await migration_state(postgres.dsn, realm, folder=folder)

    assert waiting == MigrationState(tuple(FIRST), ("0003_wick.sql",), ())
    assert await migrate(postgres.dsn, realm, folder=folder) == ["0003_wick.sql"]


@pytest.mark.parametrize("how", ["changed", "removed"])
async def test_a_file_changed_or_removed_after_it_was_applied_stops_everything(
    postgres: EmbeddedPostgres, realm: str, folder: Path, how: str
) -> None:
    await migrate(postgres.dsn, realm, folder=folder)
    lamp = folder / "0002_lamp.sql"
    released = lamp.read_text()
    if how == "changed":
        lamp.write_text(f"{released};")
    else:
        lamp.unlink()
    (folder / "0003_wick.sql").write_text("CREATE TABLE wick (mm int)")

    with pytest.raises(MigrationError, match=r"^0002_lamp\.sql: changed or removed .* restore the released"):
        await migrate(postgres.dsn, realm, folder=folder)
    state = await migration_state(postgres.dsn, realm, folder=folder)
    async with admin_of(postgres, realm) as admin:
        assert await tables(admin, realm) == {"lamp", "schema_migration"}

    assert state == MigrationState(tuple(FIRST), ("0003_wick.sql",), ("0002_lamp.sql",))
    lamp.write_text(released)
    assert await migrate(postgres.dsn, realm, folder=folder) == ["0003_wick.sql"]


async def test_a_script_that_fails_is_undone_alone_and_can_be_mended(
    postgres: EmbeddedPostgres, realm: str, folder: Path
) -> None:
    wick = folder / "0003_wick.sql"
    wick.write_text("CREATE TABLE wick (mm int); INSERT INTO lamp VALUES (1); SELECT 1 / 0")
    (folder / "0004_oil.sql").write_text("CREATE TABLE oil (litres int)")

    with pytest.raises(MigrationError, match=r"0003_wick\.sql failed and was undone: division by zero"):
        await migrate(postgres.dsn, realm, folder=folder)
    async with admin_of(postgres, realm) as admin:
        assert await tables(admin, realm) == {"lamp", "schema_migration"}
        assert await admin.fetchval("SELECT count(*) FROM lamp") == 0
        names = [row["name"] for row in await admin.fetch("SELECT name FROM schema_migration ORDER BY 1")]
        assert names == FIRST

    wick.write_text("CREATE TABLE wick (mm int)")
    assert await migrate(postgres.dsn, realm, folder=folder) == ["0003_wick.sql", "0004_oil.sql"]


async def test_scripts_run_as_the_owner_and_in_the_realms_schema_only(
    postgres: EmbeddedPostgres, realm: str, folder: Path
) -> None:
    await migrate(postgres.dsn, realm, folder=folder)
    async with admin_of(postgres, realm) as admin:
        owner = await admin.fetchval(
            "SELECT tableowner FROM pg_tables WHERE schemaname = $1 AND tablename = 'lamp'", schema_of(realm)
        )
    assert owner == "aicore_owner"

    (folder / "0003_wick.sql").write_text("CREATE ROLE lamplighter")
    with pytest.raises(MigrationError, match=r"0003_wick\.sql failed and was undone: permission denied"):
        await migrate(postgres.dsn, realm, folder=folder)


async def test_two_that_start_at_once_take_turns_and_each_file_is_applied_by_one(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    """Both are held at the lock until both wait, so neither can have come before the other."""
    async with admin_of(postgres, realm) as admin, asyncio.timeout(WAIT_S), asyncio.TaskGroup() as group:
        await admin.execute("SELECT pg_advisory_lock($1)", LOCK)
        both = [group.create_task(migrate(postgres.dsn, realm)) for _ in range(2)]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while await admin.fetchval(waiting) < 2:  # noqa: ASYNC110 - the server has no other sign
            await asyncio.sleep(0.01)
        assert await tables(admin, realm) == set()
        await admin.execute("SELECT pg_advisory_unlock($1)", LOCK)

    ours = [migration.name for migration in read_files()]
    assert sorted([task.result() for task in both]) == [[], ours]
    assert (await migration_state(postgres.dsn, realm)).applied == tuple(ours)


async def test_who_may_not_change_the_schema_sees_that_it_is_as_wanted(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    with pytest.raises(MigrationError, match=r"not applied yet: 0001_roles\.sql.*`aicore migrate`"):
        await check_migrated(postgres.dsn, realm)
    await migrate(postgres.dsn, realm)
    await check_migrated(postgres.dsn, realm)
    async with admin_of(postgres, realm) as admin:
        await admin.execute("UPDATE schema_migration SET checksum = 'x' WHERE name = '0002_event.sql'")

    with pytest.raises(MigrationError, match=r"0002_event\.sql: applied as another file"):
        await check_migrated(postgres.dsn, realm)


async def test_realms_have_histories_of_their_own(
    postgres: EmbeddedPostgres, realm: str, folder: Path
) -> None:
    await migrate(postgres.dsn, realm, folder=folder)

    assert await migrate(postgres.dsn, f"{realm}b", folder=folder) == FIRST
    assert (await migration_state(postgres.dsn, f"{realm}c", folder=folder)).pending == tuple(FIRST)
