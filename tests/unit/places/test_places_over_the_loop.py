"""Commands through the command loop on a log: repeats in other circumstances, forged ones, arrivals."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid5

import pytest

from bus.catalogue import domain_catalogue
from bus.codec import EventCodec
from bus.memory import MemoryLog
from bus.ports import IdConflict
from domain.kernel.decider import Rejected
from domain.places.arrivals import arrivals
from domain.places.city import TimeOfDay
from domain.places.moving import PLAYER, stream_of
from domain.session.limits import OverAllowance
from handlers.kernel.commands import CommandRunner
from handlers.kernel.follow import ProcessRunner
from handlers.places.circumstances import Circumstances, journey_records, player_commands, way_commands
from handlers.places.limits import PlayerLimits
from handlers.places.whereabouts import Whereabouts
from protocol.messages import CommandMessage, Reply
from protocol.meta import Meta
from tests.unit.kit import SPACE, ident, memory_log, until
from tests.unit.places.asked import MARKET, NOON_MS, STATION, T0
from tests.unit.places.kit import city

CODEC = EventCodec(domain_catalogue())


@dataclass
class Clock:
    """Real and game time, set by the test."""

    real_us: int = T0
    leap_ms: int = 0
    scale: Fraction = field(default=Fraction(60))

    def game_ms(self, real_us: int) -> int:
        return NOON_MS + (real_us - T0) * 60 // 1_000 + self.leap_ms

    def day(self, game_ms: int) -> TimeOfDay:
        return TimeOfDay(game_ms // 60_000 % 1_440)

    def goes_on(self, seconds: float) -> None:
        self.real_us += int(seconds * 1e6)


@dataclass
class World:
    """A world in memory, as one process has it."""

    log: MemoryLog
    clock: Clock
    runner: CommandRunner
    whereabouts: Whereabouts
    process: ProcessRunner[Any]

    async def say(
        self, command: str, /, actor: str = MARKET, id_: UUID | None = None, **payload: Any
    ) -> Reply:
        message = CommandMessage(id_ or ident(), command, payload, meta=Meta(actor=actor))
        return await self.runner(message)

    async def known(self) -> None:
        await self.whereabouts.reached((await self.log.head()).position)

    async def player(self, name: str = "ann") -> Any:
        events = await self.log.read_stream(stream_of(name))
        return PLAYER.fold([CODEC.decode(event) for event in events])  # type: ignore[misc]


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    log, clock = memory_log(), Clock()
    whereabouts = Whereabouts(log, city(), decode=CODEC.decode)
    asked = Circumstances(lambda: clock.real_us)
    asked.follow(clock, whereabouts)
    runner = CommandRunner(log, CODEC, [player_commands(asked), way_commands(asked), journey_records(asked)])
    process = ProcessRunner(
        log, runner, arrivals(clock.game_ms), decode=CODEC.decode, now_us=lambda: clock.real_us
    )
    tasks = [asyncio.create_task(whereabouts.run()), asyncio.create_task(process.run())]
    try:
        yield World(log, clock, runner, whereabouts, process)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def opened(there: World, player: str = "ann", place: str = "quay") -> None:
    await there.say("session.open", player=player)
    await there.say("places.enter", player=player, session=1, place=place)


async def test_a_journey_over_several_ways_ends_by_itself() -> None:
    async with world() as there:
        await opened(there)
        reply = await there.say("places.depart", player="ann", session=1, to="lane")
        assert reply.result["places"] == ["quay", "square", "lane"]
        there.clock.goes_on(2.4)
        await until(lambda: there.process.position == 3)
        await there.process.react(tick_us=there.clock.real_us)
        assert (await there.player()).place == "", "not yet"
        there.clock.goes_on(0.1)
        await until(lambda: _is_in(there, "lane"))
        assert [event.type for event in await there.log.read_stream("player-ann")] == [
            "session.opened",
            "places.entered",
            "places.departed",
            "places.arrived",
        ], "two events for a journey"


async def _is_in(there: World, place: str) -> bool:
    return bool((await there.player()).place == place)


async def test_a_repeat_at_another_time_gives_the_first_result() -> None:
    async with world() as there:
        await opened(there)
        first = await there.say("places.depart", id_=ident("d"), player="ann", session=1, to="lane")
        there.clock.goes_on(30)
        await until(lambda: _is_in(there, "lane"))
        again = await there.say("places.depart", id_=ident("d"), player="ann", session=1, to="lane")
        assert (again.duplicate, again.result, again.events) == (True, first.result, first.events)
        with pytest.raises(IdConflict):
            await there.say("places.depart", id_=ident("d"), player="ann", session=1, to="quay")


async def test_closing_with_somebody_in_the_world_is_one_append_and_repeats_as_one() -> None:
    async with world() as there:
        await opened(there)
        first = await there.say("session.close", id_=ident("c"), player="ann", session=1)
        assert [event.type for event in first.events] == ["session.closed", "places.left"]
        there.clock.goes_on(5)
        await there.say("session.open", player="ann")
        again = await there.say("session.close", id_=ident("c"), player="ann", session=1)
        assert (again.duplicate, len(again.events)) == (True, 2)
        assert (await there.player()).sessions.holder == MARKET, "the second session is open still"


async def test_a_way_that_closes_ends_journeys_before_it_and_leaves_those_on_it() -> None:
    async with world() as there:
        await opened(there)
        await opened(there, "bo")
        await there.say("places.depart", player="ann", session=1, to="lane")
        there.clock.goes_on(1.5)
        await there.say("places.depart", player="bo", session=1, to="lane")
        await there.say("places.close_way", actor="operator:mira", way="b_steps", grounds="a wall fell")
        there.clock.goes_on(10)
        await until(lambda: _is_in(there, "lane"))
        await until(lambda: _bo_is_in(there, "square"))
        await there.known()
        with pytest.raises(Rejected, match="no open way"):
            await there.say("places.depart", player="bo", session=1, to="lane")
        await there.say("places.open_way", actor="operator:mira", way="b_steps")
        await until(lambda: not there.whereabouts.city.closed)
        await there.say("places.depart", player="bo", session=1, to="lane")


async def _bo_is_in(there: World, place: str) -> bool:
    return bool((await there.player("bo")).place == place)


FORGED, DAY_MS = 1_000, 86_400_000


async def test_a_thousand_forged_commands_are_refused_and_change_nothing() -> None:
    """Foreign players, closed sessions, hops faster than real time, ids of others: `1,000` of them."""
    async with world() as there:
        await opened(there)
        await there.say("session.open", player="cy")
        await there.say("session.close", player="cy", session=1)
        departed = await there.say("places.depart", id_=ident("d"), player="ann", session=1, to="square")
        there.clock.goes_on(1)
        await until(lambda: _is_in(there, "square"))
        paid = await there.say("places.depart", player="ann", session=1, to="lane")
        there.clock.leap_ms += DAY_MS
        await until(lambda: _is_in(there, "lane"))
        hop = await there.say("places.depart", player="ann", session=1, to="gate")
        there.clock.leap_ms += DAY_MS
        await until(lambda: _is_in(there, "gate"))
        assert paid.events
        assert hop.events
        before = await there.log.head()
        refused = 0
        for n in range(FORGED):
            forged: list[tuple[str, str, dict[str, Any]]] = [
                (STATION, "places.depart", {"player": "ann", "session": 1, "to": "quay"}),
                (STATION, "places.turn_back", {"player": "ann", "session": 1}),
                (STATION, "session.close", {"player": "ann", "session": 1}),
                (STATION, "session.open", {"player": "ann"}),
                (MARKET, "places.depart", {"player": "ann", "session": 1 + n % 5 + 1, "to": "quay"}),
                (MARKET, "places.enter", {"player": "cy", "session": 1, "place": "quay"}),
                (MARKET, "places.depart", {"player": "ann", "session": 1, "to": "lane"}),
                (MARKET, "places.enter", {"player": "ann", "session": 1, "place": "quay"}),
                ("", "session.open", {"player": f"p{n}"}),
                (STATION, "places.depart", {"player": "ann", "session": 1, "to": "square"}),
            ]
            actor, command, payload = forged[n % len(forged)]
            id_ = ident("d") if n % len(forged) == len(forged) - 1 else uuid5(SPACE, f"forged {n}")
            with pytest.raises((Rejected, IdConflict)):
                await there.say(command, actor=actor, id_=id_, **payload)
            refused += 1
        assert refused == FORGED
        assert await there.log.head() == before
        assert departed.events


def test_limits_are_of_a_player_and_a_sender_and_say_when_to_come_again() -> None:
    now = [0.0]
    limits = PlayerLimits(lambda: now[0])
    for _ in range(20):
        limits.take(MARKET, "ann")
    with pytest.raises(OverAllowance) as refusal:
        limits.take(MARKET, "ann")
    assert refusal.value.retry_after_ms == 200
    limits.take(MARKET, "bo")
    limits.take(STATION, "ann")
    now[0] += 0.2
    limits.take(MARKET, "ann")


def test_who_plays_day_and_night_is_held_by_the_long_bucket() -> None:
    now = [0.0]
    limits = PlayerLimits(lambda: now[0])
    taken = 0
    for _ in range(3_000):
        now[0] += 0.25
        with suppress(OverAllowance):
            limits.take(MARKET, "ann")
            taken += 1
    assert taken == 600 + 749, "what is left at first, and one for each second since"
