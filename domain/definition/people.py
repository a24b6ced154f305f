"""People as a definition says them: who they are, what they need, where they should be when."""

from dataclasses import dataclass

from domain.definition.goods import Money
from domain.definition.places import DAY_MINUTES, FactionId, GoodId, Id, Opening, PersonId, PlaceId

TRAITS = (
    "openness",
    "conscientiousness",
    "extraversion",
    "agreeableness",
    "neuroticism",
    "aggression",
    "sociability",
    "curiosity",
)
"""The five of the Big Five, and three that a game needs; each 0 to 1."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a person runs short of.

    Attributes:
        empties_in: game seconds from full to empty.
        alarm: thousandths of full below which it presses.
    """

    id: Id
    name: str
    empties_in: int
    alarm: int


@dataclass(frozen=True, slots=True)
class Gain:
    """How much of a need an activity fills, in thousandths of full (≥1)."""

    need: Id
    amount: int


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that one can do at a place that offers it.

    Attributes:
        name: as one says it of somebody ("eating").
        takes: game seconds for one time.
        gains: what it fills, in that time.
        wage: what an hour of it is paid, in the money of each side; empty: nothing.
        buys: goods of which one piece is used up each time; empty: it costs nothing.
    """

    id: Id
    name: str
    takes: int
    gains: tuple[Gain, ...] = ()
    wage: tuple[Money, ...] = ()
    buys: tuple[GoodId, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of place, and what one can do at any of them.

    Attributes:
        indoors: whether a roof keeps the weather off.
    """

    id: Id
    name: str
    offers: tuple[Id, ...] = ()
    indoors: bool = False


@dataclass(frozen=True, slots=True)
class Trait:
    """How much of a trait somebody has, in thousandths."""

    trait: str
    amount: int


@dataclass(frozen=True, slots=True)
class Weight:
    """How much a need counts for somebody, in thousandths; 1,000 is as much as for everybody."""

    need: Id
    amount: int


@dataclass(frozen=True, slots=True)
class Pay:
    """What somebody is paid for an hour of an activity, whatever others get for it."""

    activity: Id
    hour: Money


@dataclass(frozen=True, slots=True)
class Archetype:
    """A sort of person; a person has its traits and needs where they say none of their own.

    Attributes:
        purse: what they have when the world begins, in the money of each side, and like to have.
        dues: thousandths of each wage that go to rent and taxes.
    """

    id: Id
    name: str
    traits: tuple[Trait, ...]
    needs: tuple[Weight, ...] = ()
    purse: tuple[Money, ...] = ()
    dues: int = 200


@dataclass(frozen=True, slots=True)
class Engagement:
    """One entry of a schedule: where somebody should be from when to when, and what they do there."""

    hours: Opening
    at: PlaceId
    do: Id


@dataclass(frozen=True, slots=True)
class Relation:
    """What somebody thinks of somebody else, when the world begins.

    Attributes:
        to: whom it is about.
        regard: thousandths from -1,000 (hates) to 1,000 (loves).
        as_: what the other is to them ("sister"); "": nothing with a name.
    """

    to: PersonId
    regard: int
    as_: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who lives in the world.

    Attributes:
        role: what they are, as people say it ("night nurse").
        home: the place where they sleep; its side is theirs.
        voice: how they speak: one of the voices of `speech`.
        story: who they are, in a sentence or three; for people who write and models that speak.
        examples: lines as they say them, for models that speak.
        traits: where they differ from their archetype.
        needs: likewise.
        wages: where they are paid otherwise than their activities say, or for what others do for nothing.
        schedule: entries that never overlap; what lies between is their own time.
        closed: what they say when a subject is closed; "": what their voice says.
    """

    id: PersonId
    name: str
    role: str
    archetype: Id
    voice: Id
    home: PlaceId
    schedule: tuple[Engagement, ...]
    faction: FactionId | None = None
    story: str = ""
    traits: tuple[Trait, ...] = ()
    needs: tuple[Weight, ...] = ()
    relations: tuple[Relation, ...] = ()
    closed: str = ""
    wages: tuple[Pay, ...] = ()
    examples: tuple[str, ...] = ()


def minutes_of(opening: Opening) -> tuple[tuple[int, int], ...]:
    """Return the spans of one day, each from a minute up to another, that an opening covers.

    One that goes over midnight has two.
    """
    if opening.opens < opening.closes:
        return ((opening.opens, opening.closes),)
    spans = ((opening.opens, DAY_MINUTES), (0, opening.closes))
    return tuple((start, end) for start, end in spans if start < end)
