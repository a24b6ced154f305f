"""Events and commands of harm: wounds, deaths, thefts. Names and versions of events are storage format.

One stream each: ``harm-person-una_pell``, ``harm-player-ann``, ``harm-stall-lamp_yard``.
"""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from domain.kernel.event import Command, Event, Query
from domain.kernel.roles import GRANTED, OPERATOR, PEOPLE
from domain.kernel.vocabulary import Text
from domain.ledger.vocabulary import AccountId, Amount, UnitId
from domain.people.messages import PersonRef
from domain.places.messages import GameMs, PlaceRef
from domain.session.messages import PlayerId, SessionNumber

WHOLE = 1_000
"""Health of who has no wound; 0 is dead, or for a player: down."""

STRIKE_MAX = 250
"""What one command of a player's may cost, so that nobody dies in an instant."""

DEATH_SALIENCE, HARM_SALIENCE, THEFT_SALIENCE = 800, 450, 350

_MILLE = {"unit": "thousandths"}

Being = Annotated[
    str,
    Field(
        pattern=r"^(person\.[a-z][a-z0-9_]{0,63}|player\.[A-Za-z0-9_-]{1,128})$",
        description="Who: person.una_pell or player.ann.",
    ),
]
Keeping = Annotated[
    str,
    Field(
        pattern=r"^(person|stall)\.[a-z][a-z0-9_]{0,63}$",
        description="From whom, or from which stall: person.una_pell, stall.lamp_yard.",
    ),
]
How = Annotated[Text, Field(min_length=1, max_length=128, description="By what, for a person: a knife.")]
Health = Annotated[int, Field(ge=0, le=WHOLE, description="What is left.", json_schema_extra=_MILLE)]
Harm = Annotated[int, Field(ge=1, le=WHOLE, description="What it cost.", json_schema_extra=_MILLE)]
Salience = Annotated[
    int, Field(ge=0, le=WHOLE, description="How much it matters to people.", json_schema_extra=_MILLE)
]
By = Annotated[Being | None, Field(description="By whom; none: by nobody that the world knows.")]


class Harmed(Event, name="people.harmed", version=1):
    """Somebody was hurt. The wound heals with game time; what is left at a time follows from this."""

    who: Being
    by: By = None
    how: How
    amount: Harm
    health: Health
    whole_ms: Annotated[GameMs, Field(description="When they are whole again, if nothing else happens.")]
    place: PlaceRef
    at_ms: GameMs
    salience: Salience

    example: ClassVar[Any] = {
        "who": "person.una_pell",
        "by": "player.ann",
        "how": "a knife",
        "amount": 250,
        "health": 750,
        "whole_ms": 133_200_000,
        "place": "ropewalk_quay",
        "at_ms": 68_400_000,
        "salience": HARM_SALIENCE,
    }


class Died(Event, name="people.died", version=1):
    """Somebody of the world is dead: they decide nothing more, hold nothing, and are at no place."""

    person: PersonRef
    cause: Annotated[Text, Field(min_length=1, max_length=200, description="Of what, for a person.")]
    by: By = None
    place: PlaceRef
    at_ms: GameMs
    estate: Annotated[
        AccountId, Field(description="Account of the ledger that has what was theirs, if they had anything.")
    ]
    salience: Salience

    example: ClassVar[Any] = {
        "person": "una_pell",
        "cause": "a knife",
        "by": "player.ann",
        "place": "ropewalk_quay",
        "at_ms": 68_460_000,
        "estate": "estate.una_pell",
        "salience": DEATH_SALIENCE,
    }


class Robbed(Event, name="people.robbed", version=1):
    """Somebody took what was another's; the transfer of the ledger is in the same append."""

    of: Keeping
    by: Annotated[Being, Field(description="The thief.")]
    unit: UnitId
    amount: Amount
    place: PlaceRef
    at_ms: GameMs
    salience: Salience

    example: ClassVar[Any] = {
        "of": "person.una_pell",
        "by": "player.ann",
        "unit": "lamp_oil",
        "amount": 1,
        "place": "ropewalk_quay",
        "at_ms": 68_400_000,
        "salience": THEFT_SALIENCE,
    }


class HarmSomebody(Command, name="people.harm", may=(GRANTED, OPERATOR)):
    """Have a player hurt a person, or another player, who is in the same place.

    The result is {who, health, whole_ms, dead}. A person whose health is 0 is dead; a player is down,
    and what becomes of that is the game's own. Refused with ``not_there``, ``is_dead``, ``is_down``,
    ``oneself``, ``no_clock``, ``over_allowance``, and for the session as places.enter is.
    """

    player: PlayerId
    session: SessionNumber
    who: Being
    amount: Annotated[
        int,
        Field(ge=1, le=STRIKE_MAX, description="What it costs of their health.", json_schema_extra=_MILLE),
    ]
    how: How

    example: ClassVar[Any] = {
        "player": "ann",
        "session": 3,
        "who": "person.una_pell",
        "amount": 250,
        "how": "a knife",
    }


class Afflict(Command, name="people.afflict", may=(OPERATOR,)):
    """Have somebody come to harm by no player's hand: a fever, a fall, the sea.

    The result is as with people.harm; refused with ``not_there`` (who is at no place), ``is_dead``,
    ``is_down``, ``no_clock``.
    """

    who: Being
    amount: Harm
    how: How

    example: ClassVar[Any] = {
        "who": "person.una_pell",
        "amount": 1_000,
        "how": "the sea",
    }


class Take(Command, name="people.take", may=(GRANTED, OPERATOR)):
    """Have a player take what is a person's or a stall's, who is, or which is, in the same place: a theft.

    Whether it comes off is the game's to say; this says that it did, and who was there and awake knows.
    The result is {of, unit, amount}. Refused with ``not_there``, ``is_dead``, ``no_clock``,
    ``over_allowance``, as ledger.transfer is (``insufficient``, ``unit_unknown``, …), and for the session.
    """

    player: PlayerId
    session: SessionNumber
    of: Keeping
    unit: UnitId
    amount: Annotated[Amount, Field(le=1_000)]

    example: ClassVar[Any] = {
        "player": "ann",
        "session": 3,
        "of": "person.una_pell",
        "unit": "lamp_oil",
        "amount": 1,
    }


class HealthQuery(Query, name="people.health", may=(GRANTED, *PEOPLE)):
    """Ask how hurt somebody is, or whether they are dead.

    The result is a map with who, health (thousandths, as of game_ms), whole_ms (when wounds are healed),
    dead (null; or person, cause, place, at_ms, estate), and game_ms. Who was never hurt is whole.
    """

    who: Being

    example: ClassVar[Any] = {"who": "person.una_pell"}


HarmCommand = HarmSomebody | Afflict | Take
HarmEvent = Harmed | Died | Robbed
HARM_EVENTS: tuple[type[HarmEvent], ...] = (Harmed, Died, Robbed)
HARM_COMMANDS: tuple[type[HarmCommand], ...] = (HarmSomebody, Afflict, Take)
