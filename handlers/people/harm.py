"""Harm rides along at the ledger's desk: a wound, a death and what is left, a theft, are one append each.

The desk decides on the newest stream of whom it is done to, at its exact version: of two who strike in the
same instant the second meets what the first left.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bus.codec import EventCodec
from bus.ports import EventLog, RecordedEvent
from domain.kernel.decider import Rejected
from domain.kernel.event import Command
from domain.kernel.parse import parse
from domain.ledger.book import Book, Now
from domain.people.belongings import moved
from domain.people.harm import HARM, PLAYER, Asked, Body, shown, stream_of
from domain.people.harm_messages import (
    HARM_COMMANDS,
    Afflict,
    HarmCommand,
    Harmed,
    HarmSomebody,
    HealthQuery,
    Robbed,
    Take,
)
from domain.places.moving import Player
from domain.places.moving import stream_of as player_stream
from domain.session.authority import held
from handlers.kernel.commands import Binding, CommandRunner, refs_of
from handlers.ledger.riders import Beside, Ridden, Ride
from protocol.messages import CommandMessage, Reply

KINDS: Mapping[str, type[Command]] = {kind.command_name: kind for kind in HARM_COMMANDS}
STALL = "stall."

BODIES: Binding[Any, Any, Body] = Binding(commands=(), stream_of=stream_of, decider=HARM)
"""How a body's stream is read; what is written is decided at the desk."""


class There(Protocol):
    """Where everybody is."""

    def place_of(self, who: str) -> str:
        """Return the place of somebody, by the id that events of places have; "" at none."""
        ...

    async def caught_up(self) -> None:
        """Return once all that the log has is known."""
        ...


@dataclass(frozen=True, slots=True)
class HarmRide:
    """A command with whom it is done to, as the log has them, and where everybody is."""

    command: HarmCommand
    before: Body
    version: int
    by_place: str
    place: str

    @property
    def who(self) -> str:
        """To whom it is done."""
        return _who(self.command)

    @property
    def stream(self) -> str:
        """Their stream."""
        return stream_of(self.who)

    @property
    def streams(self) -> Sequence[str]:
        """The same."""
        return [self.stream]

    def decide(self, book: Book, now: Now) -> Ridden:
        """Return what follows; see `Ride`."""
        if now.game is None:
            remedy = "start the realm's clock: clock.start"
            raise Rejected("no_clock", "the realm has no clock yet", remedy=remedy)
        asked = Asked(self.command, self.by_place, self.place, now.game.ms)
        events = HARM.decide(asked, self.before)
        ledger = moved(events, book, now)
        told = result_of(self.command, HARM.fold(events, self.before), now.game.ms)
        return Ridden([Beside(self.stream, self.version, events)], ledger, told)


class HarmRider:
    """Makes commands of harm ready for the desk. ``players`` tells how players' streams are read."""

    def __init__(
        self, log: EventLog, codec: EventCodec, there: There, *, players: Binding[Any, Any, Player]
    ) -> None:
        self._log = log
        self._codec = codec
        self._there = there
        self._players = players
        self._runner = CommandRunner(log, codec, [])

    @property
    def commands(self) -> Mapping[str, type[Command]]:
        """Its commands by name."""
        return KINDS

    async def ready(self, message: CommandMessage, command: Command) -> Ride:
        """Read what a command needs; see `Rider`."""
        assert isinstance(command, HarmCommand)
        by_place = await self._by_place(command, message.meta.actor)
        await self._there.caught_up()
        who = _who(command)
        body = await self._runner.recall(BODIES, stream_of(who))
        return HarmRide(command, body.state, len(body.events), by_place, place_of(who, self._there))

    async def _by_place(self, command: HarmCommand, actor: str) -> str:
        """Return where the player is that does it.

        Raises:
            Rejected: ``no_session``, ``not_your_session``, ``session_over``.
        """
        if isinstance(command, Afflict):
            return ""
        player = await self._runner.recall(self._players, player_stream(command.player))
        held(player.state.sessions, actor, command.session)
        return player.state.place

    async def recall(self, message: CommandMessage, command: Command, first: RecordedEvent) -> Reply | None:
        """Return what a command came to; see `Rider`."""
        assert isinstance(command, HarmCommand)
        event = self._codec.decode(first)
        if not _came_of(command, event):
            return None
        assert isinstance(event, Harmed | Robbed)
        refs = await refs_of(self._log, message.id, first)
        mine = sum(each.stream == first.stream for each in refs)
        recorded = await self._log.read_stream(first.stream, after=first.version - 1, limit=mine)
        events: list[Any] = [self._codec.decode(each) for each in recorded]
        body = HARM.fold(events)
        return Reply(result_of(command, body, event.at_ms), refs, duplicate=True)


class HealthAnswer:
    """Answers how somebody is, from their stream."""

    def __init__(self, log: EventLog, codec: EventCodec, game_ms: Callable[[], int]) -> None:
        self._log = log
        self._runner = CommandRunner(log, codec, [])
        self._game_ms = game_ms

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``people.health``."""
        asked = parse(HealthQuery, query)
        head = await self._log.head()
        body = await self._runner.recall(BODIES, stream_of(asked.who))
        return shown(asked.who, body.state, self._game_ms()), head.position


def place_of(who: str, there: There) -> str:
    """Return where somebody or something is: a stall is its place."""
    if who.startswith(STALL):
        return who.removeprefix(STALL)
    return there.place_of(who.removeprefix(PLAYER))


def result_of(command: HarmCommand, body: Body, now_ms: int) -> Mapping[str, Any]:
    """Return what who asked is told."""
    if isinstance(command, Take):
        return {"of": command.of, "unit": command.unit, "amount": command.amount}
    return {
        "who": command.who,
        "health": body.health_at(now_ms),
        "whole_ms": body.whole_ms(),
        "dead": body.died is not None,
    }


def _who(command: HarmCommand) -> str:
    return command.of if isinstance(command, Take) else command.who


def _came_of(command: HarmCommand, event: Any) -> bool:
    """Say whether an event may be the first of those that a command led to."""
    match command, event:
        case HarmSomebody(), Harmed():
            return (command.who, PLAYER + command.player, command.how) == (event.who, event.by, event.how)
        case Afflict(), Harmed():
            return (command.who, None, command.how) == (event.who, event.by, event.how)
        case Take(), Robbed():
            mine = command.of, PLAYER + command.player, command.unit, command.amount
            return mine == (event.of, event.by, event.unit, event.amount)
        case _:
            return False
