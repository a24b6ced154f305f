"""What somebody says to somebody. Names and versions of events are storage format: they stay for ever.

What is said is never a fact: those who hear it come to believe it or to doubt it, with who said it.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from domain.kernel.event import Event
from domain.kernel.vocabulary import Text
from domain.places.messages import GameMs, PlaceRef

HEARERS_MAX = 64
CLAIM_MAX = 400

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


EVENTS = (ClaimTold,)
