"""A long time of a whole world, and what is to be true of it: prices, money, factions, chains, needs."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from aicore.headless.simulation import HOUR_MS, Made, opened
from aicore.headless.traders import Traders
from aicore.headless.world import World
from aicore.wiring.factions import factions_in_memory
from aicore.wiring.ledger import ledger_desk
from aicore.wiring.market import stalls_in_memory
from aicore.wiring.people import surroundings
from domain.factions.messages import Emerged
from domain.kernel.event import Event
from domain.ledger.book import Book
from domain.ledger.messages import HoldPosted, Reversed, Transferred
from domain.ledger.vocabulary import is_sink, is_source
from domain.people.needs import levels_at
from handlers.market.view import Stalls
from handlers.people.leader import PeopleLeader

DAY_MS = 24 * HOUR_MS
LOOK_HOURS = range(1, 24, 2)
TRADE_HOURS, WALK_HOURS = (11, 19), (13, 21)
"""When traders trade, by day for the light side's stalls, in the evening for the dark one's; and go on."""

STUCK = 10
"""Thousandths from nothing, or from all, at which a power counts as being there."""

CHAIN = 2
"""Causes behind something that emerged, from which on its chain is three events long."""


TOLD = frozenset(kind.event_name for kind in (Emerged, Transferred, HoldPosted, Reversed))


@dataclass
class Lived:
    """What a long time came to.

    Attributes:
        levels: each day's price levels in thousandths, by stall and good.
        outside: of them, how many lay outside of their good's band.
        powers: each day's, by faction. holders: each day's, by territory.
        told: what emerged.
        needs, filled: looks at somebody's need, and how many found it above its alarm.
        flows: what came into the world, by unit and account, as transfers tell.
        counts: events by type.
    """

    days: int = 0
    levels: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    outside: int = 0
    powers: dict[str, list[int]] = field(default_factory=dict)
    holders: dict[str, list[str | None]] = field(default_factory=dict)
    told: list[Emerged] = field(default_factory=list)
    needs: int = 0
    filled: int = 0
    flows: Counter[tuple[str, str]] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def in_band(self) -> float:
        """The share of prices that were in their band, 0 to 1."""
        posted = sum(map(len, self.levels.values()))
        return 1 - self.outside / posted if posted else 1.0

    @property
    def above_alarm(self) -> float:
        """The share of looks that found a need above its alarm, 0 to 1."""
        return self.filled / self.needs if self.needs else 1.0

    @property
    def chains(self) -> int:
        """How many things emerged at the end of a chain of three or more."""
        return sum(each.depth >= CHAIN for each in self.told)

    @property
    def stuck_days(self) -> int:
        """The longest time in days that a faction had nothing or all."""
        return max((_longest(powers) for powers in self.powers.values()), default=0)


def _longest(powers: list[int]) -> int:
    longest = now = 0
    for power in powers:
        now = now + 1 if power <= STUCK or power >= 1_000 - STUCK else 0
        longest = max(longest, now)
    return longest


class JointYear:
    """Lives days of a world with traders, and keeps what they came to."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.lived = Lived()
        self.traders = Traders(world, seed)
        self._seen = 0

    async def days(self, count: int) -> AsyncIterator[Lived]:
        """Yield what came of it after each game day.

        Raises:
            ValueError: something was not as it should be.
        """
        await self.traders.arrive()
        first = self.world.game_ms // DAY_MS
        for day in range(first, first + count):
            for hour in LOOK_HOURS:
                await self._reach(day * DAY_MS + hour * HOUR_MS)
                await self._look_at_needs()
            yield self._close(day)

    async def _reach(self, game_ms: int) -> None:
        """Let time pass up to a game time; at their hours traders trade and go on."""
        if game_ms <= self.world.game_ms:
            return
        day, hour = divmod(game_ms // HOUR_MS, 24)
        until_us = self.world.when_us(game_ms)
        if until_us is None:
            raise ValueError("the clock stands still")
        await self.world.go_on(until_us)
        if hour in TRADE_HOURS:
            await self.traders.trade(day)
        elif hour in WALK_HOURS:
            await self.traders.go_on()

    async def _look_at_needs(self) -> None:
        parts, now_ms = self.world.parts, self.world.game_ms
        cast = (await parts.opened[surroundings].world()).cast
        for leader in (each.turns for each in parts.turns if isinstance(each.turns, PeopleLeader)):
            for life in leader.people.lives.values():
                if life.person not in cast.rows:
                    continue
                drains = cast.plain.drains[cast.rows[life.person]]
                for need, level in enumerate(levels_at(cast, life, now_ms)):
                    if drains[need]:
                        self.lived.needs += 1
                        self.lived.filled += level >= cast.plain.alarms[need]

    def _close(self, day: int) -> Lived:
        """Take in what happened on a day."""
        if faults := self.world.faults():
            raise ValueError(f"on day {day}: {'; '.join(faults)}")
        lived, parts = self.lived, self.world.parts
        for recorded in self.world.log.since(self._seen):
            lived.counts[recorded.type] += 1
            if recorded.type in TOLD:
                self._take(parts.codec.decode(recorded))
        self._seen = self.world.log.position
        lived.days += 1
        factions = parts.opened[factions_in_memory].state
        for faction, power in factions.powers.items():
            lived.powers.setdefault(faction, []).append(power)
        for territory, ground in factions.territories.items():
            lived.holders.setdefault(territory, []).append(ground.holder)
        self._prices(parts.opened[stalls_in_memory])
        return lived

    def _take(self, event: Event) -> None:
        match event:
            case Emerged():
                self.lived.told.append(event)
            case Transferred() | HoldPosted() | Reversed():
                for move in event.moves:
                    for account, way in ((move.payer, 1), (move.payee, -1)):
                        if is_source(account) or is_sink(account):
                            self.lived.flows[move.unit, account] += way * move.amount
            case _:
                pass

    def _prices(self, view: Stalls) -> None:
        for stall in view.stalls.values():
            for good, posted in view.market(stall.market).posted.items():
                terms = stall.terms[good]
                self.lived.levels.setdefault((stall.market, good), []).append(posted.level)
                self.lived.outside += not terms.low <= posted.level <= terms.high

    def unexplained(self) -> Mapping[str, int]:
        """Return, by unit, what circulates less what came into the world as transfers told: nothing, each."""
        book: Book = self.world.parts.opened[ledger_desk].book
        apart: Counter[str] = Counter()
        for (account, unit), (balance, _) in book.volumes.items():
            if not (is_source(account) or is_sink(account)):
                apart[unit] += balance
        for (unit, _), amount in self.lived.flows.items():
            apart[unit] -= amount
        return dict(apart)


async def joint_year(made: Made) -> JointYear:
    """Return a world that is about to live for long."""
    return JointYear(await opened(made), made.seed)
