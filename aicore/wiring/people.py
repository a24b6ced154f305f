"""People: whether they live, this process's readiness to lead them, and how they are."""

from functools import partial
from typing import Any

from aicore.content.sample_world import sample_definition
from aicore.settings import Settings
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.ledger import ledger_desk
from aicore.wiring.market import stalls_in_memory
from aicore.wiring.market import surroundings as market_surroundings
from aicore.wiring.parts import Part, Parts
from aicore.wiring.places import player_limits, whereabouts
from domain.clock.units import GameTime
from domain.kernel.decider import Rejected
from domain.kernel.event import Query
from domain.ledger.book import STREAM as LEDGER
from domain.people.course import PEOPLE_COURSE
from domain.people.harm_messages import HarmSomebody, HealthQuery, Take
from domain.people.messages import COMMANDS, COURSE, CourseEvent
from domain.people.queries import KnownQuery, PeopleHereQuery, PersonQuery
from domain.people.scene import Times, day_of
from domain.places.city import TimeOfDay
from domain.places.moving import PLAYER, stream_of
from handlers.clock.view import ClockView
from handlers.kernel.commands import Binding
from handlers.market.access import Access
from handlers.market.orders import Orders
from handlers.people.board import PeopleBoard
from handlers.people.harm import KINDS, HarmRider, HealthAnswer
from handlers.people.leader import PeopleLeader
from handlers.people.memories import PeopleMemories
from handlers.people.purser import Purser
from handlers.people.surroundings import Surroundings
from projections.kernel.reading import QueryHandler

LIVING: Binding[Any, CourseEvent, bool] = Binding(
    commands=COMMANDS,
    stream_of=lambda _: COURSE,
    decider=PEOPLE_COURSE,
    answer=lambda _, alive: {"alive": alive},
)
PLAYERS: Binding[Any, Any, Any] = Binding(
    commands=(), stream_of=lambda command: stream_of(command.player), decider=PLAYER
)
"""How players' streams are read, for who holds their session and where they are."""


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(
        bindings=(LIVING,),
        serve={"commands": _commands, "queries": _queries},
        lanes=dict.fromkeys(KINDS, LEDGER),
    )


def day_by(clock: ClockView, game_ms: int) -> TimeOfDay:
    """Return what a clock on the wall shows at a game time.

    Raises:
        Rejected: ``no_clock``.
    """
    if clock.clock is None:
        raise Rejected("no_clock", "the realm has no clock yet", remedy="start one: clock.start")
    return day_of(clock.clock.almanac, game_ms)


def real_us_of(clock: ClockView, game_ms: int) -> int:
    """Return when it is a game time, or was at the latest, in µs since 1970; 0 without a clock."""
    line = clock.clock.line if clock.clock else None
    when = line.when(GameTime(game_ms)) if line else None
    return when.us if when else (line.real.us if line else 0)


async def surroundings(parts: Parts) -> Surroundings:
    """Open the world that people decide by (`Parts.once`)."""
    clock = await parts.once(clock_in_memory)
    return await parts.view(
        Surroundings(
            parts.log,
            clock,
            sample_definition,
            Times(partial(day_by, clock), partial(real_us_of, clock)),
            decode=parts.codec.decode,
        )
    )


async def memories(parts: Parts) -> PeopleMemories:
    """Open what everybody knows (`Parts.once`)."""
    return await parts.view(PeopleMemories(parts.log, decode=parts.codec.decode))


async def _commands(parts: Parts) -> None:
    """Have the ledger's desk decide on harm; lead the people whenever no other process does."""
    desk, limits = await parts.once(ledger_desk), await parts.once(player_limits)
    desk.carry(HarmRider(parts.log, parts.codec, await parts.once(whereabouts), players=PLAYERS))
    parts.served.commands |= dict.fromkeys(KINDS, desk)
    for kind in (HarmSomebody, Take):
        parts.served.commands[kind.command_name] = limits.before(desk)
    await _leader(parts)


async def _leader(parts: Parts) -> None:
    around = await parts.once(surroundings), await parts.once(memories)
    realm, name = parts.system.realm, parts.name
    stalls, desk = await parts.once(stalls_in_memory), await parts.once(ledger_desk)
    access = Access(parts.log, parts.codec, stalls, desk)
    purser = Purser(access, Orders(access, await parts.once(market_surroundings)), realm=realm)
    leader = PeopleLeader(parts.log, parts.codec, around, realm=realm, name=name, purser=purser)
    await parts.lead("people", leader, *around, around[0].clock, stalls)


async def people_board(parts: Parts) -> PeopleBoard:
    """Open how everybody is (`Parts.once`)."""
    clock = await parts.once(clock_in_memory)

    def game_ms() -> int:
        return clock.clock.line.at(clock.now()).ms if clock.clock else 0

    around = await parts.once(surroundings)
    return await parts.view(PeopleBoard(parts.log, around, decode=parts.codec.decode, game_ms=game_ms))


async def _queries(parts: Parts) -> None:
    clock, board = await parts.once(clock_in_memory), await parts.once(people_board)

    def game_ms() -> int:
        return clock.clock.line.at(clock.now()).ms if clock.clock else 0

    answers: dict[type[Query], QueryHandler] = {
        PersonQuery: board.answer_person,
        PeopleHereQuery: board.answer_here,
        KnownQuery: (await parts.once(memories)).answer,
        HealthQuery: HealthAnswer(parts.log, parts.codec, game_ms).answer,
    }
    parts.served.queries |= answers
