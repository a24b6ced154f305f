"""Logins of the components, each for one role and no more, and what is taken from everybody else.

A role (`aicore_writer` and so on) holds rights and cannot log in; a login is a member of one role. So a
stolen login is good for what its role may, which docs/security.md lists and a test tries.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from bus.postgres.connect import COMMAND_TIMEOUT_S, CONNECT_TIMEOUT_S
from bus.postgres.migrate import LOCK


@dataclass(frozen=True, slots=True)
class Login:
    """One component's login.

    Attributes:
        role: the one role that it is a member of.
        sessions_max: at a time, so that no login takes the places of all others.
    """

    role: str
    sessions_max: int

    @property
    def name(self) -> str:
        """Its name; a role's name is no login's."""
        return f"{self.role}_login"


LOGINS = (
    Login("aicore_writer", 80),
    Login("aicore_reader", 44),
    Login("aicore_projector", 20),
    Login("aicore_relay", 12),
)

ROLES = ("aicore_owner", *(login.role for login in LOGINS))

TEMP_FILES_MAX = "1GB"
"""On disk for one session's sorting; only a superuser may set it, or set it off."""

LEADERS = ("aicore_writer", "aicore_relay")
"""Roles whose processes choose a leader (`bus.relay.leadership`)."""

LEADING = ("pg_try_advisory_lock(bigint)", "pg_terminate_backend(integer, bigint)")
"""Rights that this takes. It ends sessions of the same login only."""

WITHHELD = (
    *("pg_advisory_lock", "pg_advisory_lock_shared", "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared"),
    *("pg_try_advisory_lock", "pg_try_advisory_lock_shared"),
    *("pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared"),
    *("pg_terminate_backend", "pg_cancel_backend", "pg_logical_emit_message"),
    *("lo_creat", "lo_create", "lo_from_bytea", "lo_put", "lo_open", "lowrite", "lo_unlink"),
    *("lo_truncate", "lo_truncate64"),
)
"""Functions that everybody may call by Postgres's default: locks that stand in others' way, the end of
others' statements, large objects and messages to nobody, which fill the disk."""

WITHHOLD = """DO $$
DECLARE
    found regprocedure;
BEGIN
    FOR found IN SELECT oid FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY ('{{{names}}}')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', found);
    END LOOP;
END $$"""


def hardening(database: str) -> Iterator[str]:
    """Yield what takes Postgres's defaults from everybody; a superuser's work, and harmless to repeat."""
    own = _quoted(database)
    everyone = ", ".join(ROLES)
    yield f"REVOKE ALL ON DATABASE {own} FROM PUBLIC"
    yield f"GRANT CONNECT ON DATABASE {own} TO {everyone}"
    yield f"GRANT TEMPORARY ON DATABASE {own} TO aicore_projector"
    yield "REVOKE ALL ON SCHEMA public FROM PUBLIC"
    # pgvector's types and operators are there, and nothing else.
    yield "GRANT USAGE ON SCHEMA public TO aicore_owner, aicore_projector, aicore_reader"
    yield "ALTER DEFAULT PRIVILEGES FOR ROLE aicore_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"
    yield "GRANT USAGE ON LANGUAGE plpgsql TO aicore_owner"
    for function in LEADING:
        yield f"GRANT EXECUTE ON FUNCTION {function} TO {', '.join(LEADERS)}"
    yield WITHHOLD.format(names=",".join(WITHHELD))
    yield "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC"


def making(login: Login) -> Iterator[str]:
    """Yield what makes a login, which has no password yet, or makes it again what it was."""
    name = login.name
    yield (
        f"DO $$ BEGIN CREATE ROLE {name} LOGIN IN ROLE {login.role}; "
        "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )
    yield (
        f"ALTER ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS "
        f"CONNECTION LIMIT {login.sessions_max}"
    )
    yield f"ALTER ROLE {name} RESET ALL"
    yield f"ALTER ROLE {name} SET temp_file_limit = '{TEMP_FILES_MAX}'"


def script(database: str) -> str:
    """Return, for a superuser's psql, all that makes the logins of one's own Postgres."""
    lines = ["-- As a superuser, once per database, after `aicore migrate`; it may be repeated.", "BEGIN;"]
    lines += [f"{statement};" for login in LOGINS for statement in making(login)]
    lines += [f"{statement};" for statement in hardening(database)]
    lines += ["COMMIT;", "-- A password for each; psql asks, and sends none in clear:"]
    lines += [f"\\password {login.name}" for login in LOGINS]
    return "\n".join(lines)


async def database_of(dsn: str) -> str:
    """Return the name of the database that a connection string leads to."""
    session = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S, command_timeout=COMMAND_TIMEOUT_S)
    try:
        name: str = await session.fetchval("SELECT current_database()")
        return name
    finally:
        await session.close()


async def secure(dsn: str, passwords: Mapping[str, str]) -> None:
    """Make the logins with these passwords, by login, and take from everybody else what is theirs by default.

    Args:
        dsn: a superuser's, of a database in which a realm was migrated.
        passwords: of letters and digits.
    """
    session = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S, command_timeout=COMMAND_TIMEOUT_S)
    try:
        database: str = await session.fetchval("SELECT current_database()")
        await session.execute("SELECT pg_advisory_lock($1)", LOCK)
        await session.execute("; ".join(_statements(database, passwords)))
    finally:
        await session.close()


def _statements(database: str, passwords: Mapping[str, str]) -> Sequence[str]:
    found = [statement for login in LOGINS for statement in making(login)]
    for login in LOGINS:
        password = passwords[login.name]
        if not password.isalnum():
            raise ValueError(f"the password of {login.name} is not of letters and digits")
        found.append(f"ALTER ROLE {login.name} PASSWORD '{password}'")
    return [*found, *hardening(database)]


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
