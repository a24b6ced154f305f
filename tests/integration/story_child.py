"""A program that answers players, and dies by its own hand in the commit of a line where a test wants it to.

``before``: killed when the first line's place in the log is reserved, before its commit. ``after``: killed
when it is committed, before anybody hears of it. ``serve``: neither. A mode that begins with ``scene-``
directs, too, and so has the lines of scenes said.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from typing import Any

from aicore.running import System
from aicore.settings import Settings
from aicore.supervisor import Start
from aicore.wiring import components
from bus.ports import AppendResult, StreamWrite
from bus.postgres import writer
from bus.postgres.log import PostgresLog
from domain.story.messages import LineSaid

SERVICES = ("commands", "queries")
SCENE = "scene-"


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_in_commit(mode: str) -> None:
    """Have the first append of a line be the last thing that this process does."""
    writer.MISSES_MAX = 0  # always by the way that takes the lock first
    append, lines = PostgresLog.append, list[bool]()

    async def watched(self: PostgresLog, *writes: StreamWrite, **more: Any) -> AppendResult:
        said = any(event.type == LineSaid.event_name for write in writes for event in write.events)
        lines.extend([said] * said)
        result = await append(self, *writes, **more)
        if said and mode == "after":
            _die()
        return result

    async def reserved(_self: writer.GroupWriter) -> None:
        if lines and mode == "before":
            _die()

    PostgresLog.append = watched  # type: ignore[method-assign]  # the points made for this test
    writer.GroupWriter.reserved = reserved  # type: ignore[method-assign,assignment]


async def main(system: System, mode: str) -> None:
    scenes, mode = mode.startswith(SCENE), mode.removeprefix(SCENE)
    if mode != "serve":
        _die_in_commit(mode)
    settings: Settings = Settings(lore_encoder="", director=scenes)
    services: Sequence[str] = SERVICES
    await components.run(settings, system, services, stop=asyncio.Event(), start=Start(lambda: None))


def live(system: System, mode: str) -> None:
    """Be the process."""
    asyncio.run(main(system, mode))
