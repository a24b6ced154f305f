"""One world: its contexts take turns on one log, and its clock goes on to what is due next.

At a moment whoever has something due, or heard of something that stirs them, takes turns in a fixed order
until nothing follows any more; then it is the moment at which something is due next. What others say, and
what is looked at in between, are further moments. So what happens is a function of the definition, the seed
and the commands, whatever else the machine does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from aicore.headless.log import WorldLog
from aicore.headless.parts import WorldParts, wired
from aicore.wiring.clock import clock_in_memory
from bus.ports import RecordedEvent
from domain.clock.clock import Clock
from domain.clock.units import GameTime, RealTime
from domain.kernel.process import Process
from handlers.kernel.follow import Follower, MemoryView, ProcessRunner
from handlers.kernel.leading import Turns
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta

BEGAN_US = 1_900_000_000_000_000
"""Real time at which every world of its own begins, in µs since 1970: 17 March 2030."""

AGAIN_US = 1_000_000
"""Until somebody is looked at again for whom something is due, and who did nothing."""

TURNS_MAX = 100_000
"""Turns at one moment after which the world goes round in circles."""

SPACE = UUID("5b1d7c84-0c5c-4f9e-8d0a-2f6f5f0b7a31")
REALM = "headless"


class GoesRound(Exception):
    """Contexts answer each other for ever at one moment."""


@dataclass(eq=False)
class _Taker:
    """Somebody who takes turns, and when time alone makes something due for them."""

    turns: Turns
    due_us: int | None = None
    stirred: bool = True


@dataclass(eq=False)
class _Hearer:
    """A process, and what it has not heard yet."""

    process: Process[Any]
    runner: ProcessRunner[Any]
    news: list[RecordedEvent] = field(default_factory=list)


class World:
    """Made by `begun`. Commands are decided as in the program, by the same deciders and refusals."""

    def __init__(self, log: WorldLog, time: "list[int]", parts: WorldParts) -> None:
        self.log = log
        self.parts = parts
        self._time = time
        self._takers = [_Taker(each.turns) for each in parts.turns]
        self._hearers = [_Hearer(*each) for each in parts.processes]
        self._views: dict[str, list[MemoryView]] = {}
        for view in parts.views:
            for kind in view.types:
                self._views.setdefault(kind, []).append(view)
        self._said = 0
        log.hear = self._hear

    # --- time -----------------------------------------------------------------------------------------------

    @property
    def now_us(self) -> int:
        """Real time, in µs since 1970."""
        return self._time[0]

    @property
    def began_us(self) -> int:
        """When the world began, in µs since 1970."""
        return BEGAN_US

    @property
    def clock(self) -> Clock | None:
        """The realm's clock."""
        clock: Clock | None = self.parts.opened[clock_in_memory].clock
        return clock

    @property
    def game_ms(self) -> int:
        """Game time; 0 before there is a clock."""
        return self.clock.line.at(RealTime(self.now_us)).ms if self.clock else 0

    def when_us(self, game_ms: int) -> int | None:
        """Return when it is a game time, in µs since 1970; None: never, as the clock goes."""
        when = self.clock.line.when(GameTime(game_ms)) if self.clock else None
        return when.us if when else None

    def set_clock(self, now_us: int) -> None:
        """Set real time, for a log that is written again as it was."""
        self._time[0] = now_us

    async def go_on(self, until_us: int) -> None:
        """Let happen all that happens up to a real time, that moment's included."""
        await self._settle()
        while (due_us := self._next_us()) is not None and due_us <= until_us:
            self._time[0] = max(self.now_us, due_us)
            await self._settle()
        self._time[0] = max(self.now_us, until_us)
        await self._settle()

    def _next_us(self) -> int | None:
        dues = [taker.due_us for taker in self._takers] + [self._due(hearer) for hearer in self._hearers]
        return min((due for due in dues if due is not None), default=None)

    def _due(self, hearer: _Hearer) -> int | None:
        """Return when time alone makes something due for a process; None: no time does."""
        process = hearer.process
        if process.tick_s is None:
            return None
        if process.next_ms is None:  # nobody knows: as often as it is asked where servers run it
            return self.now_us + int(process.tick_s * 1e6)
        next_ms = process.next_ms(hearer.runner.state)
        when_us = None if next_ms is None else self.when_us(next_ms)
        return None if when_us is None else max(when_us, self.now_us + 1)

    # --- turns ----------------------------------------------------------------------------------------------

    async def _hear(self, events: list[RecordedEvent]) -> None:
        """Tell everybody what happened: read models at once, the others when they come to it."""
        kinds = {event.type for event in events}
        for view in dict.fromkeys(view for kind in kinds for view in self._views.get(kind, ())):
            await view.take([event for event in events if event.type in view.types])
        for hearer in self._hearers:
            hearer.news += [event for event in events if event.type in hearer.process.types]
        for taker in self._takers:
            taker.stirred = taker.stirred or not kinds.isdisjoint(taker.turns.stirred_by)

    async def _settle(self) -> None:
        """Have all take turns until nothing follows at this moment."""
        for hearer in self._hearers:
            if hearer.process.tick_s is not None:
                await hearer.runner.react(tick_us=self.now_us)
        for _ in range(TURNS_MAX):
            before = self.log.position
            await self._processes()
            for taker in self._takers:
                if taker.stirred or (taker.due_us is not None and taker.due_us <= self.now_us):
                    await self._take_turn(taker)
            if self.log.position == before:
                return
        raise GoesRound(f"after {TURNS_MAX:,} turns at {self.now_us} µs there is still something to do")

    async def _take_turn(self, taker: _Taker) -> None:
        taker.stirred = False
        before = self.log.position
        await taker.turns.turn()
        await self._processes()
        if self.log.position != before:
            taker.stirred = True  # what was done may be a part of it
            return
        due_us = taker.turns.due_us()
        late = due_us is not None and due_us <= self.now_us
        taker.due_us = self.now_us + AGAIN_US if late else due_us

    async def _processes(self) -> None:
        """Have processes hear what they have not heard yet, and say what follows."""
        while any(hearer.news for hearer in self._hearers):
            for hearer in self._hearers:
                news, hearer.news = hearer.news, []
                for recorded in news:
                    await hearer.runner.hear(recorded)

    # --- commands -------------------------------------------------------------------------------------------

    async def say(
        self, command: str, payload: Mapping[str, Any], *, by: str, name: str = "", cause: UUID | None = None
    ) -> Reply:
        """Have a command carried out now, and what follows from it; ``name`` makes its id.

        Raises:
            Rejected: refused by the rules.
        """
        self._said += 1
        id_ = uuid5(SPACE, name or str(self._said))
        message = CommandMessage(id_, command, dict(payload), "any", Meta(causation=cause, actor=by))
        try:
            return await self.parts.served.commands[command](message)
        finally:
            await self._settle()

    def faults(self) -> list[str]:
        """Return what a read model could not take in, or a process; nothing is as it should be."""
        followers: list[Follower] = [*self.parts.views, *(hearer.runner for hearer in self._hearers)]
        return [f"{each.standing.name}: {each.standing.error}" for each in followers if each.standing.error]


async def begun(realm: str = REALM) -> World:
    """Return a world in which nothing has happened yet."""
    time = [BEGAN_US]
    log = WorldLog(realm, lambda: time[0])
    return World(log, time, await wired(log))
