"""Who is where and awake, folded from the log: what memories and beliefs are computed from. Pure.

Who is on the way is nowhere. A player who is in the world is awake.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from domain.kernel.event import Event
from domain.people.harm_messages import Died
from domain.people.lives import person_of
from domain.people.messages import PersonDecided, PersonGone
from domain.people.rules import SLEEP
from domain.places.messages import Arrived, Departed, Entered, Left

KINDS = (Entered, Departed, Arrived, Left, PersonDecided, PersonGone, Died)


def whose(who: str) -> str:
    """Return who an id of the events of places is for: person.una_pell, player.ann."""
    return who if person_of(who) else f"player.{who}"


@dataclass(slots=True)
class Presence:
    """Everybody's whereabouts; changed in place by `apply`.

    Attributes:
        where: place of each who is not on the way: person.una_pell, player.ann.
        asleep: who sleeps, or goes to bed.
    """

    where: dict[str, str] = field(default_factory=dict)
    asleep: set[str] = field(default_factory=set)
    _there: dict[str, dict[str, None]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case Entered() | Arrived():
                self._move(whose(event.who), event.place)
            case Departed() | Left():
                self._move(whose(event.who), "")
            case PersonDecided():
                who = f"person.{event.person}"
                (self.asleep.add if event.action == SLEEP else self.asleep.discard)(who)
            case PersonGone() | Died():
                self.lose(f"person.{event.person}")
            case _:
                pass

    def lose(self, who: str) -> None:
        """Have somebody be nowhere any more."""
        self._move(who, "")
        self.asleep.discard(who)

    def there(self, place: str) -> Iterable[str]:
        """Return who is in a place, awake or not."""
        return self._there.get(place, ())

    def awake(self, place: str) -> Sequence[str]:
        """Return who is in a place and awake."""
        return [who for who in self._there.get(place, ()) if who not in self.asleep]

    def _move(self, who: str, place: str) -> None:
        before = self.where.pop(who, "")
        if before:
            there = self._there[before]
            del there[who]
            if not there:
                del self._there[before]
        if place:
            self.where[who] = place
            self._there.setdefault(place, {})[who] = None
