"""Barks: proposals are read and kept in memory; what a writer takes becomes part of the corpus."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from bus.codec import EventCodec
from bus.ids import derived_id
from bus.ports import EventLog, RecordedEvent
from domain.beliefs.ground import ground_of
from domain.definition.definition import Definition
from domain.kernel.decider import Rejected
from domain.kernel.event import Event
from domain.kernel.parse import parse
from domain.story.barks import (
    BARKS,
    CONSIDERING,
    STREAM,
    Bank,
    BarkDeclined,
    BarkEvent,
    BarkProposed,
    BarksQuery,
    BarkTaken,
    Considered,
    DeclineBark,
    ProposeBark,
    TakeBark,
    Waiting,
    explains,
    pair_of,
    read_bark,
)
from domain.story.language import Language, with_names
from domain.story.mouth import Mouth
from domain.story.pin_reading import read_pin
from domain.story.verdicts import Judge, LineRejected
from handlers.kernel.commands import Binding, CommandRunner, caused_by
from handlers.kernel.follow import Decode, MemoryView
from handlers.story.pinning import Writing
from handlers.story.verdicts import JUDGED
from protocol.messages import CommandMessage, Reply

CONSIDERED: Binding[Considered, BarkEvent, Waiting] = Binding(
    commands=(Considered,), stream_of=lambda _: STREAM, decider=CONSIDERING, explains=explains
)


class BarkBoard(MemoryView):
    """Run `run` in a task; `bank` is what was proposed and taken."""

    name: ClassVar[str] = "story_barks"
    types: ClassVar[tuple[str, ...]] = tuple(kind.event_name for kind in (*BARKS, BarkTaken, LineRejected))

    def __init__(self, log: EventLog, *, decode: Decode) -> None:
        super().__init__(log, decode=decode)
        self.bank = Bank()

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        if isinstance(event, LineRejected):
            self.bank = self.bank.without(event.lines)
        else:
            self.bank = self.bank.after(event)

    async def answer(self, query: Mapping[str, Any]) -> tuple[Any, int]:
        """Answer the query ``story.barks``."""
        parse(BarksQuery, query)
        rows = [
            {**each.model_dump(mode="json", exclude={"operator", "reason"}), "state": state}
            for state, barks in (("proposed", self.bank.waiting), ("taken", self.bank.taken))
            for each in reversed([*barks.values()])
        ]
        return {"barks": [{"maker": "", **row} for row in rows]}, self.position


class Barks:
    """Takes ``story.propose_bark``, ``take_bark`` and ``decline_bark``.

    ``world`` is what proposals are read by; ``language`` returns what lines of a genre are read by, without
    names.
    """

    def __init__(
        self,
        log: EventLog,
        codec: EventCodec,
        world: Writing,
        board: BarkBoard,
        language: Callable[[str], Language],
    ) -> None:
        self._log = log
        self._codec = codec
        self._runner = CommandRunner(log, codec, [CONSIDERED, JUDGED])
        self._world = world
        self._board = board
        self._language = language

    async def __call__(self, message: CommandMessage) -> Reply:
        """Propose a bark, take one or decline it.

        Raises:
            Rejected: as the commands' declarations tell.
            IdConflict: the command id belongs to another command.
            LogUnavailable, Fenced: the caller may retry with the same id.
        """
        wanted, said = await self._wanted(message)
        outcome = await self._runner.execute(wanted, message.id, meta=caused_by(message))
        return Reply(said, [*outcome.events], duplicate=outcome.duplicate)

    async def _wanted(self, message: CommandMessage) -> tuple[Considered | Judge, dict[str, str]]:
        """Return what a command comes to; sent again, what it came to, whatever became of the bark since."""
        await self._board.caught_up()
        earlier = await self._log.find(derived_id(message.id, 0))
        before = self._codec.decode(earlier) if earlier else None
        match message.command:
            case ProposeBark.command_name:
                if isinstance(before, BarkProposed):
                    proposed = before
                else:
                    proposed = await self._proposed(parse(ProposeBark, message.payload))
                return Considered(event=proposed), {"bark": proposed.bark}
            case TakeBark.command_name:
                if isinstance(before, BarkTaken):
                    taken = before
                else:
                    taken = self._taken(parse(TakeBark, message.payload))
                return Judge(verdict=taken), {"bark": taken.bark, "voice": taken.voice, "text": taken.text}
            case _:
                declined = BarkDeclined(**parse(DeclineBark, message.payload).model_dump())
                if not isinstance(before, BarkDeclined):
                    self._found(declined.bark)
                return Considered(event=declined), {"bark": declined.bark}

    async def _proposed(self, command: ProposeBark) -> BarkProposed:
        _, definition = await self._world.definition()
        return await asyncio.to_thread(self._read, command, definition, await self._world.mouth())

    def _taken(self, command: TakeBark) -> BarkTaken:
        found = self._found(command.bark).model_dump(exclude={"maker", "operator", "reason"})
        return BarkTaken(**found, operator=command.operator, reason=command.reason)

    def _read(self, command: ProposeBark, definition: Definition, mouth: Mouth) -> BarkProposed:
        names: Mapping[str, str] = ground_of(definition).names
        proposed, tongue = read_bark(command, mouth.tongues, mouth.words), mouth.tongues[command.voice]
        language = with_names(self._language(tongue.voice.genre), names)
        pair = pair_of(tongue, command.act, command.mood, command.attitude, command.text)
        read_pin(pair, language, names, tongue.voice.given, "unusable_line")
        return proposed

    def _found(self, bark: str) -> BarkProposed | BarkTaken:
        bank = self._board.bank
        found = bank.waiting.get(bark) or bank.taken.get(bark)
        if found is None:
            remedy = "`story.barks` lists them"
            raise Rejected("unknown_bark", f"nobody proposed {bark}", field="bark", remedy=remedy)
        return found
