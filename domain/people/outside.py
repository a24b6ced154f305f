"""What people decide by that others tell: whether they live, closed ways, where players are, the definition.

Folded from the log in its order, so it is known as of any position.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from domain.definition.definition import Definition
from domain.definition.loading import LOADED, Loaded, definition_of, evolve
from domain.definition.messages import EntryDefined, EntryRetired, VersionPublished
from domain.kernel.event import Event
from domain.people.harm import PERSON
from domain.people.harm_messages import Died, Harmed
from domain.people.lives import person_of
from domain.people.messages import PeopleBegun, PeopleRested
from domain.places.messages import (
    Arrived,
    Departed,
    Entered,
    JourneyCut,
    Left,
    TurnedBack,
    WayClosed,
    WayOpened,
)

DEFINING = (EntryDefined, EntryRetired, VersionPublished)
MOVING = (Entered, Departed, Arrived, TurnedBack, JourneyCut, Left)
HARMING = (Harmed, Died)
KINDS = (PeopleBegun, PeopleRested, WayClosed, WayOpened, *MOVING, *DEFINING, *HARMING)


class Danger(NamedTuple):
    """Somebody was hurt in a place."""

    at_ms: int
    person: str
    """Who; "": a player."""


@dataclass(slots=True)
class Outside:
    """Changed in place by `apply`.

    Attributes:
        alive: whether people live.
        players: by player the places that they see: where they are, or all of their journey.
        dangers: by place, who was hurt there last.
        dead: persons.
        defined: the definition as it was loaded; version 0: none was.
    """

    alive: bool = False
    closed: set[str] = field(default_factory=set)
    players: dict[str, tuple[str, ...]] = field(default_factory=dict)
    dangers: dict[str, Danger] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    defined: Loaded = LOADED

    def apply(self, event: Event) -> bool:
        """Take an event in; say whether anything is other by it."""
        match event:
            case PeopleBegun() | PeopleRested():
                self.alive = isinstance(event, PeopleBegun)
            case WayClosed():
                self.closed.add(event.way)
            case WayOpened():
                self.closed.discard(event.way)
            case EntryDefined() | EntryRetired() | VersionPublished():
                self.defined = evolve(self.defined, event)
            case Harmed():
                person = event.who.removeprefix(PERSON) if event.who.startswith(PERSON) else ""
                self.dangers[event.place] = Danger(event.at_ms, person)
            case Died():
                self.dead.add(event.person)
            case Entered() | Departed() | Arrived() | TurnedBack() | JourneyCut() | Left():
                return self._moved(event)
            case _:
                return False
        return True

    def _moved(self, event: Entered | Departed | Arrived | TurnedBack | JourneyCut | Left) -> bool:
        if person_of(event.who):
            return False
        match event:
            case Departed():
                self.players[event.who] = tuple(event.places)
            case Left():
                self.players.pop(event.who, None)
            case Entered() | Arrived():
                self.players[event.who] = (event.place,)
            case _:
                pass  # they go on along places that they see already
        return True

    @property
    def watched(self) -> frozenset[str]:
        """The places that a player sees."""
        return frozenset(place for places in self.players.values() for place in places)

    def definition(self, otherwise: Definition) -> Definition:
        """Return the definition that holds; ``otherwise``: where none was loaded."""
        return definition_of(self.defined) or otherwise
