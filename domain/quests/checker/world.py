"""What a world can ever make true: what is to be had and reached, and which weather there is."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from domain.clock.almanac import Almanac
from domain.definition.definition import Definition
from domain.definition.quests import Quest
from domain.quests.instance import end_of
from domain.quests.needs import completable
from domain.quests.settling import Units, units_of
from domain.quests.vocabulary import Thing


@dataclass(frozen=True, slots=True)
class World:
    """A world, as far as quests may depend on it.

    Attributes:
        almanac: its calendar.
        units: its money and goods.
        unique: goods of which there is one.
        obtainable: goods that somebody can have.
        reachable: places that somebody can come to.
        weathers: by place, the states that its climate has.
        standing: by faction, the most that somebody can come to, in thousandths.
        raised: factions with which one's standing can be raised again and again.
        done: quests that somebody can complete.
        again: quests that may be taken again.
        lasting: people and places that are there.
    """

    almanac: Almanac
    units: Units
    unique: frozenset[str]
    obtainable: frozenset[str]
    reachable: frozenset[str]
    weathers: Mapping[str, frozenset[str]]
    standing: Mapping[str, int]
    raised: frozenset[str]
    done: frozenset[str]
    again: frozenset[str]
    lasting: frozenset[Thing]

    def skies(self, place: str) -> frozenset[str]:
        """Return the states that the weather may have at a place; "": anywhere."""
        if place:
            return self.weathers.get(place, frozenset())
        return frozenset().union(*self.weathers.values())


def world_of(definition: Definition, arrivals: Collection[str] = ()) -> World:
    """Return what a definition makes possible. ``arrivals``: where one may begin; empty: everywhere."""
    done = _done(definition.quests)
    best = _best(quest for quest in definition.quests if quest.id in done)
    raised = _best(quest for quest in definition.quests if quest.id in done and quest.again is not None)
    reachable = _reachable(definition, arrivals)
    return World(
        almanac=Almanac(definition.calendar),
        units=units_of(definition),
        unique=frozenset(good.id for good in definition.goods if good.unique),
        obtainable=_obtainable(definition, reachable, done),
        reachable=reachable,
        weathers=_weathers(definition),
        standing={faction: 1_000 if faction in raised else most for faction, most in best.items()},
        raised=frozenset(raised),
        done=done,
        again=frozenset(quest.id for quest in definition.quests if quest.again is not None),
        lasting=frozenset(
            {Thing("person", each.id) for each in definition.people}
            | {Thing("place", each.id) for each in definition.places}
            | {Thing("good", each.id) for each in definition.goods}
        ),
    )


def _done(quests: Collection[Quest]) -> frozenset[str]:
    """Return the quests that can be completed, each after those that it waits for."""
    done: set[str] = set()
    while True:
        best = _best(quest for quest in quests if quest.id in done)
        more = {
            quest.id
            for quest in quests
            if quest.id not in done
            and (quest.offered.done is None or quest.offered.done in done)
            and (
                quest.offered.standing is None
                or best.get(quest.offered.standing[0], 0) >= quest.offered.standing[1]
            )
            and completable(quest, quest.stages[0].id, ())
        }
        if not more:
            return frozenset(done)
        done |= more


def _best(quests: Iterable[Quest]) -> dict[str, int]:
    """Return the most that quests, each done once, bring of each faction's regard, where they bring any."""
    found: dict[str, int] = {}
    for quest in quests:
        gains: dict[str, int] = {}
        for end in quest.ends:
            for faction, change in end.reward.standing:
                gains[faction] = max(gains.get(faction, 0), change)
        for faction, change in gains.items():
            if change > 0:
                found[faction] = found.get(faction, 0) + change
    return found


def _reachable(definition: Definition, arrivals: Collection[str]) -> frozenset[str]:
    """Return the places to which ways lead from where one begins; doors are opened by whoever has the key."""
    onward: dict[str, set[str]] = {place.id: set() for place in definition.places}
    for way in definition.ways:
        onward.setdefault(way.start, set()).add(way.end)
        if not way.one_way:
            onward.setdefault(way.end, set()).add(way.start)
    met = set(arrivals or onward)
    todo = list(met)
    while todo:
        more = onward.get(todo.pop(), set()) - met
        met |= more
        todo.extend(more)
    return frozenset(met)


def _obtainable(definition: Definition, reachable: Collection[str], done: Collection[str]) -> frozenset[str]:
    """Return the goods that are sold or made where one can come to, found, or given for a quest."""
    rewarded = {
        good
        for quest in definition.quests
        if quest.id in done
        for end in quest.ends
        if end.outcome == "completed"
        for good, _ in end.reward.goods
    }
    found = {
        good.id
        for good in definition.goods
        if not {*good.sold_at, *good.made_at} or {*good.sold_at, *good.made_at} & set(reachable)
    }
    return frozenset(found | rewarded)


def _weathers(definition: Definition) -> dict[str, frozenset[str]]:
    zones = {
        zone.id: frozenset(spell.state for season in zone.seasons for spell in season.spells if spell.share)
        for zone in definition.zones
    }
    districts = {district.id: zones.get(district.zone, frozenset()) for district in definition.districts}
    return {place.id: districts.get(place.district, frozenset()) for place in definition.places}


def brings_unique(quest: Quest, unique: Collection[str]) -> bool:
    """Say whether a completed end pays with something of which there is one."""
    ends = (end_of(quest, end.id) for end in quest.ends)
    return any(good in unique for end in ends if end for good, _ in end.reward.goods)
