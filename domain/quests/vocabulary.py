"""The words of quests: instances, stages, objectives, what is gone, what is paid."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID, uuid5

from pydantic import ConfigDict, Field

from domain.kernel.declared import Declared
from domain.kernel.vocabulary import COUNT_MAX, Text
from domain.ledger.vocabulary import AMOUNT_MAX, UnitId
from domain.session.messages import PlayerId

PARTY_MAX = 8
"""Members of a party: each one's reward goes into the one append that completes the quest."""

SPACE = UUID("5a4f8a0e-6a0b-5f56-9f1e-3f0f4c8f2d71")

InstanceId = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="A quest that somebody took: a UUIDv5 of quest, player and how often they took it.",
    ),
]
QuestRef = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Id of the quest in the world's definition.")
]
StageRef = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Id of a stage of the quest.")]
EndRef = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,62})?$", description="Id of an end; empty: none.")]
ThingRef = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Id of a person, place, good or quest.")
]
ThingKind = Annotated[Literal["person", "place", "good", "quest"], Field(description="Kind of what is gone.")]
Players = Annotated[
    list[PlayerId],
    Field(min_length=1, max_length=PARTY_MAX, description="Who is on the quest; who took it first."),
]
At = Annotated[
    int,
    Field(ge=0, le=COUNT_MAX, description="Game time at which it was so.", json_schema_extra={"unit": "ms"}),
]
Due = Annotated[
    int | None,
    Field(
        ge=0,
        le=COUNT_MAX,
        description="Game time after which it is too late.",
        json_schema_extra={"unit": "ms"},
    ),
]
Number = Annotated[int, Field(ge=1, le=COUNT_MAX, description="How often this player has taken it: 1, 2, …")]
ObjectiveNumber = Annotated[
    int, Field(ge=0, le=63, description="Which objective of the stage, from 0, as they are written.")
]
Objectives = Annotated[
    list[ObjectiveNumber], Field(max_length=16, description="Objectives that are done by this.")
]
Told = Annotated[Text, Field(max_length=2_000, description="What the journal says.")]
Standing = Annotated[
    dict[ThingRef, Annotated[int, Field(ge=-1_000, le=1_000)]],
    Field(
        max_length=16,
        description="Change of each player's standing, by faction.",
        json_schema_extra={"unit": "thousandths"},
    ),
]
Experience = Annotated[
    int,
    Field(ge=0, le=1_000_000, description="What each player learns.", json_schema_extra={"unit": "points"}),
]


class Thing(NamedTuple):
    """Something that a quest may need."""

    kind: str
    id: str


class Paid(Declared):
    """So much of one unit, to one player."""

    model_config = ConfigDict(frozen=True)

    player: PlayerId
    unit: UnitId
    amount: Annotated[
        int, Field(ge=1, le=AMOUNT_MAX, description="How much.", json_schema_extra={"unit": "minor units"})
    ]


def instance_of(quest: str, player: str, number: int) -> str:
    """Return the id of a quest that a player takes for the so-manieth time: the same for whoever asks.

    So the log itself sees that nobody takes one twice: its stream is there, or is not.
    """
    return str(uuid5(SPACE, f"{quest}/{player}/{number}"))


def stream_of(instance: str) -> str:
    """Return the stream of a quest that somebody took."""
    return f"quest-{instance}"


def kept_by(person: str) -> str:
    """Return the account of what a person was given for good: nothing comes out of it again."""
    return f"person.{person}.kept"


SOURCE = "source.quest_rewards"
"""The account that pays rewards."""

Example = Mapping[str, Any]
