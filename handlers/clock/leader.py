"""Who leads the clock: tells boundaries and fires alarms, each once, and slows the clock down under load.

Whoever holds the lead (`bus.relay.leadership`) runs `lead`. It first writes down that it leads, and appends
all that follows at the exact version of the stream: a leader that was stopped and wakes has a successor's
`clock.led` before it, is refused, and steps down. Two leaders at once would both decide the same anyway,
under the same ids.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import structlog

from bus.codec import EventCodec
from bus.ports import EventLog, Fenced, IdConflict, InvalidAppend, StreamWrite, VersionConflict
from domain.clock.clock import STREAM, Clock, follow
from domain.clock.messages import EVENTS, ClockDilated, ClockEvent, ClockLed, ClockUndilated
from domain.clock.pace import Pace
from domain.clock.strikes import lateness, next_due, strike_id, strikes
from domain.clock.timeline import UNDILATED
from domain.clock.units import Rate, RealSpan, RealTime
from handlers.clock.view import ClockView
from protocol.meta import Meta

BATCH = 500
"""Events of one append at most: some 50 ms of the log."""

LATE = RealSpan(250_000)
"""What has been due for longer shows that the work does not keep up."""

REST_S_MAX = 0.5
"""How often a leader with nothing to do looks whether its clock, or the machine's, is still right."""

REFUSED_S = 0.05
PAGE = 1_000
ACTOR = "component:clock"

logger = structlog.get_logger(__name__)


class _TooOld(Exception):
    """The stream holds an event that this program does not know: what is due by the others may be wrong."""


class ClockLeader:
    """One process's readiness to lead; ``view`` follows the clock all the time, so that it is at hand."""

    stirred_by: tuple[str, ...] = tuple(kind.event_name for kind in EVENTS)

    def __init__(self, log: EventLog, codec: EventCodec, view: ClockView, *, realm: str, name: str) -> None:
        self._log = log
        self._codec = codec
        self._view = view
        self._realm = realm
        self._name = name
        self._clock: Clock | None = None
        self._version = 0
        self._term = 0
        self._paces = 0
        """How often the pace was changed in this term."""
        self._pace = Pace(behind=False, since=RealTime(0))

    async def lead(self) -> None:
        """Lead until another one does, or this process cannot: a wrong clock, too old, refused by the log.

        Raises:
            LogUnavailable: the log is away.
        """
        if not (why := self._unable()):
            try:
                await self._lead(await self._begun())
            except (_TooOld, InvalidAppend) as error:
                why = str(error)
        if why := why or self._unable():
            logger.warning("cannot_lead_the_clock", why=why)
            await asyncio.sleep(REST_S_MAX)

    def _unable(self) -> str:
        """Return why this process must not lead, or ""."""
        return self._log.clock_wrong or self._view.gap

    async def _lead(self, clock: Clock) -> None:
        self._pace = Pace(behind=False, since=self._view.now())
        while clock.term == self._term and not self._unable():
            now = self._view.now()
            if not await self._tell(clock, now):
                await self._rest(clock, now)
            clock = self._newest() or clock
        logger.info("leads_the_clock_no_more", term=self._term, newest=clock.term, of=clock.leader)

    async def turn(self) -> None:
        """Tell what is due now; see `handlers.kernel.leading.Turns`."""
        clock = self._newest()
        if clock is None:
            return
        if not self._term:
            clock = await self._begun()
            self._pace = Pace(behind=False, since=self._view.now())
        await self._tell(clock, self._view.now())

    def due_us(self) -> int | None:
        """Return when there is something to tell, in µs since 1970."""
        clock = self._newest()
        due = next_due(clock, self._view.now()) if clock else None
        return due.us if due else None

    async def _tell(self, clock: Clock, now: RealTime) -> bool:
        """Tell what is due, or go at another pace; say whether there was anything."""
        behind = lateness(clock, now) > LATE
        self._pace = self._pace.seen(now, behind=behind)
        if (wanted := self._pace.wanted(now, clock.line.dilation)) != clock.line.dilation:
            self._pace = Pace(behind, now)
            await self._dilate(clock, now, wanted)
        elif found := strikes(clock, now, BATCH):
            ids = [strike_id(self._realm, strike.name, strike.number) for strike in found]
            await self._append([strike.event for strike in found], ids)
        else:
            return False
        return True

    async def _begun(self) -> Clock:
        """Return the clock once there is one and this process leads it."""
        await self._reload()
        while True:
            clock = self._newest()
            if clock is None:
                await self._wait(REST_S_MAX)
                continue
            term = clock.term + 1
            led = ClockLed(term=term, leader=self._name)
            self._term, self._paces = term, 0
            if await self._append([led], [strike_id(self._realm, "term", term)]):
                logger.info("leads_the_clock", term=term, version=self._version)
                return self._newest() or clock

    async def _dilate(self, clock: Clock, now: RealTime, wanted: Rate) -> None:
        before = clock.line.dilation
        event: ClockEvent = ClockUndilated(num=before.numerator, den=before.denominator)
        if wanted != UNDILATED:
            late_us = lateness(clock, now).us
            event = ClockDilated(num=wanted.numerator, den=wanted.denominator, late_us=late_us)
        id_ = strike_id(self._realm, f"pace/{self._term}", self._paces)
        self._paces += 1
        await self._append([event], [id_])
        logger.warning("clock_goes_at", dilation=str(wanted), late_s=lateness(clock, now).us / 1e6)

    async def _append(self, events: Sequence[ClockEvent], ids: Sequence[UUID]) -> bool:
        """Append at the version that is known; if there is more by now, take that in and append nothing."""
        meta = Meta(correlation=strike_id(self._realm, "term", self._term), actor=ACTOR)
        new = [self._codec.encode(event, id_, meta) for event, id_ in zip(events, ids, strict=True)]
        try:
            result = await self._log.append(StreamWrite(STREAM, new, expected=self._version))
        except (VersionConflict, IdConflict, Fenced) as refusal:
            before = self._version
            await self._reload()
            if self._version == before:  # somebody is about to write, or an id of ours is taken
                logger.warning("clock_append_refused", error=str(refusal))
                await asyncio.sleep(REFUSED_S)
            return False
        if result.duplicate:
            await self._reload()
            return False
        self._take(list(zip(events, result.versions, strict=True)), RealTime(result.recorded_us))
        return True

    # --- the state ----------------------------------------------------------------------------------------

    def _newest(self) -> Clock | None:
        """Return the clock with all that this process knows of it."""
        if self._view.version > self._version:
            self._clock, self._version = self._view.clock, self._view.version
        return self._clock

    def _take(self, events: Sequence[tuple[ClockEvent, int]], at: RealTime) -> None:
        for event, version in events:
            if version == self._version + 1:  # the view may have had them meanwhile
                self._clock, self._version = follow(self._clock, event, at), version

    async def _reload(self) -> None:
        """Take in what the log has now."""
        self._newest()
        while True:
            page = await self._log.read_stream(STREAM, after=self._version, limit=PAGE)
            for recorded in page:
                event = self._codec.decode(recorded)
                if not isinstance(event, ClockEvent):
                    what = f"{recorded.type} version {recorded.schema_version}"
                    raise _TooOld(f"{what} is not known here; upgrade this program")
                self._take([(event, recorded.version)], RealTime(recorded.recorded_us))
            if len(page) < PAGE:
                return

    async def _rest(self, clock: Clock, now: RealTime) -> None:
        due = next_due(clock, now)
        await self._wait(min(REST_S_MAX, max(0.0, (due - now).us / 1e6)) if due else REST_S_MAX)

    async def _wait(self, within_s: float) -> None:
        self._view.news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._view.news.wait()
