"""Whose request begins next: of each sender in order, and of several senders in turn.

An event loop runs all that is ready before it looks at anything else. So whoever has hundreds of requests
begun at once has everybody else wait for them at each step. Here only a few begin in one turn of the loop.
"""

import asyncio
import sys
from collections import Counter, deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

ALONE, BESIDE_OTHERS = 8, 2
"""Requests of one sender that begin in a turn while nobody else has any, and while others have. A turn has a
cost of its own, a tenth of a short request's, which these share."""


class Turns(Generic[T]):
    """Has ``begin`` called for what is `put`, in the loop's next turns. The giver bounds what waits.

    ``width`` says of a sender how many of its requests may be under way; the others wait for those to end.
    ``pause`` says of a sender, and of a request of his that begins, for how long none other of his does, s.
    """

    def __init__(
        self,
        begin: Callable[[T], None],
        width: Callable[[str], int] = lambda _: sys.maxsize,
        pause: Callable[[str, T], float] = lambda _, __: 0.0,
    ) -> None:
        self._begin, self._width, self._pause = begin, width, pause
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, deque[T]] = {}
        self._open: Counter[str] = Counter()
        """Requests that wait or are under way, by sender."""
        self._after: dict[str, float] = {}
        """By sender, when the next one may begin, if he has to pause."""
        self._is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._hurries = False

    def put(self, sender: str, item: T) -> None:
        """Have a request begin when its sender's turn comes; `ended` must follow."""
        self._open[sender] += 1
        self._waiting.setdefault(sender, deque()).append(item)
        self._have_turn()

    def ended(self, sender: str) -> None:
        """Hear that a request is over."""
        self._open[sender] -= 1
        if not self._open[sender]:
            del self._open[sender]
        if sender in self._waiting:
            self._have_turn()

    async def all_begun(self) -> None:
        """Return when nothing waits any more; from now on nothing waits for others to end, or pauses."""
        self._hurries = True
        if self._waiting:
            self._have_turn()
        while self._waiting:  # noqa: ASYNC110 - each turn begins some
            await asyncio.sleep(0)

    def close(self) -> None:
        """Have nothing begun any more."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _have_turn(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._turn)

    def _have_turn_at(self, at: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._time_is_over)

    def _time_is_over(self) -> None:
        self._timer = None
        self._have_turn()

    def _turn(self) -> None:
        self._is_due = False
        number = ALONE if len(self._open) == 1 else BESIDE_OTHERS
        for sender, queue in [*self._waiting.items()]:
            room = self._room(sender, len(queue))
            for _ in range(min(number, len(queue), room)):
                if self._pauses(sender):
                    break
                self._begin(item := queue.popleft())
                if pause := self._pause(sender, item):
                    self._after[sender] = self._loop.time() + pause
            if not queue:
                del self._waiting[sender]
            elif sender in self._after:
                self._have_turn_at(self._after[sender])
            elif room > number:
                self._have_turn()

    def _room(self, sender: str, waiting: int) -> int:
        """Return how many more may be under way."""
        return sys.maxsize if self._hurries else self._width(sender) - (self._open[sender] - waiting)

    def _pauses(self, sender: str) -> bool:
        """Say whether the sender's next request has to wait for its time."""
        if self._hurries or self._after.get(sender, 0.0) <= self._loop.time():
            self._after.pop(sender, None)
            return False
        return True
