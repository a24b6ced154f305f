"""Places on an engine that works on few requests at a time: the most urgent one that waits comes next."""

import asyncio
import heapq
from itertools import count


class Places:
    """So many at a time. Used by one event loop."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = count()

    async def take(self, priority: int) -> None:
        """Wait for a place: 0 is the most urgent, equals come in order; call `give` for it afterwards."""
        if self._free:
            self._free -= 1
            return
        place = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._numbers), place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.give()
            raise

    def give(self) -> None:
        """Hand a place to whoever is next."""
        while self._waiting:
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
