"""Notes of the relay in Postgres: its state, the newest event published, what it found and mended.

Doctor and CLI read it, and a new leader. It is restored with the log from a backup: what it says of the past
is then as old as the log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from bus.ports import Head
from bus.relay.comparison import Asked
from bus.relay.judgement import Finding, Known

FINDINGS_MAX = 200
"""Findings kept; the oldest go first."""

# Purpose: what is known of the past. Reads the table's only row.
RECALL = "SELECT published, published_hash, settings, lost_after FROM relay_state"

# Purpose: whether the log still holds an event. Index: primary key. Lock: none.
HOLDS = "SELECT hash FROM event WHERE position = $1"

# Purpose: show the leader's state, and keep what was published. Lock: the table's only row. Without $11 the
# newest event published stays as it was written: the log may not be what it was.
WRITE = """
INSERT INTO relay_state
    (leader, leads_since_us, acknowledged, verified_us, verdict, reason, rebuilds, updated_us, lost_after,
     settings, published, published_hash)
VALUES ($1, $2, $3::bigint, $4, $5, $6, $7, $8, $9, $10,
    CASE WHEN $11::boolean THEN $3 ELSE 0 END,
    CASE WHEN $11 THEN (SELECT hash FROM event WHERE position = $3) END)
ON CONFLICT (only_row) DO UPDATE SET leader = $1, leads_since_us = $2, acknowledged = $3, verified_us = $4,
    verdict = $5, reason = $6, rebuilds = relay_state.rebuilds + $7, updated_us = $8,
    lost_after = $9, settings = $10,
    published = CASE WHEN $11 THEN excluded.published ELSE relay_state.published END,
    published_hash = CASE WHEN $11 THEN excluded.published_hash ELSE relay_state.published_hash END
RETURNING published_hash
"""

# Purpose: note what was found, once for as long as it is not mended. Lock: a new row.
NOTE = """
INSERT INTO relay_finding (found_us, kind, first, what)
SELECT $1, $2, $3, $4
WHERE NOT EXISTS (SELECT FROM relay_finding WHERE mended_us = 0 AND kind = $2 AND first = $3)
ON CONFLICT DO NOTHING
"""

# Purpose: note that all is mended; forget the oldest. Lock: their rows.
MENDED = "UPDATE relay_finding SET mended_us = $1 WHERE mended_us = 0"
FORGET = """
DELETE FROM relay_finding WHERE found_us < (SELECT min(found_us) FROM
    (SELECT found_us FROM relay_finding ORDER BY found_us DESC LIMIT $1) AS newest)
"""

# Purpose: what was found since a time, and what is not mended. Reads a tiny table.
NOTED = "SELECT * FROM relay_finding WHERE mended_us = 0 OR found_us >= $1 ORDER BY found_us"


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that a relay found. Times in µs since 1970-01-01T00:00Z; ``mended_us`` 0: not yet."""

    found_us: int
    kind: str
    first: int
    what: str
    mended_us: int


async def recall(connection: asyncpg.Connection, *, newest: Head | None = None, alone: bool = False) -> Asked:
    """Return what a comparison goes by.

    Args:
        connection: to the realm's log.
        newest: the newest event that the asking relay knows to be published, or to be sent if it is alone.
        alone: see `Known`.

    Raises:
        asyncpg's errors: the log cannot be read.
    """
    row = await connection.fetchrow(RECALL)
    mark, wanted, lost_after = newest, None, None
    if row is not None:
        wanted = orjson.loads(row["settings"]) if row["settings"] else None
        lost_after = row["lost_after"]
        written = Head(row["published"], row["published_hash"]) if row["published_hash"] else None
        if written and (mark is None or (not alone and written.position > mark.position)):
            mark = written
    intact = mark is None or await connection.fetchval(HOLDS, mark.position) == mark.hash
    return Asked(Known(mark.position if mark else 0, intact, alone, lost_after), wanted)


async def note(connection: asyncpg.Connection, finding: Finding, *, now_us: int) -> None:
    """Write down what was found."""
    first = finding.differs if finding.kind in ("unreadable", "foreign", "forged") else 0
    await connection.execute(NOTE, now_us, finding.kind, first, finding.reason)


async def mended(connection: asyncpg.Connection, *, now_us: int) -> None:
    """Write down that what was found is mended."""
    done: str = await connection.execute(MENDED, now_us)
    if done != "UPDATE 0":
        await connection.execute(FORGET, FINDINGS_MAX)


async def noted(connection: asyncpg.Connection, *, since_us: int) -> list[Noted]:
    """Return what was found since a time, and all that is not mended, oldest first."""
    return [Noted(**row) for row in await connection.fetch(NOTED, since_us)]


def packed(settings: Mapping[str, Any] | None) -> str:
    """Return a stream's configuration as it is written down."""
    return orjson.dumps(settings, option=orjson.OPT_SORT_KEYS).decode() if settings else ""
