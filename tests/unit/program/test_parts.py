"""The parts of the program: what they hand to those who stand on them."""

from typing import Any

from aicore.wiring.parts import Parts
from domain.kernel.process import Moment, Process
from tests.unit.kit import START_US, memory_log, until

HOUR_US = 3_600_000_000


async def test_a_process_judges_by_the_logs_time_and_by_no_clock_of_its_own() -> None:
    """The scar: by the node's, a verdict of a wrong clock could be written once the clock was right."""
    moments: list[Moment] = []
    log: Any = memory_log()
    log.now_us = lambda: START_US + HOUR_US

    def react(_: None, moment: Moment) -> list[Any]:
        moments.append(moment)
        return []

    ticking: Process[None] = Process("ticking", (), lambda _: None, lambda *_: None, react, tick_s=0.001)
    nothing: Any = None
    parts = Parts(nothing, nothing, log, nothing)
    async with parts.stack:
        await parts.process(ticking)
        await until(lambda: any(moment.tick for moment in moments))
    assert {moment.now_us for moment in moments} == {START_US + HOUR_US}
