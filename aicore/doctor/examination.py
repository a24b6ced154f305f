"""Examines a system from outside and names each fault with its mend.

Every check stands alone: one that cannot be made, because a server is away, says so under that server's name
and the others are made all the same.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aicore.clock import now_us
from aicore.doctor import derived, log, machine, services, stream, world
from aicore.doctor.check import FAILURES, Check, Patient
from aicore.doctor.servers import nats_of, postgres_of
from aicore.running import System
from aicore.settings import Settings

CHECK_TIMEOUT_S = 15.0

_CHECKS: tuple[Callable[[Patient], Awaitable[Sequence[Check]]], ...] = (
    log.roles,
    log.migrations,
    log.append_only,
    log.log,
    stream.stream,
    stream.systems,
    derived.projections,
    derived.followers,
    derived.neighbours,
    services.silence,
    services.engines,
    world.game_clock,
    world.ledger,
    world.people,
    world.weather,
    world.factions,
    machine.spool,
    stream.inbox,
    stream.dead_letters,
    machine.disk,
    machine.abandoned,
    machine.clock,
    machine.clocks,
)


async def examine(
    settings: Settings, system: System, *, clock: Callable[[], int] = now_us
) -> Sequence[Check]:
    """Return every check's finding; takes at most about 20 s when servers hang."""
    found: list[Check] = []
    async with postgres_of(system, found) as postgres, nats_of(system, found) as nats:
        patient = Patient(settings, system, postgres, nats, clock)
        for check in _CHECKS:
            try:
                async with asyncio.timeout(CHECK_TIMEOUT_S):
                    found += await check(patient)
            except FAILURES as error:
                name = check.__name__
                what = f"could not be checked: {type(error).__name__}: {error}"
                found.append(Check(name, "fault", what, "mend the faults above first, then ask again"))
    return found
