"""Whether the stream still equals the log: sequence, event id and chain hash, at both ends and in between.

The chain hash of one event covers everything before it in the log, so equality at the last message means that
whoever published it had the same log; the other places catch a stream whose inside was exchanged.

What the relay published was committed before. So an event of the realm that the stream holds and the log does
not is a witness that the log lost it, however that came about, and nothing here may be thrown away unasked.
Messages that are no events of the realm witness nothing.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import asyncpg
from nats.aio.client import Client

from bus.nats.api import Missing, js_request
from bus.nats.dead_letters import b64
from bus.nats.topology import StreamState, describe, events_stream
from bus.ports import Head
from protocol.envelope import Envelope, decode_envelope
from protocol.errors import WireError

REQUESTS_AT_ONCE = 64
PLACES = 8
"""Messages compared: the first, the last, and others evenly between."""

# Purpose: the log's end. Index: primary key, backwards. Lock: none.
HEAD = "SELECT coalesce(max(position), 0) FROM event"

NO_LONGER_KEPT = bytes(32)
"""Stands for the hash of a message that the stream counted and does not hold any more."""

# Purpose: what the log says at some positions. Index: primary key. Lock: none.
ROWS = "SELECT position, id, hash FROM event WHERE position = ANY($1::bigint[])"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a comparison found; ``last`` is the stream's last sequence, ``head`` the log's.

    Verdicts: *equal*; *behind*: the log has more; *missing*: no stream; *different*: the stream holds what is
    no event of this log, or has holes; *ahead*: it holds events beyond the log's end; *forked*: at a position
    where the log has another event. With the last two, ``lost`` is the newest such event.
    """

    verdict: Literal["equal", "behind", "missing", "different", "ahead", "forked"]
    last: int
    head: int
    reason: str = ""
    lost: Head | None = None

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
        return Finding("missing", 0, await connection.fetchval(HEAD), "there is no stream")
    head: int = await connection.fetchval(HEAD)  # after the stream's end, so that it cannot seem behind it
    if state.messages == 0:
        return _of_empty(state.last, head)
    places = _places(state, head, doubtful)
    rows = {row["position"]: (row["id"], row["hash"]) for row in await connection.fetch(ROWS, places)}
    messages: dict[int, bytes | None] = {}
    for some in batched(places):
        found = await asyncio.gather(*(_message(nc, realm, place) for place in some))
        messages |= zip(some, found, strict=True)
    if messages[state.first] is None:
        del messages[state.first]  # it aged out between the two requests
    holes = state.messages != state.last - state.first + 1
    return judge(realm, messages, rows, end=(state.last, head), holes=holes or bool(state.deleted))


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
    for place in sorted(messages):
        event = _event(realm, place, messages[place])
        if event is None:
            fault = fault or f"message {place} cannot be read, or is no event of the realm"
        elif (event.id, event.hash) != rows.get(place):
            lost = Head(place, event.hash)
    if lost and lost.position > head:
        reason = f"the stream holds an event at {lost.position}, the log ends at {head}"
        return Finding("ahead", last, head, reason, lost)
    if lost:
        reason = f"at {lost.position} the stream holds another event than the log"
        return Finding("forked", last, head, reason, lost)
    if fault or last > head:
        return Finding("different", last, head, fault or f"the stream ends at {last}, the log at {head}")
    return Finding("equal" if last == head else "behind", last, head)


def _of_empty(last: int, head: int) -> Finding:
    if last <= head:
        return Finding("equal" if last == head else "behind", last, head)
    reason = f"the stream counted to {last} and keeps none of it, the log ends at {head}"
    return Finding("ahead", last, head, reason, Head(last, NO_LONGER_KEPT))


def _places(state: StreamState, head: int, doubtful: range) -> list[int]:
    """Return what to compare; the first event beyond the log among it, whatever was put on top of it."""
    span = state.last - state.first
    places = {state.first + span * i // (PLACES - 1) for i in range(PLACES)}
    return sorted(places | {place for place in (head + 1, *doubtful) if state.first <= place <= state.last})


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
    event = _event(realm, state.last, await _message(nc, realm, state.last)) if state.messages else None
    return Head(state.last, event.hash) if event else None


async def _message(nc: Client, realm: str, place: int) -> bytes | None:
    try:
        answer = await js_request(nc, f"STREAM.MSG.GET.{events_stream(realm)}", {"seq": place})
    except Missing:
        return None
    return b64(answer["message"].get("data"))


def batched(places: list[int]) -> list[list[int]]:
    """Return the places in runs of `REQUESTS_AT_ONCE`."""
    return [places[i : i + REQUESTS_AT_ONCE] for i in range(0, len(places), REQUESTS_AT_ONCE)]
