"""Comparison of stream and log: settings, count, newest end and whatever is in doubt.

This is the look that relay, doctor and `aicore relay confirm-log` share; it takes milliseconds. Every other
position is compared by the walk (`bus.relay.walk`). Both read through `bus.relay.reading` and judge by
`bus.relay.judgement`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
from nats.aio.client import Client

from bus.nats.api import Missing
from bus.nats.topology import YOUNG, StreamInfo, StreamState, events_stream, look_at, streams_on
from bus.nats.wire import row_encoder
from bus.ports import Head
from bus.relay.judgement import (
    NO_LONGER_KEPT,
    Exempt,
    Facts,
    Finding,
    Known,
    Message,
    event_at,
    follows,
    judge,
    of_empty,
    stand,
    wrong_of,
)
from bus.relay.reading import read
from bus.relay.settings import Change, changes
from protocol.chain import genesis

__all__ = ["NO_LONGER_KEPT", "Asked", "Finding", "Known", "compare"]

PLACES = 8
"""Messages compared beside the newest end: the first, and others evenly between."""

END = 64
"""So many of the newest places that both should have are compared."""

FOREIGN_MAX = 4_096
"""So many messages beyond what both should have are compared, half of them next to it, half at the end."""

SCAN = 1_024
"""Messages read at a time when the lowest that differs is looked for."""

TRIES_MAX = 3

# Purpose: the log's end. Index: primary key, backwards. Lock: none.
HEAD = "SELECT coalesce(max(position), 0) FROM event"

# Purpose: the log's hashes at some positions. Index: primary key. Lock: none.
HASHES = "SELECT position, hash FROM event WHERE position = ANY($1::bigint[])"

# Purpose: likewise, of a run. Index: primary key. Lock: none.
RUN = "SELECT position, hash FROM event WHERE position BETWEEN $1 AND $2"

# Purpose: the log's rows at some positions, columns as in `RecordedEvent`. Index: primary key. Lock: none.
WHOLE = """
SELECT position, stream, version, id, type, schema_version, recorded_us, meta, payload, hash
FROM event WHERE position = ANY($1::bigint[])
"""

# Purpose: whether an event is younger than a limit (µs; 0: none). Index: primary key. Lock: none.
YOUNGER = """
SELECT $2::bigint = 0 OR recorded_us > (extract(epoch FROM clock_timestamp()) * 1e6)::bigint - $2::bigint
FROM event WHERE position = $1
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Surroundings of a comparison beside log and stream.

    Attributes:
        known: of the past, see `Known`.
        wanted: the stream's configuration as it was made; {}: unknown, so that its sizes may be any.
        doubtful: places that are compared in any case.
    """

    known: Known = field(default_factory=Known)
    wanted: Mapping[str, Any] | None = None
    doubtful: Sequence[int] = ()


async def compare(
    nc: Client,
    connection: asyncpg.Connection,
    realm: str,
    asked: Asked = Asked(),
) -> Finding:
    """Return how the stream stands to the log.

    Raises:
        JetStreamUnavailable: no answer. asyncpg's errors: the log cannot be read.
    """
    for _ in range(TRIES_MAX):
        try:
            info = await look_at(nc, events_stream(realm))
            found, places = await _compared(nc, connection, realm, info, asked)
            after = await look_at(nc, events_stream(realm))
        except Missing:
            return await _missing(nc, connection, realm)
        state, now = info.state, after.state
        # A server that was exchanged, or let go of messages, while we read: what was read means nothing.
        if (now.made, now.last >= state.last) == (state.made, True) and all(p >= now.first for p in places):
            break
    if changed := settings_changed(info, realm, asked.wanted):
        reason = f"settings of the stream were changed: {'; '.join(map(str, changed))}"
        return found if found.lost else replace(found, verdict="different", kind="settings", reason=reason)
    return found


async def _compared(
    nc: Client, connection: asyncpg.Connection, realm: str, info: StreamInfo, asked: Asked
) -> tuple[Finding, Sequence[int]]:
    state = info.state
    head: int = await connection.fetchval(HEAD)  # after the stream's end, so that it cannot seem behind it
    emptied = await taken_out(connection, as_wanted(state, asked.wanted))
    if state.messages == 0:
        found = of_empty(state.last, head, asked.known)
        return (_emptied(found, emptied) if emptied and not found.lost else found), ()
    places = places_of(state, min(head, asked.known.published or head), [head + 1, *asked.doubtful])
    messages = await read(nc, realm, places)
    if messages[state.first] is None:
        del messages[state.first]  # it aged out between the two requests
    head = await connection.fetchval(HEAD)
    facts = Facts(realm, messages, state.last, head, holes=not state.whole, known=asked.known)
    found = await examine(connection, facts)
    usable = found.usable and emptied
    return (_emptied(found, emptied) if usable else found), list(messages)


async def examine(connection: asyncpg.Connection, facts: Facts) -> Finding:
    """Return the finding about messages; those that differ from the log's hashes are held against its rows.

    Raises:
        asyncpg's errors: the log cannot be read.
    """
    facts = replace(facts, hashes=await hashes_of(connection, facts.realm, list(facts.messages)))
    if wrong := wrong_of(stand(facts)):
        facts = replace(facts, exempt=await _looked_at(connection, facts, wrong))
    return judge(facts)


async def _looked_at(connection: asyncpg.Connection, facts: Facts, wrong: list[int]) -> Exempt:
    """Return where the stream has the log's very row, and where the log's row is not as it was recorded."""
    equal, unsound = set(), set()
    encode = row_encoder(facts.realm)
    for row in await connection.fetch(WHOLE, wrong):
        place, mine = row["position"], Message(*encode(row))
        event = event_at(facts.realm, place, mine)
        if facts.messages[place] == mine:
            equal.add(place)
        elif event is None or not follows(event, facts.hashes.get(place - 1, b"")):
            unsound.add(place)
    return Exempt(frozenset(equal), frozenset(unsound))


async def _missing(nc: Client, connection: asyncpg.Connection, realm: str) -> Finding:
    end = await connection.fetchval(HEAD)
    others = await streams_on(nc, f"{realm}.evt.>")
    finding = Finding("missing", 0, end, "there is no stream", agrees=end, differs=end + 1, kind="missing")
    if not others:
        return finding
    reason = f"there is no stream, and its subjects belong to the stream {', '.join(others)}"
    return replace(finding, reason=reason, kind="squatted")


def settings_changed(info: StreamInfo, realm: str, wanted: Mapping[str, Any] | None) -> Sequence[Change]:
    """Return what is not as the stream was made."""
    of_any = {
        "subjects": [f"{realm}.evt.>"],
        "duplicate_window": info.config.get("duplicate_window"),
        "deny_delete": True,
        "allow_direct": True,
    }
    return changes(wanted or of_any, info.config, sizes=bool(wanted))


def as_wanted(state: StreamState, wanted: Mapping[str, Any] | None) -> StreamState:
    """Return a state with the limits that the stream should have: others explain nothing that is gone."""
    if not wanted:
        return state
    bytes_max, age_us = max(0, int(wanted["max_bytes"])), int(wanted["max_age"]) // 1_000
    return replace(state, bytes_max=bytes_max, age_max_us=age_us, made_first=int(wanted["first_seq"]))


async def taken_out(connection: asyncpg.Connection, state: StreamState) -> str:
    """Return that messages are missing before the stream's first, though no limit made room; "" if not.

    A stream lets go of its oldest messages when they are too old, or too many; the log knows how old the
    newest of those is.

    Raises:
        asyncpg's errors: the log cannot be read.
    """
    gone = state.first - 1 if state.messages else state.last
    if gone < state.made_first or (state.messages and state.full):
        return ""
    young: bool | None = await connection.fetchval(YOUNGER, gone, int(state.age_max_us * YOUNG))
    return f"messages up to {gone} were taken out of the stream before their time" if young else ""


def _emptied(finding: Finding, reason: str) -> Finding:
    last = min(finding.last, finding.head)
    reason = f"{finding.reason}: {reason}" if finding.reason else reason
    found = replace(finding, reason=reason, kind=finding.kind or "emptied", emptied=True)
    return replace(found, verdict="different", agrees=last, differs=last + 1)


def places_of(state: StreamState, common: int, doubtful: Iterable[int]) -> list[int]:
    """Return what to compare: some evenly, and all from a little before ``common`` to the end, within bounds.

    ``common``: up to here both should be the same.
    """
    span = state.last - state.first
    places = {state.first + span * i // (PLACES - 1) for i in range(PLACES)}
    low = max(state.first, min(state.last, common) - END + 1)
    half = FOREIGN_MAX // 2
    places |= {*range(low, min(low + END + half, state.last) + 1)}
    places |= {*range(max(low, state.last - half), state.last + 1)}
    return sorted(places | {place for place in doubtful if state.first <= place <= state.last})


async def hashes_of(connection: asyncpg.Connection, realm: str, places: Sequence[int]) -> Mapping[int, bytes]:
    """Return the log's hashes at some places and those before them; at 0 the genesis."""
    wanted = sorted({*places, *(place - 1 for place in places)})
    if wanted and wanted[-1] - wanted[0] + 1 == len(wanted):
        rows = await connection.fetch(RUN, wanted[0], wanted[-1])
    else:
        rows = await connection.fetch(HASHES, wanted)
    return {0: genesis(realm), **{row["position"]: row["hash"] for row in rows}}


async def last_common(nc: Client, connection: asyncpg.Connection, realm: str, finding: Finding) -> int:
    """Return the last position before a stream that is not usable and the log part; 0 if none is known.

    Two logs agree up to where they part, so that place is found by halving. What was forged or damaged may
    lie in several places, so the lowest is looked for from the stream's first on.

    Raises:
        JetStreamUnavailable: no answer. asyncpg's errors: the log cannot be read.
    """
    agrees, differs = finding.agrees, finding.differs
    if finding.lost is None and finding.verdict == "different" and not finding.of_empty:
        return await _lowest(nc, connection, realm, min(finding.last, finding.head))
    while agrees + 1 < differs:
        place = (agrees + differs) // 2
        messages: Mapping[int, Message | None] = await read(nc, realm, [place])
        hashes = await hashes_of(connection, realm, [place])
        event = event_at(realm, place, messages[place])
        if event and event.hash == hashes.get(place):
            agrees = place
        else:
            differs = place
    return agrees


async def _lowest(nc: Client, connection: asyncpg.Connection, realm: str, last: int) -> int:
    """Return the place below the lowest that differs; ``last`` if none does."""
    try:
        state = (await look_at(nc, events_stream(realm))).state
    except Missing:
        return last
    for first in range(state.first, min(last, state.last) + 1, SCAN):
        places = range(first, min(first + SCAN - 1, last, state.last) + 1)
        messages = await read(nc, realm, places, bulk=True)
        found = await examine(connection, Facts(realm, messages, places[-1], last))
        if not found.compared or found.differs <= places[-1]:
            return found.differs - 1
    return last


async def newest(nc: Client, realm: str) -> Head | None:
    """Return position and hash of the stream's last event; None if there is none.

    It is looked for under whatever was put on top of it, and does not depend on the log's end: an operator's
    word about this event moves that end.

    Raises:
        JetStreamUnavailable: no answer.
    """
    try:
        state = (await look_at(nc, events_stream(realm))).state
    except Missing:
        return None
    high, low = state.last, max(state.first, state.last - FOREIGN_MAX) if state.messages else state.last + 1
    while high >= low:
        messages = await read(nc, realm, range(max(low, high - END + 1), high + 1))
        for place in sorted(messages, reverse=True):
            if event := event_at(realm, place, messages[place]):
                return Head(place, event.hash)
        high -= END
    return None
