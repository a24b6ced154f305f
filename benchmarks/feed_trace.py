"""The trace that both sides of the benchmark `feed` play: a grid of places, who is there, and who walks when.

Everything follows from the seed, so that both sides, and two runs, do the same. No I/O, no clock.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Any

SEED = 12
SERVICE = "gate"
CANARY = b"canary-in-a-private-field"
CUT_SHARE, SLOW_SHARE = 0.05, 0.05
"""Walkers who lose their connection once, and who once do not read for a while."""

CUT_S, SLOW_S = 1.0, 3.0
WAY_METRES = 80
"""A game minute on foot, which is a second at the clock's scale."""

TRAVEL_S = 1.0
LEAVE_AFTER_S = 10.0
APART_M = 80


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything.

    Attributes:
        width, height: of the grid of places.
        entities: walkers and those who only stand there.
        walkers: each of them a client.
        seconds: how long a round of it lasts.
        rounds: in between all settles.
        move_s: each walker goes to another place so often.
    """

    width: int
    height: int
    entities: int
    walkers: int
    seconds: float
    rounds: int = 1
    move_s: float = 10.0


FULL = Size(20, 20, 20_000, 1_000, 60.0)
"""Two thousand clients need more than two cores, of which the drivers take half: all would wait for them."""

QUICK = Size(8, 8, 3_200, 320, 20.0)


def place_of(x: int, y: int) -> str:
    """Return a place's id, of the length that names have."""
    return f"grid_corner_{x:02}{y:02}"


def grid(size: Size) -> dict[str, list[str]]:
    """Return each place with those beside it."""

    def beside(x: int, y: int) -> Iterator[str]:
        for other_x, other_y in ((x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)):
            if 0 <= other_x < size.width and 0 <= other_y < size.height:
                yield place_of(other_x, other_y)

    return {place_of(x, y): [*beside(x, y)] for x in range(size.width) for y in range(size.height)}


def ways(size: Size) -> Iterator[tuple[str, str]]:
    """Yield the two ends of each way."""
    for place, beside in grid(size).items():
        yield from ((place, other) for other in beside if place < other)


def trace_of(size: Size, seed: int = SEED) -> dict[str, Any]:
    """Return the trace as JSON can hold it.

    ``walkers`` have a list of operations each: ``[at s, "go", place]`` or
    ``[at s, "cut" | "slow", for how many s]``.
    """
    draw, places = Random(seed), grid(size)
    names = list(places)
    standing = {f"person-{n}": draw.choice(names) for n in range(size.entities - size.walkers)}
    walkers = [_walker(f"walker-{n}", draw, places, size) for n in range(size.walkers)]
    return {
        "seconds": size.seconds,
        "rounds": size.rounds,
        "travel_s": TRAVEL_S,
        "leave_after_s": LEAVE_AFTER_S,
        "places": places,
        "entities": standing,
        "walkers": walkers,
    }


def _walker(id_: str, draw: Random, places: dict[str, list[str]], size: Size) -> dict[str, Any]:
    begin = here = draw.choice(list(places))
    operations: list[list[Any]] = []
    seconds = size.seconds * size.rounds
    at = draw.random() * size.move_s
    while at < seconds:
        if at % size.seconds < size.seconds - TRAVEL_S:
            here = draw.choice(places[here])
            operations.append([round(at, 3), "go", here])
        at += size.move_s * draw.uniform(0.9, 1.1)
    fate = draw.random()
    trouble = round(draw.uniform(0.2, 0.7) * size.seconds + size.seconds * draw.randrange(size.rounds), 3)
    if fate < CUT_SHARE:
        operations.append([trouble, "cut", CUT_S])
    elif fate < CUT_SHARE + SLOW_SHARE:
        operations.append([trouble, "slow", SLOW_S])
    return {"id": id_, "place": begin, "ops": sorted(operations, key=lambda each: each[0])}


def hash_of(state: object) -> str:
    """Return a short hash of a state, the same for equal ones."""
    return sha256(json.dumps(state, separators=(",", ":")).encode()).hexdigest()[:16]
