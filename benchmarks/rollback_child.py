"""A router's process for the rollback benchmark: prints when a player meets which model, as it changes.

Run as ``python -m benchmarks.rollback_child DSN REALM USE_CASE PLAYERS``; the players' names have commas
between them, one for each deployment. Each line is a time on the machine's monotonic clock in seconds and the
id of the model that the player of the newest deployment meets.
"""

import asyncio
import sys
import time

import uvloop

from aicore.clock import now_us
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.postgres.log import open_log
from handlers.registry.models import RegistryView

LOOK_S = 0.001


async def watch(dsn: str, realm: str, use_case: str, players: str) -> None:
    """Print what the players meet, for ever."""
    names = players.split(",")
    async with open_log(dsn, realm, now_us=now_us, writer=False) as log, asyncio.TaskGroup() as group:
        view = RegistryView(log, decode=EventCodec(domain_catalogue()).decode)
        group.create_task(view.run())
        last = ""
        while True:
            if view.current(use_case) is not None:
                met = await view.version_for(use_case, names[max(0, view.models(use_case).deployments - 1)])
                if met and met[0].registered.model_id != last:
                    last = met[0].registered.model_id
                    sys.stdout.write(f"{time.monotonic()} {last}\n")
                    sys.stdout.flush()
            await asyncio.sleep(LOOK_S)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(watch(*sys.argv[1:]))
