"""Places: commands that move players, arrivals, the map and what each place shows, and who feeds it."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from fractions import Fraction
from functools import lru_cache, partial

from nats.aio.client import Client as Nats

from aicore.clock import now_us
from aicore.content.sample_world import sample_definition
from aicore.settings import Settings
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.ledger import ledger_desk
from aicore.wiring.parts import Part, Parts
from bus.kept import FolderShelf
from bus.nats.frames import frame_giver
from bus.relay.feeding import ROLE, lead_feed
from domain.clock.clock import Clock
from domain.clock.units import RealTime
from domain.kernel.decider import Rejected
from domain.places.arrivals import arrivals
from domain.places.city import City, TimeOfDay, city_of
from domain.places.messages import Depart, Enter, TurnBack
from domain.places.queries import MapQuery, SnapshotQuery
from domain.session.messages import CloseSession, OpenSession
from handlers.clock.view import ClockView
from handlers.kernel.follow import Restarts
from handlers.ledger.desk import Desk
from handlers.places.circumstances import Circumstances, journey_records, player_commands, way_commands
from handlers.places.feed import Feeder, PlaceFeed
from handlers.places.limits import PlayerLimits
from handlers.places.map import MapAnswer
from handlers.places.whereabouts import Whereabouts

LIMITED = (OpenSession, CloseSession, Enter, Depart, TurnBack)

steady_s: Callable[[], float] = partial(
    time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
)
"""Seconds that also pass while the process or the machine stands still."""


class FollowedClock:
    """Game time as the world's clock goes."""

    def __init__(self, view: ClockView) -> None:
        self._view = view

    def _clock(self) -> Clock:
        if self._view.clock is None:
            raise Rejected("no_clock", "the realm has no clock yet", remedy="start one: clock.start")
        return self._view.clock

    def game_ms(self, real_us: int) -> int:
        """Return the game time of a moment.

        Raises:
            Rejected: ``no_clock``.
        """
        return self._clock().line.at(RealTime(real_us)).ms

    def known_ms(self, real_us: int) -> int:
        """Return the game time of a moment; -1 before there is a clock."""
        return self._view.clock.line.at(RealTime(real_us)).ms if self._view.clock else -1

    @property
    def scale(self) -> Fraction:
        """Game time per real time, as operators set it."""
        return self._clock().line.scale

    def day(self, game_ms: int) -> TimeOfDay:
        """Return what a clock on the wall shows at a game time."""
        almanac = self._clock().almanac
        day, ms = divmod(game_ms, almanac.day_ms)
        names = almanac.calendar.weekdays
        today, before = (almanac.weekday(each) for each in (day, day - 1))
        return TimeOfDay(
            ms // 60_000,
            None if today is None else names[today],
            None if before is None else names[before],
        )


@lru_cache(1)
def sample_city() -> City:
    """Return the city of the sample world: it holds where no other was loaded."""
    return city_of(sample_definition())


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    asked = Circumstances(now_us)
    return Part(
        bindings=(player_commands(asked), way_commands(asked)),
        serve={"commands": partial(_commands, asked), "queries": _queries},
    )


class Carried(Collection[str]):
    """What a player carries, as the ledger has it in this process; at most a second behind."""

    def __init__(self, desk: Desk, player: str) -> None:
        self._desk = desk
        self._account = f"player.{player}"

    def __contains__(self, good: object) -> bool:
        return self._desk.book.volume(self._account, str(good))[0] > 0

    def __iter__(self) -> Iterator[str]:
        return (unit for unit in self._desk.book.units if unit in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


async def whereabouts(parts: Parts) -> Whereabouts:
    """Open the city with everybody in it (`Parts.once`)."""
    return await parts.view(Whereabouts(parts.log, sample_city(), decode=parts.codec.decode))


async def player_limits(_: Parts) -> PlayerLimits:
    """Open what players may ask for, over all contexts (`Parts.once`)."""
    return PlayerLimits(steady_s)


async def _commands(asked: Circumstances, parts: Parts) -> None:
    """Limit what comes for each player; end journeys when they are over."""
    clock = FollowedClock(await parts.once(clock_in_memory))
    desk = await parts.once(ledger_desk)
    asked.now_us = parts.now_us
    asked.follow(clock, await parts.once(whereabouts), lambda player: Carried(desk, player))
    limits, commands = await parts.once(player_limits), parts.served.commands
    for kind in LIMITED:
        commands[kind.command_name] = limits.before(commands[kind.command_name])
    await parts.process(arrivals(clock.known_ms), journey_records(asked))


async def _queries(parts: Parts) -> None:
    clock, there = FollowedClock(await parts.once(clock_in_memory)), await parts.once(whereabouts)
    feed = PlaceFeed(
        parts.log,
        lambda: there.city,
        decode=parts.codec.decode,
        game_ms=lambda: max(0, clock.known_ms(parts.now_us())),
        shelf=_shelf(parts),
    )
    parts.served.queries |= {
        MapQuery: MapAnswer(lambda: (there.city, there.position)).answer,
        SnapshotQuery: (await parts.view(feed)).answer_snapshot,
    }


def _shelf(parts: Parts) -> FolderShelf:
    """Return where this machine's processes keep what they have folded."""
    return FolderShelf(parts.system.state_dir / "kept")


async def feed_places(parts: Parts, nc: Nats, *, name: str) -> None:
    """Send frames of what changes whenever this process leads; ``nc`` may publish them."""
    system = parts.system
    there = Whereabouts(parts.log, sample_city(), decode=parts.codec.decode)
    send = frame_giver(nc, system.realm)
    feeder = Feeder(parts.log, lambda: there.city, send, decode=parts.codec.decode, shelf=_shelf(parts))
    leading = partial(lead_feed, system.dsn_of(ROLE), system.realm, feeder.lead, name=name, clock=steady_s)
    async with asyncio.TaskGroup() as group:
        group.create_task(there.run())
        group.create_task(feeder.run())
        group.create_task(Restarts("place_feed").keep_going(leading))
