"""The process that writes the log stays as large as it is, however much it writes."""

import asyncio
import json
import subprocess
import sys

import pytest

from aicore.embedded import EmbeddedPostgres
from bus.postgres.migrate import migrate

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]

APPENDS = 1_000_000
SHARE = 0.05

WRITER = """
import asyncio, json, sys
from itertools import count
from uuid import UUID
import psutil
from bus.ports import NewEvent, StreamWrite
from bus.postgres.log import open_log

async def main(dsn, realm, appends):
    clock, ids, sizes = count(1_000), count(1), []
    async with open_log(dsn, realm, now_us=lambda: next(clock), skew_us_max=None) as log:
        async def write(task, number):
            for n in range(number):
                event = NewEvent(UUID(int=next(ids)), "story.told", 1, b"\\x81\\xa1n" + bytes([n % 128]) )
                await log.append(StreamWrite(f"story-{task}-{n // 10}", [event], n % 10))
        for part in range(10):
            await asyncio.gather(*(write(f"{part}-{task}", appends // 10 // 200) for task in range(200)))
            sizes.append(psutil.Process().memory_info().rss)
    print(json.dumps(sizes))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def test_a_million_appends_leave_the_process_as_large_as_after_the_first_part(
    postgres: EmbeddedPostgres, realm: str
) -> None:
    await migrate(postgres.dsn, realm)
    command = [sys.executable, "-c", WRITER, postgres.dsn, realm, str(APPENDS)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    sizes = json.loads(done.stdout)

    # The memory of stream versions fills up in the first part; from then on nothing may grow.
    assert max(sizes[1:]) <= sizes[1] * (1 + SHARE), [round(size / 1e6, 1) for size in sizes]
