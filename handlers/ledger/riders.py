"""Whose commands the desk decides beside the ledger's own: their events and its transfers are one append.

A context that pays or takes for what happens in it rides along: the desk asks it what follows on the newest
ledger, and appends its streams and the ledger's together, or none of them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bus.ports import RecordedEvent
from domain.kernel.event import Command, Event
from domain.ledger.book import Book, Now
from domain.ledger.messages import LedgerEvent
from protocol.messages import CommandMessage, Reply


@dataclass(frozen=True, slots=True)
class Beside:
    """Events of another stream.

    Attributes:
        stream: whose they are.
        version: of the stream as it was read.
        events: what is appended, if it is still so.
    """

    stream: str
    version: int
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Ridden:
    """What a command of another context comes to.

    Attributes:
        beside: its events; those of one stream together.
        ledger: the ledger's that go with them.
        result: what its caller is told.
    """

    beside: Sequence[Beside]
    ledger: Sequence[LedgerEvent]
    result: Mapping[str, Any]


class Ride(Protocol):
    """A command with all that was read for it, but the ledger."""

    @property
    def stream(self) -> str:
        """The stream that it is about."""
        ...

    @property
    def version(self) -> int:
        """Version of the stream, as it was read."""
        ...

    @property
    def streams(self) -> Collection[str]:
        """Every stream that it may write, the one that it is about among them."""
        ...

    def decide(self, book: Book, now: Now) -> Ridden:
        """Return what follows.

        Raises:
            Rejected: as the command's declaration tells.
        """
        ...


class Rider(Protocol):
    """A context that rides along."""

    @property
    def commands(self) -> Mapping[str, type[Command]]:
        """Its commands by name."""
        ...

    async def ready(self, message: CommandMessage, command: Command) -> Ride:
        """Read what a command needs.

        Raises:
            Rejected: its sender may not send it.
            LogUnavailable: the log cannot be asked.
        """
        ...

    async def recall(self, message: CommandMessage, command: Command, first: RecordedEvent) -> Reply | None:
        """Return what a command came to whose first event is there; None: the event is of another one."""
        ...
