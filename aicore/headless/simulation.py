"""Days of a world without servers, hour by hour: what happened, and a digest of all of it at each hour."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import JsonValue

from aicore.content.loading import parts_of
from aicore.headless.digests import digest_of
from aicore.headless.script import Played
from aicore.headless.world import World, begun
from domain.clock.almanac import Almanac
from domain.clock.calendar import Calendar
from domain.definition.entries import Key, data_of
from domain.definition.loading import plan_of
from domain.definition.read import read

OPERATOR = "operator:headless"
BY: Mapping[str, str] = {"operator": "headless", "reason": "a world of its own"}

HOUR_MS = 3_600_000
BEGINS_MS = 7 * HOUR_MS
"""Game time of the first day at which a world begins: in the morning, before doors open."""

WORLD_KEY = Key("world", "world")


class Hour(NamedTuple):
    """A game hour that is over.

    Attributes:
        number: of hours since the world began.
        game_ms: when it was over.
        position: of the log's last event then.
        log: digest of the log up to there, by its chain: ids, streams, times, metadata, payloads.
        state: digest of what the contexts know.
    """

    number: int
    game_ms: int
    position: int
    log: str
    state: str


@dataclass(frozen=True, slots=True)
class Made:
    """What a world is made of: entries, with the calendar and the seed that are among them."""

    entries: Mapping[Key, JsonValue]
    calendar: Calendar
    seed: int

    @classmethod
    def of(cls, entries: Mapping[Key, JsonValue], seed: int | None = None) -> "Made":
        """Return entries with another seed, if one is given.

        Raises:
            ValueError: the entries are no definition.
        """
        world = entries[WORLD_KEY]
        if seed is not None and isinstance(world, dict):
            entries = {**entries, WORLD_KEY: {**world, "seed": seed}}
        found = read(data_of(entries))
        if found.definition is None:
            raise ValueError("; ".join(f"{each.path}: {each.found}" for each in found.faults[:5]))
        return cls(entries, found.definition.calendar, found.definition.world.seed)


async def opened(made: Made, at_ms: int | None = None) -> World:
    """Return a world whose clock goes, which is loaded, and whose people live.

    ``at_ms``: game time at which it begins; None: the first morning of its calendar's first season.
    """
    world = await begun()
    if at_ms is None:
        almanac = Almanac(made.calendar)
        at_ms = max(0, almanac.season_begins(0) * almanac.day_ms) + BEGINS_MS
    start = {"calendar": made.calendar.model_dump(), "at_game_ms": at_ms, **BY}
    await world.say("clock.start", start, by=OPERATOR, name="start")
    plan = plan_of(0, {}, made.entries)
    *parts, last = parts_of(plan)
    for number, part in enumerate(parts):
        await world.say("world.change", {"base": 0, **BY, **part}, by=OPERATOR, name=f"load/{number}")
    last = {"base": 0, **BY, **last, "publish": plan.digest}
    await world.say("world.change", last, by=OPERATOR, name="load")
    await world.say("people.begin", BY, by=OPERATOR, name="begin")
    return world


async def hours(world: World, count: int, play: Played | None = None) -> AsyncIterator[Hour]:
    """Let game hours pass, and yield each as it is over; what ``play`` has for them is said.

    Raises:
        ValueError: the clock stands still, or something was not as it should be.
        Unlike: a step of the script came to something else than it says.
    """
    assert world.clock is not None
    begin_ms = -(-world.game_ms // HOUR_MS) * HOUR_MS
    for number in range(1, count + 1):
        game_ms = begin_ms + number * HOUR_MS
        if (until_us := world.when_us(game_ms)) is None:
            raise ValueError("the clock stands still")
        if play is not None:
            await play.up_to(game_ms)
        await world.go_on(until_us)
        if faults := world.faults():
            raise ValueError("; ".join(faults))
        head = await world.log.head()
        yield Hour(number, game_ms, head.position, head.hash.hex(), digest_of(world.parts))


def counts_of(world: World, after: int = 0) -> Mapping[str, int]:
    """Return how many events of each type there are after a position, the most frequent first."""
    return dict(Counter(event.type for event in world.log.since(after)).most_common())
