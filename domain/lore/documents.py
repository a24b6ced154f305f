"""What may become of a document: versions of it, and its end."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from domain.kernel.decider import Decider, Rejected
from domain.lore.messages import (
    CHARACTERS_MAX,
    AddDocument,
    Content,
    DocumentAdded,
    DocumentRemoved,
    RemoveDocument,
)

LoreEvent = DocumentAdded | DocumentRemoved
LoreCommand = AddDocument | RemoveDocument


@dataclass(frozen=True, slots=True)
class Standing:
    """How a document stands.

    Attributes:
        number: of its last version; 0: there never was one.
        digest: of the version that holds; "": none does.
    """

    number: int = 0
    digest: str = ""


NONE = Standing()


def evolve(state: Standing, event: LoreEvent) -> Standing:
    """Return how the document stands after an event."""
    match event:
        case DocumentAdded():
            return Standing(event.number, event.digest)
        case DocumentRemoved():
            return Standing(state.number)


def decide(command: LoreCommand, state: Standing) -> Sequence[LoreEvent]:
    """Return what follows from a command: nothing if it is so already.

    Raises:
        Rejected: ``document_too_long``, ``section_twice``, ``document_not_found``.
    """
    match command:
        case AddDocument():
            return _add(command, state)
        case RemoveDocument():
            return _remove(command, state)


def _add(command: AddDocument, state: Standing) -> Sequence[LoreEvent]:
    length = sum(len(paragraph) for section in command.sections for paragraph in section.paragraphs)
    if length > CHARACTERS_MAX:
        raise Rejected(
            "document_too_long",
            f"{command.document} has {length:,} characters, and {CHARACTERS_MAX:,} are the most",
            field="sections",
            remedy="split it into documents",
        )
    ids = [section.section for section in command.sections]
    if twice := sorted(id_ for id_ in set(ids) if ids.count(id_) > 1):
        raise Rejected(
            "section_twice",
            f"{command.document} has two sections {twice[0]!r}",
            field="sections",
            remedy="give each section a title of its own",
        )
    digest = digest_of(command)
    if digest == state.digest:
        return []
    return [DocumentAdded(**command.model_dump(), number=state.number + 1, digest=digest)]


def _remove(command: RemoveDocument, state: Standing) -> Sequence[LoreEvent]:
    if not state.number:
        raise Rejected(
            "document_not_found",
            f"there is no document {command.document!r}",
            field="document",
            remedy="`lore.documents` lists them",
        )
    if not state.digest:
        return []
    return [DocumentRemoved(**command.model_dump(), number=state.number)]


def digest_of(content: Content) -> str:
    """Return the SHA-256 of what a document says, whoever adds it and why."""
    said = content.model_dump(mode="json", include=set(Content.model_fields))
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"sha256:{sha256(text.encode()).hexdigest()}"


LORE: Decider[LoreCommand, LoreEvent, Standing] = Decider(NONE, decide, evolve)
