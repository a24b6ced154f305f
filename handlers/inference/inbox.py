"""Keeps what comes before a turn: repeats of its id, and cancellations that overtake it.

A repeat waits until the first try is over, and then finds its answer. A cancellation whose question is not
here yet is kept for a moment: the question may still be on its way. In memory, per process.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from math import inf
from weakref import WeakValueDictionary

from handlers.inference.turn import Turn

EARLY_S = 2.0
"""How long a cancellation is kept whose question is not here."""

EARLY_MAX = 1_000


class Inbox:
    """The turns of one process that are under way, at most one of each id. ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._turns: dict[str, Turn] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._early: OrderedDict[tuple[str, str], float] = OrderedDict()
        """Cancellations of unknown ids: id and who cancelled, with their time."""

    @property
    def under_way(self) -> Collection[str]:
        """The ids of the turns that are under way."""
        return self._turns.keys()

    @asynccontextmanager
    async def alone(self, turn: Turn) -> AsyncIterator[None]:
        """Let one turn of its id be under way at a time; the others wait here."""
        async with self._locks.setdefault(turn.id, asyncio.Lock()):
            turn.cancelled = self._early.pop((turn.id, turn.actor), -inf) > turn.arrived - EARLY_S
            self._turns[turn.id] = turn
            try:
                yield
            finally:
                del self._turns[turn.id]

    def cancel(self, inference_id: str, actor: str) -> bool:
        """End the answer of an inference that ``actor`` asked for.

        Say whether there was one, and nobody had ended it before.
        """
        turn = self._turns.get(inference_id)
        if turn is None:
            self._early[inference_id, actor] = self._clock()
            if len(self._early) > EARLY_MAX:
                self._early.popitem(last=False)
            return False
        if turn.cancelled or turn.ended or turn.actor != actor:
            return False
        turn.cancelled = True
        if turn.task:
            turn.task.cancel()
        return not turn.elsewhere
