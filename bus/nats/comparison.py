"""Whether the stream still equals the log: sequence, event id and chain hash, at both ends and in between.

The chain hash of one event covers everything before it in the log, so equality at the last message means that
whoever published it had the same log; the other places catch a stream whose inside was exchanged.
"""

import asyncio
from dataclasses import dataclass
from typing import Literal

import asyncpg
from nats.aio.client import Client

from bus.nats.api import Missing, js_request
from bus.nats.dead_letters import b64
from bus.nats.topology import StreamState, describe, events_stream
from protocol.envelope import decode_envelope
from protocol.errors import WireError

REQUESTS_AT_ONCE = 64
PLACES = 8
"""Messages compared: the first, the last, and others evenly between."""

# Purpose: the log's end. Index: primary key, backwards. Lock: none.
HEAD = "SELECT coalesce(max(position), 0) FROM event"

# Purpose: what the log says at some positions. Index: primary key. Lock: none.
ROWS = "SELECT position, id, hash FROM event WHERE position = ANY($1::bigint[])"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a comparison found; ``last`` is the stream's last sequence, ``head`` the log's."""

    verdict: Literal["equal", "behind", "missing", "ahead", "different"]
    last: int
    head: int
    reason: str = ""

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
    if state.last > head:
        return Finding("ahead", state.last, head, f"the stream ends at {state.last}, the log at {head}")
    difference = await _difference(nc, connection, realm, state, doubtful)
    if difference:
        return Finding("different", state.last, head, difference)
    return Finding("equal" if state.last == head else "behind", state.last, head)


async def _difference(
    nc: Client, connection: asyncpg.Connection, realm: str, state: StreamState, doubtful: range
) -> str:
    """Return the first difference found, or ""."""
    if state.messages == 0:
        return ""
    if state.deleted or state.messages != state.last - state.first + 1:
        return f"{state.deleted or 'some'} messages between {state.first} and {state.last} are missing"
    span = state.last - state.first
    places = {state.first + span * i // (PLACES - 1) for i in range(PLACES)}
    places |= {place for place in doubtful if state.first <= place <= state.last}
    rows = {row["position"]: row for row in await connection.fetch(ROWS, sorted(places))}
    for some in batched(sorted(places)):
        found = await asyncio.gather(*(_message(nc, realm, place) for place in some))
        for place, data in zip(some, found, strict=True):
            if data is None and place == state.first:
                continue  # it aged out between the two requests
            if fault := _fault(place, data, rows.get(place)):
                return fault
    return ""


async def _message(nc: Client, realm: str, place: int) -> bytes | None:
    try:
        answer = await js_request(nc, f"STREAM.MSG.GET.{events_stream(realm)}", {"seq": place})
    except Missing:
        return None
    return b64(answer["message"].get("data"))


def _fault(place: int, data: bytes | None, row: asyncpg.Record | None) -> str:
    if data is None:
        return f"message {place} cannot be read"
    try:
        envelope = decode_envelope(data)
    except WireError as error:
        return f"message {place} is not an event: {error}"
    if row is None or (envelope.position, envelope.id, envelope.hash) != (place, row["id"], row["hash"]):
        return f"message {place} is not the event that the log has there"
    return ""


def batched(places: list[int]) -> list[list[int]]:
    """Return the places in runs of `REQUESTS_AT_ONCE`."""
    return [places[i : i + REQUESTS_AT_ONCE] for i in range(0, len(places), REQUESTS_AT_ONCE)]
