"""A world to rehearse in: people by their schedules, players who walk, weather, news, claims that change.

Pure, and the same for the same seed: everything is a hash of what it is about and of the stretch of time. It
knows of no log, and takes its people, places and claims from a definition; what would have to happen for a
claim to hold is not looked at, only that it holds for a while and another does not.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from zlib import crc32

from domain.clock.almanac import Almanac
from domain.clock.units import GameTime
from domain.definition.definition import Definition
from domain.definition.people import Person, minutes_of
from domain.definition.storylets import NEWS, PLAYER
from domain.director.casting import News
from domain.director.content import Content, Key
from domain.director.stirring import Sight
from domain.kernel.chance import below, chance

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
STRETCH_MS = 2 * HOUR_MS
"""How long claims and weather stay as they are."""

NEWS_MS, NEWS_KEPT = 2 * HOUR_MS, 12
REALM_HOLDS, PLAYER_HOLDS = 600, 350
"""How likely a claim holds in a stretch of time, in thousandths."""

DIES = 4
"""How likely one of the people dies on a day, in thousandths."""

HALF_HOURS = 48
SLEEP = "sleep"
_MOVE, _TRUE, _SKY, _WHAT, _DIE, _WHO, _BEGINS = range(7)


@dataclass(slots=True)
class Walker:
    """A player who walks about: where they are until when."""

    place: str
    until_ms: int


@dataclass
class Rehearsal:
    """The world as `domain.director.stage.World` asks for it; time is set by `now_ms`."""

    definition: Definition
    content: Content
    seed: int
    players: Sequence[str]
    now_ms: int = 0
    walkers: dict[str, Walker] = field(default_factory=dict)
    _kept: dict[tuple[str, int], dict[str, list[tuple[str, ...]]]] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)
    _gone_day: int = -1
    _phases: dict[int, str] = field(default_factory=dict)
    _told: tuple[int, Sequence[News]] = (-1, ())

    def __post_init__(self) -> None:
        """Put everybody somewhere."""
        for player in self.players:
            self.walkers[player] = Walker(self._drawn_place(player, 0), self._stays_until(player, 0))

    # --- who is where ---------------------------------------------------------------------------------------

    @cached_property
    def _sides(self) -> Mapping[str, Sequence[str]]:
        sides: dict[str, list[str]] = {}
        for place in self.definition.places:
            sides.setdefault(place.side, []).append(place.id)
        return sides

    @cached_property
    def _by_half_hour(self) -> Sequence[Mapping[str, frozenset[str]]]:
        """Return for each half hour of a day who is awake in which place."""
        found: list[dict[str, set[str]]] = [{} for _ in range(HALF_HOURS)]
        for person in self.definition.people:
            for at, place in _day_of(person):
                found[at].setdefault(place, set()).add(person.id)
        return [{place: frozenset(who) for place, who in each.items()} for each in found]

    def _drawn_place(self, player: str, at_ms: int) -> str:
        who = crc32(player.encode())
        sides = sorted(self._sides)
        places = self._sides[sides[below(chance(self.seed, _WHO, who, at_ms // DAY_MS), len(sides))]]
        return places[below(chance(self.seed, _MOVE, who, at_ms), len(places))]

    def _stays_until(self, player: str, at_ms: int) -> int:
        drawn = chance(self.seed, _MOVE, crc32(player.encode()), at_ms, 1)
        return at_ms + 10 * 60_000 + below(drawn, 50 * 60_000)

    def saw(self, player: str, after: int) -> Sequence[Sight]:
        """Return nothing: nobody does anything here."""
        return ()

    def walk(self, player: str, now_ms: int) -> int:
        """Have a player go on if they have stayed long enough; return when they go next."""
        walker = self.walkers[player]
        if now_ms >= walker.until_ms:
            walker.place = self._drawn_place(player, now_ms)
            walker.until_ms = self._stays_until(player, now_ms)
        return walker.until_ms

    def place_of(self, player: str) -> str:
        """Return where a player is."""
        return self.walkers[player].place

    def here(self, place: str) -> Collection[str]:
        """Return who of the people is in a place and awake."""
        there = self._by_half_hour[self.now_ms % DAY_MS // (HOUR_MS // 2)].get(place, frozenset())
        return there - self._gone if self.gone() else there

    def gone(self) -> Collection[str]:
        """Return who has died."""
        day = self.now_ms // DAY_MS
        if day != self._gone_day:
            self._gone_day = day
            for person in self.definition.people:
                drawn = chance(self.seed, _DIE, crc32(person.id.encode()), day)
                if day and below(drawn, 1_000) < DIES:
                    self._gone.add(person.id)
        return self._gone

    # --- how it is there ------------------------------------------------------------------------------------

    @cached_property
    def _almanac(self) -> Almanac:
        return Almanac(self.definition.calendar)

    def phase(self, place: str, now_ms: int) -> str:
        """Return the phase of the day."""
        at = now_ms // (HOUR_MS // 2)
        if at not in self._phases:
            self._phases[at] = self._almanac.read(GameTime(now_ms)).phase
        return self._phases[at]

    @cached_property
    def _zones(self) -> Mapping[str, str]:
        districts = {each.id: each.zone for each in self.definition.districts}
        return {each.id: districts[each.district] for each in self.definition.places}

    @cached_property
    def _skies(self) -> Mapping[str, Sequence[str]]:
        return {
            zone.id: sorted({spell.state for season in zone.seasons for spell in season.spells})
            for zone in self.definition.zones
        }

    def weather(self, place: str) -> str:
        """Return the weather over a place."""
        zone = self._zones[place]
        skies = self._skies.get(zone) or ["clear"]
        drawn = chance(self.seed, _SKY, crc32(zone.encode()), self.now_ms // STRETCH_MS)
        return skies[below(drawn, len(skies))]

    def news(self, now_ms: int) -> Sequence[News]:
        """Return what emerged lately, the newest first."""
        newest = now_ms // NEWS_MS
        if self._told[0] != newest:
            self._told = newest, self._news_up_to(newest)
        return self._told[1]

    def _news_up_to(self, newest: int) -> Sequence[News]:
        factions = [each.id for each in self.definition.factions]
        return [self._news(at, factions) for at in range(newest, max(-1, newest - NEWS_KEPT), -1)]

    def _news(self, at: int, factions: Sequence[str]) -> News:
        drawn = chance(self.seed, _WHAT, at)
        one = below(drawn, len(factions)) if factions else 0
        other = (one + 1 + below(drawn << 8, max(1, len(factions) - 1))) % max(1, len(factions))
        names = (factions[one], factions[other]) if len(factions) > 1 else ("", "")
        return News(NEWS[at % len(NEWS)], *names, number=at, day=at * NEWS_MS // DAY_MS)

    # --- what holds -----------------------------------------------------------------------------------------

    def known(self, player: str) -> object:
        """Return the stretch of time; claims about a player depend on where they are, too."""
        stretch = self.now_ms // STRETCH_MS
        return (stretch, self.walkers[player].place) if player else stretch

    def holds(self, predicate: str, arguments: tuple[str, ...]) -> bool:
        """Return whether some claim holds."""
        player = next((each[7:] for each in arguments if each.startswith("player.")), "")
        claims = self._claims(player).get(predicate, ())
        if "" not in arguments:
            return arguments in claims
        return any(
            all(not asked or asked == known for asked, known in zip(arguments, claim, strict=False))
            for claim in claims
        )

    def _claims(self, player: str) -> Mapping[str, Sequence[tuple[str, ...]]]:
        """Return what holds about a player, or about none; made for a stretch of time."""
        stretch = self.now_ms // STRETCH_MS
        place = self.walkers[player].place if player in self.walkers else ""
        key = (f"{player} {place}" if player else "", stretch)
        if key not in self._kept:
            if len(self._kept) > 4 * len(self.players) + 8:
                self._kept.clear()
            found: dict[str, list[tuple[str, ...]]] = {}
            keys = self.content.of_player if player else self.content.of_realm
            for predicate, arguments in self._true(keys, player, stretch):
                found.setdefault(predicate, []).append(arguments)
            if not player:
                for predicate, arguments in self._emerged():
                    found.setdefault(predicate, []).append(arguments)
                for person in self.definition.people if "member" in self._needed else ():
                    if person.faction:
                        found.setdefault("member", []).append(
                            (f"person.{person.id}", f"faction.{person.faction}")
                        )
            self._kept[key] = found
        return self._kept[key]

    def _emerged(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield what holds by the news."""
        for each in self.news(self.now_ms):
            one, other = f"faction.{each.faction}", f"faction.{each.other}"
            match each.kind:
                case "feud_begun":
                    yield "in_feud", (one, other)
                case "alliance_formed":
                    yield "allied", (one, other)
                case "crisis_begun":
                    yield "needs_help", (one, "text.a crisis")
                case "territory_taken" | "territory_retaken" | "territory_claimed":
                    yield "rules", (one, "territory.of_theirs")

    @cached_property
    def _needed(self) -> frozenset[str]:
        return frozenset(key[0] for key in self.content.needs)

    def _true(self, keys: Sequence[Key], player: str, stretch: int) -> Iterator[tuple[str, tuple[str, ...]]]:
        likely = PLAYER_HOLDS if player else REALM_HOLDS
        for predicate, arguments in keys:
            words = crc32(f"{predicate} {arguments} {player}".encode())
            drawn = chance(self.seed, _TRUE, words, stretch)
            if below(drawn, 1_000) < likely:
                yield predicate, tuple(self._filled(arguments, player, predicate, drawn))

    def _filled(self, arguments: Sequence[str], player: str, predicate: str, drawn: int) -> Iterator[str]:
        """Yield the arguments of a claim; of what it leaves open, somebody who is there, or a faction."""
        declared = next((each for each in self.definition.predicates if each.id == predicate), None)
        kinds = (declared.subject, declared.object, declared.value) if declared else ((), (), ())
        for argument, may in zip(arguments, kinds, strict=False):
            if argument == PLAYER:
                yield f"player.{player}"
            elif argument:
                yield argument
            elif "person" in may:
                there = sorted(self.here(self.walkers[player].place)) if player else []
                yield f"person.{there[below(drawn, len(there))]}" if there else "person.nobody"
            elif "faction" in may:
                newest = self.news(self.now_ms)
                yield f"faction.{newest[0].faction}" if newest else "faction.none"
            else:
                yield f"{may[0]}.something" if may else ""


def _day_of(person: Person) -> Iterator[tuple[int, str]]:
    """Yield the half hours in which somebody is awake, and where: by their schedule, else at home."""
    asleep, where = set[int](), dict[int, str]()
    for engagement in person.schedule:
        for begin, end in minutes_of(engagement.hours):
            for at in range(begin // 30, -(-end // 30)):
                if engagement.do == SLEEP:
                    asleep.add(at)
                else:
                    where[at] = engagement.at
    for at in range(HALF_HOURS):
        if at not in asleep or at in where:
            yield at, where.get(at, person.home)
