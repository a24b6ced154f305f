"""Documents and shelves for tests of the lore."""

from typing import Any

from domain.lore.documents import digest_of
from domain.lore.knowing import Knower
from domain.lore.messages import AddDocument, DocumentAdded
from domain.lore.search import Asked, Found, search
from domain.lore.shelf import Shelf
from handlers.lore.library import shelf_of

BY = {"operator": "mira", "reason": "a test"}


def content(document: str, *paragraphs: str, **fields: Any) -> dict[str, Any]:
    """A document of one section that everyone may know, unless it is said otherwise."""
    section = {"section": "main", "paragraphs": list(paragraphs), **fields.pop("section", {})}
    return {
        "document": document,
        "title": document.replace("_", " ").title(),
        "known_by": ["everyone"],
        "sections": [section],
        **fields,
    }


def added(document: str, *paragraphs: str, number: int = 1, **fields: Any) -> DocumentAdded:
    command = AddDocument(**content(document, *paragraphs, **fields), **BY)
    return DocumentAdded(**command.model_dump(), number=number, digest=digest_of(command))


def shelf(*documents: DocumentAdded) -> Shelf:
    return shelf_of(documents, None)


def knower(*labels: str, day: int = 0, stage: int = 0, realm: str = "live") -> Knower:
    return Knower(frozenset({"everyone", *labels}), day, stage, realm)


def asked(of: Shelf, text: str, who: Knower | None = None) -> Found:
    return search(of, Asked(text, who or knower()))


def documents_of(of: Shelf, found: Found) -> list[str]:
    """The documents that were found, the best first, each once; none if it is not known."""
    if found.reason:
        return []
    return list(dict.fromkeys(of.chunks[hit.at].document for hit in found.hits))
