"""The world as the director asks for it, by what the log told: facts, who is where, clock, news. Pure."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from domain.beliefs.beliefs import Beliefs
from domain.clock.almanac import Almanac
from domain.clock.units import GameTime
from domain.director.casting import News
from domain.director.stirring import Sight
from domain.factions.messages import Emerged

DAY_MS = 86_400_000
NEWS_DAYS = 3
"""So long something that emerged is news."""

NEWS_MAX = 200
DEAD = "dead"


@dataclass(slots=True)
class Newsroom:
    """What emerged among factions, the newest last; changed in place by `take_in`."""

    told: deque[News] = field(default_factory=lambda: deque(maxlen=NEWS_MAX))

    def take_in(self, event: Emerged) -> None:
        """Take in that something emerged."""
        self.told.append(News(event.kind, event.faction, event.other or "", event.number, event.day))

    def lately(self, now_ms: int) -> Sequence[News]:
        """Return what is news at a time, the newest first."""
        since = now_ms // DAY_MS - NEWS_DAYS
        return [each for each in reversed(self.told) if each.day >= since]


@dataclass(slots=True)
class SeenWorld:
    """The world at the position of the log up to which it was read.

    Attributes:
        known_people: everybody of whom some content has something; who is not of the definition is gone.
        position: up to where the log was read, which changes whenever a claim may hold or not any more.
    """

    beliefs: Beliefs
    newsroom: Newsroom
    almanac: Almanac
    position: int
    known_people: Iterable[str] = ()

    def place_of(self, player: str) -> str:
        """Return where a player is; "": not in the world, or on the way."""
        return self.beliefs.presence.where.get(f"player.{player}", "")

    def players(self) -> Sequence[str]:
        """Return who is in the world."""
        where = self.beliefs.presence.where
        return sorted(who.partition(".")[2] for who in where if who.startswith("player."))

    def here(self, place: str) -> Collection[str]:
        """Return who of the people is in a place and awake."""
        awake = self.beliefs.presence.awake(place)
        return {who.partition(".")[2] for who in awake if who.startswith("person.")}

    def gone(self) -> Collection[str]:
        """Return who of the people lives no more, or is not of the definition any more."""
        dead = {fact.claim.subject.partition(".")[2] for fact in self.beliefs.facts.ask("", DEAD)}
        living = set(self.beliefs.ground.people.values())
        return dead | {each for each in self.known_people if each not in living}

    def phase(self, place: str, now_ms: int) -> str:
        """Return the phase of the day."""
        return self.almanac.read(GameTime(now_ms)).phase

    def weather(self, place: str) -> str:
        """Return the weather over a place; "" before anything is known of it."""
        ground = self.beliefs.ground
        zone = ground.zones.get(ground.districts.get(place, ""), "")
        found = self.beliefs.facts.ask(f"zone.{zone}", "weather")
        return found[-1].claim.object.partition(".")[2] if found else ""

    def news(self, now_ms: int) -> Sequence[News]:
        """Return what emerged lately, the newest first."""
        return self.newsroom.lately(now_ms)

    def holds(self, predicate: str, arguments: tuple[str, ...]) -> bool:
        """Return whether some claim holds; an empty argument stands for any."""
        named = next(filter(None, arguments), "")
        declared = self.beliefs.ground.vocabulary.predicates.get(predicate)
        ways = [arguments]
        if declared is not None and declared.symmetric:
            ways.append((arguments[1], arguments[0], *arguments[2:]))
        return any(
            _matches(asked, fact.claim[1:])
            for fact in self.beliefs.facts.ask(named, predicate)
            for asked in ways
        )

    def saw(self, player: str, after: int) -> Sequence[Sight]:
        """Return the deeds that a player saw for themselves after a position of the log, in its order."""
        seen = self.beliefs.sights.get(f"player.{player}")
        if not seen or seen[-1].position <= after:
            return ()
        return [Sight(each.claim, each.at_ms, each.position) for each in seen if each.position > after]

    def known(self, player: str) -> object:
        """Return the position: whatever happened may have changed something."""
        return self.position


def _matches(asked: Sequence[str], claim: Sequence[str]) -> bool:
    return all(not want or want == have for want, have in zip(asked, claim, strict=False))
