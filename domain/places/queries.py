"""Questions about places."""

from typing import ClassVar, Literal

from pydantic import Field

from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, PEOPLE
from domain.kernel.vocabulary import COUNT_MAX
from domain.places.messages import PlaceRef


class MapQuery(Query, name="places.map", may=(GRANTED, *PEOPLE)):
    """Ask for the places and ways of the world.

    The result is a map: places (id, name, side, district, kind, x, y in metres, within, twin, capacity), ways
    (id, start, end, metres, seconds by means in game time, one_way, closed), means (ids), and arrivals
    (places where one may begin).
    """


class SnapshotQuery(Query, name="places.snapshot", may=(GRANTED, *PEOPLE)):
    """Ask what a place shows, as of a number of its feed, or what changed since one.

    The result is a map: place, cell, cells (how many the place has), subject (of the frames, without the
    realm), beside (place and subject of each neighbour, cell left out), game_ms (game time now), fold, seq;
    and either changes (lists of a position and ops, the last one is seq) or the whole: present (lists of who,
    kind, since), ways (lists of who, kind, from, start, to, here, end), shut (closed ways that end here).
    With ``form`` 2 all is as in short frames: no place and cell, subject that of those, beside a map of their
    subjects without the place, each with places. Refused with ``place_unknown``.
    """

    example: ClassVar = {"place": "rope_quay"}

    place: PlaceRef
    cell: int = Field(0, ge=0, lt=64, description="Which cell of the place.")
    since: int | None = Field(
        None, ge=0, le=COUNT_MAX, description="A number that one has: only what came after it, if it is kept."
    )
    fold: int = Field(0, ge=0, le=COUNT_MAX, description="The fold that the number is of.")
    form: Literal[1, 2] = Field(1, description="1 for frames, 2 for short frames.")
