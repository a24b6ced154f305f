"""Events and commands of places. Names and versions of events are storage format: they stay for ever.

Game times are ms of game time since day 0. What is `Private` goes into no frame of the place feed.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from domain.kernel.event import Command, Event
from domain.kernel.roles import GRANTED, OPERATOR
from domain.kernel.visibility import Private
from domain.kernel.vocabulary import COUNT_MAX, Reason, Text
from domain.session.messages import At, PlayerId, SessionNumber

_ID = r"^[a-z][a-z0-9_]{0,63}$"
LEGS_MAX = 256
"""Ways of one journey; routes are shortest ones, and a city has fewer."""

PlaceRef = Annotated[str, Field(pattern=_ID, description="Id of a place of the world's definition.")]
WayRef = Annotated[str, Field(pattern=_ID, description="Id of a way of the world's definition.")]
MeansRef = Annotated[str, Field(pattern=_ID, description="Id of a means of travel, e.g. foot.")]
Who = Annotated[
    str,
    Field(
        pattern=r"^(person\.)?[A-Za-z0-9_-]{1,128}$",
        description="A player's id; or person. and the id of somebody of the definition.",
    ),
]
Kind = Annotated[
    Literal["player", "person"],
    Field(description="player: acted for by a service; person: of the world itself."),
]
GameMs = Annotated[
    int,
    Field(ge=0, le=COUNT_MAX, description="Game time since day 0.", json_schema_extra={"unit": "game ms"}),
]
Errand = Annotated[
    Text, Field(max_length=200, description="What for, as the service tells it; nobody in the place sees it.")
]


class Entered(Event, name="places.entered", version=1):
    """Somebody came into the world, in a place."""

    who: Who
    kind: Kind
    place: PlaceRef
    at_ms: GameMs
    at_us: At

    example: ClassVar = {
        "who": "ann",
        "kind": "player",
        "place": "rope_quay",
        "at_ms": 25_200_000,
        "at_us": 1_790_000_001_000_000,
    }


class Departed(Event, name="places.departed", version=1):
    """Somebody set out; where they are on the way follows from the times."""

    who: Who
    kind: Kind
    places: Annotated[
        list[PlaceRef],
        Field(
            min_length=2, max_length=LEGS_MAX + 1, description="The places of the route, from where to where."
        ),
    ]
    ways: Annotated[
        list[WayRef],
        Field(min_length=1, max_length=LEGS_MAX, description="The ways between them, one fewer."),
    ]
    times_ms: Annotated[
        list[GameMs],
        Field(
            min_length=2,
            max_length=LEGS_MAX + 1,
            description="When each of the places is reached; first: departure.",
        ),
    ]
    means: MeansRef
    real_ms: Annotated[
        int,
        Field(
            ge=0,
            le=COUNT_MAX,
            description="Real time that the journey costs at the clock's scale: the speed budget.",
            json_schema_extra={"unit": "ms"},
        ),
    ]
    errand: Annotated[Errand, Private()] = ""
    at_us: At

    example: ClassVar = {
        "who": "ann",
        "kind": "player",
        "places": ["rope_quay", "chandlers_square", "tally_house"],
        "ways": ["rope_walk", "tally_steps"],
        "times_ms": [25_260_000, 25_320_000, 25_410_000],
        "means": "foot",
        "real_ms": 2_500,
        "errand": "pay the interest",
        "at_us": 1_790_000_002_000_000,
    }


class Arrived(Event, name="places.arrived", version=1):
    """Somebody reached the end of their journey."""

    who: Who
    place: PlaceRef
    at_ms: Annotated[GameMs, Field(description="When, as the journey said; it may have been recorded later.")]
    at_us: At

    example: ClassVar = {
        "who": "ann",
        "place": "tally_house",
        "at_ms": 25_410_000,
        "at_us": 1_790_000_004_500_000,
    }


class TurnedBack(Event, name="places.turned_back", version=1):
    """Somebody goes back to where the way that they are on began."""

    who: Who
    place: Annotated[PlaceRef, Field(description="Where they go back to.")]
    away: Annotated[PlaceRef, Field(description="The way's other end.")]
    left_ms: Annotated[
        int, Field(description="When they would have left the other end, to be where they are.")
    ]
    arrives_ms: GameMs
    at_us: At

    example: ClassVar = {
        "who": "ann",
        "place": "chandlers_square",
        "away": "tally_house",
        "left_ms": 25_290_000,
        "arrives_ms": 25_380_000,
        "at_us": 1_790_000_003_500_000,
    }


class JourneyCut(Event, name="places.journey_cut", version=1):
    """A way on somebody's route closed before they were on it: the journey ends at the place before it."""

    who: Who
    place: Annotated[PlaceRef, Field(description="Where the journey ends now.")]
    way: WayRef
    at_us: At

    example: ClassVar = {
        "who": "ann",
        "place": "chandlers_square",
        "way": "tally_steps",
        "at_us": 1_790_000_002_500_000,
    }


class Left(Event, name="places.left", version=1):
    """Somebody is out of the world; they come back at this place."""

    who: Who
    place: Annotated[PlaceRef, Field(description="Where they were, or the last place that they had reached.")]
    at_ms: GameMs
    at_us: At

    example: ClassVar = {
        "who": "ann",
        "place": "chandlers_square",
        "at_ms": 25_330_000,
        "at_us": 1_790_000_900_000_000,
    }


Ends = Annotated[list[PlaceRef], Field(min_length=2, max_length=2, description="The way's two ends.")]


class WayClosed(Event, name="places.way_closed", version=1):
    """Nobody sets out on a way any more; who is on it goes on to its end."""

    way: WayRef
    ends: Ends
    grounds: Annotated[Reason, Private()]
    at_ms: GameMs
    at_us: At

    example: ClassVar = {
        "way": "marsh_ferry",
        "ends": ["rope_quay", "reed_landing"],
        "grounds": "storm over the harbour",
        "at_ms": 31_200_000,
        "at_us": 1_790_000_100_000_000,
    }


class WayOpened(Event, name="places.way_opened", version=1):
    """A closed way is open again."""

    way: WayRef
    ends: Ends
    at_ms: GameMs
    at_us: At

    example: ClassVar = {
        "way": "marsh_ferry",
        "ends": ["rope_quay", "reed_landing"],
        "at_ms": 37_200_000,
        "at_us": 1_790_000_200_000_000,
    }


class Enter(Command, name="places.enter", may=(GRANTED, OPERATOR)):
    """Have a player come into the world: where they left it, or at a place where one may begin.

    Refused with ``no_session``, ``not_your_session``, ``session_over``, ``in_the_world``, ``under_way``,
    ``place_unknown``, ``not_there``, ``place_full``, ``over_allowance``.
    """

    player: PlayerId
    session: SessionNumber
    place: PlaceRef

    example: ClassVar = {"player": "ann", "session": 3, "place": "rope_quay"}


class Depart(Command, name="places.depart", may=(GRANTED, OPERATOR)):
    """Have a player set out by the shortest open route.

    The result is {player, session, place, last, places, ways, times_ms}: the route, and when each place is
    reached.

    Refused as places.enter is, and with ``not_in_world``, ``means_unknown``, ``no_way``, ``closed_then``,
    ``locked``, ``way_full``, and ``too_fast`` with the time to come again.
    """

    player: PlayerId
    session: SessionNumber
    to: PlaceRef
    means: MeansRef = "foot"
    errand: Annotated[Errand, Private()] = ""

    example: ClassVar = {
        "player": "ann",
        "session": 3,
        "to": "tally_house",
        "means": "foot",
        "errand": "pay the interest",
    }


class TurnBack(Command, name="places.turn_back", may=(GRANTED, OPERATOR)):
    """Have a player who is under way go back to where the way that they are on began.

    Refused as places.depart is for its session, and with ``not_under_way``, ``one_way``.
    """

    player: PlayerId
    session: SessionNumber

    example: ClassVar = {"player": "ann", "session": 3}


class CloseWay(Command, name="places.close_way", may=(OPERATOR,)):
    """Close a way: nobody sets out on it. Refused with ``way_unknown``."""

    way: WayRef
    grounds: Annotated[Reason, Private()]

    example: ClassVar = {"way": "marsh_ferry", "grounds": "storm over the harbour"}


class OpenWay(Command, name="places.open_way", may=(OPERATOR,)):
    """Open a closed way again. Refused with ``way_unknown``."""

    way: WayRef

    example: ClassVar = {"way": "marsh_ferry"}


class Arrive(Command, name="places.arrive"):
    """Have somebody arrive whose journey is over; of our own process, never taken from the wire."""

    who: Who
    arrives_ms: GameMs

    example: ClassVar = {"who": "ann", "arrives_ms": 25_410_000}


class CutJourney(Command, name="places.cut_journey"):
    """End a journey before a way that closed; of our own process, never taken from the wire."""

    who: Who
    way: WayRef
    closed_ms: Annotated[GameMs, Field(description="When the way closed, however late that is heard.")]

    example: ClassVar = {"who": "ann", "way": "tally_steps", "closed_ms": 25_300_000}
