"""What is seen in each place, folded from the log: numbers and changes that everybody finds alike. Pure.

A change of a place by an event has the place's next number. A crowded place has several *cells*, each with
numbers of its own. Nothing private gets in: what an event says is cut to its public fields first.
Source: docs/world.md, "The feed".
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin
from zlib import crc32

from pydantic.fields import FieldInfo

from domain.kernel.event import Event
from domain.kernel.visibility import personal_of, private_of
from domain.places.journey import Journey
from domain.places.messages import (
    Arrived,
    Departed,
    Entered,
    JourneyCut,
    Left,
    TurnedBack,
    WayClosed,
    WayOpened,
)

KINDS = (Entered, Departed, Arrived, TurnedBack, JourneyCut, Left, WayClosed, WayOpened)

FOLD = 1
"""Raised with any change of this file that gives other numbers or ops: readers then begin anew."""

CROWD = 64
"""How many a cell may show before the place's cells are doubled."""

CELLS_MAX = 64
KEPT = 512
"""Changes of a cell that are kept for those who missed some."""

Op = Sequence[Any]
"""A word, and what it is about; see SPEC.md, "Place feed"."""


class Cell(NamedTuple):
    """A place's part with a feed of its own."""

    place: str
    number: int


class Change(NamedTuple):
    """What an event changed in a cell."""

    number: int
    """The cell's own count: 1, 2, 3, … without gap."""
    position: int
    ops: tuple[Op, ...]


def cell_of(who: str, cells: int) -> int:
    """Return the cell that shows somebody: CRC-32 of the id's UTF-8 modulo the number of cells."""
    return crc32(who.encode()) % cells


def public(event: Event) -> Mapping[str, Any]:
    """Return an event's fields without those that are declared private or personal."""
    kind = type(event)
    if (open_ := _open_fields(kind)) is not None:
        return {name: getattr(event, name) for name in open_}
    return _without(event.model_dump(), _hidden(kind))


def _hidden(kind: type[Event]) -> set[str]:
    return {*private_of(kind), *personal_of(kind)}


@cache
def _open_fields(kind: type[Event]) -> tuple[str, ...] | None:
    """Return the fields of a type that are public as they are; None if one has something hidden within it.

    Nearly every event is of such a type, and a start takes in all that ever happened in places.
    """
    hidden = _hidden(kind)
    if any("." in path for path in hidden) or not all(map(_flat, kind.model_fields.values())):
        return None
    return tuple(name for name in kind.model_fields if name not in hidden)


def _flat(info: FieldInfo) -> bool:
    """Say whether a field is text or a number, or a list of such."""
    kind: Any = info.annotation
    if get_origin(kind) is list:
        (kind,) = get_args(kind)
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return kind in (str, int) or get_origin(kind) is Literal


def _without(fields: Mapping[str, Any], hidden: set[str], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields.items():
        path = f"{prefix}{name}"
        if path in hidden:
            continue
        match value:
            case Mapping():
                found[name] = _without(value, hidden, f"{path}.")
            case list():
                found[name] = [
                    _without(e, hidden, f"{path}.") if isinstance(e, Mapping) else e for e in value
                ]
            case _:
                found[name] = value
    return found


@dataclass(slots=True)
class Room:
    """What a cell shows.

    Attributes:
        seq: number of the last change.
        present: who is there: kind, and since when in game ms.
        ways: who passes on a way: kind, from, start, to, here, end.
        shut: closed ways that end here; in cell 0.
    """

    seq: int = 0
    present: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    ways: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    shut: set[str] = field(default_factory=set)
    kept: deque[Change] = field(default_factory=lambda: deque(maxlen=KEPT))

    def take(self, position: int, ops: Sequence[Op]) -> Change:
        """Take the next change in; short frames leave out what `in` and `way` say anyway."""
        self.seq += 1
        change = Change(self.seq, position, tuple(ops))
        self.kept.append(change)
        for word, about, *more in ops:
            match word:
                case "in":
                    self.present[about] = tuple(more)
                    self.ways.pop(about, None)
                case "out":
                    self.present.pop(about, None)
                case "way":
                    self.ways[about] = tuple(more)
                    self.present.pop(about, None)
                case "off":
                    self.ways.pop(about, None)
                case "shut":
                    self.shut.add(about)
                case "open":
                    self.shut.discard(about)
        return change

    def state(self) -> dict[str, list[Any]]:
        """Return what is shown, in the order of ids: equal states are equal values."""
        return {
            "present": [[who, *self.present[who]] for who in sorted(self.present)],
            "ways": [[who, *self.ways[who]] for who in sorted(self.ways)],
            "shut": sorted(self.shut),
        }

    def plain(self) -> list[Any]:
        """Return it as lists, text and whole numbers."""
        shown = ([[who, *more] for who, more in each.items()] for each in (self.present, self.ways))
        kept = [[change.number, change.position, [list(op) for op in change.ops]] for change in self.kept]
        return [self.seq, *shown, sorted(self.shut), kept]

    @classmethod
    def of(cls, said: Sequence[Any]) -> "Room":
        """Return the cell that `plain` told of."""
        seq, present, ways, shut, kept = said
        shown = [{who: tuple(more) for who, *more in each} for each in (present, ways)]
        room = cls(seq, shown[0], shown[1], set(shut))
        room.kept.extend(Change(number, position, tuple(map(tuple, ops))) for number, position, ops in kept)
        return room

    def since(self, number: int) -> list[Change] | None:
        """Return the changes after a number; None if they are not kept, or it is none of ours."""
        if number == self.seq:
            return []
        if number > self.seq or not self.kept or self.kept[0].number > number + 1:
            return None
        return [change for change in self.kept if change.number > number]


class Feed:
    """All places. `apply` the events of `KINDS` in order; it changes the feed in place."""

    def __init__(self) -> None:
        self.rooms: dict[Cell, Room] = {}
        self.cells: dict[str, int] = {}
        """How many a place has, if they are more than one."""
        self._where: dict[str, tuple[str, str] | Journey] = {}
        """Of everybody place and kind, or the journey."""
        self._shown: dict[str, int] = {}
        """How many a place shows."""

    def apply(self, event: Event, position: int) -> list[tuple[Cell, Change]]:
        """Take an event in, and return what it changed, place by place."""
        by_cell: dict[Cell, list[Op]] = {}
        for place, op in self._ops(event):
            cell = Cell(place, self._cell(place, op))
            by_cell.setdefault(cell, []).append(op)
            self._count(place, op, cell)
        for place in {cell.place for cell in by_cell}:
            self._split(place, by_cell)
        return [(cell, self._room(cell).take(position, ops)) for cell, ops in by_cell.items()]

    def plain(self) -> list[Any]:
        """Return all of it as lists, text and whole numbers, to be kept beside the log."""
        rooms = [[*cell, *room.plain()] for cell, room in self.rooms.items()]
        where = [
            [who, *(at if isinstance(at, tuple) else [[list(each) for each in at.route], *at.manner])]
            for who, at in self._where.items()
        ]
        return [rooms, dict(self.cells), where, dict(self._shown)]

    @classmethod
    def of(cls, said: Sequence[Any]) -> "Feed":
        """Return the feed that `plain` told of.

        Raises:
            LookupError, TypeError, ValueError: it did not.
        """
        feed = cls()
        rooms, cells, where, shown = said
        feed.cells, feed._shown = dict(cells), dict(shown)
        feed.rooms = {Cell(place, number): Room.of(room) for place, number, *room in rooms}
        for who, *at in where:
            journey = not isinstance(at[0], str)
            feed._where[who] = Journey.again(*at) if journey else (str(at[0]), str(at[1]))
        return feed

    def room(self, cell: Cell) -> Room:
        """Return what a cell shows; of one that nothing ever changed, nothing."""
        return self.rooms.get(cell) or Room()

    def _room(self, cell: Cell) -> Room:
        room = self.rooms.get(cell)
        if room is None:  # `setdefault` would make one each time: a fifth of the fold
            room = self.rooms[cell] = Room()
        return room

    def _cell(self, place: str, op: Op) -> int:
        return 0 if op[0] in ("shut", "open") else cell_of(op[1], self.cells.get(place, 1))

    # --- what events change ---------------------------------------------------------------------------------

    def _ops(self, event: Event) -> Iterator[tuple[str, Op]]:
        said = public(event)
        match event:
            case WayClosed() | WayOpened():
                word = "shut" if isinstance(event, WayClosed) else "open"
                yield from ((place, (word, said["way"])) for place in said["ends"])
            case Entered() | Arrived():
                yield from self._comes(said)
            case Left():
                yield from self._ends(said["who"])
                self._where.pop(said["who"], None)
            case Departed():
                yield from self._sets_out(said)
            case TurnedBack() | JourneyCut():
                journey = self._where.get(said["who"])
                if isinstance(journey, Journey):
                    changed = journey.turned(event) if isinstance(event, TurnedBack) else journey.cut(event)
                    yield from self._goes_otherwise(said["who"], journey, changed)

    def _comes(self, said: Mapping[str, Any]) -> Iterator[tuple[str, Op]]:
        who, place, known = said["who"], said["place"], self._where.get(said["who"])
        kind = said.get("kind") or (known.kind if isinstance(known, Journey) else "person")
        yield from self._ends(who)
        self._where[who] = place, kind
        yield place, ("in", who, kind, said["at_ms"])

    def _sets_out(self, said: Mapping[str, Any]) -> Iterator[tuple[str, Op]]:
        yield from self._ends(said["who"])
        route = tuple(said["places"]), tuple(said["ways"]), tuple(said["times_ms"])
        journey = Journey(said["kind"], *route, said["means"], said["real_ms"])
        self._where[said["who"]] = journey
        yield from _pieces(said["who"], journey)

    def _goes_otherwise(self, who: str, before: Journey, after: Journey) -> Iterator[tuple[str, Op]]:
        self._where[who] = after
        yield from ((place, ("off", who)) for place in before.places if place not in after.places)
        known = dict(_pieces(who, before))
        yield from ((place, op) for place, op in _pieces(who, after) if known.get(place) != op)

    def _ends(self, who: str) -> Iterator[tuple[str, Op]]:
        match self._where.get(who):
            case Journey() as journey:
                yield from ((place, ("off", who)) for place in journey.places)
            case (place, _):
                yield place, ("out", who)

    # --- crowds ---------------------------------------------------------------------------------------------

    def _count(self, place: str, op: Op, cell: Cell) -> None:
        room, word, about = self._room(cell), op[0], op[1]
        match word:
            case "in":
                more = int(about not in room.present)
            case "way":
                more = int(about not in room.ways)
            case "out":
                more = -(about in room.present)
            case "off":
                more = -(about in room.ways)
            case _:
                more = 0
        self._shown[place] = self._shown.get(place, 0) + more

    def _split(self, place: str, by_cell: dict[Cell, list[Op]]) -> None:
        """Double a place's cells if they show too many; whom another cell shows then moves there."""
        cells = self.cells.get(place, 1)
        if cells >= CELLS_MAX or self._shown[place] <= CROWD * cells:
            return
        self.cells[place] = 2 * cells
        for number in range(cells):
            here, there = Cell(place, number), Cell(place, number + cells)
            shown = Room()
            room = self._room(here)
            shown.present, shown.ways = dict(room.present), dict(room.ways)
            shown.take(0, by_cell.get(here, ()))
            goes = by_cell.setdefault(here, [])
            comes = by_cell.setdefault(there, [])
            for who, more in shown.present.items():
                if cell_of(who, 2 * cells) != number:
                    goes.append(("out", who))
                    comes.append(("in", who, *more))
            for who, more in shown.ways.items():
                if cell_of(who, 2 * cells) != number:
                    goes.append(("off", who))
                    comes.append(("way", who, *more))
            goes.append(("cells", 2 * cells))
            comes.append(("cells", 2 * cells))


def _pieces(who: str, journey: Journey) -> Iterator[tuple[str, Op]]:
    """Yield each place of a journey with its own piece of it, and no more of where somebody is bound for."""
    places, times, last = journey.places, journey.times, len(journey.places) - 1
    for n, place in enumerate(places):
        comes = (places[n - 1], times[n - 1]) if n else ("", times[0])
        goes = (places[n + 1], times[n], times[n + 1]) if n < last else ("", times[n], times[n])
        yield place, ("way", who, journey.kind, *comes, *goes)
