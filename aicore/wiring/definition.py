"""The definition of the world: changed by command, asked for from memory."""

from typing import Any

from aicore.settings import Settings
from aicore.wiring.parts import Part, Parts
from domain.definition.loading import WORLD, Loaded, WorldEvent
from domain.definition.messages import STREAM, ChangeWorld
from domain.definition.queries import DefinitionQuery, EntryQuery
from handlers.definition.board import DefinitionBoard
from handlers.kernel.commands import Binding

CHANGES: Binding[Any, WorldEvent, Loaded] = Binding(
    commands=(ChangeWorld,),
    stream_of=lambda _: STREAM,
    decider=WORLD,
    answer=lambda _, state: {"version": state.version, "digest": state.digest},
    beside=True,
)


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(bindings=(CHANGES,), serve={"queries": _queries})


async def definition_in_memory(parts: Parts) -> DefinitionBoard:
    """Open the definition as of the log's last change (`Parts.once`)."""
    return await parts.view(DefinitionBoard(parts.log, decode=parts.codec.decode))


async def _queries(parts: Parts) -> None:
    board = await parts.once(definition_in_memory)
    parts.served.queries |= {DefinitionQuery: board.answer, EntryQuery: board.answer_entry}
