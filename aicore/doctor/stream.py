"""NATS: the log's stream, the processes on which log, the inbox, and the dead letters."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aicore.doctor.check import LAG_EVENTS_MAX, Check, Patient, in_schema
from bus.nats.api import Missing, js_request
from bus.nats.dead_letters import waiting
from bus.nats.presence import AnotherLog, processes
from bus.nats.topology import StreamState, describe, events_stream, inbox_stream
from bus.ports import Head
from bus.postgres.identity import log_identity
from bus.relay.comparison import compare
from bus.relay.judgement import Finding
from bus.relay.leadership import relay_lock
from bus.relay.record import Noted, noted, recall
from bus.relay.walk import Covered, covered

INBOX_WAIT_S_MAX = 60.0

INBOX_SHARE_MAX = 0.9

PAST_US = 24 * 3_600 * 1_000_000
"""So long the doctor tells of what was mended."""

SHOWN = 5
MENDING = "the relay tries again by itself; `aicore relay status`, and its log, say what it waits for"
WHO = "a restart or restore of NATS explains some of it; if not, find out who may write to JetStream"

# Purpose: whether a session holds the relay's lock (classid and objid are the key's halves). Lock: none.
LEADS = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND classid = ($1::bigint >> 32)::oid AND objid = ($1::bigint & 4294967295)::oid
"""


async def stream(patient: Patient) -> Sequence[Check]:
    """Check the equation: JetStream's sequence is the position, and each message is the log's event there."""
    if patient.postgres is None or patient.nats is None:
        return []
    async with in_schema(patient) as connection:
        asked = await recall(connection)
        finding = await compare(patient.nats, connection, patient.system.realm, asked)
        leads = await connection.fetchval(LEADS, relay_lock(patient.system.realm))
        row = await connection.fetchrow("SELECT * FROM relay_state")
        past = await noted(connection, since_us=patient.now_us() - PAST_US)
    try:
        state = await describe(patient.nats, events_stream(patient.system.realm))
    except Missing:
        state = StreamState(0, 0, 0, 0)
    walked = covered(state, row)
    now = _of_now(finding, walked, leads=bool(leads), row=row)
    return [now, *_of_the_past(past, told=now.verdict == "fault")]


def _of_now(finding: Finding, walked: Covered, *, leads: bool, row: Mapping[str, Any] | None) -> Check:
    """Return how the stream stands now."""
    start = "" if leads else "start a relay (`aicore up` or `aicore run relay`): "
    if finding.lost and leads and row and row["verdict"] not in ("ahead", "forked"):
        fact = f"{finding.reason}; the relay has not judged it yet"
        return Check("stream", "fault", fact, "ask again in a few seconds")
    if finding.lost:
        return _lost(finding, finding.lost)
    if not finding.usable or finding.kind:
        fact = f"JetStream is {finding.verdict}: {finding.reason}"
        mend = f"{start}the relay compares both and makes the stream right from the log"
        return Check("stream", "fault", fact, mend)
    fact = f"JetStream ends at {finding.last}, the log at {finding.head}; {_compared(finding, walked)}"
    if not leads:
        mend = f"{start}it carries on after {finding.last}"
        return Check("stream", "fault", f"{fact}; no relay leads", mend)
    if finding.head - finding.last > LAG_EVENTS_MAX:
        return Check("stream", "warning", fact, "the relay is behind: see `aicore relay status`")
    return Check("stream", "ok", fact)


def _lost(finding: Finding, lost: Head) -> Check:
    fact = f"{finding.reason}: the log has lost events; nothing is published"
    confirm = "`aicore relay confirm-log --operator … --reason …`"
    if finding.of_empty:
        mend = (
            "JetStream no longer shows what was lost. Restore a backup of the log that reaches to "
            f"{lost.position} and passes `aicore log verify`, if there is one; then, or if the "
            f"log is right as it is: {confirm}"
        )
        return Check("stream", "fault", fact, mend)
    mend = (
        "keep JetStream's files, they are the witness. Was the log changed? Restore a backup of it that "
        f"passes `aicore log verify --head {lost.position}:{lost.hash.hex()}`. Is it right, restored from a "
        f"backup on purpose, or were those events forged while no relay ran? {confirm}, which gives them up"
    )
    return Check("stream", "fault", fact, mend)


def _compared(finding: Finding, walked: Covered) -> str:
    """Return in words what was compared, and what remains."""
    now = f"{finding.compared} positions compared now, all the same"
    if not walked.compared:
        return f"{now}; of the {walked.of} there are, the relay has compared none one by one yet"
    when = f"{_time(walked.began_us)} to {_time(walked.ended_us)} UTC"
    if not walked.remain:
        return f"{now}; all {walked.of} by the relay, {when}"
    return f"{now}; {walked.compared} of {walked.of} by the relay, {when}; {walked.remain} remain"


def _of_the_past(past: Sequence[Noted], *, told: bool) -> Sequence[Check]:
    """Return what the relay found in the last day, mended or not; ``told``: a fault was named already."""
    open_ = [f"{each.what} (found {_time(each.found_us)} UTC)" for each in past if not each.mended_us]
    done = [f"{_time(each.found_us)} UTC: {each.what}" for each in past if each.mended_us]
    found = []
    if open_ and not told:
        found.append(Check("stream", "fault", f"not mended yet: {'; '.join(open_)}", MENDING))
    if done:
        many = f", and {len(done) - SHOWN} more before" if len(done) > SHOWN else ""
        fact = f"found and mended from the log: {'; '.join(done[-SHOWN:])}{many}"
        found.append(Check("stream mended", "warning", fact, WHO))
    return found


def _time(us: int) -> str:
    return f"{datetime.fromtimestamp(us / 1e6, UTC):%H:%M:%S}"


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
