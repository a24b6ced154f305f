"""One writer process of the benchmark `writers`: two callers with a stream each, no pause between appends."""

import asyncio
import json
import os
import sys
import time

import uvloop

from aicore.clock import new_id, now_us
from bus.ports import NewEvent, StreamWrite
from bus.postgres.log import PostgresLog, open_log

CALLERS = 2


async def caller(log: PostgresLog, number: int, end: float) -> list[float]:
    """Append until the end; return how long each append took, s."""
    took: list[float] = []
    while (began := time.monotonic()) < end:
        stream = f"bench-{os.getpid()}-{number}"
        await log.append(StreamWrite(stream, [NewEvent(new_id(), "bench.happened", 1, b"\x80")]))
        took.append(time.monotonic() - began)
    return took


async def main(dsn: str, realm: str, seconds: float) -> None:
    """Say "ready", wait for a line, append for so many seconds, and print how long each append took."""
    async with open_log(dsn, realm, now_us=now_us) as log:
        await caller(log, 0, time.monotonic() + 0.001)
        print("ready", flush=True)
        sys.stdin.readline()
        end = time.monotonic() + seconds
        found = await asyncio.gather(*(caller(log, n, end) for n in range(CALLERS)))
    print(json.dumps([each for took in found for each in took]))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
