"""A world for the director that a test sets up line by line: who is where, what holds, what time it is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache

from domain.definition.definition import Definition
from domain.director.casting import News
from domain.director.content import Content, compiled
from domain.director.direction import Direction
from domain.director.messages import DirectorEvent
from domain.director.stage import Stage
from domain.director.stirring import Sight
from tests.unit.definition.kit import FILES, check

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
NOON_MS = 12 * HOUR_MS


@cache
def small() -> Definition:
    """The small world: six storylets and an arc of two beats."""
    definition = check(FILES).definition
    assert definition is not None
    return definition


@cache
def content() -> Content:
    """The small world's storylets, compiled."""
    return compiled(small(), 1)


@dataclass
class Set:
    """A world as a test has it."""

    places: dict[str, str] = field(default_factory=lambda: {"ann": "inn"})
    people: dict[str, set[str]] = field(default_factory=lambda: {"inn": {"ada", "bo"}})
    dead: set[str] = field(default_factory=set)
    claims: set[tuple[str, ...]] = field(default_factory=set)
    told: list[News] = field(default_factory=list)
    of_day: str = "day"
    seen: dict[str, list[Sight]] = field(default_factory=dict)

    def place_of(self, player: str) -> str:
        """Return where a player is."""
        return self.places.get(player, "")

    def here(self, place: str) -> Collection[str]:
        """Return who is in a place."""
        return self.people.get(place, set()) - self.dead

    def gone(self) -> Collection[str]:
        """Return who is dead."""
        return self.dead

    def phase(self, place: str, now_ms: int) -> str:
        """Return the phase of the day."""
        return self.of_day

    def weather(self, place: str) -> str:
        """Return clear weather."""
        return "clear"

    def news(self, now_ms: int) -> Sequence[News]:
        """Return the news."""
        return self.told

    def saw(self, player: str, after: int) -> Sequence[Sight]:
        """Return what a player saw."""
        return [each for each in self.seen.get(player, ()) if each.position > after]

    def known(self, player: str) -> object:
        """Return what holds."""
        return frozenset(self.claims)

    def holds(self, predicate: str, arguments: tuple[str, ...]) -> bool:
        """Return whether some claim holds."""
        return any(
            name == predicate
            and all(not asked or asked == it for asked, it in zip(arguments, rest, strict=True))
            for name, *rest in self.claims
        )


def stage(world: Set, *contents: Content) -> Stage:
    """Return a stage in a world; the last content holds."""
    known = {each.version: each for each in contents or (content(),)}
    return Stage(Direction(), known, max(known), world, seed=7)


def turn(on: Stage, now_ms: int, player: str = "ann") -> list[DirectorEvent]:
    """Return what happens for a player at a time."""
    return list(on.turn(player, now_ms))


def names(events: Sequence[DirectorEvent]) -> list[str]:
    """Return events by their names, without their context."""
    return [event.event_name.partition(".")[2] for event in events]
