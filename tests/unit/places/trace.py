"""A hostile wire between a feeder and its readers: losses, doubles, old feeders, stale answers."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from domain.places.feed import FOLD, Cell, Change, Feed
from protocol.frames import Frame
from protocol.short_frames import encode_short, short_change, short_row
from tests.unit.places.test_feed import random_events

CLIENT = Path(__file__).parents[3] / "docs" / "clients" / "place_feed.py"


SQUARE = Cell("square", 0)


def reference() -> Any:
    """The client of the documentation, as somebody would copy it."""
    spec = importlib.util.spec_from_file_location("place_feed", CLIENT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(feed: Feed, cell: Cell, since: int | None = None, fold: int = 0) -> dict[str, Any]:
    """What places.snapshot says of a cell, in the short form."""
    room = feed.room(cell)
    found: dict[str, Any] = {"fold": FOLD, "seq": room.seq, "cells": feed.cells.get(cell.place, 1)}
    changes = room.since(since) if since is not None and fold == FOLD else None
    if changes is None:
        return {**found, **short(room.state())}
    return {**found, "changes": [short_change(row(change)) for change in changes]}


def short(state: dict[str, Any]) -> dict[str, Any]:
    rows = {name: [[who, *short_row(more)] for who, *more in state[name]] for name in ("present", "ways")}
    return {**state, **rows}


def row(change: Change) -> list[Any]:
    return [change.position, *map(list, change.ops)]


@dataclass
class Hostile:
    """Feeds one cell's changes badly; at times a new feeder leads, and its forerunner still sends."""

    seed: int
    count: int
    cell: Cell = SQUARE
    ahead: Feed = field(default_factory=Feed)
    """What sends frames knows."""
    behind: Feed = field(default_factory=Feed)
    """What answers knows."""
    lost: int = 0
    doubled: int = 0

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        self._events = list(enumerate(random_events(self.seed, self.count), 1))
        self._known = 0
        self._waiting: list[Change] = []
        self._sent: list[bytes] = []
        self._epoch = 1

    def frames(self) -> Iterator[bytes]:
        """Yield what arrives, until all that happened was sent; the last that arrives is the number."""
        rng = self.rng
        for position, event in self._events:
            self._waiting += [
                change for cell, change in self.ahead.apply(event, position) if cell == self.cell
            ]
            if self._waiting and rng.random() < 0.3:
                yield from self._deliver(self._frame())
            if rng.random() < 0.01:
                self._epoch += 1
                yield from self._deliver(self._frame(empty=True))
        self.catch_up(everything=True)
        yield self._frame(empty=True)

    def _frame(self, *, empty: bool = False) -> bytes:
        changes = [] if empty else self._waiting
        self._waiting = []
        seq = self.ahead.room(self.cell).seq
        old = self.rng.random() < 0.05
        return encode_short(Frame(self._epoch - old, FOLD, seq, [row(change) for change in changes]))

    def _deliver(self, frame: bytes) -> Iterator[bytes]:
        chance = self.rng.random()
        self._sent.append(frame)
        if chance < 0.1:
            self.lost += 1
            return
        yield frame
        if chance > 0.9:
            self.doubled += 1
            yield self.rng.choice(self._sent[-20:])

    def catch_up(self, *, everything: bool = False) -> None:
        """Let what answers know some more, and at the end all."""
        until = len(self._events) if everything else self.rng.randint(self._known, self._done())
        for position, event in self._events[self._known : until]:
            self.behind.apply(event, position)
        self._known = max(self._known, until)

    def _done(self) -> int:
        sent = self.ahead.room(self.cell)
        last = sent.kept[-1].position if sent.kept else 0
        return max(self._known, last)


def steps(wire: Hostile, room: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a reader gets, frames and answers to what it wants; ``room`` is asked what that is."""
    for frame in wire.frames():
        yield "hear", frame
        if room.wants is not None and wire.rng.random() < 0.5:
            wire.catch_up()
            yield "answer", answer(wire.behind, wire.cell, **room.wants)
    while room.wants is not None:
        yield "answer", answer(wire.behind, wire.cell, **room.wants)


def read(wire: Hostile, room: Any) -> list[list[Any]]:
    """Play a trace to a reader; returns the changes that took effect."""
    done: list[list[Any]] = []
    for what, value in steps(wire, room):
        done += room.hear(value) if what == "hear" else room.answer(value)
    return done
