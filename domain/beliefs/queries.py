"""Queries about what is true, who knows it, and by what evidence."""

from typing import Annotated, ClassVar

from pydantic import Field

from domain.beliefs.messages import Argument, ClaimText, Holder, PredicateRef
from domain.kernel.event import Query
from domain.kernel.roles import GRANTED, PEOPLE
from domain.kernel.vocabulary import Count
from domain.places.messages import GameMs

ORDER_MAX = 4

AsOf = Annotated[Count, Field(description="As the log was up to this position.")]
Stage = Annotated[
    int,
    Field(
        ge=0, le=100, description="Stage of the story of who asks; what belongs to a later one is left out."
    ),
]


class FactsQuery(Query, name="beliefs.facts", may=(GRANTED, *PEOPLE)):
    """Ask what is true: of something, by a predicate, or both; now, at a game time, as of a position.

    The result is a map with facts, the newest last (200 at most), and left_off, how many more there are. A
    fact is a map with claim, predicate, subject, object, value, says (as a clause), from_ms, to_ms (nil: it
    holds), begun and ended (positions), and event (id of the one by which it holds). Secrets are no part of
    it. Refused with ``too_broad`` where neither is named, ``as_of_too_old`` where what was so has been let
    go.
    """

    about: Argument | None = None
    predicate: PredicateRef | None = None
    at_ms: GameMs | None = None
    as_of: AsOf | None = None
    stage: Stage = 0

    example: ClassVar = {"about": "person.una_pell", "predicate": "at"}


class BelievedQuery(Query, name="beliefs.known", may=(GRANTED, *PEOPLE)):
    """Ask what somebody believes, of something or of everything; or what they think that others believe.

    The result is a map with beliefs, the newest first (200 at most), and left_off. A belief is a map with
    claim, predicate, subject, object, value, says, evidence (witnessed, told, hearsay, claimed, inferred,
    common), confidence (thousandths), doubted, at_ms (of when it is so), position and event (by which they
    know it; nil for what all know), teller and hands (0: they saw it). What all know is in it only where
    ``about`` is named. Refused with ``as_of_too_old`` where what they believed has been let go.
    """

    holder: Holder
    about: Argument | None = None
    thinks_of: Annotated[
        list[Holder],
        Field(
            max_length=ORDER_MAX - 1,
            description="Of whom they think it, of whom those think it, …; empty: of themselves.",
        ),
    ] = Field(default_factory=list)
    as_of: AsOf | None = None
    stage: Stage = 0

    example: ClassVar = {"holder": "person.una_pell", "about": "player.ann"}


class WhyQuery(Query, name="beliefs.why", may=(GRANTED, *PEOPLE)):
    """Ask by what evidence somebody believes a claim, back to who saw it or made it up.

    The result is a belief as beliefs.known tells it, with basis (seen, lie, unfounded, inferred, common),
    root (id of the event that it is about; nil: none is known) and chain: from the holder back, maps with
    who, by (saw, told_by, said, inferred, lives_there), event and position; null if they do not believe it.
    Refused with ``bad_claim``, ``unknown_claim`` and ``as_of_too_old``.
    """

    holder: Holder
    claim: ClaimText
    as_of: AsOf | None = None

    example: ClassVar = {"holder": "person.una_pell", "claim": "at(player.ann, place.tally_house)"}
