"""A writer process for the order tests: appends one by one, or stops itself before its commit."""

import asyncio
import os
import signal
import sys

from aicore.clock import new_id, now_us
from bus.ports import Fenced, NewEvent, StreamWrite
from bus.postgres import writer
from bus.postgres.log import open_log


async def main(mode: str, dsn: str, realm: str, number: int) -> None:
    if mode == "freeze":
        writer.MISSES_MAX = 0  # always by the way that takes the lock first

        async def reserved(_self: writer.GroupWriter) -> None:
            os.kill(os.getpid(), signal.SIGSTOP)

        writer.GroupWriter.reserved = reserved  # type: ignore[method-assign,assignment]  # the point made for this test
    async with open_log(dsn, realm, now_us=now_us) as log:
        for _ in range(number):
            try:
                await log.append(
                    StreamWrite(f"story-{os.getpid()}", [NewEvent(new_id(), "story.told", 1, b"\x80")])
                )
            except Fenced:
                print("fenced", flush=True)
                return
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
