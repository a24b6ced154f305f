"""NATS: the log's stream, the processes on which log, the inbox, and the dead letters."""

from collections.abc import Sequence
from datetime import UTC, datetime

from aicore.doctor.check import LAG_EVENTS_MAX, Check, Patient, in_schema
from bus.nats.api import Missing, js_request
from bus.nats.dead_letters import waiting
from bus.nats.presence import AnotherLog, processes
from bus.nats.topology import describe, inbox_stream
from bus.postgres.identity import log_identity
from bus.relay.comparison import compare
from bus.relay.leadership import relay_lock

INBOX_WAIT_S_MAX = 60.0

INBOX_SHARE_MAX = 0.9


async def stream(patient: Patient) -> Sequence[Check]:
    """Check the equation: JetStream's last sequence is a position whose event has the same id and hash."""
    if patient.postgres is None or patient.nats is None:
        return []
    async with in_schema(patient) as connection:
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


async def systems(patient: Patient) -> Sequence[Check]:
    """Check that all who serve the realm on this NATS stand on this log."""
    if patient.postgres is None or patient.nats is None:
        return []
    log = await log_identity(patient.postgres, patient.system.realm)
    found = await processes(patient.nats, patient.system.realm)
    strangers = [each for each in found if each.log != log]
    if strangers:
        fact = f"the realm is served from another log, too: {'; '.join(map(str, strangers))}"
        return [Check("systems", "fault", fact, AnotherLog.remedy)]
    many = f"{len(found)} processes serve the realm, all" if len(found) > 1 else "1 process serves the realm,"
    return [Check("systems", "ok", f"{many} on the log {log}")]


async def inbox(patient: Patient) -> Sequence[Check]:
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


async def dead_letters(patient: Patient) -> Sequence[Check]:
    """Check that no message waits for a person."""
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
