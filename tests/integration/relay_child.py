"""A relay in a process of its own, until it is killed; arguments: realm, DSN, NATS, state directory."""

import asyncio
import os
import sys
from pathlib import Path

from aicore.running import System
from aicore.settings import Settings
from aicore.supervisor import Start
from aicore.wiring import components


async def main(realm: str, dsn: str, nats: str, folder: str) -> None:
    system = System(realm=realm, state_dir=Path(folder), postgres_dsn=dsn, nats_url=nats, pid=os.getpid())
    stop = asyncio.Event()
    await components.run(Settings(), system, ["relay"], stop=stop, start=Start(lambda: None))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
