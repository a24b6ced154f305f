"""How everybody is, folded from the people's stream. Changed in place: a tick changes few of thousands.

Needs are kept as they were when somebody last decided; what they are now follows (`domain.people.needs`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.kernel.event import Event
from domain.people.messages import (
    IDLE,
    Bought,
    Missed,
    PeopleLed,
    PeopleSkipped,
    PersonDecided,
    PersonFled,
    PersonGone,
    PersonJoined,
)
from domain.people.rules import MINUTE_MS, RULES, TALK
from domain.places.journey import Journey
from domain.places.messages import Arrived, Departed, Entered, JourneyCut, Left

LOOKED_AFTER = 700_000
"""The least level of every need after a time of which nobody tells."""

PREFIX = "person."
"""Before a person's id in the events of places: no player's id has a dot."""


def who_of(person: str) -> str:
    """Return the id that the events of places have for a person."""
    return PREFIX + person


def person_of(who: str) -> str:
    """Return the person that an id of the events of places is for; "" for a player's."""
    return who.removeprefix(PREFIX) if who.startswith(PREFIX) else ""


def minute_after(ms: int) -> int:
    """Return the first whole minute that is not before a game time."""
    return -(-ms // MINUTE_MS) * MINUTE_MS


@dataclass(slots=True)
class Life:
    """One person's.

    Attributes:
        place: where they are; under way: where they set out from.
        levels: how full each need was at ``since_ms``.
        action, at: what they do or are bound to do, and where.
        begins_ms, until_ms: from when to when.
        cool: until when they do not try a place again.
        fears: until when they would rather not be in a place that they fled from.
        number: which decision of all it was that they live by; nobody else's has it.
        coins: what they had to spend then; None: they have no purse.
        earned, shift: what a shift was worth that ended then, of which activity, and where.
        owed: what they have earned of a shift that goes on after a break.
        market, pieces: stall that sells what they use up, and how many of it at most; "": none.
        carries: how often they can do what with what they carry along.
        bought: what they bought last.
        missed: by place, until when they do not try to buy there again, and why they got nothing.
    """

    person: str
    place: str
    levels: dict[str, int]
    since_ms: int
    begins_ms: int
    until_ms: int
    at: str
    action: str = IDLE
    reason: str = "free"
    need: str | None = None
    with_person: str | None = None
    claim: str = ""
    cool: dict[str, int] = field(default_factory=dict)
    fears: dict[str, int] = field(default_factory=dict)
    journey: Journey | None = None
    number: int = 0
    coins: int | None = None
    earned: int = 0
    shift: tuple[str, str] | None = None
    owed: int = 0
    market: str = ""
    pieces: int = 0
    carries: dict[str, int] = field(default_factory=dict)
    bought: Bought | None = None
    missed: dict[str, tuple[int, Missed]] = field(default_factory=dict)

    @property
    def orders(self) -> bool:
        """Whether they are where they buy what they use up there."""
        return bool(self.market) and self.journey is None and self.place == self.at


@dataclass(slots=True)
class People:
    """Everybody's lives.

    Attributes:
        claims: who has what only one can have.
        talks: how often two have talked, the one with the lower id first.
        friends: with whom somebody has talked.
        tick_ms: the last game minute of which something was decided; everything up to it was.
        count: how many decisions there were.
    """

    lives: dict[str, Life] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    talks: dict[tuple[str, str], int] = field(default_factory=dict)
    friends: dict[str, set[str]] = field(default_factory=dict)
    tick_ms: int = 0
    term: int = 0
    leader: str = ""
    count: int = 0

    def evolve(self, event: Event) -> None:
        """Take in the stream's next event."""
        if take := _TAKEN.get(type(event)):
            take(self, event)

    def evolve_all(self, events: Iterable[Event]) -> None:
        """Take in the stream's next events."""
        for event in events:
            self.evolve(event)

    def acquainted(self, one: str, other: str) -> int:
        """Return what their talks add to what two think of each other, in thousandths."""
        count = self.talks.get((min(one, other), max(one, other)), 0)
        return min(RULES.acquainted * count, RULES.acquainted_max)

    def _joined(self, event: PersonJoined) -> None:
        since = event.at_ms
        life = Life(event.person, event.place, dict(event.levels), since, since, since, event.place)
        self.lives[event.person] = life

    def _gone(self, event: PersonGone) -> None:
        if event.person in self.lives:
            self._free(self.lives.pop(event.person))

    def _led(self, event: PeopleLed) -> None:
        self.term, self.leader = event.term, event.leader

    def _tick(self, ms: int) -> None:
        self.tick_ms = max(self.tick_ms, ms)

    def _decided(self, event: PersonDecided) -> None:
        self._tick(event.at_ms)
        self.count += 1
        life = self.lives.get(event.person)
        if life is None:
            return
        self._free(life)
        _spent(life, event)
        life.number = self.count
        life.levels, life.since_ms = dict(event.levels), event.at_ms
        life.action, life.at = event.action, event.place
        life.begins_ms, life.until_ms = event.begins_ms, event.until_ms
        life.reason, life.need, life.with_person = event.reason, event.need, event.with_person
        if life.cool:
            life.cool = {place: until for place, until in life.cool.items() if until > event.at_ms}
        if event.lost:
            life.cool = life.cool | dict.fromkeys(event.lost, event.at_ms + RULES.cool_ms)
        if event.claim:
            life.claim = event.claim
            self.claims[event.claim] = event.person
        if event.action == TALK and event.with_person:
            pair = min(event.person, event.with_person), max(event.person, event.with_person)
            self.talks[pair] = self.talks.get(pair, 0) + 1
            for one, other in (pair, pair[::-1]):
                self.friends.setdefault(one, set()).add(other)

    def _fled(self, event: PersonFled) -> None:
        life = self.lives.get(event.person)
        if life is not None:
            life.fears = {place: until for place, until in life.fears.items() if until > event.at_ms}
            life.fears[event.place] = event.danger_ms + RULES.danger_ms

    def _free(self, life: Life) -> None:
        if life.claim and self.claims.get(life.claim) == life.person:
            del self.claims[life.claim]
        life.claim = ""

    def _moved(self, event: Departed | Arrived | JourneyCut | Entered | Left) -> None:
        life = self.lives.get(person_of(event.who))
        if life is None:
            return
        match event:
            case Departed():
                life.journey = Journey.of(event)
            case Arrived():
                self._tick(minute_after(event.at_ms))
                life.place, life.journey = event.place, None
                if event.place != life.at:
                    life.until_ms = event.at_ms
            case Entered():
                life.place = event.place
            case JourneyCut():
                life.journey = life.journey.cut(event) if life.journey else None
            case Left():
                pass

    def _skipped(self, event: PeopleSkipped) -> None:
        self.tick_ms = event.to_ms  # back, too, if the clock was set back
        self.claims.clear()
        for life in self.lives.values():
            life.levels = {need: max(level, LOOKED_AFTER) for need, level in life.levels.items()}
            life.since_ms = life.begins_ms = life.until_ms = event.to_ms
            life.action, life.reason, life.need, life.with_person = IDLE, "free", None, None
            life.at, life.claim, life.journey, life.cool = life.place, "", None, {}
            life.fears = {}
            life.market, life.missed = "", {}


def _spent(life: Life, event: PersonDecided) -> None:
    """Take in what somebody has to spend, and what came of their last order."""
    life.missed = {place: until for place, until in life.missed.items() if until[0] > event.at_ms}
    if event.missed is not None:
        life.missed[life.at] = event.at_ms + RULES.cool_ms, event.missed
    life.bought = event.bought or life.bought
    life.coins, life.earned, life.shift = event.coins, event.earned, (life.action, life.at)
    life.owed = event.owed
    life.market, life.pieces, life.carries = event.market or "", event.pieces, dict(event.carries)


_TAKEN: Mapping[type[Event], Callable[[People, Any], None]] = {
    PersonDecided: People._decided,
    **dict.fromkeys((Departed, Arrived, Entered, JourneyCut, Left), People._moved),
    PersonJoined: People._joined,
    PersonGone: People._gone,
    PersonFled: People._fled,
    PeopleSkipped: People._skipped,
    PeopleLed: People._led,
}
"""By type, as a start takes in hundreds of thousands; the others change no life."""
