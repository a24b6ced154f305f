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
    """

    def __init__(
        self, begin: Callable[[T], None], width: Callable[[str], int] = lambda _: sys.maxsize
    ) -> None:
        self._begin = begin
        self._width = _unbounded if width is None else width
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, deque[T]] = {}
        self._open: Counter[str] = Counter()
        """Requests that wait or are under way, by sender."""
        self._is_due = False

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
        """Return when nothing waits any more; from now on nothing waits for others to end."""
        self._width = _unbounded
        if self._waiting:
            self._have_turn()
        while self._waiting:  # noqa: ASYNC110 - each turn begins some
            await asyncio.sleep(0)

    def close(self) -> None:
        """Have nothing begun any more."""
        self._waiting.clear()

    def _have_turn(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due = False
        number = ALONE if len(self._open) == 1 else BESIDE_OTHERS
        for sender, queue in [*self._waiting.items()]:
            under_way = self._open[sender] - len(queue)
            room = self._width(sender) - under_way
            for _ in range(min(number, len(queue), room)):
                self._begin(queue.popleft())
            if not queue:
                del self._waiting[sender]
            elif room > number:
                self._have_turn()


def _unbounded(_: str) -> int:
    return sys.maxsize
