"""A process that leads some contexts of a realm whenever no other one does, wired as `aicore run` wires them.

Arguments: Postgres, NATS, realm, and the contexts.
"""

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path

from aicore.clock import now_us
from aicore.running import System
from aicore.settings import Settings
from aicore.wiring.parts import Part, Parts
from bus.nats.connection import connect
from bus.postgres.log import open_log


async def main(dsn: str, nats_url: str, realm: str, *contexts: str) -> None:
    settings = Settings()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        system = System(realm=realm, state_dir=folder, postgres_dsn=dsn, nats_url=nats_url)
        log = await stack.enter_async_context(open_log(dsn, realm, now_us=now_us))
        nc = await stack.enter_async_context(connect(nats_url, name="leader"))
        parts = Parts(settings, system, log, nc, frozenset({"commands"}), stack=stack)
        brought: list[Part] = [import_module(f"aicore.wiring.{each}").wire(settings) for each in contexts]
        runner = parts.runner(*(binding for part in brought for binding in part.bindings))
        parts.served.commands |= dict.fromkeys(runner.commands, runner)
        for part in brought:
            await part.serve["commands"](parts)
        await asyncio.Event().wait()


def live(*arguments: str) -> None:
    """Be the process."""
    asyncio.run(main(*arguments))


if __name__ == "__main__":
    live(*sys.argv[1:])
