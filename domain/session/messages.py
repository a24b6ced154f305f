"""Events and commands of sessions. Names and versions of events are storage format: they stay for ever."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from domain.kernel.event import Command, Event
from domain.kernel.roles import GRANTED, OPERATOR
from domain.kernel.visibility import Private
from domain.kernel.vocabulary import COUNT_MAX, Text, TimeUs

PlayerId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-]{1,128}$", description="Id of the player; an id, never a name."),
]
SessionNumber = Annotated[
    int, Field(ge=1, le=COUNT_MAX, description="Number of the player's session: 1, 2, 3, …")
]
Build = Annotated[
    Text, Field(max_length=128, description="Build of the player's game client, as the service tells it.")
]
Holder = Annotated[
    Text,
    Field(
        max_length=128, description="Identity that its connection proved, {kind}:{name}; acts for the player."
    ),
]
CloseReason = Annotated[
    Literal["asked", "operator"],
    Field(description="asked: by the service that held it; operator: by one, for it."),
]
At = Annotated[TimeUs, Field(description="Real time at which it was decided.")]


class SessionOpened(Event, name="session.opened", version=1):
    """A service acts for a player from now on."""

    player: PlayerId
    session: SessionNumber
    service: Annotated[Holder, Private()]
    build: Annotated[Build, Private()] = ""
    at_us: At

    example: ClassVar = {
        "player": "ann",
        "session": 3,
        "service": "service:market",
        "build": "0.9.2-linux",
        "at_us": 1_790_000_000_000_000,
    }


class SessionClosed(Event, name="session.closed", version=1):
    """Nobody acts for the player any more; who was in the world is out of it."""

    player: PlayerId
    session: SessionNumber
    reason: CloseReason
    at_us: At

    example: ClassVar = {
        "player": "ann",
        "session": 3,
        "reason": "asked",
        "at_us": 1_790_000_900_000_000,
    }


class OpenSession(Command, name="session.open", may=(GRANTED, OPERATOR)):
    """Act for a player: commands for them are taken from this connection's identity alone, until it closes.

    The result is {player, session, place, last}: where the player is, or "", and where they come back. If the
    same identity has a session open, it is that one. Refused with
    ``session_held`` while another identity has one, ``no_identity`` where a connection proves none,
    ``no_clock`` before the world's clock was started.
    """

    player: PlayerId
    build: Build = ""

    example: ClassVar = {"player": "ann", "build": "0.9.2-linux"}


class CloseSession(Command, name="session.close", may=(GRANTED, OPERATOR)):
    """Stop acting for a player; an operator may close anybody's. The player leaves the world.

    Refused with ``no_session`` and ``not_your_session``.
    """

    player: PlayerId
    session: SessionNumber

    example: ClassVar = {"player": "ann", "session": 3}
