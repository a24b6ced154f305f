"""Why a person of the world did something, from the log alone."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aicore.audit.reading import events_until
from bus.codec import EventCodec
from bus.ports import EventLog, RecordedEvent
from domain.clock.almanac import Almanac
from domain.clock.clock import Clock, follow
from domain.clock.messages import EVENTS as CLOCK_EVENTS
from domain.clock.messages import ClockEvent
from domain.clock.units import RealTime
from domain.definition.definition import Definition
from domain.kernel.event import Event
from domain.people.explain import Explained, explain
from domain.people.lives import People
from domain.people.messages import STREAM, PersonDecided
from domain.people.outside import KINDS, Outside
from domain.people.scene import Times, World, day_of
from domain.places.city import city_of

PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Told:
    """A decision explained, and where it stands in the log."""

    position: int
    version: int
    explained: Explained


class NothingDecided(Exception):
    """The log has no decision of that person up to there."""


async def explain_person(
    log: EventLog, codec: EventCodec, person: str, *, at: int | None, otherwise: Callable[[], Definition]
) -> Told:
    """Return why somebody did what they did at a position of the log, or did last.

    Args:
        log: the log.
        codec: reads its events.
        person: their id.
        at: position of the log; None: its end.
        otherwise: returns the definition that holds where none was loaded.

    Raises:
        NothingDecided: nothing is known of such a decision.
    """
    found, first = await _found(log, codec, person, at)
    people, before = People(), list[Event]()
    async for recorded in _stream(log):
        if recorded.version >= found.version:
            break
        event = codec.decode(recorded)
        if recorded.version < first:
            people.evolve(event)
        else:
            before.append(event)
    decided = codec.decode(found)
    assert isinstance(decided, PersonDecided)
    world = await _world(log, codec, decided.known, found.position, otherwise)
    if person not in people.lives or person not in world.cast.rows:
        raise NothingDecided
    return Told(found.position, found.version, explain(people, world, before, decided))


async def _found(log: EventLog, codec: EventCodec, person: str, at: int | None) -> tuple[RecordedEvent, int]:
    """Return somebody's last decision up to a position, and the version of that minute's first one."""
    found: tuple[RecordedEvent, int] | None = None
    minute, first = -1, 0
    async for recorded in _stream(log):
        if at is not None and recorded.position > at:
            break
        if recorded.type != PersonDecided.event_name:
            continue
        event = codec.decode(recorded)
        assert isinstance(event, PersonDecided)
        if event.at_ms != minute:
            minute, first = event.at_ms, recorded.version
        if event.person == person:
            found = recorded, first
    if found is None:
        raise NothingDecided
    return found


async def _stream(log: EventLog) -> AsyncIterator[RecordedEvent]:
    after = 0
    while page := await log.read_stream(STREAM, after=after, limit=PAGE):
        for recorded in page:
            yield recorded
        after = page[-1].version


async def _world(
    log: EventLog, codec: EventCodec, known: int, position: int, otherwise: Callable[[], Definition]
) -> World:
    """Return the world as it was known up to a position."""
    outside = Outside()
    async for recorded in events_until(log, [kind.event_name for kind in KINDS], known):
        if recorded.stream != STREAM:
            outside.apply(codec.decode(recorded))
    definition = outside.definition(otherwise())
    city = city_of(definition).with_closed(frozenset(outside.closed))
    clock: Clock | None = None
    async for recorded in events_until(log, [kind.event_name for kind in CLOCK_EVENTS], position):
        event = codec.decode(recorded)
        if isinstance(event, ClockEvent):
            clock = follow(clock, event, RealTime(recorded.recorded_us))
    almanac = clock.almanac if clock else Almanac(definition.calendar)
    world = World(definition, city, Times(lambda ms: day_of(almanac, ms), lambda _: 0))
    return world.harmed(outside.dangers, outside.dead)
