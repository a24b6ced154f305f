"""Positions of the durable consumers, kept in Postgres, because JetStream forgets them with the stream."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
import structlog
from nats.aio.client import Client

from bus.nats.api import CONSUMER_NOT_FOUND, JetStreamError, Missing, js_request
from bus.nats.topology import events_stream

PAGES_MAX = 64
"""Pages of 256 consumers."""

# Purpose: remember consumers. Index: primary key. Lock: their rows.
RECORD = """
INSERT INTO consumer_floor (name, position, updated_us)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
ON CONFLICT (name) DO UPDATE SET position = excluded.position, updated_us = excluded.updated_us
WHERE consumer_floor.position <> excluded.position
"""
RECORD_SETTINGS = """
INSERT INTO relay_consumer (name, settings) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (name) DO UPDATE SET settings = excluded.settings
WHERE relay_consumer.settings <> excluded.settings
"""

# Purpose: bring back whoever went beyond a position. Reads a tiny table. Lock: its rows.
TAKE_BACK = "UPDATE consumer_floor SET position = $1, updated_us = $2 WHERE position > $1"

# Purpose: consumers to make again after a rebuild. Reads two tiny tables.
READ = "SELECT f.name, f.position, r.settings FROM consumer_floor f LEFT JOIN relay_consumer r USING (name)"
READ_WAITING = f"{READ} WHERE r.waits"

# Purpose: which of them wait for that, whoever leads by then. Lock: the rows that change.
WAIT = "UPDATE relay_consumer SET waits = NOT waits WHERE waits <> (name = ANY($1::text[]))"

# Purpose: forget consumers that their owner removed. Lock: their rows.
FORGET = (
    "DELETE FROM consumer_floor WHERE name = ANY($1::text[])",
    "DELETE FROM relay_consumer WHERE name = ANY($1::text[])",
)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Floor:
    """A durable consumer: everything up to ``position`` is acknowledged; ``settings`` as the server's.

    ``delivered``: the newest position that it was given.
    """

    name: str
    position: int
    settings: Mapping[str, Any] | None
    delivered: int = 0

    @property
    def start(self) -> int:
        """The position after which it was made to begin."""
        return int((self.settings or {}).get("opt_start_seq", 1)) - 1

    def is_beyond(self, seen: "Floor") -> bool:
        """Return whether it claims more than was seen of it, or is set in another way."""
        further = self.position > seen.position or self.delivered > seen.delivered
        return further or self.settings != seen.settings


async def durable_consumers(nc: Client, realm: str) -> list[Floor]:
    """Return the event stream's durable consumers; [] when the stream is missing."""
    found: list[Floor] = []
    for _ in range(PAGES_MAX):
        try:
            page = await js_request(nc, f"CONSUMER.LIST.{events_stream(realm)}", {"offset": len(found)})
        except Missing:
            return []
        consumers = page.get("consumers") or []
        found += [
            Floor(
                c["name"],
                max(int(c["ack_floor"]["stream_seq"]), int(c["config"].get("opt_start_seq", 1)) - 1),
                c["config"],
                int(c["delivered"]["stream_seq"]),
            )
            for c in consumers
        ]
        if not consumers or len(found) >= int(page.get("total", 0)):
            break
    return [floor for floor in found if _is_durable(floor.settings or {})]


def _is_durable(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("durable_name")) and not settings.get("inactive_threshold")


async def record(connection: asyncpg.Connection, floors: list[Floor], *, now_us: int) -> None:
    """Write the floors that moved."""
    if not floors:
        return
    names = [floor.name for floor in floors]
    await connection.execute(RECORD, names, [f.position for f in floors], [now_us] * len(floors))
    settings = [orjson.dumps(dict(f.settings or {}), option=orjson.OPT_SORT_KEYS).decode() for f in floors]
    await connection.execute(RECORD_SETTINGS, names, settings)


async def take_back(connection: asyncpg.Connection, position: int, *, now_us: int) -> None:
    """Let nobody stand after ``position``: what was delivered there were not the log's events."""
    await connection.execute(TAKE_BACK, position, now_us)


async def recorded(connection: asyncpg.Connection, *, waiting: bool = False) -> list[Floor]:
    """Return the floors of all consumers that were not removed; ``waiting``: of those to be made again."""
    rows = await connection.fetch(READ_WAITING if waiting else READ)
    return [
        Floor(row["name"], row["position"], orjson.loads(row["settings"]) if row["settings"] else None)
        for row in rows
    ]


async def let_wait(connection: asyncpg.Connection, floors: Iterable[Floor]) -> None:
    """Write down which consumers are to be made again: these, and no others."""
    await connection.execute(WAIT, [floor.name for floor in floors])


async def forget(connection: asyncpg.Connection, names: Sequence[str]) -> None:
    """Forget consumers that their owner removed: neither they nor their places come back."""
    if not names:
        return
    async with connection.transaction():
        for statement in FORGET:
            await connection.execute(statement, names)


async def removed(nc: Client, realm: str, names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that the server says are no consumers of a stream that is there."""
    found: list[str] = []
    for name in names:
        try:
            await js_request(nc, f"CONSUMER.INFO.{events_stream(realm)}.{name}")
        except Missing as error:
            if error.err_code == CONSUMER_NOT_FOUND:
                found.append(name)
    return found


async def recreate(nc: Client, realm: str, floor: Floor) -> None:
    """Make a durable consumer again that goes on after its floor; one that exists is left as it is."""
    try:
        await _make(nc, realm, floor)
    except JetStreamError as error:
        # Its own process was faster, or the server no longer takes the settings: that process will say so.
        logger.info("consumer_not_recreated", consumer=floor.name, reason=error.description)
    else:
        logger.info("consumer_recreated", consumer=floor.name, floor=floor.position)


async def remove_remains(nc: Client, realm: str, floor: Floor) -> None:
    """Remove a durable consumer with its files, whether the server knows of it or not.

    A server that cannot read a consumer's settings leaves its folder, gives the state in there to whoever
    makes one of that name, and never writes those settings anew (nats-server 2.15.1, `ConsumerStore`). So
    one is made, for it to be deleted.
    """
    with suppress(JetStreamError):  # it is there
        await _make(nc, realm, floor)
    await delete_consumer(nc, realm, floor.name)


async def _make(nc: Client, realm: str, floor: Floor) -> None:
    stream = events_stream(realm)
    keep = {k: v for k, v in (floor.settings or {}).items() if k not in ("opt_start_time", "pause_until")}
    config = {**keep, "deliver_policy": "by_start_sequence", "opt_start_seq": floor.position + 1}
    body = {"stream_name": stream, "config": config, "action": "create"}
    await js_request(nc, f"CONSUMER.DURABLE.CREATE.{stream}.{floor.name}", body)


async def delete_consumer(nc: Client, realm: str, name: str) -> None:
    """Delete a durable consumer; idempotent."""
    try:
        await js_request(nc, f"CONSUMER.DELETE.{events_stream(realm)}.{name}")
    except Missing:
        return
