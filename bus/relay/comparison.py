"""Whether the stream still equals the log: sequence, event id and chain hash, at both ends and in between.

The chain hash of one event covers everything before it in the log, so equality at the last message means that
whoever published it had the same log; the other places catch a stream whose inside was exchanged.

What the relay published was committed before. So an event of the realm that the stream holds and the log does
not is a witness that the log lost it, however that came about, and nothing here may be thrown away unasked.
Messages that are no events of the realm witness nothing.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

import asyncpg
from nats.aio.client import Client

from bus.nats.api import Missing, js_request
from bus.nats.dead_letters import b64
from bus.nats.topology import YOUNG, StreamState, describe, events_stream
from bus.ports import Head
from protocol.envelope import Envelope, decode_envelope
from protocol.errors import WireError

REQUESTS_AT_ONCE = 64
PLACES = 8
"""Messages compared: the first, the last, and others evenly between."""

FOREIGN_MAX = 4_096
"""So many messages that are no events are looked under for the newest event."""

# Purpose: the log's end. Index: primary key, backwards. Lock: none.
HEAD = "SELECT coalesce(max(position), 0) FROM event"

NO_LONGER_KEPT = bytes(32)
"""Stands for the hash of a message that the stream counted and does not hold any more."""

# Purpose: the log's end when an empty stream was first found beyond it. Lock: the table's only row.
LOST_AFTER = "SELECT lost_after FROM relay_state"

# Purpose: whether an event is younger than a limit (µs; 0: none). Index: primary key. Lock: none.
YOUNGER = """
SELECT $2::bigint = 0 OR recorded_us > (extract(epoch FROM clock_timestamp()) * 1e6)::bigint - $2::bigint
FROM event WHERE position = $1
"""

# Purpose: what the log says at some positions. Index: primary key. Lock: none.
ROWS = "SELECT position, id, hash FROM event WHERE position = ANY($1::bigint[])"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a comparison found; ``last`` is the stream's last sequence, ``head`` the log's.

    Verdicts: *equal*; *behind*: the log has more; *missing*: no stream; *different*: the stream holds what is
    no event of this log, or has holes; *ahead*: it holds events beyond the log's end; *forked*: at a position
    where the log has another event. With the last two, ``lost`` is the newest such event.

    ``agrees`` is the highest compared place below which no other differs, ``differs`` the lowest that does
    (`last_common` searches between); both in a stream that is not usable.
    """

    verdict: Literal["equal", "behind", "missing", "different", "ahead", "forked"]
    last: int
    head: int
    reason: str = ""
    lost: Head | None = None
    agrees: int = 0
    differs: int = 1
    compared: int = 0
    """Positions whose ids and hashes were compared."""
    emptied: bool = False
    """Somebody took messages out that the stream should still keep."""

    @property
    def of_empty(self) -> bool:
        """Whether a stream that keeps nothing counted further than the log; ``agrees``: where that ended."""
        return self.lost is not None and self.lost.hash == NO_LONGER_KEPT

    @property
    def usable(self) -> bool:
        """Whether publishing may simply go on after ``last``."""
        return self.verdict in ("equal", "behind")


async def compare(
    nc: Client, connection: asyncpg.Connection, realm: str, *, doubtful: range = range(0)
) -> Finding:
    """Return how the stream stands to the log; every position in ``doubtful`` is compared as well.

    Raises:
        JetStreamUnavailable: no answer. asyncpg's errors: the log cannot be read.
    """
    try:
        state = await describe(nc, events_stream(realm))
    except Missing:
        end = await connection.fetchval(HEAD)
        return Finding("missing", 0, end, "there is no stream", agrees=end, differs=end + 1)
    head: int = await connection.fetchval(HEAD)  # after the stream's end, so that it cannot seem behind it
    emptied = await taken_out(connection, state)
    if state.messages == 0:
        found = of_empty(state.last, head, await connection.fetchval(LOST_AFTER))
        return found if found.lost or not emptied else _emptied(found, emptied)
    top = await _newest_event(nc, realm, state)
    places = places_of(state, head, [*doubtful, top])
    rows = {row["position"]: (row["id"], row["hash"]) for row in await connection.fetch(ROWS, places)}
    messages = await _messages(nc, realm, places)
    if messages[state.first] is None:
        del messages[state.first]  # it aged out between the two requests
    finding = judge(realm, messages, rows, end=(state.last, head), holes=not state.whole)
    finding = replace(finding, compared=len(messages))
    return _emptied(finding, emptied) if finding.usable and emptied else finding


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
    last = finding.last
    return replace(finding, verdict="different", reason=reason, agrees=last, differs=last + 1, emptied=True)


def judge(
    realm: str,
    messages: Mapping[int, bytes | None],
    rows: Mapping[int, tuple[UUID, bytes]],
    *,
    end: tuple[int, int],
    holes: bool,
) -> Finding:
    """Return the finding about some messages of the stream.

    Args:
        realm: whose stream.
        messages: bodies by sequence; None: it cannot be read.
        rows: id and hash of the log's events at the same positions, where it has any.
        end: the stream's last sequence and the log's.
        holes: whether messages are missing inside the stream.
    """
    last, head = end
    fault, lost = "messages are missing inside the stream" if holes else "", None
    agrees, differs, beyond = 0, 0, max(messages, default=0) + 1
    for place in sorted(messages):
        event = _event(realm, place, messages[place])
        if event and (event.id, event.hash) == rows.get(place):
            agrees = agrees if differs else place
            continue
        if messages[place] is not None:  # one that is not there was delivered to nobody
            differs = differs or place
        if event is None:
            fault = fault or f"message {place} cannot be read, or is no event of the realm"
        else:
            lost = Head(place, event.hash)
    agrees, differs = (agrees, differs) if differs else (min(beyond - 1, head), min(beyond, head + 1))
    if lost and lost.position > head:
        reason = f"the stream holds an event at {lost.position}, the log ends at {head}"
        return Finding("ahead", last, head, reason, lost, agrees, differs)
    if lost:
        reason = f"at {lost.position} the stream holds another event than the log"
        return Finding("forked", last, head, reason, lost, agrees, differs)
    if fault or last > head:
        reason = fault or f"the stream ends at {last}, the log at {head}"
        return Finding("different", last, head, reason, None, agrees, differs)
    return Finding("equal" if last == head else "behind", last, head)


def of_empty(last: int, head: int, lost_after: int | None) -> Finding:
    """Return the finding about a stream that counted to ``last`` and keeps none of it.

    ``lost_after``: the log's end when a relay first found it before ``last``; that the log grew since then
    says nothing of what is missing.
    """
    if last <= head and lost_after is None:
        return Finding("equal" if last == head else "behind", last, head)
    end = head if lost_after is None else lost_after
    reason = f"the stream counted to {last} and keeps none of it, the log ended at {end}"
    return Finding("ahead", last, head, reason, Head(last, NO_LONGER_KEPT), agrees=end, differs=end + 1)


def places_of(state: StreamState, head: int, doubtful: Iterable[int]) -> list[int]:
    """Return what to compare; the first event beyond the log among it, however much was put on top of it."""
    span = state.last - state.first
    places = {state.first + span * i // (PLACES - 1) for i in range(PLACES)}
    return sorted(places | {place for place in (head + 1, *doubtful) if state.first <= place <= state.last})


async def last_common(nc: Client, connection: asyncpg.Connection, realm: str, finding: Finding) -> int:
    """Return the last position before a stream that is not usable and the log part; 0 if none is known.

    Two logs agree up to where they part, so the place is found by halving.

    Raises:
        JetStreamUnavailable: no answer. asyncpg's errors: the log cannot be read.
    """
    agrees, differs = finding.agrees, finding.differs
    while agrees + 1 < differs:
        place = (agrees + differs) // 2
        event = _event(realm, place, await _message(nc, realm, place))
        row = await connection.fetchrow(ROWS, [place])
        if event and row and (event.id, event.hash) == (row["id"], row["hash"]):
            agrees = place
        else:
            differs = place
    return agrees


async def _newest_event(nc: Client, realm: str, state: StreamState) -> int:
    """Return the place of the newest event of the realm, under whatever was put on top of it; 0: none found.

    It must not depend on the log's end: an operator's word about this event moves that end.
    """
    low = max(state.first, state.last - FOREIGN_MAX)
    for places in ([state.last], *batched(list(range(state.last - 1, low - 1, -1)))):
        for place, data in (await _messages(nc, realm, places)).items():
            if _event(realm, place, data):
                return place
    return 0


def _event(realm: str, place: int, data: bytes | None) -> Envelope | None:
    try:
        event = decode_envelope(data or b"")
    except WireError:
        return None
    return event if (event.realm, event.position) == (realm, place) else None


async def newest(nc: Client, realm: str) -> Head | None:
    """Return position and hash of the stream's last event; None if there is none.

    Raises:
        JetStreamUnavailable: no answer.
    """
    try:
        state = await describe(nc, events_stream(realm))
    except Missing:
        return None
    place = await _newest_event(nc, realm, state) if state.messages else 0
    event = _event(realm, place, await _message(nc, realm, place)) if place else None
    return Head(place, event.hash) if event else None


async def _messages(nc: Client, realm: str, places: list[int]) -> dict[int, bytes | None]:
    found: dict[int, bytes | None] = {}
    for some in batched(places):
        found |= zip(some, await asyncio.gather(*(_message(nc, realm, place) for place in some)), strict=True)
    return found


async def _message(nc: Client, realm: str, place: int) -> bytes | None:
    try:
        answer = await js_request(nc, f"STREAM.MSG.GET.{events_stream(realm)}", {"seq": place})
    except Missing:
        return None
    return b64(answer["message"].get("data"))


def batched(places: list[int]) -> list[list[int]]:
    """Return the places in runs of `REQUESTS_AT_ONCE`."""
    return [places[i : i + REQUESTS_AT_ONCE] for i in range(0, len(places), REQUESTS_AT_ONCE)]
