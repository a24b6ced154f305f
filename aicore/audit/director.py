"""What was played for whom, and why nothing is played now: folded from the log, up to any position."""

from collections.abc import AsyncIterator, Callable, Sequence

from aicore.audit.reading import events_until
from bus.codec import EventCodec
from bus.ports import EventLog
from domain.clock.clock import follow
from domain.clock.messages import EVENTS as CLOCK_EVENTS
from domain.clock.messages import ClockEvent
from domain.clock.units import RealTime
from domain.definition.definition import Definition
from domain.director.direction import Direction, Told
from domain.director.explaining import Silence, silence_of
from domain.director.messages import EVENTS, STREAM, DirectorEvent
from domain.director.seen_world import SeenWorld
from domain.director.stage import Stage
from domain.story.messages import LineSaid
from handlers.beliefs.view import BeliefsView, FactsView
from handlers.director.view import DirectorView

PAGE = 2_000


class NothingKnown(Exception):
    """The log does not say where that player is, or there is no clock."""


async def silence(  # noqa: PLR0913 - each is one thing that it needs
    log: EventLog,
    codec: EventCodec,
    player: str,
    *,
    at: int | None,
    now_us: int,
    otherwise: Callable[[], Definition],
    most: int,
) -> Silence:
    """Return why nothing is played for a player at a position of the log, or now.

    Raises:
        NothingKnown: the player is nowhere, or there is no clock.
    """
    beliefs = FactsView(log, otherwise(), decode=codec.decode)
    view = DirectorView(log, otherwise, decode=codec.decode)
    direction, clock, last_us, position = Direction(), None, now_us, 0
    heard = {*beliefs.types, *view.types, *_OTHERS}
    async for recorded in events_until(log, [*BeliefsView.types, *heard], at):
        position, last_us = recorded.position, recorded.recorded_us
        if recorded.type not in heard:
            continue
        event = codec.decode(recorded)
        if isinstance(event, ClockEvent):
            clock = follow(clock, event, RealTime(recorded.recorded_us))
        if isinstance(event, EVENTS):
            direction.evolve(event)
        if recorded.type in beliefs.types:
            beliefs.apply(event, recorded)
        if recorded.type in view.types:
            view.apply(event, recorded)
    if clock is None:
        raise NothingKnown
    now_ms = clock.line.at(RealTime(now_us if at is None else last_us)).ms
    contents = view.contents
    seed = contents[contents.version].definition.world.seed
    world = SeenWorld(beliefs.beliefs, view.newsroom, clock.almanac, position, contents.people())
    if not world.place_of(player):
        raise NothingKnown
    stage = Stage(direction, contents, contents.version, world, seed)
    return silence_of(stage, position, player, now_ms, most)


async def direction_of(log: EventLog, codec: EventCodec) -> Direction:
    """Return what is played, and what was."""
    direction = Direction()
    async for event in told(log, codec):
        direction.evolve(event)
    return direction


async def told(log: EventLog, codec: EventCodec, after: int = 0) -> AsyncIterator[DirectorEvent]:
    """Yield the director's events after a version of its stream."""
    while page := await log.read_stream(STREAM, after=after, limit=PAGE):
        for recorded in page:
            event = codec.decode(recorded)
            if isinstance(event, EVENTS):
                yield event
        after = page[-1].version


async def played(
    log: EventLog, codec: EventCodec, after: int = 0
) -> AsyncIterator[tuple[int, DirectorEvent | LineSaid]]:
    """Yield the director's events and the lines of scenes after a position of the log, each with its own."""
    types = tuple(kind.event_name for kind in (*EVENTS, LineSaid))
    async for recorded in events_until(log, types, None, after):
        event = codec.decode(recorded)
        if isinstance(event, EVENTS) or (isinstance(event, LineSaid) and event.scene):
            yield recorded.position, event


def arcs_of(told_: Told) -> Sequence[tuple[str, str, str]]:
    """Return a player's arcs: id, where it is or how it ended, who plays it."""
    running = [
        (run.arc, run.beat, ", ".join(f"{role} {who}" for role, who in run.cast.items()))
        for run in told_.runs.values()
    ]
    return [*running, *((arc, f"ended: {end}", "") for arc, end in told_.ended.items())]


_OTHERS = tuple(kind.event_name for kind in (*CLOCK_EVENTS, *EVENTS))
