"""Who looks at quests when something happened that may concern them, or when their time has come.

Nothing is remembered about what was said: what is due is what the rules say of the quest as it is, so that a
process that begins anew finds the same. Only where the ledger is led is anything looked at.
"""

import asyncio
from heapq import heappop, heappush

import structlog

from bus.ports import EventLog, LogError
from domain.kernel.decider import Rejected
from domain.quests.board import next_ms
from domain.quests.commands import Look
from domain.quests.instance import Instance, Offered
from domain.quests.quests import follows
from handlers.ledger.desk import Desk
from handlers.quests.board import HEARD, QuestBoard
from handlers.quests.desk import COMPONENT, look_id
from protocol.messages import CommandMessage
from protocol.meta import Meta

TICK_S = 0.1
"""So much later than it is so may something be recorded."""

AT_ONCE_MAX = 64
"""Quests that are looked at in one go; the others come with the next."""

logger = structlog.get_logger(__name__)


class Keeper:
    """Looks at quests. Run `run` in a task."""

    stirred_by: tuple[str, ...] = tuple(kind.event_name for kind in HEARD)

    def __init__(self, log: EventLog, board: QuestBoard, desk: Desk) -> None:
        self._log = log
        self._board = board
        self._desk = desk
        self._times: list[tuple[int, str]] = []
        """A heap of game times at which time alone may change something, with the instance."""

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            await self.turn()

    async def turn(self) -> None:
        """Look once, where the ledger is led; see `handlers.kernel.leading.Turns`."""
        if self._desk.leads:
            await self.look()

    def due_us(self) -> int | None:
        """Return when time alone may change something, in µs since 1970."""
        return self._board.clock.when_us(self._times[0][0]) if self._times else None

    async def look(self) -> None:
        """Say of every quest for which something follows that it is to be looked at."""
        now_ms = self._board.clock.now_ms(self._log.now_us())
        if now_ms is None:
            return
        board = self._board.board
        while self._times and self._times[0][0] <= now_ms:
            board.touch(heappop(self._times)[1])
        due = [state for state in self._touched(AT_ONCE_MAX) if self._is_due(state, now_ms)]
        await asyncio.gather(*(self._say(state) for state in due))

    def _touched(self, most: int) -> list[Instance | Offered]:
        board = self._board.board
        found: list[Instance | Offered] = []
        for instance in list(board.touched):
            if (state := board.state(instance)) is None:
                board.touched.pop(instance, None)
            elif len(found) < most:
                found.append(state)
        return found

    def _is_due(self, state: Instance | Offered, now_ms: int) -> bool:
        """Say whether anything follows; if not, note when time alone may change that."""
        facts = self._board.facts(state, now_ms, self._desk.book, {})
        if follows(state, facts):
            return True
        self._board.board.touched.pop(state.id, None)
        if (next_ := next_ms(state, now_ms)) is not None:
            heappush(self._times, (next_, state.id))
        return False

    async def _say(self, state: Instance | Offered) -> None:
        board = self._board.board
        cause = board.touched.pop(state.id, None)  # before: what happens meanwhile touches it anew
        look = CommandMessage(
            look_id(state),
            Look.command_name,
            {"instance": state.id},
            "any",
            Meta(correlation=cause, causation=cause, actor=COMPONENT),
        )
        try:
            await self._desk(look)
        except (Rejected, LogError) as error:
            logger.info("quest_not_looked_at", instance=state.id, error=str(error))
            board.touched.setdefault(state.id, cause)
