"""Takes promises: who may make one to whom, of what the world has; and who may let somebody off."""

from collections.abc import Callable
from typing import Any, Protocol

from bus.codec import EventCodec
from bus.ids import derived_id
from bus.ports import EventLog
from domain.definition.definition import Definition
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.places.moving import Player
from domain.places.moving import stream_of as player_stream
from domain.promises.making import Scene, see_makeable
from domain.promises.messages import MakePromise, PromiseMade, PromiseReleased, ReleasePromise, stream_of
from domain.promises.promises import (
    PROMISES,
    Asked,
    Given,
    RecordPromise,
    RecordRelease,
    SettlePromise,
)
from domain.session.authority import held
from handlers.kernel.commands import Binding, CommandRunner, caused_by
from protocol.messages import CommandMessage, Reply


def _stream(command: Asked) -> str:
    return stream_of(command.made.by if isinstance(command, RecordPromise) else command.by)


def _explains(command: Asked, event: Event) -> bool:
    """Return whether an event may be what a command led to when it first came; places and times differ."""
    match command, event:
        case RecordPromise(), PromiseMade():
            made = command.made
            return event.model_copy(update={"place": made.place, "at_ms": made.at_ms}) == made
        case RecordRelease(), PromiseReleased():
            return (event.promise, event.to) == (command.promise, command.to)
        case _:
            return isinstance(command, SettlePromise)


PROMISING: Binding[Any, Any, Given] = Binding(
    commands=(RecordPromise, RecordRelease, SettlePromise),
    stream_of=_stream,
    decider=PROMISES,
    explains=_explains,
)


class Around(Protocol):
    """What a promise depends on beside the player's session."""

    async def scene(self, who: str) -> Scene:
        """Return where somebody is, and who else."""
        ...

    async def definition(self) -> Definition:
        """Return the world's definition."""
        ...

    def game_ms(self) -> int | None:
        """Return the game time; None: there is no clock."""
        ...


class Promising:
    """Takes ``promises.make`` and ``promises.release``.

    ``players`` tells how players' streams are read; ``allow`` counts what comes for a player from whom.
    """

    def __init__(
        self,
        log: EventLog,
        codec: EventCodec,
        around: Around,
        *,
        players: Binding[Any, Any, Player],
        allow: Callable[[str, str], None],
    ) -> None:
        self._log = log
        self._allow = allow
        self._runner = CommandRunner(log, codec, [PROMISING])
        self._around = around
        self._players = players

    async def __call__(self, message: CommandMessage) -> Reply:
        """Have somebody promise, or let somebody off.

        Raises:
            Rejected: as the commands' declarations tell.
            IdConflict: the command id belongs to another command.
            OverAllowance: too much comes for the player.
            LogUnavailable, Fenced: the caller may retry with the same id.
        """
        if message.command == MakePromise.command_name:
            return await self._make(message)
        return await self._release(message)

    async def _make(self, message: CommandMessage) -> Reply:
        asked = parse(MakePromise, message.payload)
        await self._see_session(message, asked.by, asked.session)
        now_ms, scene = self._now_ms(), await self._around.scene(asked.by)
        promise = message.id.hex
        terms = asked.model_dump(exclude={"session"})
        made = PromiseMade(promise=promise, **terms, place=scene.place or "nowhere", at_ms=now_ms)
        if await self._log.find(derived_id(message.id, 0)) is None:  # of a repeat nothing is asked anew
            see_makeable(asked, scene, await self._around.definition(), now_ms)
        return await self._run(RecordPromise(made=made), message, promise)

    async def _release(self, message: CommandMessage) -> Reply:
        asked = parse(ReleasePromise, message.payload)
        await self._see_session(message, asked.to, asked.session)
        record = RecordRelease(promise=asked.promise, by=asked.by, to=asked.to, at_ms=self._now_ms())
        return await self._run(record, message, asked.promise)

    async def _run(self, record: Asked, message: CommandMessage, promise: str) -> Reply:
        outcome = await self._runner.execute(record, message.id, meta=caused_by(message))
        return Reply({"promise": promise}, [*outcome.events], duplicate=outcome.duplicate)

    async def _see_session(self, message: CommandMessage, who: str, session: int | None) -> None:
        kind, _, id_ = who.partition(".")
        if kind == "player":
            self._allow(message.meta.actor, id_)
            player = await self._runner.recall(self._players, player_stream(id_))
            held(player.state.sessions, message.meta.actor, session or 0)

    def _now_ms(self) -> int:
        game_ms = self._around.game_ms()
        if game_ms is None:
            remedy = "start the realm's clock: clock.start"
            raise Rejected("no_clock", "the realm has no clock yet", remedy=remedy)
        return game_ms
