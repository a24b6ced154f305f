"""What can be claimed in a world: predicates as data, so that a world of another genre brings its own.

A claim is a predicate with its arguments, each written `kind.id` (`person.una_pell`, `weather.fog`,
`number.450`, `text.a new roof`). How claims begin and end by events is `domain.beliefs`.
"""

from dataclasses import dataclass
from typing import Literal

from domain.definition.places import Id

ENTITY_KINDS = (
    "person", "player", "faction", "place", "district", "territory", "zone", "way", "good", "quest",
)  # fmt: skip
"""Arguments that are something of the world's definition; a player is anybody's id."""

VALUE_KINDS = ("weather", "number", "text", "claim", "event")
"""Arguments that are nothing by themselves. A claim is its own key, an event the id of one in the log."""

ARGUMENT_KINDS = (*ENTITY_KINDS, *VALUE_KINDS)

HOLDS = ("state", "deed")
ONE_PER = ("subject", "object", "pair")
WITNESSES = ("nobody", "party", "place", "district", "everybody")

Holds = Literal["state", "deed"]
OnePer = Literal["subject", "object", "pair"]
Witnesses = Literal["nobody", "party", "place", "district", "everybody"]


@dataclass(frozen=True, slots=True)
class Predicate:
    """What can be said of a subject, of a subject and an object, or of both and a value.

    Attributes:
        says: the claim as a clause, with {subject}, {object} and {value}.
        subject, object, value: kinds that may stand there; empty: nothing does.
        holds: a state holds until something ends it; a deed has happened, and for ever has.
        one_per: of what there is one claim at a time, so that a new one ends the one before: its subject (one
            is in one place), its object (a stall has one keeper) or both (a good has one price at a stall);
            None: many hold side by side.
        excludes: states that do not hold beside this one: the newer ends the older, whichever it is. Of two
            claims those exclude each other whose arguments agree as far as both have them.
        ends: states that are over once this holds, not the other way round; none of them begins while a state
            that ends it holds (the dead go nowhere).
        symmetric: whether it holds both ways, once it holds one way.
        inverse: its name when asked from the object's side (kept_by); "": none.
        witnessed: who comes to know of it by themselves: nobody (it is told, or inferred), its party (whom it
            names), whoever is awake in the place, in the district, or anywhere.
        spreads: thousandths; what is told on first. 0: nobody tells it on.
        pinned: whether nobody ever forgets it.
        secret: whether only those know it whom something names; it is never told on.
        heard: other ways to say it, by which a player's words are read.
        stage: from which stage of the story on a player may learn of it; 0: at once.
        tension: thousandths by which a deed makes it tenser for each player who sees it; negative: calmer.
    """

    id: Id
    says: str
    subject: tuple[str, ...]
    object: tuple[str, ...] = ()
    value: tuple[str, ...] = ()
    holds: Holds = "state"
    one_per: OnePer | None = None
    excludes: tuple[Id, ...] = ()
    ends: tuple[Id, ...] = ()
    symmetric: bool = False
    inverse: str = ""
    witnessed: Witnesses = "place"
    spreads: int = 300
    pinned: bool = False
    secret: bool = False
    heard: tuple[str, ...] = ()
    stage: int = 0
    tension: int = 0
