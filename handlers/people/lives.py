"""Everybody's lives, read from the log."""

from bus.codec import EventCodec
from bus.ports import EventLog
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
    while True:
        page = await log.read_stream(STREAM, after=version, limit=PAGE)
        for recorded in page:
            event = codec.decode(recorded)
            if not isinstance(event, KNOWN):
                what = f"{recorded.type} version {recorded.schema_version}"
                raise TooOld(f"{what} is not known here; upgrade this program")
            people.evolve(event)
            version = recorded.version
        if len(page) < PAGE:
            return people, version
