"""Discoveries ride along at the ledger's desk: what is found, believed by it and taken is one append.

The desk decides on the newest stream of the trace, at its exact version: of two who find it in the same
instant the second meets what the first left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bus.codec import EventCodec
from bus.ports import EventLog, RecordedEvent
from domain.kernel.decider import Rejected
from domain.kernel.event import Command
from domain.ledger.book import Book, Now
from domain.places.moving import Player
from domain.places.moving import stream_of as player_stream
from domain.session.authority import held
from domain.traces.finding import DISCOVERY, Asked, Find, Found, paid, result_of, stream_of
from domain.traces.messages import Discover, Discovered
from handlers.kernel.commands import Binding, CommandRunner, refs_of
from handlers.ledger.riders import Beside, Ridden, Ride
from handlers.traces.view import TracesView
from protocol.messages import CommandMessage, Reply

KINDS: Mapping[str, type[Command]] = {Discover.command_name: Discover}

DISCOVERIES: Binding[Any, Any, Found] = Binding(
    commands=(), stream_of=lambda command: stream_of(command.trace), decider=DISCOVERY
)
"""How a trace's stream is read; what is written is decided at the desk."""


@dataclass(frozen=True, slots=True)
class Discovering:
    """A command with the trace's discoveries, as the log has them, and what is to be seen."""

    command: Find
    before: Found
    version: int
    view: TracesView

    @property
    def stream(self) -> str:
        """The trace's stream."""
        return stream_of(self.command.trace)

    @property
    def streams(self) -> Sequence[str]:
        """The same."""
        return [self.stream]

    def decide(self, book: Book, now: Now) -> Ridden:
        """Return what follows; see `Ride`."""
        if now.game is None:
            remedy = "start the realm's clock: clock.start"
            raise Rejected("no_clock", "the realm has no clock yet", remedy=remedy)
        traces = self.view.traces
        trace = traces.by_id.get(self.command.trace)
        seen = traces.at_hand(trace, now.game.ms) if trace else None
        events = DISCOVERY.decide(Asked(self.command, trace, seen, now.game.ms), self.before)
        ledger = paid(events, book, now, self.view.units)
        if not events:
            return Ridden([], [], result_of(self.before.by[self.command.player], again=True))
        return Ridden([Beside(self.stream, self.version, events)], ledger, result_of(events[0]))


class TraceRider:
    """Makes discoveries ready for the desk. ``players`` tells how players' streams are read."""

    def __init__(
        self, log: EventLog, codec: EventCodec, view: TracesView, *, players: Binding[Any, Any, Player]
    ) -> None:
        self._log = log
        self._codec = codec
        self._view = view
        self._players = players
        self._runner = CommandRunner(log, codec, [])

    @property
    def commands(self) -> Mapping[str, type[Command]]:
        """Its commands by name."""
        return KINDS

    async def ready(self, message: CommandMessage, command: Command) -> Ride:
        """Read what a command needs; see `Rider`."""
        assert isinstance(command, Discover)
        player = await self._runner.recall(self._players, player_stream(command.player))
        held(player.state.sessions, message.meta.actor, command.session)
        await self._view.caught_up()
        found = await self._runner.recall(DISCOVERIES, stream_of(command.trace))
        find = Find(player=command.player, place=player.state.place, trace=command.trace)
        return Discovering(find, found.state, len(found.events), self._view)

    async def recall(self, message: CommandMessage, command: Command, first: RecordedEvent) -> Reply | None:
        """Return what a command came to; see `Rider`."""
        assert isinstance(command, Discover)
        event = self._codec.decode(first)
        if not isinstance(event, Discovered):
            return None
        if (event.trace, event.player) != (command.trace, command.player):
            return None
        refs = await refs_of(self._log, message.id, first)
        return Reply(result_of(event), refs, duplicate=True)
