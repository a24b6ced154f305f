"""What somebody says to somebody. Names and versions of events are storage format: they stay for ever.

What is said is never a fact: those who hear it come to believe it or to doubt it, with who said it.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from domain.kernel.event import Command, Event
from domain.kernel.roles import GRANTED, OPERATOR
from domain.kernel.visibility import Personal
from domain.kernel.vocabulary import Text
from domain.places.messages import GameMs, PlaceRef
from domain.session.messages import PlayerId, SessionNumber

HEARERS_MAX = 64
CLAIM_MAX = 400

WORDS_MAX = 2_000
"""Characters of what somebody says that are read."""

CLAIMS_MAX = 8
"""Claims of one saying."""

Holder = Annotated[
    str,
    Field(
        pattern=r"^(person\.[a-z][a-z0-9_]{0,63}|player\.[A-Za-z0-9_-]{1,128})$",
        description="Who knows or believes: person.una_pell, player.ann.",
    ),
]
ClaimText = Annotated[
    Text,
    Field(
        min_length=3,
        max_length=CLAIM_MAX,
        description="A claim: predicate(kind.id, …), at(person.una_pell, place.tally_house).",
    ),
]
Argument = Annotated[
    str,
    Field(
        pattern=r"^[a-z]{1,16}\.[^\n]{1,256}$",
        description="Something that a claim names: person.una_pell, place.tally_house, good.lamp_oil.",
    ),
]
PredicateRef = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="A predicate of the world, or its inverse.")
]


class ClaimTold(Event, name="beliefs.told", version=1):
    """Somebody said something to those who were there; they come to believe or to doubt it, no more."""

    teller: Holder
    hearers: Annotated[list[Holder], Field(min_length=1, max_length=HEARERS_MAX, description="Who heard it.")]
    claim: ClaimText
    over: Annotated[bool, Field(description="Whether they said that it holds no more.")] = False
    of_ms: Annotated[GameMs, Field(description="Of when they said that it is so.")]
    place: PlaceRef
    at_ms: GameMs

    example: ClassVar = {
        "teller": "player.ann",
        "hearers": ["person.una_pell"],
        "claim": "at(person.nib, place.tally_house)",
        "over": False,
        "of_ms": 68_160_000,
        "place": "ropewalk_quay",
        "at_ms": 68_400_000,
    }


class Tell(Command, name="beliefs.tell", may=(GRANTED, OPERATOR)):
    """Have a player say something to people who are in the same place and awake.

    What the text claims is read by the world's names and predicates, and each claim is recorded as what that
    player says; the text is not. Whoever hears it believes it or doubts it, and no fact follows. The result
    is {player, hearers, claims}: each claim as {claim, over}; none: nothing was claimed, nothing recorded.
    Refused with ``not_there``, ``nobody_hears``, ``bad_claim``, ``unknown_claim``, ``own_words``,
    ``no_clock``, ``over_allowance``, and for the session as places.enter is.
    """

    player: PlayerId
    session: SessionNumber
    to: Annotated[
        list[Holder], Field(max_length=HEARERS_MAX, description="To whom; empty: to all who are there.")
    ] = Field(default_factory=list)
    text: Annotated[
        Annotated[Text, Field(max_length=WORDS_MAX, description="What the player says, in their own words.")],
        Personal(of="player"),
    ] = ""
    claims: Annotated[
        list[ClaimText],
        Field(max_length=CLAIMS_MAX, description="What they claim, where the game has read it itself."),
    ] = Field(default_factory=list)

    example: ClassVar = {
        "player": "ann",
        "session": 3,
        "to": ["person.una_pell"],
        "text": "I saw Nib at the Tally House.",
        "claims": [],
    }


EVENTS = (ClaimTold,)
COMMANDS = (Tell,)
