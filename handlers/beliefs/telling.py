"""Takes what players say: who may say it, who hears it, what it claims; and records that they said so."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bus.codec import EventCodec
from bus.ports import EventLog
from domain.beliefs.ground import ground_of
from domain.beliefs.messages import CLAIMS_MAX, ClaimTold, Tell
from domain.beliefs.telling import (
    TELLING,
    Audience,
    RecordTold,
    claimed,
    explains,
    hearers,
    said_of,
    stream_of,
)
from domain.beliefs.words import Reader, reader
from domain.definition.definition import Definition
from domain.kernel.decider import Rejected
from domain.kernel.parse import parse
from domain.places.moving import Player
from domain.places.moving import stream_of as player_stream
from domain.session.authority import held
from handlers.kernel.commands import Binding, CommandRunner, caused_by
from protocol.messages import CommandMessage, EventRef, Reply

RECORDING: Binding[RecordTold, Any, None] = Binding(
    commands=(RecordTold,),
    stream_of=lambda command: stream_of(command.teller),
    decider=TELLING,
    explains=explains,
)


class Around(Protocol):
    """What a saying depends on beside the player's session."""

    async def audience(self, place: str) -> Audience:
        """Return who is in a place, as the log has it."""
        ...

    async def definition(self) -> Definition:
        """Return the world's definition."""
        ...

    def game_ms(self) -> int | None:
        """Return the game time; None: there is no clock."""
        ...


class Tellings:
    """Takes ``beliefs.tell``. ``players`` tells how players' streams are read."""

    def __init__(
        self, log: EventLog, codec: EventCodec, around: Around, *, players: Binding[Any, Any, Player]
    ) -> None:
        self._log = log
        self._codec = codec
        self._runner = CommandRunner(log, codec, [RECORDING])
        self._around = around
        self._players = players
        self._read: tuple[Definition, Reader] | None = None

    async def __call__(self, message: CommandMessage) -> Reply:
        """Have a player say something.

        Raises:
            Rejected: as the command's declaration tells.
            IdConflict: the command id belongs to another command.
            LogUnavailable, Fenced: the caller may retry with the same id.
        """
        command = parse(Tell, message.payload)
        player = await self._runner.recall(self._players, player_stream(command.player))
        held(player.state.sessions, message.meta.actor, command.session)
        game_ms = self._around.game_ms()
        if game_ms is None:
            remedy = "start the realm's clock: clock.start"
            raise Rejected("no_clock", "the realm has no clock yet", remedy=remedy)
        place = player.state.place
        hear = hearers(command.player, command.to, await self._around.audience(place))
        read = await self._reader()
        teller = f"player.{command.player}"
        you = hear[0] if len(hear) == 1 else ""
        given = claimed(command.claims, read.ground.vocabulary)
        said = said_of([*given, *read.read(command.text, teller, you)])[:CLAIMS_MAX]
        claims = [_shown(each) for each in said]
        result: Mapping[str, Any] = {"player": command.player, "hearers": hear, "claims": claims}
        if not said:
            return Reply(result)
        record = RecordTold(teller=teller, hearers=hear, said=said, place=place, at_ms=game_ms)
        outcome = await self._runner.execute(record, message.id, meta=caused_by(message))
        if outcome.duplicate:
            result = await self._first(command.player, outcome.events)
        return Reply(result, [*outcome.events], duplicate=outcome.duplicate)

    async def _reader(self) -> Reader:
        """Return the reader of the definition that holds; it takes some 20 ms to make, so it is kept."""
        definition = await self._around.definition()
        if self._read is None or self._read[0] is not definition:
            self._read = definition, reader(ground_of(definition))
        return self._read[1]

    async def _first(self, player: str, refs: Sequence[EventRef]) -> Mapping[str, Any]:
        """Return what a saying came to when it was recorded; who is there by now may be others."""
        after, name = refs[0].version - 1, refs[0].stream
        page = await self._log.read_stream(name, after=after, limit=len(refs))
        events = [event for event in map(self._codec.decode, page) if isinstance(event, ClaimTold)]
        claims = [_shown((event.claim, event.over)) for event in events]
        return {"player": player, "hearers": events[0].hearers, "claims": claims}


def _shown(said: tuple[str, bool]) -> Mapping[str, Any]:
    return {"claim": said[0], "over": said[1]}
