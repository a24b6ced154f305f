"""Who discovered what. Names and versions of events are storage format: they stay for ever.

What is to be seen is no event: it follows from what happened, and from the weather since. One stream for each
trace that was ever found: ``trace-blood_drops-…``.
"""

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from domain.beliefs.messages import CLAIM_MAX
from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.roles import GRANTED, OPERATOR
from domain.kernel.vocabulary import Count, Text
from domain.ledger.vocabulary import Amount, UnitId
from domain.places.messages import GameMs, PlaceRef
from domain.session.messages import PlayerId, SessionNumber

PAID_MAX = 12

TraceId = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}-[0-9a-f]{32}-[0-9]{1,3}$",
        description="A trace: its rule, the event that left it, and its number among that event's.",
    ),
]
RuleRef = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="The trace's entry in the world's definition.")
]
CauseId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="Id of the event that left it."
    ),
]
Certainty = Annotated[
    int,
    Field(
        ge=1, le=1_000, description="How sure one may be of it.", json_schema_extra={"unit": "thousandths"}
    ),
]


class Taken(Declared):
    """What lay there, and whoever found it has now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: UnitId
    amount: Amount


class Discovered(Event, name="traces.discovered", version=1):
    """A player discovered a trace; what it pays is a transfer of the ledger in the same append.

    Once for each player and trace. What lies there is taken by who finds it first, and the trace is no more.
    """

    trace: TraceId
    rule: RuleRef
    player: PlayerId
    place: PlaceRef
    at_ms: GameMs
    cause: CauseId
    cause_position: Annotated[Count, Field(ge=1, description="Position of that event in the log.")]
    cause_ms: Annotated[GameMs, Field(description="When that was.")]
    claim: Annotated[
        Annotated[Text, Field(min_length=3, max_length=CLAIM_MAX)] | None,
        Field(description="What the player concludes; nil: not all of it shows."),
    ]
    certainty: Certainty
    paid: Annotated[
        list[Taken], Field(max_length=PAID_MAX, description="What they took; empty: nothing lay there.")
    ]

    example: ClassVar = {
        "trace": "hurried_tracks-5a4f8a0e6a0b5f569f1e3f0f4c8f2d72-0",
        "rule": "hurried_tracks",
        "player": "ann",
        "place": "ropewalk_quay",
        "at_ms": 68_400_000,
        "cause": "5a4f8a0e-6a0b-5f56-9f1e-3f0f4c8f2d72",
        "cause_position": 4_711,
        "cause_ms": 61_200_000,
        "claim": "fled(person.nib, place.ropewalk_quay)",
        "certainty": 650,
        "paid": [{"unit": "crowns", "amount": 6}],
    }


class Discover(Command, name="traces.discover", may=(GRANTED, OPERATOR)):
    """Have a player discover a trace that is to be seen where they are.

    The result is {trace, rule, place, claim, certainty, paid, again}: the claim that the player believes from
    now on (nil: not all of it shows); what was taken; and whether they had found it before, which pays
    nothing and is no event. Refused with ``trace_unknown``, ``not_there``, ``trace_faded``, ``trace_taken``,
    ``own_trace``, ``no_clock``, ``over_allowance``, as ledger.transfer is, and for the session as
    places.enter is.
    """

    player: PlayerId
    session: SessionNumber
    trace: TraceId

    example: ClassVar = {
        "player": "ann",
        "session": 3,
        "trace": "hurried_tracks-5a4f8a0e6a0b5f569f1e3f0f4c8f2d72-0",
    }


EVENTS = (Discovered,)
COMMANDS = (Discover,)
