"""The ledger as one process knows it: folded from its stream, with the holds in the order of their ends."""

import asyncio
from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from bus.codec import EventCodec
from bus.ports import EventLog
from domain.clock.units import GameTime, RealTime
from domain.ledger.book import STREAM, Book, Now, ended, evolve
from domain.ledger.messages import EVENTS, Held, LedgerEvent

ENDS_MAX = 500
"""Holds that are found ended at once."""

PAGE = 1_000


class TooOld(Exception):
    """The stream holds an event that this program does not know: what is decided without it may be wrong."""


class Known:
    """A ledger, and how far in its stream it is."""

    def __init__(self, log: EventLog, codec: EventCodec, game: Callable[[], GameTime | None]) -> None:
        self.log = log
        self.codec = codec
        self.book, self.version = Book(), 0
        self._game = game
        self._reading = asyncio.Lock()
        self._real: list[tuple[int, str]] = []
        self._game_ends: list[tuple[int, str]] = []
        """Ends of holds, the next one first, with the hold's id; it may be over already."""

    def now(self) -> Now:
        """Return both times, the real one as the log counts it."""
        return Now(RealTime(self.log.now_us()), self._game())

    async def catch_up(self) -> None:
        """Take in what the log has now.

        Raises:
            TooOld: it has what this program cannot read.
            LogUnavailable: it is away.
        """
        async with self._reading:
            while True:
                page = await self.log.read_stream(STREAM, after=self.version, limit=PAGE)
                for recorded in page:
                    event = self.codec.decode(recorded)
                    if not isinstance(event, EVENTS):
                        what = f"{recorded.type} version {recorded.schema_version}"
                        raise TooOld(f"{what} is not known here; upgrade this program")
                    self.take(event)
                if len(page) < PAGE:
                    return

    def take(self, event: LedgerEvent) -> None:
        """Take in the stream's next event."""
        self.note_end(event)
        self.book, self.version = evolve(self.book, event), self.version + 1

    def note_end(self, event: LedgerEvent) -> None:
        """Note when a hold will end; other events end nothing by time."""
        if isinstance(event, Held):
            if event.expires_real_us is not None:
                heappush(self._real, (event.expires_real_us, event.hold_id))
            if event.expires_game_ms is not None:
                heappush(self._game_ends, (event.expires_game_ms, event.hold_id))

    @property
    def holds(self) -> bool:
        """Whether a hold may end by time."""
        return bool(self._real or self._game_ends)

    @property
    def next_end_us(self) -> int | None:
        """When the next hold may end by real time; None if none does."""
        return self._real[0][0] if self._real else None

    def over(self, now: Now) -> Sequence[Held]:
        """Return holds whose time is over, at most `ENDS_MAX`, and forget their ends."""
        found: dict[str, Held] = {}
        times = (self._real, now.real.us), (self._game_ends, now.game.ms if now.game else -1)
        for ends, time in times:
            while ends and len(found) < ENDS_MAX:
                end, hold_id = ends[0]
                hold = self.book.holds.get(hold_id)
                if hold is not None and end > time:
                    break
                heappop(ends)
                if hold is not None and ended(hold, now):
                    found[hold_id] = hold
        return list(found.values())
