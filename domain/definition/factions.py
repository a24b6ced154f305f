"""Factions as a definition says them. Power and regard are thousandths, so that nothing is rounded."""

from dataclasses import dataclass

from domain.definition.goods import Money
from domain.definition.places import FactionId, PlaceId, Side


@dataclass(frozen=True, slots=True)
class Stance:
    """What a faction thinks of another when the world begins, in thousandths from -1,000 to 1,000."""

    to: FactionId
    regard: int


@dataclass(frozen=True, slots=True)
class Faction:
    """Who holds together.

    Attributes:
        name: as a sentence has it ("the Tallymen").
        seat: the place that they gather at; on their side.
        power: thousandths, 0 to 1,000, when the world begins.
        floor: below this its power does not fall of itself, so that who loses can come back.
        wants: what they are after, in a sentence.
        stances: towards others; who is not named is indifferent to them.
        purse: what it owns when the world begins.
    """

    id: FactionId
    name: str
    side: Side
    seat: PlaceId
    power: int
    wants: str
    floor: int = 50
    stances: tuple[Stance, ...] = ()
    purse: tuple[Money, ...] = ()
