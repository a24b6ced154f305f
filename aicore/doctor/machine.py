"""The machine: what waits on it for the log, its disk, its clock, and what others left on it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from aicore.doctor.check import Check, Patient, in_schema
from aicore.embedded import place
from aicore.spools import LogSays, TooBusy, ask_log, spools_in, state_of
from bus.nats.discovery import clock_of, discovered
from bus.nats.service import NAME
from bus.spool.disk import Directory

NAMED_MAX = 3
"""Folders named at once: a command that one can read."""


async def spool(patient: Patient) -> Sequence[Check]:
    """Check what waits on this machine for the log, and that the log has what was shipped."""
    found = []
    for folder in spools_in(patient.system.state_dir):
        try:
            state = state_of(folder, await _log_of(patient, folder))
        except TooBusy:  # it is being shipped: all is well
            continue
        for alert in state["alerts"]:
            fact = f"{alert['code']}: {alert['message']}"
            found.append(Check("spool", "fault", fact, f"`aicore spool status`; it lies in {folder.path}"))
    return found or [Check("spool", "ok", "no record waits long for the log, none was refused")]


async def _log_of(patient: Patient, folder: Directory) -> LogSays | None:
    """Return what the log says of a spool; None where it does not answer."""
    if patient.postgres is None:
        return None
    async with in_schema(patient) as connection:
        return await ask_log(folder, connection)


async def disk(patient: Patient) -> Sequence[Check]:
    """Check that the log has room to grow."""
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


async def abandoned(patient: Patient) -> Sequence[Check]:
    """Check that no folder of an embedded server outlived its state directory."""
    del patient  # about the machine, whatever the system
    return left_behind(place.abandoned())


def left_behind(found: Sequence[Path]) -> Sequence[Check]:
    """Return what to say of folders that nobody needs any more."""
    if not found:
        return []
    names, rest = " ".join(str(folder) for folder in found[:NAMED_MAX]), len(found) - NAMED_MAX
    many = f"{len(found)} folders" if len(found) > 1 else "1 folder"
    fact = f"{many} of embedded servers, whose state directory is gone"
    more = f" (then look again: {rest} more)" if rest > 0 else ""
    return [Check("abandoned data", "warning", fact, f"if those are gone for good: rm -r {names}{more}")]


async def clock(patient: Patient) -> Sequence[Check]:
    """Check that Postgres's clock and ours tell the same time."""
    if patient.postgres is None:
        return []
    before = patient.now_us()
    theirs = await patient.postgres.fetchval("SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint")
    after = patient.now_us()
    # The server read its clock somewhere between; only what that cannot explain is a difference.
    skew_ms = max(before - theirs, theirs - after, 0) / 1_000
    limit = patient.settings.clock_skew_ms_max
    fact = f"ours and Postgres's differ by {skew_ms:.1f} ms"
    mend = f"let NTP set both machines' clocks; the limit is AICORE_CLOCK_SKEW_MS_MAX={limit}"
    return [Check("clock", "fault", fact, mend) if skew_ms > limit else Check("clock", "ok", fact)]


async def clocks(patient: Patient) -> Sequence[Check]:
    """Check that every process of the realm tells the time that Postgres does, within a second."""
    if patient.nats is None:
        return []
    told = [clock_of(each) for each in await discovered(patient.nats, "STATS", NAME, patient.system.realm)]
    mend = "nothing is recorded by it until its machine's clock is right: let NTP set it"
    return [Check("clock", "fault", f"process {name}: {wrong}", mend) for name, wrong in told if wrong]
