"""Examines a system from outside and names each fault with its mend.

Every check stands alone: one that cannot be made, because a server is away, says so under that server's name
and the others are made all the same.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import asyncpg
from nats.aio.client import Client
from nats.errors import Error as NatsError

from aicore.audit.vouching import Tampered, vouch
from aicore.client import Client as WireClient
from aicore.client import Refused
from aicore.clock import now_us
from aicore.embedded.place import abandoned
from aicore.running import System
from aicore.settings import Settings, masked
from aicore.spools import TooBusy, spools_in, state_of
from bus.nats.api import JetStreamError, Missing, js_request
from bus.nats.connection import BrokerUnreachable, connect
from bus.nats.dead_letters import waiting
from bus.nats.discovery import discovered
from bus.nats.presence import AnotherLog, processes
from bus.nats.service import NAME as SERVICE
from bus.nats.topology import describe, inbox_stream
from bus.postgres.connect import schema_of
from bus.postgres.identity import log_identity
from bus.postgres.migrate import MigrationError, migration_state
from bus.relay.comparison import compare
from bus.relay.leadership import relay_lock
from domain.routing.queries import TiersQuery
from domain.routing.tiers import tiers_serving
from protocol.errors import WireError

CONNECT_TIMEOUT_S = 3.0
CHECK_TIMEOUT_S = 15.0
POSTGRES_MIN = 16
"""`GRANT … WITH SET` and `pg_has_role(…, 'SET')` came with it."""

NATS_MIN = (2, 12)
VERIFY_BUDGET_S = 8.0
"""How long the chain is verified: some millions of events."""

LAG_EVENTS_MAX = 10_000
"""A projection or relay further behind than this deserves a look."""

INBOX_WAIT_S_MAX = 60.0
INBOX_SHARE_MAX = 0.9

ROLES = ("aicore_owner", "aicore_writer", "aicore_reader", "aicore_projector")
TRIGGERS = ("event_append_only", "event_no_truncate")

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
    """What was found. ``mend`` is "" unless there is something to do."""

    name: str
    verdict: Literal["ok", "warning", "fault"]
    fact: str
    mend: str = ""


class Patient(NamedTuple):
    """What the checks look at; a server that does not answer is None."""

    settings: Settings
    system: System
    postgres: asyncpg.Connection | None
    nats: Client | None
    now_us: Callable[[], int]


async def examine(
    settings: Settings, system: System, *, clock: Callable[[], int] = now_us
) -> Sequence[Check]:
    """Return every check's finding; takes at most about 20 s when servers hang."""
    found: list[Check] = []
    async with _postgres(system, found) as postgres, _nats(system, found) as nats:
        patient = Patient(settings, system, postgres, nats, clock)
        for check in _CHECKS:
            try:
                async with asyncio.timeout(CHECK_TIMEOUT_S):
                    found += await check(patient)
            except FAILURES as error:
                name = check.__name__.strip("_")
                what = f"could not be checked: {type(error).__name__}: {error}"
                found.append(Check(name, "fault", what, "mend the faults above first, then ask again"))
    return found


# --- servers ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _postgres(system: System, found: list[Check]) -> AsyncIterator[asyncpg.Connection | None]:
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
async def _nats(system: System, found: list[Check]) -> AsyncIterator[Client | None]:
    where = masked(system.nats_url)
    try:
        async with connect(system.nats_url, name="aicore doctor", timeout_s=CONNECT_TIMEOUT_S) as nc:
            found.append(_nats_version(nc, where))
            yield nc
    except BrokerUnreachable as error:
        fact = f"does not answer at {where}: {error.reason}"
        mend = f"start it (`aicore up` for the embedded one; its log is in {system.state_dir}), or correct"
        found.append(Check("nats", "fault", fact, f"{mend} AICORE_NATS_URL"))
        yield None


def _nats_version(nc: Client, where: str) -> Check:
    version = nc.connected_server_version
    fact = f"nats-server {version.major}.{version.minor} at {where}"
    if (version.major, version.minor) < NATS_MIN:
        wanted = ".".join(map(str, NATS_MIN))
        return Check("nats", "fault", fact, f"upgrade the server to {wanted} or newer")
    return Check("nats", "ok", fact)


# --- the database -------------------------------------------------------------------------------------------

# Purpose: which of our roles there are. Lock: none.
HAVE_ROLES = "SELECT rolname FROM pg_roles WHERE rolname = ANY($1::text[])"

# Purpose: which forbidden rights the roles have on the log. Lock: none.
FORBIDDEN = """
SELECT r.rolname AS role, p.privilege FROM pg_roles r
CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p(privilege)
WHERE r.rolname = ANY(ARRAY['aicore_writer', 'aicore_reader', 'aicore_projector'])
  AND has_table_privilege(r.rolname, $1, p.privilege)
ORDER BY 1, 2
"""

# Purpose: the guards of the log that are there and switched on ('O' and 'A'). Lock: none.
GUARDS = "SELECT tgname::text FROM pg_trigger WHERE tgrelid = $1::regclass AND tgenabled IN ('O', 'A')"


# Purpose: use cases in which no model may speak; few rows, read whole. Lock: none.
SILENCED = "SELECT use_case, name, version, model_id FROM current_models WHERE status = 'silenced' ORDER BY 1"


# Purpose: who is to speak; few rows, read whole. Lock: none.
SPEAKERS = """
SELECT use_case, name, version, provider, model_id FROM current_models WHERE status = 'current' ORDER BY 1
"""


async def _roles(patient: Patient) -> Sequence[Check]:
    if patient.postgres is None:
        return []
    there = {row["rolname"] for row in await patient.postgres.fetch(HAVE_ROLES, ROLES)}
    missing = [role for role in ROLES if role not in there]
    if not missing:
        return [Check("roles", "ok", ", ".join(ROLES))]
    made = " ".join(f"CREATE ROLE {role} NOLOGIN; GRANT {role} TO CURRENT_USER;" for role in missing)
    mend = f"as an administrator: {made} then repeat that role's GRANT lines of migrations/*.sql"
    return [Check("roles", "fault", f"missing: {', '.join(missing)}", mend)]


async def _migrations(patient: Patient) -> Sequence[Check]:
    if patient.postgres is None:
        return []
    state = await migration_state(patient.system.postgres_dsn, patient.system.realm)
    if state.changed:
        fact = f"changed or removed after they were applied: {', '.join(state.changed)}"
        mend = "restore the released files (git checkout) and put the change into a new migration"
        return [Check("migrations", "fault", fact, mend)]
    if state.pending:
        fact = f"not applied: {', '.join(state.pending)}"
        return [Check("migrations", "fault", fact, "`aicore up` or `aicore run …` applies them")]
    return [Check("migrations", "ok", f"{len(state.applied)} applied, none changed, none missing")]


async def _append_only(patient: Patient) -> Sequence[Check]:
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


async def _log(patient: Patient) -> Sequence[Check]:
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


# --- what is derived from the log ---------------------------------------------------------------------------


async def _stream(patient: Patient) -> Sequence[Check]:
    """Check the equation: JetStream's last sequence is a position whose event has the same id and hash."""
    if patient.postgres is None or patient.nats is None:
        return []
    async with _in_schema(patient) as connection:
        finding = await compare(patient.nats, connection, patient.system.realm)
        leads = await connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
            " AND classid = ($1::bigint >> 32)::oid AND objid = ($1::bigint & 4294967295)::oid",
            relay_lock(patient.system.realm),
        )
        verified_us = await connection.fetchval("SELECT verified_us FROM relay_state")
    start = "" if leads else "start a relay (`aicore up` or `aicore run relay`): "
    if finding.lost:
        fact = f"{finding.reason}: the log has lost events; nothing is published"
        confirm = "`aicore relay confirm-log --operator … --reason …`"
        head = f" --head {finding.lost.position}:{finding.lost.hash.hex()}"
        mend = (
            "keep JetStream's files, they are the witness. Was the log changed? Restore a backup of it that "
            f"passes `aicore log verify{head}`. Is it right, restored from a backup on purpose? {confirm}, "
            "which gives those events up"
        )
        if finding.of_empty:
            mend = (
                "JetStream no longer shows what was lost. Restore a backup of the log that reaches to "
                f"{finding.lost.position} and passes `aicore log verify`, if there is one; then, or if the "
                f"log is right as it is: {confirm}"
            )
        return [Check("stream", "fault", fact, mend)]
    if not finding.usable:
        fact = f"JetStream is {finding.verdict}: {finding.reason}"
        mend = f"{start}the relay compares both and makes the stream anew from the log"
        return [Check("stream", "fault", fact, mend)]
    fact = (
        f"JetStream ends at {finding.last}, the log at {finding.head}; ids and hashes of {finding.compared} "
        f"positions compared now, all the same{_by_relay(verified_us)}"
    )
    if not leads:
        return [
            Check("stream", "fault", f"{fact}; no relay leads", f"{start}it carries on after {finding.last}")
        ]
    if finding.head - finding.last > LAG_EVENTS_MAX:
        return [Check("stream", "warning", fact, "the relay is behind: see `aicore relay status`")]
    return [Check("stream", "ok", fact)]


def _by_relay(verified_us: int | None) -> str:
    """Return when the relay compared last, in words."""
    if not verified_us:
        return ""
    return f"; by the relay at {datetime.fromtimestamp(verified_us / 1e6, UTC):%H:%M:%S} UTC"


async def _systems(patient: Patient) -> Sequence[Check]:
    """Check that all who serve the realm on this NATS stand on this log."""
    if patient.postgres is None or patient.nats is None:
        return []
    log = await log_identity(patient.postgres, patient.system.realm)
    found = await processes(patient.nats, patient.system.realm)
    strangers = [each for each in found if each.log != log]
    if strangers:
        fact = f"the realm is served from another log, too: {'; '.join(map(str, strangers))}"
        return [Check("systems", "fault", fact, AnotherLog.remedy)]
    return [Check("systems", "ok", f"{len(found)} processes serve the realm, all on the log {log}")]


async def _projections(patient: Patient) -> Sequence[Check]:
    if patient.postgres is None:
        return []
    async with _in_schema(patient) as connection:
        head = await connection.fetchval("SELECT coalesce(max(position), 0) FROM event")
        rows = await connection.fetch("SELECT name, position, error FROM projection_checkpoint ORDER BY name")
    found = []
    for row in rows:
        name, position = row["name"], row["position"]
        again = f"`aicore projections rebuild {name}` makes it anew from the log"
        if position > head:
            fact = f"{name} is at {position}, the log ends at {head}: another log, or its end was cut off"
            mend = f"make sure of the log first (`aicore log verify`, the stream above); is it right, {again}"
            found.append(Check("projections", "fault", fact, mend))
        elif row["error"]:
            mend = f"mend what the error names and restart; {again}"
            found.append(Check("projections", "fault", f"{name} stands at {position}: {row['error']}", mend))
        elif head - position > LAG_EVENTS_MAX:
            fact = f"{name} is {head - position} events behind"
            found.append(Check("projections", "warning", fact, "is `aicore run projections` running?"))
        else:
            found.append(Check("projections", "ok", f"{name} at {position} of {head}"))
    return found


async def _followers(patient: Patient) -> Sequence[Check]:
    """Check that what follows the log in memory takes in all that the log holds."""
    if patient.nats is None:
        return []
    told = await discovered(patient.nats, "STATS", SERVICE, patient.system.realm)
    standing = [each for one in told if one["endpoints"] for each in one["endpoints"][0]["data"]["followers"]]
    mend = (
        "an event of a newer program: upgrade this one; a damaged one: `aicore log verify`; then start anew"
    )
    wrong = [
        Check("followers", "fault", f"{each['name']}: {each['error']}", mend)
        for each in standing
        if each["error"]
    ]
    names = ", ".join(sorted({each["name"] for each in standing}))
    return wrong or [Check("followers", "ok", f"{names} take in all that the log holds")] * bool(standing)


async def _silence(patient: Patient) -> Sequence[Check]:
    """Check that every use case has a model that may speak."""
    if patient.postgres is None:
        return []
    async with _in_schema(patient) as connection:
        rows = await connection.fetch(SILENCED)
    return [
        Check(
            "use cases",
            "fault",
            f"{row['use_case']} is SILENT: {row['name']} {row['version']} was rolled back, none is left",
            f"promote another model, or it again: `aicore models promote {row['model_id']} --operator YOU "
            "--reason WHY --override WHY`",
        )
        for row in rows
    ] or [Check("use cases", "ok", "each has a model that may speak")]


async def _engines(patient: Patient) -> Sequence[Check]:
    """Check that every tier has an engine that can be asked, and every current model one that serves it."""
    if patient.nats is None:
        return []
    client = WireClient(patient.nats, patient.system.realm, "operator:doctor")
    try:
        tiers: Sequence[Mapping[str, Any]] = (await client.query(TiersQuery.query_name)).result
    except (ConnectionError, Refused, WireError) as error:
        mend = (
            "start one (`aicore up` or `aicore run inference`); if one runs, its log says what it waits for"
        )
        return [Check("engines", "fault", f"no process answers players: {error}", mend)]
    found = [check for tier in tiers for check in _tier(tier, tiers)]
    if patient.postgres:
        async with _in_schema(patient) as connection:
            speakers = await connection.fetch(SPEAKERS)
        found += [
            Check(
                "engines",
                "fault",
                f"{row['use_case']}: no engine serves {row['name']} {row['version']} of provider "
                f"{row['provider']}",
                f"name one in the engines' file (AICORE_ENGINES_FILE) and restart; `aicore models show "
                f"{row['model_id']}` tells the model's files",
            )
            for row in speakers
            if not tiers_serving(tiers, row["provider"], f"{row['name']}@{row['version']}")
        ]
    names = {engine["name"] for tier in tiers for engine in tier["engines"]}
    return found or [Check("engines", "ok", f"{len(names)} serve {', '.join(t['tier'] for t in tiers)}")]


def _tier(tier: Mapping[str, Any], tiers: Sequence[Mapping[str, Any]]) -> Sequence[Check]:
    """Return what is wrong with a tier: some of its engines cannot be asked, or none."""
    away = [engine for engine in tier["engines"] if not _able(engine)]
    if tier["engines"] and not away:
        return []
    why = "; ".join(
        f"{each['name']}: {each.get('settings_fault') or each['reason'] or 'circuit ' + each['circuit']}"
        for each in away
    )
    mend = (
        "see that the server behind each runs (its url is in AICORE_ENGINES_FILE); it is asked again within "
        "seconds; `aicore tiers --watch` shows when"
    )
    if len(away) < len(tier["engines"]):
        return [Check("engines", "warning", f"{tier['tier']}: {why}; others serve it", mend)]
    below = next((each for each in tiers if each["tier"] == tier["below"]), None)
    fact = f"{tier['tier']}: no engine can be asked: {why or 'it has none'}"
    if below and any(_able(engine) for engine in below["engines"]):
        return [Check("engines", "warning", f"{fact}; {below['tier']} takes its turns", mend)]
    return [Check("engines", "fault", f"{fact}; callers get authored lines or refusals", mend)]


def _able(engine: Mapping[str, Any]) -> bool:
    return bool(engine["ok"]) and engine["circuit"] != "open" and not engine.get("settings_fault")


async def _spool(patient: Patient) -> Sequence[Check]:
    """Check what waits on this machine for the log."""
    found = []
    for folder in spools_in(patient.system.state_dir):
        try:
            state = state_of(folder)
        except TooBusy:  # it is being shipped: all is well
            continue
        for alert in state["alerts"]:
            fact = f"{alert['code']}: {alert['message']}"
            found.append(Check("spool", "fault", fact, f"`aicore spool status`; it lies in {folder.path}"))
    return found or [Check("spool", "ok", "no record waits long for the log, none was refused")]


async def _inbox(patient: Patient) -> Sequence[Check]:
    """Check that there is an inbox, that it has room, and that what is put in is carried out."""
    if patient.nats is None:
        return []
    run = "is `aicore run commands` running? its log says what it waits for"
    try:
        state = await describe(patient.nats, inbox_stream(patient.system.realm))
    except Missing:
        return [Check("inbox", "warning", "there is none: whoever publishes to it is refused", run)]
    waits_s = state.first_age_us / 1e6
    fact = f"{state.messages} commands wait, the oldest for {waits_s:.0f} s"
    if state.bytes_max and state.bytes >= INBOX_SHARE_MAX * state.bytes_max:
        full = f"{fact}; it is {state.bytes / state.bytes_max:.0%} full, and then refuses"
        return [Check("inbox", "fault", full, f"{run}; AICORE_INBOX_MB_MAX gives it more room")]
    if state.messages and waits_s > INBOX_WAIT_S_MAX:
        return [Check("inbox", "fault", fact, f"{run}; a full store of dead letters holds it up, too")]
    return [Check("inbox", "ok", fact if state.messages else "no command waits")]


async def _dead_letters(patient: Patient) -> Sequence[Check]:
    if patient.nats is None:
        return []
    account = await js_request(patient.nats, "INFO")
    letters = await waiting(patient.nats, patient.system.realm)
    used = int(account.get("storage", 0))
    if letters:
        mend = (
            "`aicore dlq list`, mend the cause, `aicore dlq redrive NUMBER`, or `aicore dlq dismiss NUMBER`"
        )
        return [Check("dead letters", "warning", f"{letters} wait", mend)]
    return [Check("dead letters", "ok", f"none; JetStream holds {used / 1e6:.1f} MB")]


# --- the machine --------------------------------------------------------------------------------------------


async def _disk(patient: Patient) -> Sequence[Check]:
    folder = patient.system.state_dir
    if not folder.exists():
        return []
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    limit = patient.settings.disk_free_mb_min
    fact = f"{free_mb:,} MB free in {folder}"
    if free_mb < limit:
        mend = f"free some space or move AICORE_STATE_DIR; the limit is AICORE_DISK_FREE_MB_MIN={limit}"
        return [Check("disk", "fault", f"{fact}, below {limit:,} MB", mend)]
    return [Check("disk", "ok", fact)]


async def _abandoned(patient: Patient) -> Sequence[Check]:
    del patient  # about the machine, whatever the system
    found = abandoned()
    if not found:
        return []
    names = " ".join(str(folder) for folder in found)
    fact = f"{len(found)} folders of embedded servers belong to state directories that are not there"
    return [Check("abandoned data", "warning", fact, f"if those are gone for good: rm -r {names}")]


async def _clock(patient: Patient) -> Sequence[Check]:
    if patient.postgres is None:
        return []
    before = patient.now_us()
    theirs = await patient.postgres.fetchval("SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint")
    after = patient.now_us()
    # The server read its clock somewhere between; only what that cannot explain is a difference.
    skew_ms = max(before - theirs, theirs - after, 0) / 1_000
    limit = patient.settings.clock_skew_ms_max
    fact = f"ours and Postgres's differ by {skew_ms:.1f} ms"
    if skew_ms > limit:
        mend = f"let NTP set both machines' clocks; the limit is AICORE_CLOCK_SKEW_MS_MAX={limit}"
        return [Check("clock", "fault", fact, mend)]
    return [Check("clock", "ok", fact)]


@asynccontextmanager
async def _in_schema(patient: Patient) -> AsyncIterator[asyncpg.Connection]:
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


_CHECKS: tuple[Callable[[Patient], Awaitable[Sequence[Check]]], ...] = (
    _roles,
    _migrations,
    _append_only,
    _log,
    _stream,
    _systems,
    _projections,
    _followers,
    _silence,
    _engines,
    _spool,
    _inbox,
    _dead_letters,
    _disk,
    _abandoned,
    _clock,
)
