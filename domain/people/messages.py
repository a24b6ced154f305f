"""Events and commands of people. Names and versions of events are storage format: they stay for ever.

Where people are is told by the events of places (`domain.places.messages`), in the people's stream.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from domain.kernel.context import Payload
from domain.kernel.event import Command, Event
from domain.kernel.roles import OPERATOR
from domain.kernel.visibility import Discreet
from domain.kernel.vocabulary import COUNT_MAX, Count, Operator, Reason, Text
from domain.ledger.vocabulary import AMOUNT_MAX
from domain.market.vocabulary import GoodRef, MarketRef, Quantity
from domain.places.messages import GameMs, PlaceRef

STREAM = "people-realm"
"""Everything that people do; one leader writes it (`handlers.people.leader`)."""

COURSE = "people-course"
"""Whether they live or rest; operators write it."""

_ID = r"^[a-z][a-z0-9_]{0,63}$"
IDLE = "idle"

PersonRef = Annotated[str, Field(pattern=_ID, description="Id of a person of the world's definition.")]
NeedRef = Annotated[str, Field(pattern=_ID)]
Action = Annotated[
    str, Field(pattern=_ID, description="Id of an activity of the definition, or idle: nothing at all.")
]
Level = Annotated[int, Field(ge=0, le=1_000_000)]
Levels = Annotated[
    dict[NeedRef, Level],
    Field(
        max_length=64,
        description="How full each need is at that time; later levels follow from these.",
        json_schema_extra={"unit": "millionths"},
    ),
]
Score = Annotated[
    int,
    Field(
        ge=-1,
        le=100_000_000,
        description="-1: it could not be done.",
        json_schema_extra={"unit": "millionths"},
    ),
]
Why = Annotated[
    Literal["routine", "free", "need", "closed", "taken", "alone", "no_way", "sold_out", "no_coin", "wish"],
    Field(
        description="routine: the schedule says so; free: it says nothing now; need: one presses; closed, "
        "taken, alone, no_way, sold_out, no_coin: what the schedule says cannot be done now, or not there; "
        "wish: they would rather."
    ),
]
Coins = Annotated[
    int, Field(ge=0, le=AMOUNT_MAX, json_schema_extra={"unit": "smallest coin of the money of their side"})
]
Helpings = Annotated[
    dict[Action, Annotated[int, Field(ge=0, le=COUNT_MAX)]],
    Field(max_length=64, description="How often they can do what with what they carry along."),
]
Missed = Literal["sold_out", "no_coin", "closed"]
Claim = Annotated[
    str,
    Field(
        pattern=r"^$|^[a-z][a-z0-9_]{0,63}/[a-z]{1,16}/[0-9]{1,5}$",
        description="What only one can have and they have until they decide again: place/thing/number.",
    ),
]


class PeopleBegun(Event, name="people.begun", version=1):
    """People live from now on."""

    operator: Operator
    reason: Reason

    example: ClassVar = {"operator": "ops", "reason": "the city opens"}


class PeopleRested(Event, name="people.rested", version=1):
    """Nobody decides anything until people live again; who is under way arrives then."""

    operator: Operator
    reason: Reason

    example: ClassVar = {"operator": "ops", "reason": "a new district is built"}


class PeopleLed(Event, name="people.led", version=1):
    """A process decides for everybody from now on."""

    term: Annotated[int, Field(ge=1, le=COUNT_MAX, description="Number of the lead: 1, 2, 3, …")]
    leader: Annotated[Text, Field(max_length=256, description="The process, as operators call it.")]

    example: ClassVar = {"term": 7, "leader": "quay:4711"}


class PersonJoined(Event, name="people.joined", version=1):
    """Somebody whom the definition tells of lives in the world from now on."""

    person: PersonRef
    place: PlaceRef
    levels: Levels
    at_ms: GameMs

    example: ClassVar = {
        "person": "una_pell",
        "place": "widow_tarrs",
        "levels": {"food": 812_000, "rest": 640_000},
        "at_ms": 25_200_000,
    }


class PersonGone(Event, name="people.gone", version=1):
    """Somebody lives here no longer: the definition has them no more, or they died (people.died)."""

    person: PersonRef
    at_ms: GameMs

    example: ClassVar = {"person": "una_pell", "at_ms": 90_000_000}


class RunnerUp(Discreet):
    """What would have been done otherwise."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    action: Action
    place: PlaceRef
    score: Score


class Bought(Discreet):
    """What somebody bought."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    market: MarketRef
    good: GoodRef
    quantity: Quantity
    coins: Annotated[Coins, Field(description="What it cost.")]


class PersonDecided(Event, name="people.decided", version=2):
    """Somebody began to do something, or set out to do it.

    Version 2 says what they had to spend, and what came of what they wanted to buy before; version 1 knew of
    no coins.
    """

    person: PersonRef
    at_ms: Annotated[
        GameMs, Field(description="When: a whole game minute. All of one minute decide at once.")
    ]
    action: Action
    place: Annotated[PlaceRef, Field(description="Where they do it; they may have to go there first.")]
    begins_ms: Annotated[GameMs, Field(description="When they are there.")]
    until_ms: Annotated[GameMs, Field(description="How long they mean to, if nothing else comes up.")]
    reason: Why
    need: Annotated[NeedRef | None, Field(description="The need that presses, where one does.")] = None
    with_person: Annotated[PersonRef | None, Field(description="With whom they talk.")] = None
    claim: Claim = ""
    lost: Annotated[
        list[PlaceRef],
        Field(
            max_length=16, description="Where others had taken what they wanted; not tried again for a while."
        ),
    ]
    score: Score
    runner_up: Annotated[RunnerUp | None, Field(description="None: nothing else could be done.")] = None
    levels: Levels
    digest: Annotated[
        str,
        Field(pattern=r"^[0-9a-f]{16}$", description="Of all that was weighed: see `aicore explain npc`."),
    ]
    known: Annotated[
        Count, Field(description="Position of the log up to which ways, doors and definition were known.")
    ]
    coins: Annotated[Coins | None, Field(description="What they had to spend; None: no purse.")] = None
    earned: Annotated[Coins, Field(description="What the shift that ends with this is to be paid.")] = 0
    owed: Annotated[Coins, Field(description="What they have earned of a shift that goes on later.")] = 0
    market: Annotated[
        MarketRef | None, Field(description="Stall that sells what it uses up; it is bought when it begins.")
    ] = None
    pieces: Annotated[int, Field(ge=0, le=COUNT_MAX, description="How many of it, at most.")] = 0
    carries: Helpings = Field(default_factory=dict)
    bought: Annotated[Bought | None, Field(description="What they bought for what they decided before.")] = (
        None
    )
    missed: Annotated[
        Missed | None,
        Field(description="Why they got nothing of what they wanted to buy before."),
    ] = None

    example: ClassVar = {
        "person": "una_pell",
        "at_ms": 68_400_000,
        "action": "guard",
        "place": "ropewalk_quay",
        "begins_ms": 68_520_000,
        "until_ms": 82_800_000,
        "reason": "routine",
        "need": None,
        "with_person": None,
        "claim": "",
        "lost": [],
        "score": 702_331,
        "runner_up": {"action": "eat", "place": "drowned_bell", "score": 311_020},
        "levels": {"food": 512_000, "rest": 803_000},
        "digest": "9f86d081884c7d65",
        "known": 1_204,
        "coins": 46,
        "earned": 8,
        "owed": 0,
        "market": None,
        "pieces": 0,
        "carries": {"eat": 2},
        "bought": {"market": "drowned_bell", "good": "eel_pie", "quantity": 1, "coins": 6},
        "missed": None,
    }


def with_purse(payload: Payload) -> Payload:
    """Return a decision of version 1 as one of version 2: of somebody without a purse."""
    none: Payload = {"coins": None, "earned": 0, "owed": 0, "market": None, "pieces": 0, "carries": {}}
    return {**payload, **none, "bought": None, "missed": None}


EventId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Topic = Annotated[
    str,
    Field(
        pattern=r"^(player|way|person|faction)\.[A-Za-z0-9_-]{1,128}$",
        description="Whom or what it is about: player.ann, way.marsh_ferry, person.una_pell, ….",
    ),
]


class PersonTold(Event, name="people.told", version=1):
    """Somebody told somebody, in a talk, of something that happened; so the hearer knows it, too."""

    teller: PersonRef
    hearer: PersonRef
    topic: Topic
    what: Annotated[Text, Field(max_length=128, description="Name of the event that it is about.")]
    happened_at: Annotated[PlaceRef, Field(description="Where that happened.")]
    happened_ms: Annotated[GameMs, Field(description="When that happened.")]
    about: Annotated[EventId, Field(description="Id of the event that it is about.")]
    about_position: Annotated[Count, Field(description="Its position in the log.")]
    hands: Annotated[
        int, Field(ge=0, le=COUNT_MAX, description="Through how many it came to the teller; 0: they saw it.")
    ]
    evidence: Annotated[
        EventId, Field(description="By which event the teller knows: the event itself, or who told them.")
    ]
    place: Annotated[PlaceRef, Field(description="Where they talk.")]
    at_ms: GameMs

    example: ClassVar = {
        "teller": "nib",
        "hearer": "una_pell",
        "topic": "player.ann",
        "what": "places.arrived",
        "happened_at": "tally_house",
        "happened_ms": 68_160_000,
        "about": "5b8c1f3e-5c4e-4a53-8b2c-6b2f7d1b4f10",
        "about_position": 1_190,
        "hands": 0,
        "evidence": "5b8c1f3e-5c4e-4a53-8b2c-6b2f7d1b4f10",
        "place": "ropewalk_quay",
        "at_ms": 68_400_000,
    }


class PersonFled(Event, name="people.fled", version=1):
    """Somebody saw that somebody was hurt, and would rather be elsewhere; what they decide comes next."""

    person: PersonRef
    place: Annotated[PlaceRef, Field(description="What they flee from, and do not like to come back to.")]
    at_ms: GameMs
    danger_ms: Annotated[GameMs, Field(description="When somebody was hurt there.")]

    example: ClassVar = {
        "person": "una_pell",
        "place": "ropewalk_quay",
        "at_ms": 68_460_000,
        "danger_ms": 68_400_000,
    }


class PeopleSkipped(Event, name="people.skipped", version=1):
    """Game time passed in which nobody decided anything: the clock leapt, or no process led.

    Nobody tells what they did meanwhile. They looked after themselves, stand where they were, or where they
    were bound for, and begin anew.
    """

    from_ms: GameMs
    to_ms: GameMs

    example: ClassVar = {"from_ms": 68_400_000, "to_ms": 327_600_000}


class BeginPeople(Command, name="people.begin", may=(OPERATOR,)):
    """Have the people of the definition live: they decide, walk, work and sleep by themselves."""

    operator: Operator
    reason: Reason

    example: ClassVar = dict(PeopleBegun.example)


class RestPeople(Command, name="people.rest", may=(OPERATOR,)):
    """Have nobody decide anything until people.begin; game time goes on."""

    operator: Operator
    reason: Reason

    example: ClassVar = dict(PeopleRested.example)


CourseEvent = PeopleBegun | PeopleRested
PeopleEvent = PeopleLed | PersonJoined | PersonGone | PersonDecided | PersonTold | PersonFled | PeopleSkipped
EVENTS = (
    PeopleBegun,
    PeopleRested,
    PeopleLed,
    PersonJoined,
    PersonGone,
    PersonDecided,
    PersonTold,
    PersonFled,
    PeopleSkipped,
)
COMMANDS = (BeginPeople, RestPeople)
