"""The process that `benchmarks.spool` kills: puts numbered records at a pace until all are in the log.

Record n has the id n, so a restarted process goes on behind the last confirmed one, and the log itself shows
what is lost, doubled or out of order. Two records are one inference: requested, completed.
"""

import asyncio
import os
import random
import struct
import sys
import time
from array import array
from functools import partial
from pathlib import Path
from uuid import UUID

import uvloop

from aicore.clock import now_us
from aicore.collector import relax_collector
from aicore.logs import set_up
from benchmarks.nats_kit import REALM
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.ports import NewEvent, SpoolFull, StreamWrite
from bus.postgres.log import open_log
from bus.spool.spool import Spool, SpoolOptions, open_spool
from domain.inference.messages import InferenceCompleted, InferenceRequested
from protocol.meta import Meta

TICK_S = 0.005
ENCODED_EVERY = 50
"""Of so many records one is made from its typed event, with the whole cost measured."""

FLUSH_EVERY = 5_000
FULL_PAUSE_S = 0.05
CONFIRMED = struct.Struct("<q")
FILES = {
    "put": ("put_us", 100, "µs"),
    "encode_put": ("encode_put_us", 100, "µs"),
    "confirm": ("confirmed_ms", 1_000, "ms"),
    "late": ("loop_late_ms", 1_000, "ms"),
}
"""Costs, each in a file of 32-bit numbers, with their figure, its parts and its unit: a put; encoding and
putting; the time until confirmed; by how much the event loop woke the putter too late."""

META = Meta(UUID(int=1), UUID(int=2), "player:ann")
CODEC = EventCodec(domain_catalogue())
TYPED = (InferenceRequested.from_example(), InferenceCompleted.from_example())
MADE = tuple(CODEC.encode(event, UUID(int=0), META) for event in TYPED)


def write_of(number: int, *, anew: bool = False) -> StreamWrite:
    """Return record ``number`` as it is put; ``anew``: encoded from its typed event."""
    index, event_id = (number - 1) % 2, UUID(int=number)
    stream, made = f"inference-{(number - 1) // 2:032x}", MADE[index]
    if anew:
        return StreamWrite(stream, [CODEC.encode(TYPED[index], event_id, META)], index)
    event = NewEvent(event_id, made.type, made.schema_version, made.payload, made.meta)
    return StreamWrite(stream, [event], index)


class Putter:
    """Puts records and keeps what each cost."""

    def __init__(self, spool: Spool, folder: Path) -> None:
        self._spool = spool
        self._folder = folder
        self._confirmed = os.open(folder / "confirmed", os.O_RDWR | os.O_CREAT)
        self._costs = {name: array("I") for name in FILES}

    def confirmed(self) -> int:
        """Return the last record confirmed in any life."""
        data = os.pread(self._confirmed, CONFIRMED.size, 0)
        return int(CONFIRMED.unpack(data)[0]) if data else 0

    def put(self, number: int) -> asyncio.Future[None]:
        """Put one record."""
        clock = time.perf_counter_ns
        if number % ENCODED_EVERY == 0:
            began = clock()
            future = self._spool.put(write_of(number, anew=True))
            self._costs["encode_put"].append((clock() - began) // 10)
            return future
        write = write_of(number)
        began = clock()
        future = self._spool.put(write)
        self._costs["put"].append((clock() - began) // 10)
        return future

    def confirm(self, number: int, began_ns: int, future: asyncio.Future[None]) -> None:
        """Note that everything up to a record is durable: confirmations come in the order of the puts."""
        if future.cancelled() or future.exception():
            return
        os.pwrite(self._confirmed, CONFIRMED.pack(number), 0)
        self._costs["confirm"].append((time.perf_counter_ns() - began_ns) // 1_000)

    def note_late(self, seconds: float) -> None:
        """Note by how much the loop was late."""
        self._costs["late"].append(int(max(0.0, seconds) * 1e6))

    def flush(self) -> None:
        """Write the costs so far; a kill loses a few thousand of them."""
        for name, costs in self._costs.items():
            with (self._folder / f"{name}.costs").open("ab") as file:
                costs.tofile(file)
            del costs[:]


async def put_all(putter: Putter, total: int, rate: int) -> None:
    """Put every record that is not confirmed yet, so many a second."""
    number, flushed = putter.confirmed(), 0
    due = time.perf_counter()
    while number < total:
        began, future = time.perf_counter_ns(), None
        try:
            for _ in range(min(max(1, int(rate * TICK_S)), total - number)):
                future = putter.put(number + 1)
                number += 1
        except SpoolFull:
            await asyncio.sleep(FULL_PAUSE_S)
        if future:
            future.add_done_callback(partial(putter.confirm, number, began))
        if number - flushed >= FLUSH_EVERY:
            putter.flush()
            flushed = number
        due = max(due + TICK_S, time.perf_counter() - 1.0)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        putter.note_late(time.perf_counter() - due)
    if future:
        await future
    putter.flush()


async def main(folder: Path, dsn: str, total: int, rate: int) -> None:
    """Do it."""
    options = SpoolOptions(now_us=now_us, draw=random.random)
    async with (
        open_log(dsn, REALM, now_us=now_us) as log,
        open_spool(folder / "spool", log, options) as spool,
    ):
        await put_all(Putter(spool, folder), total, rate)
        await spool.drained()


if __name__ == "__main__":
    set_up("error", "console")
    relax_collector()
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
