"""A process with an HTTP door and a service on NATS, both on few files: `door_child.py FILES NATS REALM`.

It prints the door's address when it serves, and ends with its standard input.
"""

import asyncio
import resource
import sys

from aicore.cli.terminal import loop_factory
from aicore.clock import new_id
from bus.nats.connection import connect
from bus.nats.service import ServiceOptions, serve
from tests.unit.inference.door_kit import door


async def main(url: str, realm: str) -> None:
    async with door() as opened, connect(url, name=f"child {realm}") as nc:
        commands = {"inference.generate": opened.service}
        async with serve(nc, realm, commands, {}, ServiceOptions(new_id=new_id)):
            print(opened.url, flush=True)
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    files = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main(*sys.argv[2:]))
