"""A process that leads a realm's clock whenever no other one does.

Arguments: Postgres, realm, name. SIGUSR1 puts its wall clock an hour ahead, SIGUSR2 an hour back, SIGHUP sets
it right.
"""

import asyncio
import signal
import sys

from aicore.clock import now_us
from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.postgres.log import open_log
from bus.relay.leadership import while_leading
from domain.clock.units import RealTime
from handlers.clock.leader import ClockLeader
from handlers.clock.view import ClockView

HOUR_US = 3_600_000_000


async def main(dsn: str, realm: str, name: str) -> None:
    off_us = 0

    def set_by(us: int) -> None:
        nonlocal off_us
        off_us = us

    loop = asyncio.get_running_loop()
    for number, us in ((signal.SIGUSR1, HOUR_US), (signal.SIGUSR2, -HOUR_US), (signal.SIGHUP, 0)):
        loop.add_signal_handler(number, set_by, us)

    def wall_us() -> int:
        return now_us() + off_us

    codec = EventCodec(domain_catalogue())
    async with open_log(dsn, realm, now_us=wall_us) as log, asyncio.TaskGroup() as group:
        view = ClockView(log, decode=codec.decode, now=lambda: RealTime(wall_us()))
        leader = ClockLeader(log, codec, view, realm=realm, name=name)
        group.create_task(view.run())
        group.create_task(while_leading(dsn, realm, leader.lead, work="clock", name=name))


def live(*arguments: str) -> None:
    """Be the process."""
    asyncio.run(main(*arguments))


if __name__ == "__main__":
    live(*sys.argv[1:])
