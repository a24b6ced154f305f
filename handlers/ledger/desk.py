"""The desk where everything that is asked of the ledger is decided: in memory, in order, by one process.

Whoever leads (`bus.relay.leadership`) takes all that waits, decides it on the newest ledger, and appends it
at the exact version of the stream: one append however many ask, and nobody waits for another's account.
While that is on its way the next ones gather. A leader that was overtaken is refused by the version, finds
its successor's `ledger.led`, and steps down. Processes that do not lead pass on what comes to them.

A command's id is that of its events, so the log knows for ever what was done; see `_recall`.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast
from uuid import UUID, uuid5

import structlog

from bus.ids import derived_id
from bus.ports import (
    AppendResult,
    Fenced,
    IdConflict,
    Lead,
    LogError,
    LogUnavailable,
    NobodyLeads,
    RecordedEvent,
    StreamWrite,
    VersionConflict,
)
from domain.kernel.decider import Rejected
from domain.kernel.event import Command, Event
from domain.kernel.parse import parse
from domain.ledger.book import STREAM, Book, Now
from domain.ledger.commands import COMMANDS, LedgerCommand, Link, Reversing, Transfer
from domain.ledger.messages import Held as HoldMade
from domain.ledger.messages import Led
from handlers.ledger.authority import Holders
from handlers.ledger.known import Known, TooOld
from handlers.ledger.replies import PassedOn, came_of, events_of, ref_of, result_of, used
from handlers.ledger.riders import Rider
from handlers.ledger.turn import COMPONENT, Turn, Waiting
from protocol.messages import CommandMessage, ErrorReply, EventRef, Reply
from protocol.meta import Meta, decode_meta

WAITING_MAX = 10_000
REST_S_MAX = 0.25
"""How often a leader with nothing to do looks whether game time has gone on."""

BEHIND_S = 1.0
"""How far a process that does not lead lets its ledger lie behind; so much is read when it comes to lead."""

LEADER_WITHIN_S = 10.0
"""How long a command waits for somebody to lead: longer than a change of leaders takes."""

BEGIN_TRIES_MAX = 100
"""Tries to write down that this process leads: one before, who does not know yet, may append in between."""

PAUSE_S = 0.05
REMEMBERED_MAX = 4_096
"""Newest commands whose replies a leader keeps, for those that ask again; the log knows the others."""

KINDS: dict[str, type[LedgerCommand]] = {kind.command_name: kind for kind in COMMANDS}

logger = structlog.get_logger(__name__)


class Desk:
    """One process's desk. Run `stand_by` beside `lead`; calls may come at any time."""

    stirred_by: tuple[str, ...] = (HoldMade.event_name,)

    def __init__(self, known: Known, holders: Holders, lead: Lead, *, realm: str, name: str) -> None:
        self._known = known
        self._holders = holders
        self._log = known.log
        self._codec = known.codec
        self._lead = lead
        self._realm = realm
        self.name = name
        self._in_charge = False
        """Whether `lead` reads and writes the ledger."""
        self._leading = False
        self._busy = False
        """Whether a turn is under way that `turn` began."""
        self._queue: deque[Waiting] = deque()
        self._news = asyncio.Event()
        self._remembered: OrderedDict[int, tuple[Command, str, Reply]] = OrderedDict()
        """By the command's id: what was said, by whom, and what it came to."""
        self._riders: dict[str, Rider] = {}
        self._written: dict[str, int] = {}
        """Versions of the streams of riders that were written here: what was read before is decided anew."""

    def carry(self, rider: Rider) -> None:
        """Decide the commands of another context, too."""
        self._riders |= dict.fromkeys(rider.commands, rider)

    @property
    def book(self) -> Book:
        """The ledger as this process knows it."""
        return self._known.book

    @property
    def leads(self) -> bool:
        """Whether this process decides what comes."""
        return self._leading

    # --- who comes ----------------------------------------------------------------------------------------

    async def __call__(self, message: CommandMessage) -> Reply:
        """Carry out a command of the ledger, or have it carried out where it is led.

        Raises:
            Rejected: refused by the rules, or ``unknown_command``, or ``invalid_field``.
            VersionConflict: the ledger is not as the caller expected.
            IdConflict: the command id belongs to another command.
            LogUnavailable, Fenced: the caller may retry with the same id.
        """
        command = self._parsed(message)
        until = asyncio.get_running_loop().time() + LEADER_WITHIN_S
        while not self._leading:
            try:
                return _told(await self._lead.ask(message, LEADER_WITHIN_S), message)
            except NobodyLeads as error:
                if asyncio.get_running_loop().time() > until:
                    raise LogUnavailable("nobody leads the ledger; retry with the same id") from error
                await asyncio.sleep(PAUSE_S)
        return await self._decided(message, command)

    async def answer_peer(self, message: CommandMessage) -> Reply:
        """Carry out what another process passed on; raises as a call does."""
        return await self._decided(message, self._parsed(message))

    async def see_may_give(self, account: str, by: str) -> None:
        """See that somebody may give away what is in an account.

        Raises:
            Rejected: ``not_your_player``.
            LogUnavailable: the log cannot be asked.
        """
        await self._holders.see_may_give(account, by, "account")

    def _parsed(self, message: CommandMessage) -> Command:
        """Return a command.

        Raises:
            Rejected: ``unknown_command``, or as `parse` does.
        """
        if (rider := self._riders.get(message.command)) is not None:
            return parse(rider.commands[message.command], message.payload)
        if (kind := KINDS.get(message.command)) is None:
            remedy = f"there are {', '.join(sorted([*KINDS, *self._riders]))}"
            raise Rejected("unknown_command", f"no {message.command!r} here", remedy=remedy)
        return parse(kind, message.payload)

    async def _decided(self, message: CommandMessage, command: Command) -> Reply:
        waiting = Waiting(message, command, asyncio.get_running_loop().create_future())
        try:
            await self._make_ready(waiting)
        except Rejected:  # what was done before is told even when the session has ended since
            if not await self._recall(waiting):
                raise
            return await waiting.reply
        if not self._leading:
            raise _no_more()
        if len(self._queue) >= WAITING_MAX:
            raise Fenced(f"{WAITING_MAX:,} wait at the ledger; retry with the same id")
        self._queue.append(waiting)
        self._news.set()
        return await waiting.reply

    async def _make_ready(self, waiting: Waiting) -> None:
        """Read what a command needs beside the ledger.

        Raises:
            Rejected: its sender may not send it.
        """
        command = waiting.command
        if (rider := self._riders.get(waiting.message.command)) is not None:
            waiting.ride = await rider.ready(waiting.message, command)
            return
        asked = cast(LedgerCommand, command)
        waiting.originals = await self._originals(asked)
        await self._holders.see_may(asked, waiting.message.meta.actor, waiting.originals)

    async def _come_again(self, waitings: Sequence[Waiting]) -> None:
        """Put who waits first in the queue; what was read for them is read anew."""
        found: list[Waiting] = []
        for waiting in waitings:
            try:
                if waiting.ride:
                    await self._make_ready(waiting)
            except (Rejected, LogError) as error:
                waiting.refuse(error)
            else:
                found.append(waiting)
        self._queue.extendleft(reversed(found))

    async def _originals(self, command: LedgerCommand) -> dict[str, Event]:
        """Return the events that a command wants reversed; the log keeps them, so this may be early."""
        if type(command) is Transfer:
            return {}
        found: dict[str, Event] = {}
        for step in command.steps if isinstance(command, Link) else [command]:
            if isinstance(step, Reversing):
                recorded = await self._log.find(UUID(step.reverses))
                if recorded is not None and recorded.stream == STREAM:
                    found[step.reverses] = self._codec.decode(recorded)
        return found

    # --- leading ------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Lead from now on, as the only process that there is."""
        if not self._leading:
            await self._known.catch_up()
            self._leading = await self._begin()

    async def turn(self) -> None:
        """Decide what waits and what is over, if anything is; see `handlers.kernel.leading.Turns`."""
        if self._busy or not self._needed():
            return
        await self.begin()
        self._busy = True
        try:
            now = self._known.now()
            await self._take(now, self._known.over(now))
        finally:
            self._busy = False

    def due_us(self) -> int | None:
        """Return when the next hold may end, in µs since 1970."""
        return self._known.next_end_us

    async def stand_by(self) -> None:
        """Keep the ledger in memory while another process leads, for ever: then little is left to replay."""
        while True:
            if not self._in_charge:
                try:
                    await self._known.catch_up()
                except (LogUnavailable, TooOld) as error:
                    logger.info("ledger_stands_still", error=str(error))
            await asyncio.sleep(BEHIND_S)

    async def lead(self) -> None:
        """Decide what comes until another process does.

        Raises:
            LogUnavailable: the log is away.
        """
        self._in_charge = True
        try:
            await self._known.catch_up()
            await self._decide_all()
        except LogUnavailable:
            raise
        except (TooOld, LogError) as error:
            logger.warning("cannot_lead_the_ledger", why=str(error))
            await asyncio.sleep(BEHIND_S)
        finally:
            self._in_charge = False

    async def _begin(self) -> bool:
        """Write down that this process decides now; say whether it does."""
        term = self._known.book.term + 1
        event = Led(term=term, leader=self.name)
        id_ = uuid5(uuid5(UUID(int=0), f"{self._realm}/ledger"), f"term/{term}")
        new = self._codec.encode(event, id_, Meta(actor=COMPONENT))
        try:
            result = await self._log.append(StreamWrite(STREAM, [new], expected=self._known.version))
        except (VersionConflict, IdConflict, Fenced):
            return False
        if result.duplicate:
            return False
        self._known.take(event)
        logger.info("leads_the_ledger", term=term, version=self._known.version)
        return True

    async def _decide_all(self) -> None:
        try:
            async with self._open():
                while not self._needed():
                    await self._rest(self._known.now())
                begun, tries = False, 0
                while not begun and tries < BEGIN_TRIES_MAX:
                    await self._known.catch_up()
                    begun, tries = await self._begin(), tries + 1
                term = self._known.book.term
                while begun and self._known.book.term == term:
                    await self._next()
        finally:
            while self._queue:
                self._queue.popleft().refuse(_no_more())
        logger.info("leads_the_ledger_no_more", term=term, newest=self._known.book.term)

    def _needed(self) -> bool:
        """Whether there is something to decide; a realm without money has no leaders in its log either."""
        return bool(self._queue) or self._known.holds

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        async with self._lead.answering(self.answer_peer):
            self._leading = True
            try:
                yield
            finally:
                self._leading = False

    async def _next(self) -> None:
        """Take one turn, or rest."""
        now = self._known.now()
        over = self._known.over(now)
        if not self._queue and not over:
            await self._rest(now)
            return
        await self._take(now, over)

    async def _take(self, now: Now, over: Sequence[HoldMade]) -> None:
        """Take one turn: end what is over, decide who waits."""
        turn, again = self._turn(now), list[Waiting]()
        for hold in over:
            turn.expire(hold)
        tried = self._decided_now(turn, again)
        try:
            await self._record(turn, tried)
        except BaseException as error:
            for waiting in (*tried, *again):
                waiting.refuse(error if isinstance(error, Exception) else _no_more())
            raise
        finally:
            for hold in over:
                self._known.note_end(hold)  # until it is recorded
        await self._come_again(again)

    def _turn(self, now: Now) -> Turn:
        return Turn(self._codec, (self._known.book, self._known.version, now), self._written)

    def _decided_now(self, turn: Turn, again: list[Waiting]) -> Sequence[Waiting]:
        """Decide who waits, and return them; a second command of an id comes after the first one's reply."""
        tried: dict[UUID, Waiting] = {}
        while self._queue and not turn.full:
            waiting = self._queue.popleft()
            if waiting.reply.done():
                continue  # gave up
            if waiting.message.id in tried or not turn.may_ride(waiting):
                again.append(waiting)
            elif not self._answered_before(waiting):
                tried[waiting.message.id] = waiting
                turn.decide(waiting)
        return list(tried.values())

    def _answered_before(self, waiting: Waiting) -> bool:
        if (known := self._remembered.get(waiting.message.id.int)) is None:
            return False
        command, actor, reply = known
        if (command, actor) == (waiting.command, waiting.message.meta.actor):
            waiting.reply.set_result(Reply(reply.result, reply.events, duplicate=True))
        else:
            waiting.refuse(used(waiting.message.id))
        return True

    async def _record(self, turn: Turn, tried: Sequence[Waiting]) -> None:
        """Append a turn and tell who waits; if the log knows better, take that in and let them come again."""
        result = await self._appended(turn)
        if result is None:
            await self._decide_again(tried)
            return
        for event in turn.events:
            self._known.note_end(event)
        self._known.book, self._known.version = turn.book, turn.version
        self._written |= {name: turn.version_of(name) for name in turn.beside}
        while len(self._written) > REMEMBERED_MAX:
            self._written.pop(next(iter(self._written)))
        self._tell(turn, result)
        for each in turn.decided:  # what is so already may be so by this very command
            if not each.ids and not await self._recall(each.asked):
                self._reply(each.asked, Reply(each.result, []))
        for waiting, refusal in turn.refused:
            if not await self._recall(waiting):
                waiting.refuse(refusal)

    async def _appended(self, turn: Turn) -> AppendResult | None:
        """Return where a turn's events are; None if it was decided on an old ledger, and must be again.

        A turn without events is right if there was nothing new to know: who was overtaken refuses nothing.
        """
        before = self._known.version
        if not (writes := turn.writes(before)):
            await self._known.catch_up()
            return AppendResult((), (), 0) if self._known.version == before else None
        try:
            result = await self._log.append(*writes)
        except (VersionConflict, IdConflict, Fenced) as refusal:
            logger.info("ledger_decides_again", error=str(refusal))
            return None
        return None if result.duplicate else result

    def _tell(self, turn: Turn, result: AppendResult) -> None:
        written = [(write.stream, new) for write in turn.writes(0) for new in write.events]
        refs = {
            new.id: EventRef(new.id, new.type, stream, result.versions[n], result.positions[n])
            for n, (stream, new) in enumerate(written)
        }
        for waiting, found, ids in turn.decided:
            if ids:
                self._reply(waiting, Reply(found, [refs[id_] for id_ in ids]))

    def _reply(self, waiting: Waiting, reply: Reply) -> None:
        if reply.events:
            actor = waiting.message.meta.actor
            self._remembered[waiting.message.id.int] = waiting.command, actor, reply
            if len(self._remembered) > REMEMBERED_MAX:
                self._remembered.popitem(last=False)
        if not waiting.reply.done():
            waiting.reply.set_result(reply)

    async def _decide_again(self, tried: Sequence[Waiting]) -> None:
        """Take in what the log has; who was served before is told so, the others come first next time."""
        await self._known.catch_up()
        others = [waiting for waiting in tried if not await self._recall(waiting)]
        await self._come_again(others)

    async def _recall(self, waiting: Waiting) -> bool:
        """Tell what a command came to when its id was there before; say whether it was.

        Who repeats another's command, id and all, is told nothing of what it came to: the id is the other's.
        """
        id_ = waiting.message.id
        first = await self._log.find(derived_id(id_, 0))
        if first is None:
            return False
        if decode_meta(first.meta).actor != waiting.message.meta.actor:
            waiting.refuse(used(id_))
            return True
        if (rider := self._riders.get(waiting.message.command)) is not None:
            if reply := await rider.recall(waiting.message, waiting.command, first):
                self._reply(waiting, reply)
            else:
                waiting.refuse(used(id_))
            return True
        assert isinstance(waiting.command, LedgerCommand)
        mine: Sequence[RecordedEvent] = []
        if first.stream == STREAM:
            count = events_of(waiting.command)
            page = await self._log.read_stream(STREAM, after=first.version - 1, limit=count)
            mine = [each for n, each in enumerate(page) if each.id == derived_id(id_, n)]
        events = [self._codec.decode(each) for each in mine]
        if came_of(waiting.command, events):
            self._reply(waiting, Reply(result_of(events), [ref_of(each) for each in mine], duplicate=True))
        else:
            waiting.refuse(used(id_))
        return True

    async def _rest(self, now: Now) -> None:
        """Wait for who comes, or for what ends."""
        next_us = self._known.next_end_us
        wait_s = REST_S_MAX if next_us is None else max(0.0, (next_us - now.real.us) / 1e6)
        self._news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(REST_S_MAX, wait_s)):
                await self._news.wait()


def _told(reply: Reply | ErrorReply, message: CommandMessage) -> Reply:
    if isinstance(reply, Reply):
        return reply
    if reply.code == "id_conflict":
        raise used(message.id)
    if reply.code == "unavailable":
        raise Fenced(reply.message)
    raise PassedOn(reply)


def _no_more() -> Fenced:
    return Fenced("this process leads the ledger no more; retry with the same id")
