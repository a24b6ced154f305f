"""The story: what people answer when players speak to them, and the lines that writers pin."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog

from aicore.audit.lines import Explains
from aicore.content.line_files import (
    read_language,
    read_mouth,
    shipped_signatures,
    shipped_vocabulary,
    shipped_ways,
)
from aicore.content.weights import VOICE, shipped_model
from aicore.settings import Settings
from aicore.wiring.beliefs import beliefs_in_memory
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.definition import definition_in_memory
from aicore.wiring.lore import librarian_of, library_in_memory
from aicore.wiring.parts import Part, Parts
from aicore.wiring.people import PLAYERS, memories, people_board, surroundings
from aicore.wiring.places import player_limits
from domain.beliefs.beliefs import Beliefs
from domain.beliefs.telling import Audience
from domain.definition.definition import Definition
from domain.memories.memories import Memories
from domain.story.barks import BarksQuery, DeclineBark, ProposeBark, TakeBark
from domain.story.corpus import Words
from domain.story.messages import PINS, Pin, Say, Unpin
from domain.story.mouth import Mouth
from domain.story.pin_queries import PinsQuery
from domain.story.pins import PINNING, Checked, PinEvent, PinLine, Pinned
from domain.story.queries import ExplainQuery
from domain.story.verdicts import Approve, Reject, VerdictsQuery
from handlers.clock.view import ClockView
from handlers.definition.board import DefinitionBoard
from handlers.engines.embedded import EmbeddedEngine
from handlers.engines.port import EngineError
from handlers.kernel.commands import Binding
from handlers.memories.view import MemoriesView
from handlers.people.board import PeopleBoard
from handlers.people.memories import PeopleMemories
from handlers.people.surroundings import Surroundings
from handlers.story.barks import BarkBoard, Barks
from handlers.story.gates import ReadingBack
from handlers.story.lore import LoreByLibrarian
from handlers.story.pinboard import PinBoard
from handlers.story.pinning import Pins
from handlers.story.realiser import Realiser
from handlers.story.small_mouth import SmallMouth
from handlers.story.talks import By, Talks
from handlers.story.verdicts import VerdictBoard, Verdicts

DAY_MS = 86_400_000

logger = structlog.get_logger(__name__)


@cache
def shipped_mouth() -> Mouth:
    """Return the corpus that comes with the program; it does not change while it runs."""
    return read_mouth()


def _checked(command: Pin | Unpin, _: Any) -> Checked:
    return Checked(command, shipped_signatures(), Words())


PIN_LINES: Binding[Any, PinEvent, Pinned] = Binding(
    commands=(Pin, Unpin),
    stream_of=lambda _: PINS,
    decider=PINNING,
    answer=lambda command, _: {"pin": command.pin},
    situate=_checked,
    explains=lambda command, event: bool(command.pin == event.pin),
)


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(bindings=(PIN_LINES,), serve={"commands": _commands, "queries": _queries})


@dataclass(frozen=True)
class RunningWorld:
    """The world as its read models in memory have it, as `handlers.story.talks.World` wants it."""

    there: PeopleMemories
    world: Surroundings
    people: PeopleBoard
    known: MemoriesView
    pinned: PinBoard
    verdicts: VerdictBoard
    defined: DefinitionBoard

    @property
    def _clock(self) -> ClockView:
        return self.world.clock

    async def audience(self, place: str) -> Audience:
        """Return who is in a place."""
        await self.there.caught_up()
        presence = self.there.memories.presence
        return Audience(place, presence.awake(place), list(presence.there(place)))

    async def definition(self) -> tuple[int, Definition]:
        """Return the version of the world's definition, and the definition."""
        return self.defined.state.version, (await self.world.world()).definition

    async def needs(self, person: str) -> Mapping[str, int]:
        """Return how full a person's needs are."""
        card, _ = await self.people.answer_person({"person": person})
        return card["needs"] if card else {}

    def game_ms(self) -> int | None:
        """Return the game time."""
        return None if self._clock.clock is None else self._clock.clock.line.at(self._clock.now()).ms

    def day_ms(self) -> int:
        """Return how long a game day is."""
        return self._clock.clock.almanac.day_ms if self._clock.clock else DAY_MS

    async def up_to_date(self) -> None:
        """Return once everything that is in the log is known here."""
        await self.known.caught_up()

    def beliefs(self) -> tuple[Beliefs, int]:
        """Return what is believed, and up to which position."""
        return self.known.beliefs, self.known.position

    def memories(self) -> Memories:
        """Return what everybody remembers."""
        return self.known.kept.memories

    def pins(self) -> Sequence[PinLine]:
        """Return the lines that are pinned."""
        return list(self.pinned.lines.values())

    async def mouth(self) -> Mouth:
        """Return the corpus; the first line of a process waits for it to be read."""
        return self.verdicts.mouth(await asyncio.to_thread(shipped_mouth))


async def pins_in_memory(parts: Parts) -> PinBoard:
    """Open the pinned lines (`Parts.once`)."""
    return await parts.view(PinBoard(parts.log, decode=parts.codec.decode, signatures=shipped_signatures))


async def verdicts_in_memory(parts: Parts) -> VerdictBoard:
    """Open what writers think of lines (`Parts.once`)."""
    return await parts.view(VerdictBoard(parts.log, decode=parts.codec.decode))


async def barks_in_memory(parts: Parts) -> BarkBoard:
    """Open the bank of barks (`Parts.once`)."""
    return await parts.view(BarkBoard(parts.log, decode=parts.codec.decode))


async def _queries(parts: Parts) -> None:
    """Make lines again for who asks why they were said; tell what writers did."""
    parts.served.queries[BarksQuery] = (await parts.once(barks_in_memory)).answer
    explains = Explains(parts.log, parts.codec, shipped_mouth)
    parts.served.queries[ExplainQuery] = explains.answer
    parts.served.queries[VerdictsQuery] = (await parts.once(verdicts_in_memory)).answer
    parts.served.queries[PinsQuery] = (await parts.once(pins_in_memory)).answer


async def running_world(parts: Parts) -> RunningWorld:
    """Open what people know who answer (`Parts.once`)."""
    await parts.once(clock_in_memory)
    return RunningWorld(
        await parts.once(memories),
        await parts.once(surroundings),
        await parts.once(people_board),
        await parts.once(beliefs_in_memory),
        await parts.once(pins_in_memory),
        await parts.once(verdicts_in_memory),
        await parts.once(definition_in_memory),
    )


async def talks_in_memory(parts: Parts) -> Talks:
    """Open who finds words (`Parts.once`)."""
    world = await parts.once(running_world)
    lore = LoreByLibrarian(await parts.once(librarian_of), await parts.once(library_in_memory))
    gates = ReadingBack(read_language)
    by = By(lore, gates, await _realisers(parts, world))
    return Talks(parts.log, parts.codec, world, players=PLAYERS, by=by)


async def _commands(parts: Parts) -> None:
    """Have people answer players."""
    world, talks = await parts.once(running_world), await parts.once(talks_in_memory)
    pins = Pins(parts.log, parts.runner(PIN_LINES), world, read_language)
    parts.served.commands[Pin.command_name] = pins
    verdicts = Verdicts(parts.log, parts.codec, world.mouth)
    parts.served.commands |= {kind.command_name: verdicts for kind in (Approve, Reject)}
    bank = await parts.once(barks_in_memory)
    barks = Barks(parts.log, parts.codec, world, bank, read_language)
    parts.served.commands |= {kind.command_name: barks for kind in (ProposeBark, TakeBark, DeclineBark)}
    limits = await parts.once(player_limits)
    parts.served.commands[Say.command_name] = limits.before(talks)


async def _realisers(parts: Parts, world: RunningWorld) -> Sequence[Realiser]:
    """Open whose words people say beside the written lines; nobody's where the setting asks for none."""
    if not parts.settings.story_realiser:
        return ()
    try:
        engine = EmbeddedEngine(shipped_model(VOICE), name=VOICE)
        await engine.start()
    except EngineError as error:
        logger.warning("realiser_unavailable", error=str(error), remedy="written lines are said meanwhile")
        return ()
    parts.stack.push_async_callback(engine.stop)
    # Read before the first line, or everybody's would wait for it.
    await asyncio.to_thread(lambda: (shipped_vocabulary(), read_language("")))
    return (SmallMouth(engine, world.mouth, shipped_vocabulary, shipped_ways()),)
