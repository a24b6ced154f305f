"""Everybody's lives, read from the log."""

from bus.codec import EventCodec, UnknownEvent
from bus.ports import EventLog
from bus.read_ahead import stream_ahead
from domain.kernel.event import Event
from domain.people.lives import People
from domain.people.messages import (
    STREAM,
    PeopleLed,
    PeopleSkipped,
    PersonDecided,
    PersonFled,
    PersonGone,
    PersonJoined,
    PersonTold,
)
from domain.places.messages import Arrived, Departed, Entered, JourneyCut, Left

PAGE = 2_000
KNOWN = (
    PeopleLed,
    PeopleSkipped,
    PersonDecided,
    PersonFled,
    PersonGone,
    PersonJoined,
    PersonTold,
    Arrived,
    Departed,
    Entered,
    JourneyCut,
    Left,
)
"""Events of the people's stream."""


class TooOld(Exception):
    """The stream holds an event that this program does not know: what is decided without it may be wrong."""


async def read_lives(log: EventLog, codec: EventCodec) -> tuple[People, int]:
    """Return everybody's lives as the log tells them, and the version of the stream.

    Raises:
        TooOld: it has what this program cannot read.
        LogUnavailable: it is away.
    """
    people, version = People(), 0
    evolve, known = people.evolve, frozenset(KNOWN)
    async with stream_ahead(log, STREAM, limit=PAGE) as pages:
        async for page in pages:
            for event in codec.decode_page(page):
                if type(event) not in known:
                    raise TooOld(f"{_name(event)} is not known here; upgrade this program")
                evolve(event)
            version += len(page)
    return people, version


def _name(event: Event) -> str:
    if isinstance(event, UnknownEvent):
        return f"{event.type} version {event.schema_version}"
    return f"{event.event_name} in {STREAM}"
