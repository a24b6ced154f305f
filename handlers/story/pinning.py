"""Pins: a writer's line is read back before it is pinned, by the names and words of the world that holds."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from bus.ids import derived_id
from bus.ports import EventLog
from domain.beliefs.ground import ground_of
from domain.definition.definition import Definition
from domain.kernel.parse import parse
from domain.story.corpus import Words
from domain.story.language import Language, with_names
from domain.story.messages import Pin
from domain.story.mouth import Mouth
from domain.story.pin_reading import known_or_refuse, let_or_refuse, read_pin
from domain.story.pins import pin_pair
from handlers.kernel.commands import CommandRunner
from protocol.messages import CommandMessage, Reply


class Writing(Protocol):
    """What a pin is read by."""

    async def definition(self) -> tuple[int, Definition]:
        """Return the version of the world's definition, and the definition."""
        ...

    async def mouth(self) -> Mouth:
        """Return the corpus."""
        ...


class Pins:
    """Takes ``story.pin``. ``language`` returns what lines of a genre are read by, without names."""

    def __init__(
        self, log: EventLog, runner: CommandRunner, world: Writing, language: Callable[[str], Language]
    ) -> None:
        self._log = log
        self._runner = runner
        self._world = world
        self._language = language

    async def __call__(self, message: CommandMessage) -> Reply:
        """Pin a line that says its plan and nothing else.

        Raises:
            Rejected: ``bad_pin``, and as the command loop refuses.
        """
        command = parse(Pin, message.payload)
        if await self._log.find(derived_id(message.id, 0)) is None:
            _, definition = await self._world.definition()
            await asyncio.to_thread(self._read, command, definition, await self._world.mouth())
        return await self._runner(message)

    def _read(self, pin: Pin, definition: Definition, mouth: Mouth) -> None:
        names: Mapping[str, str] = ground_of(definition).names
        kind, _, id_ = pin.by.partition(".")
        voice = id_
        if kind == "person":
            people = {each.id: each for each in definition.people}
            known_or_refuse("by", id_, people, "a person of the world")
            voice = mouth.voice_of(people[id_], definition)
        known_or_refuse("by", voice, mouth.tongues, "a voice of the corpus")
        let_or_refuse(pin.let.values(), names)
        pair = pin_pair(pin, mouth.signatures, Words())
        language = with_names(self._language(voice.partition("/")[0]), names)
        read_pin(pair, language, names, mouth.tongues[voice].voice.given)
