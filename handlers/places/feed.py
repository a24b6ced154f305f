"""The place feed: what each place shows, in memory; snapshots of it, and the feeder that sends the changes.

Numbers and changes are a function of the log (`domain.places.feed`), so the process that answers a snapshot
and the one that feeds need no word between them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

import structlog

from bus.kept import Shelf
from bus.ports import EventLog, RecordedEvent
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.places.city import City
from domain.places.feed import FOLD, KINDS, Cell, Change, Feed
from domain.places.queries import SnapshotQuery
from handlers.kernel.follow import Decode
from handlers.kernel.kept_view import KeptView
from protocol.frames import Frame
from protocol.short_frames import short_change, short_row

TICK_S = 0.05
"""Changes of so long go out together: a change waits so long at most."""

EMPTY_S = 5.0
"""After so long without a frame one without changes says the last number: who lost one notices by it."""

LOOKS = 5
"""Looks for quiet cells in that time: not all of them are told of in the same instant."""

FRAME_BYTES_MAX = 32 * 1024
"""Of a cell's frame, as it is estimated; the rest goes with the next tick, the oldest first."""

WHO = ("present", "ways")
"""Parts of a state whose rows say something of somebody."""

OP_BYTES = 8
"""Of an op beyond its texts; numbers of game time take nine."""

Send = Callable[[str, str, str, int, Frame], Awaitable[None]]
"""Sends a frame: side, district, place, cell, frame."""

logger = structlog.get_logger(__name__)


class PlaceFeed(KeptView):
    """What each place shows. Run `run` in a task."""

    name: ClassVar[str] = "place_feed"
    fold: ClassVar[str] = f"{FOLD}.1"
    types: ClassVar[tuple[str, ...]] = tuple(kind.event_name for kind in KINDS)

    def __init__(
        self,
        log: EventLog,
        city: Callable[[], City],
        *,
        decode: Decode,
        game_ms: Callable[[], int] = lambda: 0,
        shelf: Shelf | None = None,
    ) -> None:
        """Prepare; ``city`` returns it as it is now, ``game_ms`` the game time; ``shelf``: see `KeptView`."""
        super().__init__(log, decode=decode, shelf=shelf)
        self._city = city
        self._game_ms = game_ms
        self.feed = Feed()

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if isinstance(event, KINDS):
            self.changed(self.feed.apply(event, recorded.position))

    def state(self) -> Any:
        """Return what all places show; see `KeptView`."""
        return self.feed.plain()

    def restore(self, state: Any) -> None:
        """Take over what all places show; see `KeptView`."""
        self.feed = Feed.of(state)

    def changed(self, changes: list[tuple[Cell, Change]]) -> None:
        """Hear what an event changed."""

    def where(self, place: str) -> tuple[str, str]:
        """Return side and district of a place; of one that the definition has no more, ``none``."""
        known = self._city().places.get(place)
        return (known.side, known.district) if known else ("none", "none")

    async def answer_snapshot(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``places.snapshot``.

        Raises:
            Rejected: ``place_unknown``.
        """
        asked = parse(SnapshotQuery, query)
        city = self._city()
        if asked.place not in city.places and Cell(asked.place, 0) not in self.feed.rooms:
            raise Rejected(
                "place_unknown",
                f"there is no place {asked.place!r} in this world",
                field="place",
                remedy="ask places.map for the places",
            )
        return self._shown(asked, city), self.position

    def _shown(self, asked: SnapshotQuery, city: City) -> dict[str, Any]:
        room = self.feed.room(Cell(asked.place, asked.cell))
        since = room.since(asked.since) if asked.since is not None and asked.fold == FOLD else None
        short = asked.form == 2
        found = {
            **(self._about(asked.place, city, "live.at") if short else self._named(asked, city)),
            "cells": self.feed.cells.get(asked.place, 1),
            "game_ms": self._game_ms(),
            "fold": FOLD,
            "seq": room.seq,
        }
        if since is not None:
            rows = [_row(change) for change in since]
            return {**found, "changes": [*map(short_change, rows)] if short else rows}
        state = room.state()
        if short:
            state |= {name: [[who, *short_row(more)] for who, *more in state[name]] for name in WHO}
        return {**found, **state}

    def _named(self, asked: SnapshotQuery, city: City) -> dict[str, Any]:
        beside = [[other, self._subject(other)] for other in city.beside.get(asked.place, ())]
        subject = self._subject(asked.place)
        return {"place": asked.place, "cell": asked.cell, "subject": subject, "beside": beside}

    def _about(self, place: str, city: City, prefix: str) -> dict[str, Any]:
        beside: dict[str, list[str]] = {}
        for other in city.beside.get(place, ()):
            beside.setdefault(".".join((prefix, *self.where(other))), []).append(other)
        return {"subject": ".".join((prefix, *self.where(place), place)), "beside": beside}

    def _subject(self, place: str) -> str:
        return ".".join(("live.place", *self.where(place), place))


class Feeder(PlaceFeed):
    """Sends what changes, while it leads: `lead`. Run `run` in a task, too."""

    name: ClassVar[str] = "feeder"
    pause_s: ClassVar[float] = TICK_S

    def __init__(
        self,
        log: EventLog,
        city: Callable[[], City],
        send: Send,
        *,
        decode: Decode,
        shelf: Shelf | None = None,
    ) -> None:
        super().__init__(log, city, decode=decode, shelf=shelf)
        self._send = send
        self._epoch = 0
        self._waiting: dict[Cell, list[Change]] = {}
        """Changes that are to be sent; kept while it leads only."""
        self._news = asyncio.Event()
        self._told_at: dict[Cell, float] = {}
        """When a frame of a cell was sent last, while it leads."""

    def changed(self, changes: list[tuple[Cell, Change]]) -> None:
        """Keep what is to be sent."""
        if self._epoch:
            for cell, change in changes:
                self._waiting.setdefault(cell, []).append(change)

    async def settle(self) -> None:
        """Send what a batch of events changed; batches come once a tick."""
        if self._waiting:
            self._news.set()

    async def lead(self, epoch: int, holds: Callable[[], bool]) -> None:
        """Send until ``holds`` says no more; it is asked before each frame.

        What was sent before is unknown, so the last numbers go first: who lacks something asks.
        """
        await self.caught_up()
        self._waiting.clear()
        self._told_at.clear()
        self._epoch = epoch
        loop = asyncio.get_running_loop()
        look_at = loop.time()
        try:
            while holds():
                self._news.clear()
                if loop.time() >= look_at:
                    look_at = loop.time() + EMPTY_S / LOOKS
                    await self._tell_numbers(holds)
                await self._tell_changes(holds)
                await self._wait()
        finally:
            self._epoch = 0
            self._waiting.clear()

    async def _wait(self) -> None:
        """Wait for changes, or a tick: what did not fit into a frame waits for that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK_S):
                await self._news.wait()

    async def _tell_numbers(self, holds: Callable[[], bool]) -> None:
        quiet_since = asyncio.get_running_loop().time() - EMPTY_S
        for cell, room in list(self.feed.rooms.items()):
            quiet = self._told_at.get(cell, quiet_since) <= quiet_since
            if quiet and cell not in self._waiting and holds():
                await self._tell(cell, room.seq, [])

    async def _tell_changes(self, holds: Callable[[], bool]) -> None:
        for cell in list(self._waiting):
            changes = self._waiting.pop(cell)
            now, later = _as_much(changes)
            if later:
                self._waiting[cell] = later
            if not holds():
                return
            await self._tell(cell, now[-1].number, now)

    async def _tell(self, cell: Cell, seq: int, changes: list[Change]) -> None:
        frame = Frame(self._epoch, FOLD, seq, [_row(change) for change in changes])
        try:
            await self._send(*self.where(cell.place), *cell, frame)
        except ConnectionError as error:  # who misses it asks
            logger.info("frame_not_sent", place=cell.place, error=str(error))
        else:
            self._told_at[cell] = asyncio.get_running_loop().time()


def _row(change: Change) -> list[Any]:
    return [change.position, *map(list, change.ops)]


def _as_much(changes: list[Change]) -> tuple[list[Change], list[Change]]:
    """Return as many of the first changes as a frame takes, at least one, and the rest."""
    size = 0
    for number, change in enumerate(changes):
        size += sum(OP_BYTES + sum(len(str(part)) for part in op) for op in change.ops)
        if size > FRAME_BYTES_MAX and number:
            return changes[:number], changes[number:]
    return changes, []
