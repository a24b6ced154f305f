"""A process that puts records into a spool until it is killed; each confirmed one is journalled.

What it puts is a pure function of (stream, number), so that the test knows what must be in the log, and a
restarted process puts again, with the same ids, what it does not know to be confirmed.
"""

import asyncio
import random
from collections import defaultdict
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from aicore.clock import now_us
from bus.ports import NewEvent, StreamWrite
from bus.postgres.log import open_log
from bus.spool.spool import Spool, SpoolOptions, open_spool
from tests.harness.journal import Journal, JournalReader

SPACE = UUID("5b5f7a7e-6a4b-4bb6-9b50-41a5e4b8f7f2")
STREAMS = 5
BURST_MAX = 12
PACE_MAX_S = 0.04
PAYLOAD = b"\x81\xa1t\xc5\x01\xf4" + bytes(500)
SEGMENT_BYTES = 64 * 1024
"""Small, so that a round fills, ships and deletes several."""


def stream_of(index: int) -> str:
    """Return the name of a stream that only the spooler writes."""
    return f"inference-spooled{index}"


def ids_of(index: int, number: int) -> list[UUID]:
    """Return the event ids of the ``number``-th record (0, 1, 2, …) of a stream: one to three events."""
    return [uuid5(SPACE, f"{index}/{number}/{event}") for event in range(1 + number % 3)]


def write_of(index: int, number: int) -> StreamWrite:
    """Return that record; it expects the exact version."""
    before = number // 3 * 6 + (0, 1, 3)[number % 3]
    events = [NewEvent(event_id, "story.told", 1, PAYLOAD) for event_id in ids_of(index, number)]
    return StreamWrite(stream_of(index), events, before)


async def spooler(options: dict[str, Any]) -> None:
    """Put for ever, in bursts, into the spool at ``options["spool"]``."""
    path = Path(options["journal"])
    confirmed: dict[int, int] = defaultdict(lambda: -1)
    for stream, last in JournalReader(path).lines():
        confirmed[int(stream)] = max(confirmed[int(stream)], int(last))
    journal = Journal(path)
    draws = random.Random()  # the instants are the machine's anyway
    chosen = SpoolOptions(now_us=now_us, draw=draws.random, segment_bytes_max=SEGMENT_BYTES)
    async with (
        open_log(options["dsn"], options["realm"], now_us=now_us) as log,
        open_spool(Path(options["spool"]), log, chosen) as spool,
        asyncio.TaskGroup() as group,
    ):
        for index in range(STREAMS):
            group.create_task(_put_forever(spool, journal, index, confirmed[index] + 1, draws))


async def _put_forever(spool: Spool, journal: Journal, index: int, number: int, draws: random.Random) -> None:
    while True:
        burst = draws.randint(1, BURST_MAX)
        futures = [spool.put(write_of(index, number + i)) for i in range(burst)]
        for future in futures:
            await future
            journal.write(index, number)
            number += 1
        await asyncio.sleep(draws.uniform(0, PACE_MAX_S))
