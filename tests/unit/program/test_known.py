"""Requests are taken once the read models know what the log holds."""

import asyncio
from typing import Any, ClassVar

from aicore.wiring.components import _known
from aicore.wiring.parts import Parts
from bus.memory import MemoryLog
from bus.ports import Head, LogUnavailable, RecordedEvent, StreamWrite
from domain.kernel.event import Event
from handlers.kernel.follow import MemoryView
from protocol.meta import Meta
from tests.unit.kernel.test_follow import CODEC, BellRung
from tests.unit.kit import START_US, ident


class Log(MemoryLog):
    """A log that may be away."""

    away = False

    async def head(self) -> Head:
        if self.away:
            raise LogUnavailable("Postgres does not answer")
        return await super().head()


class Bells(MemoryView):
    """Hears bells."""

    name: ClassVar[str] = "bells"
    types: ClassVar[tuple[str, ...]] = (BellRung.event_name,)

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Hear one; its position is all that is kept."""


async def ringing() -> tuple[Parts, Log, Bells]:
    """Return parts of a realm with three bells, and a view that has not begun to follow."""
    log = Log("test", lambda: START_US)
    bells = [CODEC.encode(BellRung(number=n), ident(n), Meta(actor="service:bell")) for n in range(3)]
    await log.append(StreamWrite("bell-tower", bells))
    nothing: Any = None
    view = Bells(log, decode=CODEC.decode)
    return Parts(nothing, nothing, log, nothing, followers=[view]), log, view


async def test_who_serves_waits_for_what_is_followed() -> None:
    """*Scar:* after a start a session was refused for good, because no clock was known yet."""
    parts, _, view = await ringing()
    waiting = asyncio.create_task(_known(parts, asyncio.Event()))
    following = asyncio.create_task(view.run())
    await waiting
    following.cancel()
    assert view.position == 3


async def test_nobody_waits_for_a_log_that_is_away_or_when_all_is_to_stop() -> None:
    parts, log, view = await ringing()
    stop = asyncio.Event()
    waiting = asyncio.create_task(_known(parts, stop))
    await asyncio.sleep(0)
    assert not waiting.done()
    stop.set()
    await waiting
    log.away = True
    await _known(parts, asyncio.Event())
    assert not view.position
