"""People: whether they live, this process's readiness to lead them, and how they are."""

from functools import partial
from typing import Any

from aicore.content.sample_world import sample_definition
from aicore.settings import Settings
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.parts import Part, Parts, process_name
from bus.relay.leadership import WRITER, while_leading
from domain.clock.units import GameTime
from domain.kernel.decider import Rejected
from domain.kernel.event import Query
from domain.people.course import PEOPLE_COURSE
from domain.people.messages import COMMANDS, COURSE, CourseEvent
from domain.people.queries import KnownQuery, PeopleHereQuery, PersonQuery
from domain.people.scene import Times, day_of
from domain.places.city import TimeOfDay
from handlers.clock.view import ClockView
from handlers.kernel.commands import Binding
from handlers.people.board import PeopleBoard
from handlers.people.leader import PeopleLeader
from handlers.people.memories import PeopleMemories
from handlers.people.surroundings import Surroundings
from projections.kernel.reading import QueryHandler

LIVING: Binding[Any, CourseEvent, bool] = Binding(
    commands=COMMANDS,
    stream_of=lambda _: COURSE,
    decider=PEOPLE_COURSE,
    answer=lambda _, alive: {"alive": alive},
)


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(bindings=(LIVING,), serve={"commands": _leader, "queries": _queries})


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


async def _leader(parts: Parts) -> None:
    """Lead the people whenever no other process does."""
    around = await parts.once(surroundings), await parts.once(memories)
    realm, name = parts.system.realm, process_name()
    leader = PeopleLeader(parts.log, parts.codec, around, realm=realm, name=name)
    dsn = parts.system.dsn_of(WRITER)
    await parts.background(while_leading(dsn, realm, leader.lead, work="people", name=name))


async def _queries(parts: Parts) -> None:
    clock = await parts.once(clock_in_memory)
    board = PeopleBoard(
        parts.log,
        await parts.once(surroundings),
        decode=parts.codec.decode,
        game_ms=lambda: clock.clock.line.at(clock.now()).ms if clock.clock else 0,
    )
    await parts.view(board)
    answers: dict[type[Query], QueryHandler] = {
        PersonQuery: board.answer_person,
        PeopleHereQuery: board.answer_here,
        KnownQuery: (await parts.once(memories)).answer,
    }
    parts.served.queries |= answers
