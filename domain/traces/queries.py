"""Queries about what there is to be seen of what happened."""

from typing import ClassVar

from domain.beliefs.queries import AsOf
from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, PEOPLE
from domain.places.messages import GameMs, PlaceRef
from domain.session.messages import PlayerId


class TracesQuery(Query, name="traces.at", may=(GRANTED, *PEOPLE)):
    """Ask what is to be seen at a place, now or at a game time, as the log was up to a position.

    The result is a map with place, at_ms, weather (nil: none is known), indoors, and traces, the plainest
    first. A trace is a map with trace (its id), rule, sees (what is to be seen), strength (thousandths),
    infers (what one concludes: says, claim or nil, certainty in thousandths), event and position (of its
    cause), left_ms (when it was left), and found (whether the player has). Refused with ``place_unknown``,
    ``as_of_too_old``.
    """

    place: PlaceRef
    player: PlayerId | None = None
    at_ms: GameMs | None = None
    as_of: AsOf | None = None

    example: ClassVar = {"place": "ropewalk_quay", "player": "ann"}


class DescribeQuery(Query, name="traces.describe", may=(GRANTED, *PEOPLE)):
    """Ask for a description of what is to be seen at a place; the same words for everybody.

    The result is a map with place, at_ms, text ("" if nothing tells of anything), and parts, in the order
    of the text: maps with says, traces (ids of what it tells of) and claim (nil: it is what is to be seen, or
    not all of it shows). Refused as traces.at is.
    """

    place: PlaceRef
    at_ms: GameMs | None = None
    as_of: AsOf | None = None

    example: ClassVar = {"place": "ropewalk_quay"}
