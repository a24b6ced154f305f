"""Compares every position of the stream with the log, a little at a time, for as long as a relay leads.

A round goes from the stream's first message to its end and along with what comes; the next one begins when
it is time. Its place is kept in `relay_state`, so a new leader goes on there. Calm, it takes a bounded number
of positions a second; in doubt (a start, a reconnect, anything found) it hurries through one whole round,
while there is nothing to publish.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg
import structlog
from nats.aio.client import Client

from bus.nats.api import Missing
from bus.nats.connection import reconnects
from bus.nats.topology import StreamState, describe, events_stream
from bus.relay.comparison import examine
from bus.relay.judgement import Facts, Finding
from bus.relay.reading import read

PIECE = 64
"""Positions of one request: some 1.5 ms of the event loop, which publishing and players share."""

WRITE_S = 1.0
"""Time between two records of the place."""

LOOK_S = 0.25
"""Pause before it is looked again whether there is anything to compare."""

HURRY = 10
"""In doubt so many times the calm rate, and at least `HURRY_PER_S_MIN`."""

HURRY_PER_S_MIN = 5_000

# Purpose: the place of the last leader came to. Reads the table's only row.
READ = """
SELECT walk_made, walk_from, walk_at, walk_began_us, round_from, round_to, round_began_us, round_us
FROM relay_state
"""

# Purpose: record the place. Lock: the table's only row.
WRITE = """
UPDATE relay_state SET walk_made = $1, walk_from = $2, walk_at = $3, walk_us = $4,
    walk_began_us = $5, round_from = $6, round_to = $7, round_began_us = $8, round_us = $9
"""

logger = structlog.get_logger(__name__)


class Round(NamedTuple):
    """A round that came to its end: everything ``first`` to ``last`` was compared between two times (µs)."""

    first: int = 0
    last: int = 0
    began_us: int = 0
    ended_us: int = 0


class Covered(NamedTuple):
    """Coverage of the comparison of stream and log, position by position."""

    of: int
    """Positions that the stream has."""
    compared: int
    began_us: int
    """When the oldest of those comparisons was made (µs); 0: none was."""
    ended_us: int

    @property
    def remain(self) -> int:
        """Positions that were not compared yet."""
        return self.of - self.compared


def covered(state: StreamState, row: Mapping[str, Any] | None) -> Covered:
    """Return how much of a stream the walk has compared; ``row``: of `relay_state`."""
    of = state.last - state.first + 1 if state.messages else 0
    if row is None or row["walk_made"] != state.made or not row["walk_us"]:
        return Covered(of, 0, 0, 0)
    whole = range(max(row["round_from"], state.first), min(row["round_to"], state.last) + 1)
    begun = range(max(row["walk_from"], state.first), min(row["walk_at"], state.last) + 1)
    both = range(max(whole.start, begun.start), min(whole.stop, begun.stop))
    compared = len(whole) + len(begun) - len(both)
    began_us = row["round_began_us"] if whole else row["walk_began_us"]
    return Covered(of, compared, began_us, row["walk_us"])


@dataclass(frozen=True, slots=True)
class Pace:
    """Speed of a walk.

    Attributes:
        per_s: positions a second when all is calm.
        round_every_s: least time from the beginning of a round to that of the next, s.
    """

    per_s: int = 500
    round_every_s: float = 30.0

    def pause_s(self, positions: int, *, hurried: bool) -> float:
        """Return how long to wait after so many positions, s."""
        rate = max(HURRY_PER_S_MIN, self.per_s * HURRY) if hurried else self.per_s
        return positions / rate


class Leader(NamedTuple):
    """The relay that walks."""

    now_us: Callable[[], int]
    ends: Callable[[], tuple[StreamState, int] | None]
    """Returns the stream and the position up to which it is ours; None while it is not to be walked."""
    found: Callable[[Finding], None]
    """Hears what differs."""
    busy: Callable[[], bool]
    """Says whether it has news to publish: then nothing is hurried."""


class Walk:
    """One leader's walk."""

    def __init__(
        self,
        nc: Client,
        realm: str,
        pace: Pace,
        leader: Leader,
    ) -> None:
        self._nc = nc
        self._realm = realm
        self._pace = pace
        self._now_us, self._ends, self._found, self._busy = leader
        self._made = self._walked = ""
        self._first = self._at = 0
        self._began_us = self._compared_us = 0
        self._round = Round()
        self._hurried = True
        self._whole = False
        """The round under way was begun here, while we hurry or not, and not by a leader before."""
        self._epoch = reconnects(nc)
        self._clock = asyncio.get_running_loop().time
        self._round_at = 0.0

    def doubt(self) -> None:
        """Hurry through a whole round, beginning now."""
        self._hurried = True
        self._made = ""

    async def run(self, connection: asyncpg.Connection) -> None:
        """Compare until cancelled.

        Raises:
            asyncpg's errors, JetStreamUnavailable: a server is away; begin again later.
        """
        await self._resume(connection)
        written = self._clock()
        while True:
            if reconnects(self._nc) != self._epoch:
                self._epoch = reconnects(self._nc)
                self.doubt()
            done = await self._step(connection)
            if self._clock() - written > WRITE_S and self._compared_us:
                await self._write(connection)
                written = self._clock()
            hurried = self._hurried and not self._busy()
            await asyncio.sleep(self._pace.pause_s(done, hurried=hurried) if done else LOOK_S)

    async def _step(self, connection: asyncpg.Connection) -> int:
        """Compare the next piece and return how many positions it had; 0: nothing to do now."""
        where = self._ends()
        if where is None:
            return 0
        state, last = where
        if state.made != self._made or self._at > last:
            self._begin(state)
        if self._at >= last and not self._next_round(state, last):
            return 0
        first = max(self._at + 1, state.first)
        places = range(first, min(first + PIECE - 1, last) + 1)
        messages = await read(self._nc, self._realm, places, bulk=True)
        finding = await examine(connection, Facts(self._realm, messages, places[-1], places[-1]))
        if not finding.usable:
            await self._tell(finding, state)
            return 0
        self._at, self._compared_us = places[-1], self._now_us()
        if self._at >= last:
            self._round = Round(self._first, self._at, self._began_us, self._compared_us)
        return len(places)

    async def _tell(self, finding: Finding, state: StreamState) -> None:
        """Say what was found, unless the stream is another by now, or has let go of that place."""
        try:
            now = await describe(self._nc, events_stream(self._realm))
        except Missing:
            return
        if now.made == state.made and now.first <= finding.differs:
            self._found(finding)
        elif now.made == state.made:
            self._at = now.first - 1

    def _begin(self, state: StreamState) -> None:
        if state.made != self._walked:
            self._walked, self._round = state.made, Round()
        self._made, self._first, self._at = state.made, state.first, state.first - 1
        self._began_us, self._round_at = self._now_us(), self._clock()
        self._whole = True

    def _next_round(self, state: StreamState, last: int) -> bool:
        """Begin the next round if it is time for it; what another leader began is no whole look of ours."""
        if self._whole:
            self._hurried = False
        early = self._clock() - self._round_at < self._pace.round_every_s
        if last < state.first or (early and not self._hurried):
            return False
        self._begin(state)
        return True

    async def _resume(self, connection: asyncpg.Connection) -> None:
        row = await connection.fetchrow(READ)
        if row is None:
            return
        self._made, self._first, self._at = row["walk_made"], row["walk_from"], row["walk_at"]
        self._round = Round(row["round_from"], row["round_to"], row["round_began_us"], row["round_us"])
        self._walked, self._began_us, self._round_at = self._made, row["walk_began_us"], self._clock()

    async def _write(self, connection: asyncpg.Connection) -> None:
        at = (self._walked, self._first, self._at, self._compared_us, self._began_us)
        await connection.execute(WRITE, *at, *self._round)
