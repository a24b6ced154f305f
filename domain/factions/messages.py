"""Events and commands of the factions. Names and versions of events are storage format: they stay for ever.

Power and regard are thousandths, days are the calendar's absolute ones. Events tell what is from then on,
not by how much it changed: whoever folds them needs no rules.
"""

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from domain.factions.rules import Kind
from domain.kernel.declared import Declared
from domain.kernel.event import Command, Event
from domain.kernel.roles import GRANTED, OPERATOR
from domain.kernel.visibility import Private
from domain.kernel.vocabulary import COUNT_MAX, Count, Operator, Player, Reason, Text
from domain.session.messages import SessionNumber

Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
FactionRef = Annotated[Id, Field(description="A faction of the world's definition.")]
TerritoryRef = Annotated[Id, Field(description="A territory of the world's definition.")]
PlaceRef = Annotated[Id, Field(description="A place of the world's definition.")]
Day = Annotated[int, Field(ge=-COUNT_MAX, le=COUNT_MAX, description="An absolute day of the calendar.")]
Power = Annotated[int, Field(ge=0, le=1_000, description="Of what there is to have, in thousandths.")]
Regard = Annotated[int, Field(ge=-1_000, le=1_000, description="In thousandths: -1,000 hates, 1,000 loves.")]
DeedId = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$", description="The deed's id; it has one effect.")
]


class _Part(Declared):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GroundFaction(_Part):
    """A faction as the definition has it."""

    faction: FactionRef
    side: Annotated[Id, Field(description="Whose city it is of: light or dark.")]
    seat: PlaceRef
    power: Power
    floor: Power


class GroundTerritory(_Part):
    """A territory as the definition has it."""

    territory: TerritoryRef
    side: Annotated[Id, Field(description="Of which city it is a part.")]
    place: Annotated[PlaceRef, Field(description="Where one sees whose it is.")]
    holder: FactionRef | None
    neighbours: Annotated[list[TerritoryRef], Field(max_length=1_024)]
    seats: Annotated[list[FactionRef], Field(max_length=256, description="Factions that gather in it.")]


class Felt(_Part):
    """What two factions think of each other."""

    one: FactionRef
    other: FactionRef
    regard: Regard


class Held(_Part):
    """A faction's power."""

    faction: FactionRef
    power: Power


class Pending(_Part):
    """What may follow: at a day, by dice that the hash throws."""

    what: Kind
    due: Day
    likely: int = Field(ge=0, le=1_000, description="In thousandths.")
    faction: FactionRef
    other: FactionRef | None
    territory: TerritoryRef | None


class FactionsLed(Event, name="factions.led", version=1):
    """A process began to lead: it alone tells what follows, until another one does."""

    term: Count = Field(description="Number of this lead, from 1.")
    leader: Annotated[Text, Field(min_length=1, max_length=200, description="The process.")]

    example: ClassVar = {"term": 3, "leader": "brain-1:4711"}


_GROUND = {
    "factions": [{"faction": "tallymen", "side": "light", "seat": "tally_house", "power": 620, "floor": 100}],
    "territories": [{
        "territory": "exchange", "side": "light", "place": "glass_exchange", "holder": "tallymen",
        "neighbours": [], "seats": ["tallymen"],
    }],
    "regards": [{"one": "harrow_vale", "other": "tallymen", "regard": 100}],
}  # fmt: skip


class GroundSet(Event, name="factions.ground_set", version=1):
    """The world that factions live in, from the definition; who is there already keeps what they have."""

    number: Count = Field(description="How many there were before.")
    day: Day
    seed: Annotated[int, Field(ge=0, le=2**63 - 1, description="What dice are thrown by."), Private()]
    factions: Annotated[list[GroundFaction], Field(max_length=256, description="In the definition's order.")]
    territories: Annotated[
        list[GroundTerritory], Field(max_length=1_024, description="With their neighbours.")
    ]
    regards: Annotated[list[Felt], Field(max_length=32_640, description="Of who is not indifferent.")]

    example: ClassVar = {"number": 0, "day": 129, "seed": 4_711, **_GROUND}


class DayTold(Event, name="factions.day_told", version=1):
    """How powers and regards stand at the beginning of a day, what time alone does included."""

    day: Day
    passed: Count = Field(description="Days before it that were passed over.")
    powers: Annotated[list[Held], Field(max_length=256, description="Of all factions.")]
    regards: Annotated[
        list[Felt], Field(max_length=32_640, description="Of those whose regard is another one.")
    ]

    example: ClassVar = {
        "day": 130, "passed": 0, "powers": [{"faction": "tallymen", "power": 618}], "regards": [],
    }  # fmt: skip


class Emerged(Event, name="factions.emerged", version=1):
    """Something worth telling came about: with its place, how much it matters, and what it came of."""

    number: Count = Field(description="How many emerged before.")
    kind: Annotated[Kind, Field(description="What it is.")]
    day: Day
    faction: FactionRef
    other: FactionRef | None = Field(description="Whom it concerns, too.")
    territory: TerritoryRef | None = Field(description="Which ground it is about.")
    place: PlaceRef
    salience: int = Field(ge=0, le=1_000, description="How much it matters, in thousandths.")
    cause: Count | None = Field(description="Number of what it came of; nil: of itself, or of a deed.")
    nth: Count | None = Field(description="Which of its cause's consequences it was.")
    depth: int = Field(ge=0, le=64, description="How many causes it has, one of the other.")
    powers: Annotated[list[Held], Field(max_length=4, description="As they are now.")]
    regards: Annotated[list[Felt], Field(max_length=4, description="As they are now.")]
    holder: FactionRef | None = Field(description="Who holds the territory now.")
    follows: Annotated[list[Pending], Field(max_length=8, description="What may follow from it.")]

    example: ClassVar = {
        "number": 7, "kind": "territory_taken", "day": 131, "faction": "lamplighters", "other": "tallymen",
        "territory": "courts", "place": "washing_court", "salience": 740, "cause": 6, "nth": 0, "depth": 1,
        "powers": [], "regards": [{"one": "lamplighters", "other": "tallymen", "regard": -470}],
        "holder": "lamplighters",
        "follows": [{"what": "territory_retaken", "due": 134, "likely": 500, "faction": "tallymen",
                     "other": "lamplighters", "territory": "courts"}],
    }  # fmt: skip


class Lapsed(Event, name="factions.lapsed", version=1):
    """What might have followed did not: the dice were against it, or it cannot be any more."""

    cause: Count = Field(description="Number of what it would have come of.")
    nth: Count = Field(description="Which of its consequences.")
    day: Day

    example: ClassVar = {"cause": 7, "nth": 1, "day": 132}


class Swayed(Event, name="factions.swayed", version=1):
    """Somebody did something for a faction, or against it; what it changed is in the next event."""

    deed_id: DeedId
    faction: FactionRef
    other: FactionRef | None = Field(description="Towards whom regard changed.")
    power: int = Field(ge=-50, le=50, description="By how much it was meant to change, in thousandths.")
    regard: int = Field(ge=-200, le=200, description="By how much it was meant to change, in thousandths.")
    player: Player
    day: Day
    operator: Operator
    reason: Reason

    example: ClassVar = {
        "deed_id": "quest_7", "faction": "lamplighters", "other": "tallymen", "power": 15, "regard": -40,
        "player": "ann", "day": 131, "operator": "service:quests", "reason": "burnt the Tallymen's ledger",
    }  # fmt: skip


class Deed(Command, name="factions.deed", may=(GRANTED, OPERATOR)):
    """Tell factions of a deed: a power, and what two think of each other, change within what a day may bring.

    Its id is known for eight days of the game, the command's own for ever.

    A service that names a player does so in the session that it holds for them.

    Refused with ``no_factions``, ``faction_unknown``, ``deed_taken``, ``too_much`` and ``nothing_done``, and
    for the session as places.enter is. The result is {deed_id, faction, power, regard}, as they are then.
    """

    deed_id: DeedId
    faction: FactionRef
    other: FactionRef | None = Field(None, description="Towards whom regard changes; nil: it does not.")
    power: int = Field(0, ge=-50, le=50, description="By how much the faction's power changes.")
    regard: int = Field(0, ge=-200, le=200, description="By how much the two think better of each other.")
    player: Player = None
    session: Annotated[
        SessionNumber | None, Field(description="In which the player did it; operators leave it out.")
    ] = None
    operator: Operator
    reason: Reason

    example: ClassVar = {key: value for key, value in Swayed.example.items() if key != "day"} | {"session": 3}


EVENTS = (FactionsLed, GroundSet, DayTold, Emerged, Lapsed, Swayed)
COMMANDS = (Deed,)
FactionsEvent = FactionsLed | GroundSet | DayTold | Emerged | Lapsed | Swayed
