"""Lore: its commands, who answers questions to it, and who keeps its vectors."""

from collections.abc import Callable
from functools import partial
from typing import Any

import asyncpg

from aicore.settings import Settings
from aicore.wiring.clock import clock_in_memory
from aicore.wiring.definition import definition_in_memory
from aicore.wiring.parts import Part, Parts
from bus.postgres.connect import connect_pool
from domain.definition.definition import Definition
from domain.definition.loading import definition_of
from domain.lore.documents import LORE, LoreEvent, Standing
from domain.lore.keeping import Encoder
from domain.lore.messages import AddDocument, RemoveDocument, stream_of
from domain.lore.queries import DocumentQuery, DocumentsQuery, SearchQuery
from handlers.clock.view import ClockView
from handlers.definition.board import DefinitionBoard
from handlers.kernel.commands import Binding
from handlers.lore.encoding import Encoding
from handlers.lore.keeper import VectorKeeper
from handlers.lore.librarian import Librarian
from handlers.lore.library import Library
from projections.lore.vectors import SESSION, LoreVectors

DOCUMENTS: Binding[Any, LoreEvent, Standing] = Binding(
    commands=(AddDocument, RemoveDocument),
    stream_of=lambda command: stream_of(command.document),
    decider=LORE,
    answer=lambda command, state: {"document": command.document, "number": state.number},
)

CONNECTIONS_MAX = 2
"""To Postgres, for vectors; opened when they are needed."""


def wire(_: Settings) -> Part:
    """Return what the context brings."""
    return Part(bindings=(DOCUMENTS,), serve={"queries": _queries}, keep=_keep)


class DefinitionThatHolds:
    """Returns the definition of the version that was published last, read once for each."""

    def __init__(self, board: DefinitionBoard) -> None:
        self._board = board
        self._version = 0
        self._definition: Definition | None = None

    def __call__(self) -> Definition | None:
        """Return it; None if no version was published."""
        if self._board.state.version != self._version:
            self._version = self._board.state.version
            self._definition = definition_of(self._board.state)
        return self._definition


async def library_in_memory(parts: Parts) -> Library:
    """Open the documents as of the log's last event about them (`Parts.once`)."""
    definition = DefinitionThatHolds(await parts.once(definition_in_memory))
    return await parts.view(Library(parts.log, decode=parts.codec.decode, definition=definition))


async def encoding_of(parts: Parts) -> Encoding:
    """Prepare the encoder that the settings ask for; it is opened when there is lore (`Parts.once`)."""
    folder = parts.system.state_dir / "models"

    def opened() -> Encoder:
        # Here, as every start would wait for a model's library that most processes never use.
        from handlers.guardrails.sentence_encoder import shared_encoder  # noqa: PLC0415

        return shared_encoder(folder)

    return Encoding(opened if parts.settings.lore_encoder else None)


def day_by(clock: ClockView) -> int:
    """Return the game day of now; 0 without a clock."""
    if clock.clock is None:
        return 0
    return clock.clock.line.at(clock.now()).ms // clock.clock.almanac.day_ms


async def _pool(parts: Parts, role: str) -> asyncpg.Pool:
    pool = await connect_pool(
        parts.system.dsn_of(role), parts.system.realm, role=role, size_max=CONNECTIONS_MAX, **SESSION
    )
    stop: Callable[[], None] = pool.terminate
    parts.stack.callback(stop)
    return pool


async def librarian_of(parts: Parts) -> Librarian:
    """Open who answers questions to the lore (`Parts.once`)."""
    clock = await parts.once(clock_in_memory)
    vectors = LoreVectors(await _pool(parts, "aicore_reader"))
    return Librarian(
        await parts.once(library_in_memory),
        await parts.once(encoding_of),
        vectors,
        day=partial(day_by, clock),
        realm=parts.system.realm,
    )


async def _queries(parts: Parts) -> None:
    librarian = await parts.once(librarian_of)
    parts.served.queries |= {
        SearchQuery: librarian.answer_search,
        DocumentQuery: librarian.answer_document,
        DocumentsQuery: librarian.answer_documents,
    }


async def _keep(parts: Parts) -> None:
    """Keep the vectors; with no encoder there are none to keep."""
    if not parts.settings.lore_encoder:
        return
    vectors = LoreVectors(await _pool(parts, "aicore_projector"))
    library, encoding = await parts.once(library_in_memory), await parts.once(encoding_of)
    await parts.background(VectorKeeper(library, encoding, vectors).run())
