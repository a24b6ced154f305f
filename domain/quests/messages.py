"""What happens to a quest that somebody took. Names and versions of events are storage format.

One stream for each: ``quest-{instance}``. Its first event has the quest as it was defined then, so that what
becomes of it never depends on what the definition says later. Game times are ms since day 0.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from domain.definition.messages import Written
from domain.kernel.event import Event
from domain.kernel.vocabulary import COUNT_MAX, Digest
from domain.quests.vocabulary import (
    At,
    Due,
    EndRef,
    Experience,
    InstanceId,
    Number,
    Objectives,
    Paid,
    Players,
    QuestRef,
    StageRef,
    Standing,
    ThingKind,
    ThingRef,
    Told,
)
from domain.session.messages import PlayerId

INSTANCE = "7d1f2b58-6f7e-5b60-8a33-0d3a0f6f2c11"
TERMS: dict[str, Any] = {
    "name": "The Rent of the Cell",
    "aim": "carry my rent to the sergeant",
    "word": "rent",
    "giver": "the_tenant",
    "stages": {
        "carry": {"text": "The Tenant pays on the first.", "do": [{"talk": "hollis_grey"}], "next": "paid"}
    },
    "ends": {"paid": {"outcome": "completed", "text": "Paid."}},
    "if_giver_gone": {"rule": "close", "text": "The cell is empty."},
    "if_target_gone": {"rule": "close", "text": "Nobody takes the rent."},
}
BASE: dict[str, Any] = {
    "instance": INSTANCE,
    "quest": "rent_of_the_cell",
    "players": ["ann"],
    "at_ms": 25_410_000,
}


class Happened(Event):
    """What every event of a quest says."""

    instance: InstanceId
    quest: QuestRef
    players: Players
    at_ms: At


class Accepted(Happened, name="quests.accepted", version=1):
    """A player took a quest, as it is defined at that moment."""

    number: Number
    digest: Annotated[Digest, Field(description="Digest of the quest as it was defined.")]
    written: Written
    stage: StageRef
    due_ms: Due

    example: ClassVar[Any] = {
        **BASE,
        "number": 1,
        "digest": "sha256:0cce4a05df0b7e2e0a1c67bf2b61ba0c3e4b73ee31ab2c0f59a2d8fd22e6e5d1",
        "written": TERMS,
        "stage": "carry",
        "due_ms": None,
    }


class OfferMade(Happened, name="quests.offered", version=1):
    """A quest was made for a player, of what the world has; it can be taken until its time is over."""

    digest: Annotated[Digest, Field(description="Digest of the quest as it was made.")]
    written: Written
    until_ms: Annotated[
        int,
        Field(
            ge=0,
            le=COUNT_MAX,
            description="Game time until it can be taken.",
            json_schema_extra={"unit": "ms"},
        ),
    ]

    example: ClassVar[Any] = {
        **BASE,
        "digest": "sha256:0cce4a05df0b7e2e0a1c67bf2b61ba0c3e4b73ee31ab2c0f59a2d8fd22e6e5d1",
        "written": TERMS,
        "until_ms": 111_810_000,
    }


class Withdrawn(Happened, name="quests.withdrawn", version=1):
    """What was made for a player cannot be taken any more."""

    by: Annotated[
        Literal["late", "gone"],
        Field(description="Its time was over, or somebody or something that it needs is gone."),
    ]
    text: Told
    gone_kind: Annotated[ThingKind | None, Field(description="Kind of what is gone.")] = None
    gone: Annotated[ThingRef | None, Field(description="What is gone.")] = None

    example: ClassVar[Any] = {
        **BASE,
        "by": "gone",
        "text": "It cannot be done any more.",
        "gone_kind": "place",
        "gone": "sea_wall",
    }


class Joined(Happened, name="quests.joined", version=1):
    """A player came along: on the quest's stream, and first on the stream that would be their own."""

    player: PlayerId
    number: Number

    example: ClassVar[Any] = {**BASE, "players": ["ann", "ben"], "player": "ben", "number": 1}


class Parted(Happened, name="quests.parted", version=1):
    """A player left the others, who go on."""

    player: PlayerId

    example: ClassVar[Any] = {**BASE, "player": "ben"}


class Progressed(Happened, name="quests.progressed", version=1):
    """Objectives of a stage are done."""

    stage: StageRef
    objectives: Objectives
    given: Annotated[list[Paid], Field(max_length=16, description="What was handed over, in this append.")]
    to: Annotated[ThingRef | None, Field(description="Person to whom; nil: nothing was.")]

    example: ClassVar[Any] = {**BASE, "stage": "carry", "objectives": [0], "given": [], "to": None}


class StageReached(Happened, name="quests.stage_reached", version=1):
    """The quest goes on with another stage."""

    left: Annotated[StageRef, Field(description="Stage before.")]
    stage: StageRef
    due_ms: Due
    by: Annotated[
        Literal["done", "chosen", "late"],
        Field(description="What led here: all was done, a choice, or the time was over."),
    ]

    example: ClassVar[Any] = {**BASE, "left": "ask", "stage": "tell_edda", "due_ms": None, "by": "chosen"}


class PassedOn(Happened, name="quests.passed_on", version=1):
    """Somebody took the place of a person who is gone."""

    person: Annotated[ThingRef, Field(description="Who is gone.")]
    to: Annotated[ThingRef, Field(description="Who stands in.")]
    text: Told

    example: ClassVar[Any] = {
        **BASE,
        "person": "rook_tansy",
        "to": "mother_sedge",
        "text": "She takes bells as well.",
    }


class Ended(Happened):
    """What every end says."""

    left: Annotated[StageRef, Field(description="Stage in which it ended.")]
    end: EndRef
    text: Told
    by: Annotated[
        Literal["done", "chosen", "late", "gone"],
        Field(description="What led here; gone: somebody or something that it needs is."),
    ]
    gone_kind: Annotated[ThingKind | None, Field(description="Kind of what is gone.")] = None
    gone: Annotated[ThingRef | None, Field(description="What is gone.")] = None
    standing: Standing = Field(default_factory=dict)
    experience: Experience = 0


class Completed(Ended, name="quests.completed", version=1):
    """The quest is done. What it brings is moved by the ledger in the same append."""

    paid: Annotated[list[Paid], Field(max_length=512, description="What was moved to whom.")]
    unpaid: Annotated[
        list[Paid],
        Field(max_length=512, description="What the ledger could not move: retired, or the only one."),
    ]

    example: ClassVar[Any] = {
        **BASE,
        "left": "carry",
        "end": "paid",
        "text": "Hollis Grey wrote a receipt.",
        "by": "done",
        "gone_kind": None,
        "gone": None,
        "standing": {"ninth_precinct": 30},
        "experience": 15,
        "paid": [{"player": "ann", "unit": "crowns", "amount": 250}],
        "unpaid": [],
    }


class Failed(Ended, name="quests.failed", version=1):
    """The quest has failed."""

    example: ClassVar[Any] = {
        **BASE,
        "left": "carry",
        "end": "owed",
        "text": "The Tenant was in arrears.",
        "by": "late",
        "gone_kind": None,
        "gone": None,
        "standing": {"ninth_precinct": -30},
        "experience": 0,
    }


class Closed(Ended, name="quests.closed", version=1):
    """The quest is over without blame: the world took what it needs."""

    example: ClassVar[Any] = {
        **BASE,
        "left": "carry",
        "end": "",
        "text": "The cell is empty.",
        "by": "gone",
        "gone_kind": "person",
        "gone": "the_tenant",
        "standing": {},
        "experience": 0,
    }


class Abandoned(Happened, name="quests.abandoned", version=1):
    """Who was on the quest gave it up."""

    left: Annotated[StageRef, Field(description="Stage in which it was given up.")]

    example: ClassVar[Any] = {**BASE, "left": "carry"}


class GoneTold(Event, name="quests.gone_told", version=1):
    """An operator said that something is gone, where no other event says so."""

    kind: ThingKind
    thing: ThingRef

    example: ClassVar[Any] = {"kind": "person", "thing": "rook_tansy"}


Over = Completed | Failed | Closed | Abandoned
QuestEvent = OfferMade | Withdrawn | Accepted | Joined | Parted | Progressed | StageReached | PassedOn | Over
QUEST_EVENTS: tuple[type[QuestEvent], ...] = (
    OfferMade,
    Withdrawn,
    Accepted,
    Joined,
    Parted,
    Progressed,
    StageReached,
    PassedOn,
    Completed,
    Failed,
    Closed,
    Abandoned,
)
EVENTS = (*QUEST_EVENTS, GoneTold)
