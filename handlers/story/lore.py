"""What documents of the lore claim, as one person may know it, with the sentences that say it."""

from collections.abc import Sequence
from typing import Protocol

import structlog

from domain.beliefs.vocabulary import Vocabulary
from domain.story.knowing import Cite, Known, of_lore
from handlers.lore.librarian import Librarian
from handlers.lore.library import Library

logger = structlog.get_logger(__name__)

PASSAGES = 3


class Lore(Protocol):
    """Who looks things up."""

    async def claims(self, text: str, person: str, stage: int, words: Vocabulary) -> Sequence[Known]:
        """Return what the best passages for a question claim, as somebody may know it."""
        ...


class LoreByLibrarian:
    """Looks things up where ``lore.search`` does."""

    def __init__(self, librarian: Librarian, library: Library) -> None:
        self._librarian = librarian
        self._library = library

    async def claims(self, text: str, person: str, stage: int, words: Vocabulary) -> Sequence[Known]:
        """Return what the best passages claim; nothing if the lore cannot answer, or is away."""
        if not self._library.documents:
            return []
        try:
            asked = {"text": text, "holder": person, "stage": stage, "limit": PASSAGES}
            answer, _ = await self._librarian.answer_search(asked)
        except Exception as error:  # whatever it is: people speak without it
            logger.warning("lore_away", error=f"{type(error).__name__}: {error}")
            return []
        found: list[Known] = []
        for row in answer["found"] if answer["known"] else ():
            shelved = self._library.documents.get(row["document"])
            document = shelved.versions.get(row["number"]) if shelved else None
            if document is not None:
                cite = Cite(row["document"], row["number"], row["section"], row["best"])
                found += of_lore(document.claims, [cite], words, answer["day"])
        return found
