"""Draws one side of the city as lines of text: places where they lie, who is in them, who is on the way."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aicore.city_watch import CityWatch, Walker

EMPTY, WAY, SHUT, WALKER = " ", "·", "x", "•"
NAMES_MAX = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """How metres become columns and lines.

    Attributes:
        left, top: metres of the first column and line.
        wide, high: metres from the first to the last.
    """

    columns: int
    lines: int
    left: int
    top: int
    wide: int
    high: int

    @classmethod
    def around(cls, places: Iterable[Mapping[str, Any]], columns: int, lines: int) -> "Frame":
        """Return the frame in which all places lie."""
        points = [(place["x"], place["y"]) for place in places] or [(0, 0)]
        left, right = min(x for x, _ in points), max(x for x, _ in points)
        low, top = min(y for _, y in points), max(y for _, y in points)
        return cls(columns, lines, left, top, max(1, right - left), max(1, top - low))

    def spot(self, x: int, y: int) -> tuple[int, int]:
        """Return column and line of a point; north is up."""
        column = (x - self.left) * (self.columns - 1) // self.wide
        line = (self.top - y) * (self.lines - 1) // self.high
        return min(max(0, column), self.columns - 1), min(max(0, line), self.lines - 1)


def drawn(watch: CityWatch, side: str, game_ms: int, *, columns: int = 72, lines: int = 18) -> list[str]:
    """Return the map of a side: ways dotted, closed ones crossed, a place with the number of who is there."""
    places = {place["id"]: place for place in watch.map["places"] if place["side"] == side}
    frame = Frame.around(places.values(), columns, lines)
    canvas = [[EMPTY] * columns for _ in range(lines)]
    shut = watch.shut()
    for way in sorted(watch.map["ways"], key=lambda way: way["id"] in shut):  # what is closed on top
        if way["start"] in places and way["end"] in places:
            mark = SHUT if way["id"] in shut else WAY
            _line(canvas, frame, places[way["start"]], places[way["end"]], mark)
    for walker in watch.walkers(game_ms):
        if walker.start in places and walker.end in places:
            x, y = _between(places[walker.start], places[walker.end], walker)
            column, line = frame.spot(x, y)
            canvas[line][column] = WALKER
    for id_, place in places.items():
        column, line = frame.spot(place["x"], place["y"])
        canvas[line][column] = _count(len(watch.present(id_)))
    return ["".join(row).rstrip() for row in canvas]


def listed(watch: CityWatch, side: str) -> list[str]:
    """Return a line for each place where somebody is: its name, how many, and some of them."""
    found = []
    for place in watch.map["places"]:
        here = watch.present(place["id"])
        if place["side"] == side and here:
            names = ", ".join(who for who, _ in here[:NAMES_MAX])
            more = f" and {len(here) - NAMES_MAX} more" if len(here) > NAMES_MAX else ""
            found.append(f"{place['name']}: {names}{more}")
    return found


def _count(number: int) -> str:
    if not number:
        return "o"
    return str(number) if number < 10 else "#"


def _between(start: Mapping[str, Any], end: Mapping[str, Any], walker: Walker) -> tuple[int, int]:
    gone = walker.per_mille
    return (
        start["x"] + (end["x"] - start["x"]) * gone // 1_000,
        start["y"] + (end["y"] - start["y"]) * gone // 1_000,
    )


def _line(
    canvas: Sequence[list[str]], frame: Frame, start: Mapping[str, Any], end: Mapping[str, Any], mark: str
) -> None:
    (column, line), (last_column, last_line) = (
        frame.spot(start["x"], start["y"]),
        frame.spot(end["x"], end["y"]),
    )
    steps = max(abs(last_column - column), abs(last_line - line), 1)
    for step in range(steps + 1):
        x = column + (last_column - column) * step // steps
        y = line + (last_line - line) * step // steps
        canvas[y][x] = mark
