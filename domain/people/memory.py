"""What people know of what happened: what they saw, being there awake, and what somebody told them. Pure.

What emerges among factions begins at midnight, so whoever comes to the place in the day after sees what is
left of it, too: from there it goes from hand to hand as a rumour.

Folded from the log in its order. Of each topic (a player, a way, a person, a faction) somebody keeps the
newest thing, or the newest deed, with its evidence: that they saw it, or who told them, and by which event.
Nobody knows what nobody told them.

This is what the leader of the people chooses news from. What follows for who hears of it is not here: beliefs
(`domain.beliefs`) are computed of the same presence and of the same `people.told`, which names an event.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from domain.factions.messages import Emerged
from domain.kernel.event import Event
from domain.people.harm_messages import Died, Harmed, Robbed
from domain.people.lives import person_of, who_of
from domain.people.messages import PersonDecided, PersonGone, PersonTold
from domain.people.presence import Presence
from domain.people.rules import RULES
from domain.places.messages import Arrived, Departed, Entered, Left, WayClosed, WayOpened

MOVES = (Entered, Departed, Arrived, Left)
DEEDS = (Harmed, Robbed, Died)
KINDS = (*MOVES, WayClosed, WayOpened, PersonDecided, PersonGone, PersonTold, *DEEDS, Emerged)

SALIENCE: Mapping[str, int] = {"person": 900, "faction": 700, "way": 500, "player": 200}
"""Thousandths, by kind of topic: what is told first."""

GRAVE: Mapping[str, int] = {Died.event_name: 980, Harmed.event_name: 960, Robbed.event_name: 940}
"""Deeds: told before anything else, and not forgotten because their doer has come or gone since."""

WORTH_TELLING = 300
"""Salience, in thousandths, from which on what emerges among factions is a rumour."""

DAY_MS = 86_400_000
LEFT_MS = DAY_MS
"""Game time for which those who come to a place see what is left of what emerged there."""

TOPICS_MAX = 64
"""Of each person; the oldest thing is forgotten."""


class Thing(NamedTuple):
    """Something that happened, as somebody knows it."""

    topic: str
    """Whom or what it is about: player.ann, way.marsh_ferry, person.una_pell."""
    what: str
    """Name of the event."""
    place: str
    happened_ms: int
    event: str
    """Id of the event."""
    position: int
    hands: int
    """Through how many it went; 0: they saw it."""
    told_by: str
    """Who told it; "": nobody."""
    evidence: str
    """Id of the event by which they know: the event itself, or the telling."""


@dataclass(slots=True)
class Memories:
    """Everybody's; changed in place by `apply`.

    Attributes:
        knows: by person and topic.
        presence: who is where and awake.
        left: by place, what emerged there last.
    """

    knows: dict[str, dict[str, Thing]] = field(default_factory=dict)
    left: dict[str, Thing] = field(default_factory=dict)
    presence: Presence = field(default_factory=Presence)

    def apply(self, event: Event, id_: UUID, position: int) -> None:
        """Take an event in."""
        for topic, place, at_ms in _happened(event, self.presence.where):
            thing = Thing(topic, event.event_name, place, at_ms, str(id_), position, 0, "", str(id_))
            for who in self.presence.awake(place):
                if who != topic and (person := person_of(who)):
                    self._keep(person, thing)
            if isinstance(event, Emerged):
                self.left[place] = thing
        self._come_upon(event)
        self.presence.apply(event)
        match event:
            case PersonGone():
                self.knows.pop(event.person, None)
            case PersonTold():
                self._keep(event.hearer, _heard(event, id_))
            case _:
                pass

    def _come_upon(self, event: Event) -> None:
        """Have a person who comes to a place see what is left of what emerged there."""
        if isinstance(event, Entered | Arrived) and (person := person_of(event.who)):
            thing = self.left.get(event.place)
            if thing is not None and 0 <= event.at_ms - thing.happened_ms < LEFT_MS:
                self._keep(person, thing)

    def _keep(self, person: str, thing: Thing) -> None:
        known = self.knows.setdefault(person, {})
        before = known.get(thing.topic)
        if before is None or _outweighs(thing, before):
            known.pop(thing.topic, None)
            known[thing.topic] = thing
            if len(known) > TOPICS_MAX:
                del known[min(known, key=lambda topic: known[topic].position)]

    def news(self, teller: str, hearer: str, since_ms: int) -> Thing | None:
        """Return what somebody would tell somebody who does not know it yet; None: nothing.

        The most salient, of equals the newest; nothing that happened before a game time, and nothing of the
        hearer.
        """
        known = self.knows.get(hearer, {})
        found = [
            thing
            for thing in self.knows.get(teller, {}).values()
            if thing.happened_ms >= since_ms
            and thing.topic != f"person.{hearer}"
            and (thing.topic not in known or _outweighs(thing, known[thing.topic]))
        ]
        return max(found, key=lambda thing: (_salience(thing), thing.position), default=None)

    def of(self, person: str) -> Sequence[Thing]:
        """Return what somebody knows, the newest first."""
        return sorted(self.knows.get(person, {}).values(), key=lambda thing: -thing.position)


def _salience(thing: Thing) -> int:
    return GRAVE.get(thing.what) or SALIENCE[thing.topic.partition(".")[0]]


def _outweighs(thing: Thing, known: Thing) -> bool:
    """Say whether of one topic a thing takes the place of another.

    The newer does; but what is not grave takes the place of what is only when that is old news.
    """
    grave, graver = thing.what in GRAVE, known.what in GRAVE
    if grave == graver:
        return thing.position > known.position
    return grave or thing.happened_ms - known.happened_ms > RULES.news_ms


def _happened(event: Event, where: Mapping[str, str]) -> Iterator[tuple[str, str, int]]:
    """Yield topic, place and game time of what those see who are there; how people come and go is none."""
    match event:
        case Entered() | Arrived() | Left() if not person_of(event.who):
            yield f"player.{event.who}", event.place, event.at_ms
        case WayClosed() | WayOpened():
            for place in event.ends:
                yield f"way.{event.way}", place, event.at_ms
        case Harmed():
            yield event.by or event.who, event.place, event.at_ms
        case Robbed():
            yield event.by, event.place, event.at_ms
        case Died():
            yield f"person.{event.person}", event.place, event.at_ms
        case Emerged() if event.salience >= WORTH_TELLING:
            yield f"faction.{event.faction}", event.place, event.day * DAY_MS
        case PersonGone() if (who := who_of(event.person)) in where:
            yield who, where[who], event.at_ms
        case _:
            pass


def _heard(event: PersonTold, id_: UUID) -> Thing:
    return Thing(
        event.topic,
        event.what,
        event.happened_at,
        event.happened_ms,
        event.about,
        event.about_position,
        event.hands + 1,
        event.teller,
        str(id_),
    )
