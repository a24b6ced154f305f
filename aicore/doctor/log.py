"""The log in Postgres: its roles, its schema, its guard, and every event."""

from collections.abc import Sequence

import asyncpg

from aicore.audit.vouching import Tampered, vouch
from aicore.doctor.check import Check, Patient
from bus.postgres.connect import schema_of
from bus.postgres.logins import ROLES
from bus.postgres.migrate import migration_state

VERIFY_BUDGET_S = 8.0
"""How long the chain is verified: some millions of events."""

TRIGGERS = ("event_append_only", "event_no_truncate")

# Purpose: which of our roles there are. Lock: none.
HAVE_ROLES = "SELECT rolname FROM pg_roles WHERE rolname = ANY($1::text[])"

# Purpose: whether we may more than we need, and what everybody may by Postgres's default. Lock: none.
OPEN = """
SELECT rolsuper, has_schema_privilege('public', 'public', 'CREATE') AS makes_tables,
    has_database_privilege('public', current_database(), 'TEMPORARY') AS makes_temporary,
    has_function_privilege('public', 'pg_advisory_lock(bigint)', 'EXECUTE') AS locks
FROM pg_roles WHERE rolname = session_user
"""

# Purpose: which forbidden rights the roles have on the log. Lock: none.
FORBIDDEN = """
SELECT r.rolname AS role, p.privilege FROM pg_roles r
CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p(privilege)
WHERE r.rolname = ANY(ARRAY['aicore_writer', 'aicore_reader', 'aicore_projector', 'aicore_relay'])
  AND has_table_privilege(r.rolname, $1, p.privilege)
ORDER BY 1, 2
"""

# Purpose: the guards of the log that are there and switched on ('O' and 'A'). Lock: none.
GUARDS = "SELECT tgname::text FROM pg_trigger WHERE tgrelid = $1::regclass AND tgenabled IN ('O', 'A')"


async def roles(patient: Patient) -> Sequence[Check]:
    """Check that the roles that the migrations grant rights to are there."""
    if patient.postgres is None:
        return []
    there = {row["rolname"] for row in await patient.postgres.fetch(HAVE_ROLES, ROLES)}
    missing = [role for role in ROLES if role not in there]
    if not missing:
        return [Check("roles", "ok", f"{', '.join(ROLES)}{await _left_open(patient.postgres)}")]
    made = " ".join(f"CREATE ROLE {role} NOLOGIN; GRANT {role} TO CURRENT_USER;" for role in missing)
    mend = f"as an administrator: {made} then repeat that role's GRANT lines of migrations/*.sql"
    return [Check("roles", "fault", f"missing: {', '.join(missing)}", mend)]


async def _left_open(postgres: asyncpg.Connection) -> str:
    """Return what a thief of a login could do beyond its role, in words; "" if nothing."""
    found = await postgres.fetchrow(OPEN)
    assert found is not None
    told = {
        "rolsuper": "components log in as a superuser",
        "makes_tables": "everybody may make tables",
        "makes_temporary": "everybody may make temporary tables",
        "locks": "everybody may take advisory locks",
    }
    wide = "; ".join(text for name, text in told.items() if found[name])
    return f"; wider than needed: {wide} (`aicore migrate --print-roles` closes that)" if wide else ""


async def migrations(patient: Patient) -> Sequence[Check]:
    """Check that every migration is applied as it was released."""
    if patient.postgres is None:
        return []
    state = await migration_state(patient.system.postgres_dsn, patient.system.realm)
    if state.changed:
        fact = f"changed or removed after they were applied: {', '.join(state.changed)}"
        mend = "restore the released files (git checkout) and put the change into a new migration"
        return [Check("migrations", "fault", fact, mend)]
    if state.pending:
        fact = f"not applied: {', '.join(state.pending)}"
        return [Check("migrations", "fault", fact, "`aicore migrate` applies them")]
    return [Check("migrations", "ok", f"{len(state.applied)} applied, none changed, none missing")]


async def append_only(patient: Patient) -> Sequence[Check]:
    """Check the guard: only the owner's function may write the log, and triggers stop even the owner."""
    if patient.postgres is None:
        return []
    table = f"{schema_of(patient.system.realm)}.event"
    if await patient.postgres.fetchval("SELECT to_regclass($1)", table) is None:
        return [Check("append-only", "fault", f"there is no table {table}", "`aicore up` makes it")]
    found: list[Check] = []
    rights = await patient.postgres.fetch(FORBIDDEN, table)
    if rights:
        fact = "; ".join(f"{row['role']} may {row['privilege']} the log" for row in rights)
        sql = " ".join(f"REVOKE {row['privilege']} ON {table} FROM {row['role']};" for row in rights)
        found.append(
            Check("append-only", "fault", fact, f"as an administrator: {sql} then `aicore log verify`")
        )
    on = {row["tgname"] for row in await patient.postgres.fetch(GUARDS, table)}
    if missing := [name for name in TRIGGERS if name not in on]:
        fact = f"trigger missing or switched off: {', '.join(missing)}"
        sql = " ".join(f"ALTER TABLE {table} ENABLE TRIGGER {name};" for name in missing)
        mend = (
            f"as an administrator: {sql} (dropped? its CREATE TRIGGER line in migrations/0002_event.sql)"
            " then `aicore log verify`"
        )
        found.append(Check("append-only", "fault", fact, mend))
    return found or [Check("append-only", "ok", "no role may change the log, both triggers are on")]


async def log(patient: Patient) -> Sequence[Check]:
    """Check that every event is the one that was recorded; with JetStream the next check compares."""
    if patient.postgres is None:
        return []
    found = await vouch(patient.system, budget_s=VERIFY_BUDGET_S, jetstream=False)
    verdict = found.verdict
    try:
        found.check()
    except Tampered as error:
        return [Check("log", "fault", str(error), error.remedy)]
    if not verdict.whole:
        fact = f"events 1 to {verdict.head.position} are as they were recorded; no time for those after"
        return [Check("log", "warning", fact, "`aicore log verify` looks at every event")]
    known = " and ".join(f"{where} at {at.position}" for where, at in found.known.items())
    fact = f"all {verdict.events} events are as they were recorded: hashed again now"
    fact += f", compared with {known}" if known else ""
    return [Check("log", "ok", fact)]
