"""Who leads the people: decides for everybody, minute by game minute, and appends what follows.

Whoever holds the lead (`bus.relay.leadership`) runs `lead`. It folds the people's stream, writes down that
it leads, and appends everything at the exact version of the stream: a leader that was stopped and wakes has
a successor's `people.led` before it, is refused, and steps down. What a minute brings is one append, so a
minute has happened or not. Lives in memory are ahead of the log while an append is under way; whatever goes
wrong with that, they are folded anew.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID, uuid5

import structlog

from bus.codec import EventCodec
from bus.ports import EventLog, Fenced, IdConflict, InvalidAppend, StreamWrite, VersionConflict
from domain.clock.messages import EVENTS as CLOCK_EVENTS
from domain.clock.units import GameTime
from domain.kernel.event import Event
from domain.people.agenda import Agenda
from domain.people.errands import NoPurses
from domain.people.lives import People
from domain.people.messages import STREAM, PeopleLed
from domain.people.outside import KINDS
from domain.people.rules import MINUTE_MS
from handlers.people.lives import TooOld, read_lives
from handlers.people.memories import PeopleMemories
from handlers.people.purser import Purser
from handlers.people.surroundings import Surroundings
from protocol.meta import Meta

BATCH = 500
"""Events after which an append ends, with the minute that brought the last one."""

REST_S_MAX = 0.25
SETTLE_S = 0.5
"""How long all wait for what is bought and paid; who is not served then waits alone."""

BEGIN_TRIES_MAX = 20
REFUSED_S = 0.05
ACTOR = "component:people"

logger = structlog.get_logger(__name__)


class PeopleLeader:
    """One process's readiness to lead; clock, surroundings and memories are followed all the time."""

    stirred_by: tuple[str, ...] = tuple(kind.event_name for kind in (*KINDS, *CLOCK_EVENTS))

    def __init__(  # noqa: PLR0913 - each is one thing that it needs
        self,
        log: EventLog,
        codec: EventCodec,
        around: tuple[Surroundings, PeopleMemories],
        *,
        realm: str,
        name: str,
        purser: Purser | None = None,
    ) -> None:
        """Prepare; without a ``purser`` nobody has a purse, and nothing is bought."""
        self._log = log
        self._codec = codec
        self._surroundings, self._memories = around
        self._clock = self._surroundings.clock
        self._space = uuid5(UUID(int=0), f"{realm}/people")
        self._name = name
        self._purser = purser
        self._people, self._version = People(), 0
        self._agenda: Agenda | None = None

    async def lead(self) -> None:
        """Lead until another one does, or this process cannot.

        Raises:
            LogUnavailable: the log is away.
        """
        if why := self._unable():
            logger.warning("cannot_lead_the_people", why=why)
            await asyncio.sleep(REST_S_MAX)
            return
        try:
            while not (self._surroundings.alive and self._now_ms() is not None):
                await self._rest(None)
            if await self._begun():
                await self._live()
        except (TooOld, InvalidAppend) as error:
            logger.warning("cannot_lead_the_people", why=str(error))
            await asyncio.sleep(REST_S_MAX)

    def _unable(self) -> str:
        """Return why this process must not lead, or ""."""
        return self._log.clock_wrong or self._clock.gap or self._surroundings.standing.error

    def _now_ms(self) -> int | None:
        """Return the game minute that it is; None: there is no clock yet."""
        clock = self._clock.clock
        return None if clock is None else clock.line.at(self._clock.now()).ms // MINUTE_MS * MINUTE_MS

    async def _begun(self) -> bool:
        """Fold what was, and write down that this process leads; say whether it does."""
        for _ in range(BEGIN_TRIES_MAX):
            self._people, self._version = await read_lives(self._log, self._codec)
            led = PeopleLed(term=self._people.term + 1, leader=self._name)
            if await self._append([led]):
                self._people.evolve(led)
                logger.info("leads_the_people", term=led.term, version=self._version)
                return True
            await asyncio.sleep(REFUSED_S)
        return False

    async def _live(self) -> None:
        """Live from minute to minute until an append is refused: then another one leads."""
        agenda = await self._open_agenda()
        try:
            await self._settle(agenda)  # what the leader before may not have come to
            await self._pass_on(agenda)
        finally:
            if self._purser:
                await self._purser.stop()

    async def _pass_on(self, agenda: Agenda) -> None:
        while not self._unable():
            now_ms = self._now_ms()
            if now_ms is None or not self._surroundings.alive:
                await self._rest(None)
                continue
            events = await self._next(agenda, now_ms)
            if events and not await self._append(events):
                logger.info("leads_the_people_no_more", version=self._version)
                return
            await self._settle(agenda)
            if not events:
                await self._rest(agenda.next_ms)

    async def _open_agenda(self) -> Agenda:
        world, purses = await self._surroundings.world(), self._purser.coins if self._purser else NoPurses
        self._agenda = Agenda(self._people, world, self._memories.memories, purses)
        return self._agenda

    async def _next(self, agenda: Agenda, now_ms: int) -> Sequence[Event]:
        """Return what happens up to a game minute, in the world as it is now."""
        world = await self._surroundings.world()
        if world is not agenda.world:
            agenda.take_in(world)
        return agenda.skip(now_ms) or [*agenda.outside(now_ms), *agenda.run(now_ms, BATCH)]

    @property
    def people(self) -> People:
        """Everybody's lives, as this leader lives them."""
        return self._people

    async def turn(self) -> None:
        """Live up to now; see `handlers.kernel.leading.Turns`."""
        now_ms = self._now_ms()
        if now_ms is None or not self._surroundings.alive:
            return
        if self._agenda is None:
            await self._begun()
            await self._open_agenda()
        assert self._agenda is not None
        await self._settle_now(self._agenda)
        if events := await self._next(self._agenda, now_ms):
            await self._append(events)
            await self._settle_now(self._agenda)

    def due_us(self) -> int | None:
        """Return when somebody decides or arrives next, in µs since 1970."""
        clock, next_ms = self._clock.clock, self._agenda.next_ms if self._agenda else None
        if clock is None or next_ms is None or not self._surroundings.alive:
            return None
        due = clock.line.when(GameTime(next_ms))
        return due.us if due else None

    async def _settle(self, agenda: Agenda) -> None:
        """Have bought and paid what has come up, and tell people what came of it, as far as it is known."""
        if self._purser is None:
            return
        self._purser.take_in(agenda.world.cast)
        self._purser.begin(agenda.errands.take())
        for errand, outcome in await self._purser.done(SETTLE_S):
            agenda.settle(errand, outcome)

    async def _settle_now(self, agenda: Agenda) -> None:
        """Have one thing after the other bought and paid, and tell people what came of it."""
        if self._purser is None:
            return
        await self._purser.furnish(agenda.world.cast)
        for errand in agenda.errands.take():
            agenda.settle(errand, await self._purser.see_to(errand))

    async def _append(self, events: Sequence[Event]) -> bool:
        """Append at the version that is known; say whether it was so."""
        meta = Meta(actor=ACTOR)
        new = [
            self._codec.encode(event, uuid5(self._space, str(self._version + n)), meta)
            for n, event in enumerate(events, 1)
        ]
        try:
            await self._log.append(StreamWrite(STREAM, new, expected=self._version))
        except (VersionConflict, IdConflict, Fenced) as refusal:
            logger.info("people_append_refused", error=str(refusal))
            return False
        self._version += len(new)
        return True

    async def _rest(self, due_ms: int | None) -> None:
        """Wait for news, or until somebody decides next."""
        wait_s, clock = REST_S_MAX, self._clock.clock
        if due_ms is not None and clock is not None and (due := clock.line.when(GameTime(due_ms))):
            wait_s = min(REST_S_MAX, max(0.005, (due - self._clock.now()).us / 1e6))
        self._surroundings.news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._surroundings.news.wait()
