"""The one way to follow the log: read models in memory, and processes that say what follows.

One idea of errors for all of them. The log is away: wait, and go on where it was left. An event cannot be
read or taken in: a view (`MemoryView`) passes it over and says so, because one bad event must not hide all
that come after it; a process (`ProcessRunner`) stands still and says so, because commands would follow from
what is half known. Neither ends the program. `Standing` is what doctor asks.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from math import inf
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

import structlog

from bus.codec import UnknownEvent
from bus.ids import derived_id
from bus.ports import EventLog, IdConflict, LogError, RecordedEvent, Where
from bus.read_ahead import read_ahead
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.kernel.process import Due, Heard, Moment, Process
from handlers.kernel.commands import Outcome
from protocol.errors import WireError
from protocol.meta import Meta, decode_meta

logger = structlog.get_logger(__name__)

AGAIN_S_MIN = 1.0
AGAIN_S_MAX = 30.0
"""Pauses after an error: doubled each time, until something was taken in again."""

PAGE = 2_000
CAUGHT_UP_S = 0.05

SAID_MAX = 65_536
"""Commands that a process remembers having said. Of one that is forgotten, and due still, the log knows."""

Decode = Callable[[RecordedEvent], Event]
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Standing:
    """Position of a follower."""

    name: str
    position: int
    error: str
    """Event that it could not take in; "" if there is none."""


class Follower(Protocol):
    """Whatever follows the log."""

    @property
    def standing(self) -> Standing:
        """Return how far it is."""
        ...


class MemoryView(ABC):
    """A read model in memory. Run `run` in a task; answers come from memory.

    A subclass says its ``name``, the ``types`` of the events that it hears, and how it takes one in.
    """

    name: ClassVar[str]
    types: ClassVar[tuple[str, ...]]
    pause_s: ClassVar[float] = 0.05
    """What is written is known here so much later at most; every read is work for the whole process."""

    def __init__(self, log: EventLog, *, decode: Decode) -> None:
        self._log = log
        self._decode = decode
        self._moved = asyncio.Condition()
        self._error = ""
        self.position = 0
        """Of the last event taken in; 0 before the first."""

    @abstractmethod
    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""

    async def settle(self) -> None:  # noqa: B027 - most views have nothing to do
        """Finish what a batch of events began."""

    @property
    def standing(self) -> Standing:
        """Return how far it is."""
        return Standing(self.name, self.position, self._error)

    async def reached(self, position: int) -> None:
        """Return once every event heard up to ``position`` is known. The caller sets the deadline."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.position >= position)

    async def caught_up(self) -> None:
        """Return once everything that was in the log is known.

        Raises:
            LogUnavailable: the log is away.
        """
        head = (await self._log.head()).position
        while self.position < head:
            news = await self._log.read_all(after=self.position, limit=1, where=Where(types=self.types))
            if not news or news[0].position > head:
                return
            await asyncio.sleep(CAUGHT_UP_S)

    async def run(self) -> None:
        """Follow the log for ever, from where it is known."""
        pause_s = AGAIN_S_MIN
        while True:
            before = self.position
            try:
                await self._follow()
            except LogError as error:
                logger.warning("view_waits_for_the_log", view=self.name, error=str(error))
            except Exception:  # what only shows must not end those who serve
                logger.exception("view_failed", view=self.name)
            pause_s = AGAIN_S_MIN if self.position > before else min(AGAIN_S_MAX, 2 * pause_s)
            await asyncio.sleep(pause_s)

    async def _follow(self) -> None:
        where = Where(types=self.types)
        news = self._log.subscribe(after=self.position, where=where, pause_s=self.pause_s)
        async with aclosing(news) as batches:
            async for batch in batches:
                await self.take(batch)

    async def take(self, batch: list[RecordedEvent]) -> None:
        """Take events in, in their order; what cannot be read is passed over."""
        for recorded in batch:
            try:
                event = self._decode(recorded)
                if isinstance(event, UnknownEvent):
                    self._pass_over(recorded, _unknown(event))
                self.apply(event, recorded)
            except Exception as error:
                logger.exception("event_not_taken_in", view=self.name, position=recorded.position)
                self._pass_over(recorded, f"{type(error).__name__}: {error}")
        await self.settle()
        if batch:
            async with self._moved:
                self.position = batch[-1].position
                self._moved.notify_all()

    def _pass_over(self, recorded: RecordedEvent, why: str) -> None:
        logger.warning("event_passed_over", view=self.name, position=recorded.position, why=why)
        self._error = f"event {recorded.position} was passed over: {why}"


class _Said(NamedTuple):
    """Outcome of a command."""

    until: float
    """Up to which position it is not said again: for ever, or until more happens."""
    taken: bool
    """True if the log has what follows from it."""


class Executes(Protocol):
    """Whoever carries out what a process says; a `CommandRunner` does by deciders."""

    async def execute(self, command: Any, command_id: UUID, *, meta: Meta) -> Outcome[Any]:
        """Carry a command out under its id; once, however often it is said.

        Raises:
            Rejected, IdConflict, LogError, WireError: as `CommandRunner.execute` does.
        """
        ...


class ProcessRunner(Generic[S]):
    """Runs a `Process`. Run `run` in a task; several, in several processes, say the same things once."""

    def __init__(
        self,
        log: EventLog,
        runner: Executes,
        process: Process[S],
        *,
        decode: Decode,
        now_us: Callable[[], int],
    ) -> None:
        """Prepare; ``runner`` knows the commands."""
        self._log = log
        self._runner = runner
        self._process = process
        self._decode = decode
        self._now_us = now_us
        self._said: OrderedDict[UUID, _Said] = OrderedDict()
        """By a command's id."""
        self._later: set[UUID] = set()
        """Commands that the log could not take; each try may wait long, and events with it."""
        self._anew = 0
        """The last position at which something may have made a refused command welcome."""
        self._reacting = asyncio.Lock()
        self._moved = asyncio.Condition()
        self._unsaid = asyncio.Event()
        self._error = ""
        self.state: S = process.initial(0)
        self.position = 0
        self.live = False
        """Whether all that was is known; until then nothing is said."""

    @property
    def standing(self) -> Standing:
        """Return how far it is."""
        return Standing(self._process.name, self.position, self._error)

    async def run(self) -> None:
        """Follow the log for ever; after an error begin anew, from the log."""
        pause_s = AGAIN_S_MIN
        while True:
            before = self.position
            try:
                await self._run()
            except Exception as error:  # others must not end because one process cannot go on
                self._tell(_first(error))
            pause_s = AGAIN_S_MIN if self.position > before else min(AGAIN_S_MAX, 2 * pause_s)
            await asyncio.sleep(pause_s)

    def _tell(self, error: BaseException) -> None:
        if isinstance(error, LogError):
            logger.warning("process_waits_for_the_log", process=self._process.name, error=str(error))
            return
        self._error = f"stands still after position {self.position}: {type(error).__name__}: {error}"
        logger.error("process_stands_still", process=self._process.name, error=self._error, exc_info=error)

    async def _run(self) -> None:
        """Fold what was, and say nothing until all of it is known; then follow."""
        process, head = self._process, (await self._log.head()).position
        self.live, self._said, self._later = False, OrderedDict(), set()
        await self._catch_up(head)
        self.position, self.live, types = head, True, (*process.types, *process.recent)
        async with asyncio.TaskGroup() as group:
            if process.tick_s is not None:
                group.create_task(self._tick(process.tick_s))
            group.create_task(self._once_more())
            await self._told()
            await self.react()
            async with aclosing(self._log.subscribe(after=head, where=Where(types=types))) as batches:
                async for batch in batches:
                    for recorded in batch:
                        await self.hear(recorded)
                    await self._told()

    async def hear(self, recorded: RecordedEvent) -> None:
        """Take an event in, and say what follows."""
        self._take(recorded)
        await self.react(recorded.recorded_us)

    async def _catch_up(self, head: int) -> None:
        """Fold what was, up to ``head``, in the order in which it happened."""
        process, begin = self._process, head
        if process.recent:
            state = process.initial(0)
            async with aclosing(self._pages(0, head, process.types)) as events:
                async for recorded in events:
                    with suppress(WireError):  # those who only look pass over it; below it counts
                        state = process.evolve(state, self._heard(recorded))
            begin = process.since(state, head)
            self.state = state  # who only looks need not wait for all the rest
            await self._told()
        state, position = process.initial(begin if process.recent else 0), 0
        for after, until, types in (
            (0, begin, process.types),
            (begin, head, (*process.types, *process.recent)),
        ):
            async with aclosing(self._pages(after, until, types)) as events:
                async for recorded in events:
                    self.position = position
                    state, position = process.evolve(state, self._heard(recorded)), recorded.position
        self.state, self._error = state, ""

    async def _pages(
        self, after: int, until: int, types: tuple[str, ...]
    ) -> AsyncGenerator[RecordedEvent, None]:
        """Yield the events of ``types`` after one position, up to another."""

        def read(after: int) -> Awaitable[Sequence[RecordedEvent]]:
            return self._log.read_all(after=after, limit=PAGE, where=Where(types=types))

        async with read_ahead(read, after=after, until=until, limit=PAGE) as parts:
            async for part in parts:
                for recorded in part:
                    if recorded.position <= until:
                        yield recorded

    def _heard(self, recorded: RecordedEvent) -> Heard:
        meta, event = decode_meta(recorded.meta), self._decode(recorded)
        if isinstance(event, UnknownEvent):
            raise WireError("unsupported_version", "", f"{_unknown(event)}; upgrade this program")
        correlation = meta.correlation or recorded.id
        return Heard(event, recorded.id, recorded.position, recorded.recorded_us, correlation, meta.actor)

    def _take(self, recorded: RecordedEvent) -> None:
        self.state = self._process.evolve(self.state, self._heard(recorded))
        self.position = recorded.position
        self._error = ""
        if recorded.type not in self._process.recent:  # of those there are too many to try again at each
            self._anew = recorded.position

    async def _tick(self, pause_s: float) -> None:
        while True:
            await asyncio.sleep(pause_s)
            await self.react(tick_us=self._now_us())

    async def _once_more(self) -> None:
        """Say what the log could not take, until it does."""
        while True:
            await self._unsaid.wait()
            self._unsaid.clear()
            await asyncio.sleep(AGAIN_S_MIN)
            self._later.clear()
            await self.react()

    async def react(self, at_us: int | None = None, *, tick_us: int | None = None) -> None:
        """Say all that is due now, or was when an event was recorded at ``at_us``; at a tick, at its time."""
        async with self._reacting:
            now_us = self._now_us() if tick_us is None else tick_us
            if tick_us is not None:
                self._anew = self.position
            moment = Moment(at_us or now_us, now_us, tick=tick_us is not None)
            for due in self._process.react(self.state, moment):
                await self.say(due)

    async def changed(self, *, within_s: float) -> None:
        """Return when the state has changed, or the time is over."""
        try:
            async with asyncio.timeout(within_s), self._moved:
                await self._moved.wait()
        except TimeoutError:
            pass

    async def _told(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    async def say(self, due: Due) -> bool:
        """Say a command once; return whether the log has what follows from it.

        What was refused, or changed nothing, is said again once something else has happened, at a tick if
        that was one of the recent events; what the log could not take, soon.
        """
        id_, at = derived_id(due.of, 0, due.what), self.position
        if id_ in self._later:
            return False
        said = self._said.get(id_)
        if said is not None and said.until >= self._anew:
            return said.taken
        meta = Meta(correlation=due.correlation, causation=due.cause, actor=due.actor)
        try:
            outcome = await self._runner.execute(due.command, id_, meta=meta)
        except Rejected as refusal:  # things moved on meanwhile; the log will tell
            logger.info("command_refused", process=self._process.name, what=due.what, detail=str(refusal))
            # What was heard since it was said may be what it lacked.
            self._remember(id_, _Said(at if self._process.insists else inf, taken=False))
            return False
        except IdConflict:  # another process said it first, in its own words
            logger.info("command_said_already", process=self._process.name, what=due.what)
            self._remember(id_, _Said(inf, taken=True))
        except (LogError, WireError) as error:
            logger.warning("command_not_said", process=self._process.name, what=due.what, error=str(error))
            self._later.add(id_)
            self._unsaid.set()
            return False
        else:
            self._remember(id_, _Said(inf if outcome.events else at, taken=True))
        return True

    def _remember(self, id_: UUID, said: _Said) -> None:
        self._said[id_] = said
        self._said.move_to_end(id_)
        if len(self._said) > SAID_MAX:
            self._said.popitem(last=False)


class Restarts:
    """Work that is done anew after an error that nobody expected; others must go on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._error = ""

    @property
    def standing(self) -> Standing:
        """Return what failed; such work has no position."""
        return Standing(self._name, 0, self._error)

    def beside(self, process: Standing) -> Standing:
        """Return how the process is, with what failed beside it."""
        return process if process.error else replace(process, error=self._error)

    async def keep_going(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do ``work`` for ever. An error is told until the work has lasted for a while."""
        while True:
            well = asyncio.get_running_loop().call_later(AGAIN_S_MAX, self._tell, "")
            try:
                await work()
            except Exception as error:
                found = _first(error)
                self._tell(f"began anew after {type(found).__name__}: {found}")
                logger.exception("begins_anew", what=self._name)
            finally:
                well.cancel()
            await asyncio.sleep(AGAIN_S_MIN)

    def _tell(self, error: str) -> None:
        self._error = error


def _unknown(event: UnknownEvent) -> str:
    return f"{event.type} version {event.schema_version} is not known here"


def _first(error: BaseException) -> BaseException:
    """Return what happened, out of the groups that carried it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
