"""The clock: its commands, the clock in memory, and this process's readiness to lead it."""

from aicore.settings import Settings
from aicore.wiring.parts import Part, Parts
from domain.clock.queries import AlarmsQuery, ClockQuery
from domain.clock.units import RealTime
from handlers.clock.commands import CLOCKS
from handlers.clock.leader import ClockLeader
from handlers.clock.view import ClockView


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(bindings=(CLOCKS,), serve={"commands": _leader, "queries": _queries})


async def clock_in_memory(parts: Parts) -> ClockView:
    """Open the clock as of the log's last event about it (`Parts.once`)."""
    view = ClockView(parts.log, decode=parts.codec.decode, now=lambda: RealTime(parts.now_us()))
    return await parts.view(view)


async def _queries(parts: Parts) -> None:
    view = await parts.once(clock_in_memory)
    parts.served.queries |= {ClockQuery: view.answer_now, AlarmsQuery: view.answer_alarms}


async def _leader(parts: Parts) -> None:
    """Lead the clock whenever no other process does; those that append events may."""
    view, realm, name = await parts.once(clock_in_memory), parts.system.realm, parts.name
    leader = ClockLeader(parts.log, parts.codec, view, realm=realm, name=name)
    await parts.lead("clock", leader)
