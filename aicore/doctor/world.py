"""What of the world is led by one process: somebody leads it, and nothing that is due waits."""

from collections.abc import Mapping, Sequence
from typing import Any

from aicore.client import Client as WireClient
from aicore.client import Refused
from aicore.doctor.check import Check, Patient, in_schema
from aicore.doctor.stream import LEADS
from bus.relay.leadership import SILENCE_MAX_S, Work, lock_of
from domain.clock.clock import STREAM
from domain.clock.queries import ClockQuery
from domain.factions.factions import STREAM as FACTIONS
from domain.ledger.book import STREAM as LEDGER
from domain.people.messages import COURSE, PeopleBegun
from domain.weather.weather import STREAM as WEATHER
from protocol.errors import WireError

LATE_S_MAX = 2 * SILENCE_MAX_S
"""Longer than a change of leaders takes."""

NAME = "game clock"
START = (
    "start a process that leads it (`aicore up` or `aicore run commands`); if one runs, its log says why not"
)

# Purpose: whether the realm has a clock. Index: event_stream_version. Lock: none.
THERE = "SELECT true FROM event WHERE stream = $1 LIMIT 1"

# Purpose: what was said last. Index: event_stream_version, backwards. Lock: none.
LAST = "SELECT type FROM event WHERE stream = $1 ORDER BY version DESC LIMIT 1"


async def game_clock(patient: Patient) -> Sequence[Check]:
    """Check that a realm's clock, if it has one, is led and keeps up."""
    if patient.postgres is None or patient.nats is None:
        return []
    async with in_schema(patient) as connection:
        if not await connection.fetchval(THERE, STREAM):
            return []
        leads = await connection.fetchval(LEADS, lock_of("clock", patient.system.realm))
    if not leads:
        return [Check(NAME, "fault", "nobody leads it: time goes on, but alarms and phases wait", START)]
    try:
        found = (await WireClient(patient.nats, patient.system.realm).query(ClockQuery.query_name)).result
    except (ConnectionError, Refused, WireError) as error:
        return [Check(NAME, "fault", f"no process answers what time it is: {error}", START)]
    return [clock_finding(found)]


async def ledger(patient: Patient) -> Sequence[Check]:
    """Check that a realm's ledger, if there ever was one, is led."""
    return await _is_led(patient, "ledger", LEDGER, "no transfer is decided, no hold ends")


async def weather(patient: Patient) -> Sequence[Check]:
    """Check that a realm's weather, if it has any, is led."""
    return await _is_led(patient, "weather", WEATHER, "it goes on, but nobody is told, and no way closes")


async def factions(patient: Patient) -> Sequence[Check]:
    """Check that a realm's factions, if it has any, are led."""
    return await _is_led(patient, "factions", FACTIONS, "their days come late")


async def _is_led(patient: Patient, work: Work, stream: str, without: str) -> Sequence[Check]:
    if patient.postgres is None:
        return []
    async with in_schema(patient) as connection:
        if not await connection.fetchval(THERE, stream):
            return []
        leads = await connection.fetchval(LEADS, lock_of(work, patient.system.realm))
    if not leads:
        return [Check(work, "fault", f"nobody leads it: {without}", START)]
    return [Check(work, "ok", "one process decides")]


async def people(patient: Patient) -> Sequence[Check]:
    """Check that a realm's people, if they are to live, are led."""
    if patient.postgres is None:
        return []
    async with in_schema(patient) as connection:
        last = await connection.fetchval(LAST, COURSE)
        leads = await connection.fetchval(LEADS, lock_of("people", patient.system.realm))
    if last is None:
        return []
    if last != PeopleBegun.event_name:
        return [Check("people", "ok", "they rest: `aicore people begin`")]
    if not leads:
        return [Check("people", "fault", "nobody leads them: they stand where they are", START)]
    return [Check("people", "ok", "they live, and one process decides")]


def clock_finding(found: Mapping[str, Any]) -> Check:
    """Return how a clock that is led stands."""
    led = f"led by {found['leader']}, term {found['term']}"
    if found["late_us"] > LATE_S_MAX * 1e6:
        fact = f"{led}; something has been due for {found['late_us'] / 1e6:,.0f} s"
        mend = "see the log of that process; if work is too much, `aicore clock alarms` shows what waits"
        return Check(NAME, "warning", fact, mend)
    if found["dilation_num"] != found["dilation_den"]:
        fact = f"{led}; slowed down to {found['dilation_num']}/{found['dilation_den']} of its scale"
        return Check(
            NAME, "warning", fact, "the work does not keep up: give the log a faster disk, or fewer alarms"
        )
    return Check(
        NAME, "ok", f"{led}; alarms waiting: {found['alarms']:,}{'; paused' if found['paused'] else ''}"
    )
