"""Travel times: whole game seconds for all pairs of places and one means, with the next hop. Pure.

Numbers are integers, so tables are equal on every machine. A changed way costs the rows of those places whose
shortest routes used it; the rest stays. Source for the dense form: Floyd and Warshall (CACM 5, 1962).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

FAR = np.int64(2**40)
"""No way there: above every sum of seconds, and small enough to be added to itself."""

ROWS_SHARE = 8
"""If more than an eighth of the rows change, all anew is faster: 0.08 s for 400 places, a row 1 ms."""

Table = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Edge:
    """A way in one direction, between places by number; of two with the same time the lower id is taken."""

    start: int
    end: int
    seconds: int
    way: str


class TravelTimes:
    """Shortest times between ``count`` places by one means. Never changed: `without` makes a new one."""

    def __init__(self, count: int, edges: Iterable[Edge], table: Table | None = None) -> None:
        self._count = count
        self._edges = frozenset(edges)
        self._out: list[list[Edge]] = [[] for _ in range(count)]
        for edge in sorted(self._edges, key=_order):
            self._out[edge.start].append(edge)
        self.table: Table = self._all_pairs() if table is None else table

    def _all_pairs(self) -> Table:
        table = np.full((self._count, self._count), FAR, dtype=np.int64)
        np.fill_diagonal(table, 0)
        for edge in self._edges:
            table[edge.start, edge.end] = min(int(table[edge.start, edge.end]), edge.seconds)
        for via in range(self._count):
            np.minimum(table, table[:, via, None] + table[None, via, :], out=table)
        return table

    def seconds(self, start: int, end: int) -> int | None:
        """Return the game seconds from one place to another; None if no way leads there."""
        found = int(self.table[start, end])
        return found if found < FAR else None

    def route(self, start: int, end: int) -> list[Edge] | None:
        """Return the ways of the shortest route, in order; of several the one with the lower ids of ways."""
        if self.seconds(start, end) is None:
            return None
        found: list[Edge] = []
        while start != end:
            left = int(self.table[start, end])
            edge = next(e for e in self._out[start] if e.seconds + int(self.table[e.end, end]) == left)
            found.append(edge)
            start = edge.end
        return found

    def without(self, ways: Iterable[str]) -> "TravelTimes":
        """Return the times without some ways."""
        closed = set(ways)
        gone = [edge for edge in self._edges if edge.way in closed]
        if not gone:
            return self
        rows, rest = self._used_by(gone), self._edges - set(gone)
        if len(rows) > self._count // ROWS_SHARE:
            return TravelTimes(self._count, rest)
        kept = TravelTimes(self._count, rest, self.table)
        table = self.table.copy()
        for row in rows:
            table[row] = kept._from(row)
        kept.table = table
        return kept

    def with_(self, edges: Iterable[Edge]) -> "TravelTimes":
        """Return the times with more ways."""
        more = list(edges)
        table = self.table.copy()
        for edge in more:
            through = table[:, edge.start, None] + edge.seconds + table[None, edge.end, :]
            np.minimum(table, through, out=table)
        np.minimum(table, FAR, out=table)
        return TravelTimes(self._count, self._edges | set(more), table)

    def _used_by(self, edges: Iterable[Edge]) -> list[int]:
        """Return the places from which some shortest route may use one of ``edges``."""
        used = np.zeros(self._count, dtype=bool)
        for edge in edges:
            used |= self.table[:, edge.start] + edge.seconds == self.table[:, edge.end]
        rows: list[int] = np.flatnonzero(used).tolist()
        return rows

    def _from(self, start: int) -> Table:
        """Return the times from one place (Dijkstra)."""
        row = np.full(self._count, FAR, dtype=np.int64)
        heap = [(0, start)]
        while heap:
            seconds, at = heappop(heap)
            if seconds >= row[at]:
                continue
            row[at] = seconds
            for edge in self._out[at]:
                heappush(heap, (seconds + edge.seconds, edge.end))
        return row


def _order(edge: Edge) -> tuple[str, int, int]:
    return edge.way, edge.start, edge.end
