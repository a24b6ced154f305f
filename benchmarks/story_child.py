"""The program that answers players in `benchmarks story`: commands and queries, until it is killed.

Run as ``python -m benchmarks.story_child POSTGRES NATS REALM FOLDER``.
"""

import asyncio
import os
import sys
from pathlib import Path

import uvloop

from aicore.collector import relax_collector
from aicore.running import System
from aicore.settings import Settings
from aicore.supervisor import Start
from aicore.wiring import components

SERVICES = ("commands", "queries")


async def serve(dsn: str, url: str, realm: str, folder: str) -> None:
    """Answer, for ever."""
    system = System(realm=realm, state_dir=Path(folder), postgres_dsn=dsn, nats_url=url, pid=os.getpid())
    settings = Settings(lore_encoder="")
    await components.run(settings, system, SERVICES, stop=asyncio.Event(), start=Start(lambda: None))


if __name__ == "__main__":
    relax_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(*sys.argv[1:]))
