"""The lore in memory: every document in all its versions, and the shelf that searches look at.

The shelf is made when somebody needs it after the documents or the definition changed, in a thread: BM25 and
mentions of a hundred thousand passages take seconds. Until it is there the one before is searched.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bus.ports import EventLog, RecordedEvent
from domain.definition.definition import Definition
from domain.kernel.event import Event
from domain.lore.chunks import Chunk, Limits, chunks_of, limits_of
from domain.lore.messages import EVERYONE, DocumentAdded, DocumentRemoved
from domain.lore.names import Names, names_of
from domain.lore.shelf import Shelf
from handlers.kernel.follow import Decode, MemoryView

OPEN = Limits((frozenset({EVERYONE}),))
"""Limits of what everybody may know, always and everywhere."""


@dataclass(slots=True)
class Shelved:
    """A document: its versions, and which one holds.

    Attributes:
        number: of the version that holds; 0: none does.
    """

    versions: dict[int, DocumentAdded] = field(default_factory=dict)
    number: int = 0

    @property
    def holds(self) -> DocumentAdded | None:
        """The version that holds."""
        return self.versions.get(self.number)


class Library(MemoryView):
    """Run `run` in a task; everything else answers from memory."""

    name = "lore"
    types = (DocumentAdded.event_name, DocumentRemoved.event_name)

    def __init__(self, log: EventLog, *, decode: Decode, definition: Callable[[], Definition | None]) -> None:
        """Prepare; ``definition`` returns the world's as it holds now, the same object while it does."""
        super().__init__(log, decode=decode)
        self.documents: dict[str, Shelved] = {}
        self.definition = definition
        self.news = asyncio.Event()
        """Set whenever documents changed; whoever waits for it clears it."""
        self._shelf: Shelf | None = None
        self._made_of: tuple[int, object] = (-1, None)
        self._changes = 0
        self._making = asyncio.Lock()

    def apply(self, event: Event, recorded: RecordedEvent) -> None:
        """Take an event in."""
        match event:
            case DocumentAdded():
                shelved = self.documents.setdefault(event.document, Shelved())
                shelved.versions[event.number] = event
                shelved.number = event.number
            case DocumentRemoved():
                self.documents.setdefault(event.document, Shelved()).number = 0
            case _:
                return
        self._changes += 1

    async def settle(self) -> None:
        """Tell who waits."""
        self.news.set()

    def holding(self) -> list[DocumentAdded]:
        """Return the documents that hold, by their ids."""
        found = [shelved.holds for _, shelved in sorted(self.documents.items())]
        return [document for document in found if document is not None]

    async def shelf(self) -> Shelf:
        """Return the shelf as of the documents that are known, made anew if they changed."""
        async with self._making:
            definition = self.definition()
            made_of = (self._changes, definition)
            if self._shelf is None or self._made_of[0] != made_of[0] or self._made_of[1] is not definition:
                documents = self.holding()
                self._shelf = await asyncio.to_thread(shelf_of, documents, definition)
                self._made_of = made_of
            return self._shelf


def shelf_of(documents: Sequence[DocumentAdded], definition: Definition | None) -> Shelf:
    """Return the shelf of documents, without vectors."""
    names = names_of(definition) if definition is not None else Names()
    aliases: dict[Limits, Names] = {}
    for document in documents:
        limits = _limits(document)
        for alias in document.aliases:
            if limits == OPEN:
                names.add(alias.entity, alias.names)
            else:
                aliases.setdefault(limits, Names()).add(alias.entity, alias.names)
    chunks: list[Chunk] = []
    for document in documents:
        own = {alias.entity: alias.names[0] for alias in document.aliases}
        chunks += chunks_of(document, document.number, {**own, **names.called})
    return Shelf(chunks, names, aliases)


def _limits(document: DocumentAdded) -> Limits:
    """Return the limits of a document as a whole."""
    bare = document.sections[0].model_copy(
        update={"known_by": [], "stage": 0, "from_day": None, "until_day": None}
    )
    return limits_of(document, bare)


def shown(document: DocumentAdded, shelf_chunks: Mapping[str, int]) -> dict[str, Any]:
    """Return a document as a list shows it."""
    return {
        "document": document.document,
        "number": document.number,
        "title": document.title,
        "known_by": list(document.known_by),
        "stage": document.stage,
        "from_day": document.from_day,
        "until_day": document.until_day,
        "chunks": shelf_chunks.get(document.document, 0),
        "claims": len(document.claims),
    }
