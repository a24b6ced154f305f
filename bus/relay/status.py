"""State of the relay: leader, lag of the stream, last comparison. For `aicore relay status`."""

from dataclasses import dataclass

import asyncpg
from nats.aio.client import Client

from bus.nats.api import JetStreamUnavailable, Missing
from bus.nats.topology import StreamState, describe, events_stream
from bus.relay.leadership import CONNECT_TIMEOUT_S, relay_lock
from bus.relay.walk import covered

# Purpose: the end of the log and the oldest event that the stream lacks. Index: primary key. Lock: none.
LOG = """
SELECT coalesce(max(position), 0) AS head,
       (SELECT recorded_us FROM event WHERE position > $1 ORDER BY position LIMIT 1) AS oldest_us
FROM event
"""
STATE = "SELECT * FROM relay_state"

# Purpose: whether a session holds the relay's lock (classid and objid are the key's halves). Lock: none.
LEADS = """
SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.classid = ($1::bigint >> 32)::oid AND l.objid = ($1::bigint & 4294967295)::oid
"""


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """One moment's state. Times in µs since 1970-01-01T00:00Z, 0 for never."""

    leader: str
    """The leader; "" if there is none."""
    log_head: int
    stream_first: int
    stream_last: int
    """0 when there is no stream, -1 when NATS does not answer."""
    held: bool
    """The stream holds events that the log lost: nothing is published, and the lag says nothing."""
    lag_events: int
    lag_s: float
    """Age of the oldest event that the stream lacks; 0 when it lacks none."""
    verified_us: int
    verdict: str
    reason: str
    rebuilds: int
    compared: int
    """Positions of the stream that were compared with the log one by one; the others remain."""
    remain: int
    compared_began_us: int
    """When the oldest of those comparisons was made."""
    compared_us: int


async def relay_status(dsn: str, nc: Client, realm: str, *, now_us: int) -> RelayStatus:
    """Return the relay's state as the servers know it, whichever process leads.

    Raises:
        OSError, asyncpg.PostgresError: Postgres cannot be reached, or the realm is not migrated.
    """
    try:
        stream = await describe(nc, events_stream(realm))
    except Missing:
        stream = StreamState(0, 0, 0, 0)
    except JetStreamUnavailable:
        stream = StreamState(0, -1, 0, 0)
    settings = {"role": "aicore_reader", "search_path": f"realm_{realm}"}
    connection = await asyncpg.connect(dsn, server_settings=settings, timeout=CONNECT_TIMEOUT_S)
    try:
        log = await connection.fetchrow(LOG, max(0, stream.last))
        state = await connection.fetchrow(STATE)
        leader = await connection.fetchval(LEADS, relay_lock(realm))
    finally:
        await connection.close()
    oldest_us, walked = log["oldest_us"], covered(stream, state)
    return RelayStatus(
        leader=(state["leader"] if state else "unknown") if leader is not None else "",
        log_head=log["head"],
        stream_first=stream.first,
        stream_last=stream.last,
        held=bool(state) and state["verdict"] in ("ahead", "forked"),
        lag_events=max(0, log["head"] - max(0, stream.last)),
        lag_s=max(0.0, (now_us - oldest_us) / 1e6) if oldest_us is not None else 0.0,
        verified_us=state["verified_us"] if state else 0,
        verdict=state["verdict"] if state else "",
        reason=state["reason"] if state else "",
        rebuilds=state["rebuilds"] if state else 0,
        compared=walked.compared,
        remain=walked.remain,
        compared_began_us=walked.began_us,
        compared_us=walked.ended_us,
    )
