"""A process that takes commands from the inbox, and dies by its own hand where a test wants it to.

Arguments: Postgres, NATS, realm, mode. ``after``: killed when the first command has taken effect, before its
acknowledgement. ``poison``: killed by every command of the use case ``poison``, before it takes effect.
``serve``: neither.
"""

import asyncio
import os
import signal
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from aicore.clock import now_us
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.nats.connection import connect
from bus.nats.inbox import inbox_consumer
from bus.postgres.log import open_log
from bus.relay.inbox import lead_inbox
from protocol.messages import CommandMessage, Reply
from tests.integration.inbox_kit import OPTIONS
from tests.unit.kit import runner_on

POISON = "poison"
REGISTER = "registry.register_model"
DELIVERIES_MAX = 3


async def main(dsn: str, url: str, realm: str, mode: str) -> None:
    async with open_log(dsn, realm, now_us=now_us) as log, connect(url, name=f"child {realm}") as nc:
        runner = runner_on(log, EventCodec(domain_catalogue()))

        async def carry_out(message: CommandMessage) -> Reply:
            if mode == "poison" and message.payload["use_case"] == POISON:
                os.kill(os.getpid(), signal.SIGKILL)
            reply = await runner(message)
            if mode == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return reply

        options = replace(OPTIONS, deliveries_max=DELIVERIES_MAX)

        def consume() -> Coroutine[Any, Any, None]:
            return inbox_consumer(nc, realm, {REGISTER: carry_out}, runner.lane_of, options).run()

        await lead_inbox(dsn, realm, consume, name=mode)


def live(*arguments: str) -> None:
    """Be the process."""
    asyncio.run(main(*arguments))
